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
from exact_assets.defs.own_runs import OF_JOBS
from exact_assets.defs.specs import asset_key

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


def jobs_by_group(tables: Iterable[Table]) -> Iterator[TableJob]:
    """Give `exact_crm` and so on, each with `…_undated` where the group has undated tables."""
    everything = tuple(tables)
    for group in sorted({table.group for table in everything}):
        yield from _pair(f"exact_{group}", [table for table in everything if table.group == group])


def jobs_of_everything(tables: Iterable[Table]) -> Sequence[TableJob]:
    """Give `exact_all` and `exact_all_undated`."""
    return list(_pair(EVERYTHING, tables))


def deletion_log_job(tables: Iterable[Table]) -> TableJob | None:
    """Give `exact_deletions`, the deletion log alone; None: no table needs it."""
    log = [table for table in tables if table.name == LOG]
    return _table_job("exact_deletions", log) if log else None


def sweep_jobs(tables: Iterable[Table]) -> Sequence[TableJob]:
    """Give `exact_sweep` and `exact_sweep_undated`: tables whose deletions no log tells."""
    return list(_pair("exact_sweep", without_log(tables)))


def jobs_by_frequency(tables: Iterable[Table]) -> Mapping[int, Sequence[TableJob]]:
    """Give `exact_every_6h`, `exact_every_6h_undated` and so on, by their minutes, most frequent first.

    The deletion log is not among them: a sensor asks for it.
    """
    by_minutes: dict[int, list[Table]] = {}
    for table in tables:
        if table.name == LOG:
            continue
        by_minutes.setdefault(table.frequency_minutes, []).append(table)
    return {
        minutes: list(_pair(f"exact_every_{label(minutes)}", due)) for minutes, due in sorted(by_minutes.items())
    }


def _pair(name: str, tables: Iterable[Table]) -> Iterator[TableJob]:
    dated: list[Table] = []
    undated: list[Table] = []
    for table in tables:
        (undated if table.year_kind is YearKind.NONE else dated).append(table)
    for suffix, chosen in (("", dated), ("_undated", undated)):
        if chosen:
            yield _table_job(name + suffix, chosen)


def _table_job(name: str, tables: Sequence[Table]) -> TableJob:
    # Checks have their own times: Dagster skips them behind assets that record partitions by themselves.
    selection = AssetSelection.assets(*(asset_key(table) for table in tables)).without_checks()
    return TableJob(job=dg.define_asset_job(name, selection=selection, tags=OF_JOBS), tables=tuple(tables))
