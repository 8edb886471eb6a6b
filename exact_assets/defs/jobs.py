"""Jobs for all tables and for each group, to be launched for a range of divisions or put on a schedule.

A job has one kind of partition, so undated tables, which are partitioned by division alone, have jobs of their own.
"""

from collections.abc import Iterable, Iterator

import dagster as dg
from dagster import AssetSelection
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from exact_assets.catalogue.table import Table, YearKind
from exact_assets.defs.specs import asset_key


def jobs(tables: Iterable[Table]) -> Iterator[UnresolvedAssetJobDefinition]:
    """Give `exact_all`, `exact_crm` and so on, each with `…_undated` where the group has undated tables."""
    everything = tuple(tables)
    yield from _pair("exact_all", everything)
    for group in sorted({table.group for table in everything}):
        yield from _pair(f"exact_{group}", [table for table in everything if table.group == group])


def _pair(name: str, tables: Iterable[Table]) -> Iterator[UnresolvedAssetJobDefinition]:
    dated: list[dg.AssetKey] = []
    undated: list[dg.AssetKey] = []
    for table in tables:
        (undated if table.year_kind is YearKind.NONE else dated).append(asset_key(table))
    for suffix, keys in (("", dated), ("_undated", undated)):
        if keys:
            # Checks have a job of their own: a load is not to wait for them, nor they to be run by every load.
            selection = AssetSelection.assets(*keys).without_checks()
            yield dg.define_asset_job(name + suffix, selection=selection)
