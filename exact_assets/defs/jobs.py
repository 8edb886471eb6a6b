"""Jobs for all tables, for each group and for each frequency, to be launched for a range of divisions and years."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
from dagster import AssetSelection

from exact_assets.catalogue.deletions import LOG, with_log, without_log
from exact_assets.catalogue.frequencies import label
from exact_assets.catalogue.table import Table
from exact_assets.defs.checks import check_keys
from exact_assets.defs.executor import locking_executor
from exact_assets.defs.internals import UnresolvedAssetJobDefinition
from exact_assets.defs.location import CodeLocation
from exact_assets.defs.own_runs import OF_JOBS


@dataclass(frozen=True, slots=True, kw_only=True)
class TableJob:
    """A job and the tables that it materialises."""

    job: UnresolvedAssetJobDefinition
    tables: tuple[Table, ...]
    op_names: tuple[str, ...]


def jobs_by_group(location: CodeLocation) -> Iterator[TableJob]:
    """Yield `exact_crm` and so on."""
    for group in sorted({table.group for table in location.tables}):
        its_tables = [table for table in location.tables if table.group == group]
        yield _table_job(location, f"exact_{group}", its_tables)


def job_of_everything(location: CodeLocation) -> TableJob:
    """Return `exact_all`, which brings a division wholly up to date."""
    return _table_job(location, "exact_all", location.tables)


def deletion_log_job(location: CodeLocation) -> TableJob | None:
    """Return `exact_deletions`, the deletion log alone; None: no table needs it."""
    log = [table for table in location.tables if table.name == LOG]
    return _table_job(location, "exact_deletions", log) if log else None


def sweep_job(location: CodeLocation) -> TableJob | None:
    """Return `exact_sweep`; None: no table can be swept.

    Tables whose deletions the log tells are among them: whether it tells any is another matter in each division.
    """
    swept = [*without_log(location.tables), *with_log(location.tables)]
    return _table_job(location, "exact_sweep", swept) if swept else None


def jobs_by_frequency(location: CodeLocation) -> Mapping[int, TableJob]:
    """Return `exact_every_6h` and so on, by their minutes, most frequent first.

    The deletion log is not among them: a sensor asks for it.
    """
    by_minutes: dict[int, list[Table]] = {}
    for table in location.tables:
        if table.name == LOG:
            continue
        by_minutes.setdefault(table.frequency_minutes, []).append(table)
    return {
        minutes: _table_job(location, f"exact_every_{label(minutes)}", due)
        for minutes, due in sorted(by_minutes.items())
    }


def _table_job(location: CodeLocation, name: str, tables: Sequence[Table]) -> TableJob:
    # Checks that cost calls have a schedule of their own, and a sensor looks at freshness every minute.
    selection = AssetSelection.assets(*(location.key(table) for table in tables)).without_checks()
    if free := check_keys(location, only_free=True, tables=tables):
        selection |= AssetSelection.checks(*free)
    executor = locking_executor(location)
    job = dg.define_asset_job(name, selection=selection, tags=OF_JOBS, executor_def=executor)
    names = tuple(location.op_name(table) for table in tables)
    return TableJob(job=job, tables=tuple(tables), op_names=names)
