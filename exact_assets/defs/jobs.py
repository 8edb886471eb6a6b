"""Jobs for all tables and for each frequency, to be launched for a range of divisions and years.

For a group or some tables, people materialise the assets themselves.
"""

from collections.abc import Mapping, Sequence
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


def job_of_everything(location: CodeLocation) -> TableJob:
    """Return `exact_all`, which brings a division wholly up to date."""
    return _table_job(
        location,
        "exact_all",
        location.tables,
        description="Brings all tables of the divisions and years that you choose up to date.",
    )


def deletion_log_job(location: CodeLocation) -> TableJob | None:
    """Return `exact_deletions`, the deletion log alone; None: no table needs it."""
    log = [table for table in location.tables if table.name == LOG]
    words = "Reads Exact's deletion log and takes away what it names; a sensor starts it."
    return _table_job(location, "exact_deletions", log, description=words) if log else None


def sweep_job(location: CodeLocation) -> TableJob | None:
    """Return `exact_sweep`; None: no table can be swept.

    Tables whose deletions the log tells are among them: whether it tells any is another matter in each division.
    """
    swept = [*without_log(location.tables), *with_log(location.tables)]
    words = "Looks for rows that Exact no longer has, or that are missing here; once a week."
    return _table_job(location, "exact_sweep", swept, description=words) if swept else None


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
        minutes: _table_job(
            location,
            f"exact_every_{label(minutes)}",
            due,
            description=f"Brings what is due every {label(minutes)} up to date; its schedule starts it.",
        )
        for minutes, due in sorted(by_minutes.items())
    }


def _table_job(location: CodeLocation, name: str, tables: Sequence[Table], *, description: str) -> TableJob:
    # Checks that cost calls have a schedule of their own, and a sensor looks at freshness every minute.
    selection = AssetSelection.assets(*(location.key(table) for table in tables)).without_checks()
    if free := check_keys(location, only_free=True, tables=tables):
        selection |= AssetSelection.checks(*free)
    executor = locking_executor(location)
    job = dg.define_asset_job(
        name, selection=selection, tags=OF_JOBS, executor_def=executor, description=description
    )
    names = tuple(location.op_name(table) for table in tables)
    return TableJob(job=job, tables=tuple(tables), op_names=names)
