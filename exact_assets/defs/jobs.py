"""Jobs for all tables, for each group and for each frequency, to be launched for a range of divisions.

A job has one kind of partition, so undated tables, which are partitioned by division alone, have jobs of their own.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
from dagster import AssetSelection
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from exact_assets.catalogue.deletions import LOG, without_log
from exact_assets.catalogue.frequencies import label
from exact_assets.catalogue.table import Table, YearKind
from exact_assets.defs.executor import locking_executor
from exact_assets.defs.location import CodeLocation
from exact_assets.defs.own_runs import OF_JOBS

EVERYTHING = "exact_all"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableJob:
    """A job and the tables that it materialises, all of one kind of partition."""

    job: UnresolvedAssetJobDefinition
    tables: tuple[Table, ...]

    @property
    def is_dated(self) -> bool:
        """Whether its partitions are division by year, not divisions alone."""
        return self.tables[0].year_kind is not YearKind.NONE


def jobs_by_group(location: CodeLocation) -> Iterator[TableJob]:
    """Give `exact_crm` and so on, each with `…_undated` where the group has undated tables."""
    for group in sorted({table.group for table in location.tables}):
        its_tables = [table for table in location.tables if table.group == group]
        yield from _pair(location, f"exact_{group}", its_tables)


def jobs_of_everything(location: CodeLocation) -> Sequence[TableJob]:
    """Give `exact_all` and `exact_all_undated`."""
    return list(_pair(location, EVERYTHING, location.tables))


def deletion_log_job(location: CodeLocation) -> TableJob | None:
    """Give `exact_deletions`, the deletion log alone; None: no table needs it."""
    log = [table for table in location.tables if table.name == LOG]
    return _table_job(location, "exact_deletions", log) if log else None


def sweep_jobs(location: CodeLocation) -> Sequence[TableJob]:
    """Give `exact_sweep` and `exact_sweep_undated`: tables whose deletions no log tells."""
    return list(_pair(location, "exact_sweep", without_log(location.tables)))


def jobs_by_frequency(location: CodeLocation) -> Mapping[int, Sequence[TableJob]]:
    """Give `exact_every_6h`, `exact_every_6h_undated` and so on, by their minutes, most frequent first.

    The deletion log is not among them: a sensor asks for it.
    """
    by_minutes: dict[int, list[Table]] = {}
    for table in location.tables:
        if table.name == LOG:
            continue
        by_minutes.setdefault(table.frequency_minutes, []).append(table)
    return {
        minutes: list(_pair(location, f"exact_every_{label(minutes)}", due))
        for minutes, due in sorted(by_minutes.items())
    }


def _pair(location: CodeLocation, name: str, tables: Iterable[Table]) -> Iterator[TableJob]:
    dated: list[Table] = []
    undated: list[Table] = []
    for table in tables:
        (undated if table.year_kind is YearKind.NONE else dated).append(table)
    for suffix, chosen in (("", dated), ("_undated", undated)):
        if chosen:
            yield _table_job(location, name + suffix, chosen)


def _table_job(location: CodeLocation, name: str, tables: Sequence[Table]) -> TableJob:
    # Checks have their own times: Dagster skips them behind assets that record partitions by themselves.
    selection = AssetSelection.assets(*(location.key(table) for table in tables)).without_checks()
    executor = locking_executor(location)
    job = dg.define_asset_job(name, selection=selection, tags=OF_JOBS, executor_def=executor)
    return TableJob(job=job, tables=tuple(tables))
