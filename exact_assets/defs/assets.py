"""One asset per table. The body asks for the work, records what is up to date and fails for what is not.

https://docs.dagster.io/guides/build/assets/defining-assets. How tables are read and stored is not known here.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal

import dagster as dg
from pydantic import Field

from exact_assets.catalogue.table import Table
from exact_assets.defs.events import failure, materialisations
from exact_assets.defs.partitions import requested
from exact_assets.defs.resources import ExactResource, WarehouseResource
from exact_assets.defs.selection import first_years_of
from exact_assets.defs.specs import asset_spec
from exact_assets.replicate import Mode, Request

BACKFILL_TAG = "dagster/backfill"


class TableConfig(dg.Config):
    """What a materialisation may be told."""

    mode: Literal["auto", "reload"] = Field(
        default="auto",
        description=(
            "auto: load what is new and catch up on the rest; a backfill asks again for partitions that are "
            "already there. reload: ask Exact for the partitions again and replace them."
        ),
    )


def table_asset(table: Table, *, start_year: int, warehouse_kind: str) -> dg.AssetsDefinition:
    """Make the asset of a table.

    A multi-asset of one spec, because only such a body may record the partitions one by one: those that are up
    to date, not those of a division that failed. One run serves all partitions it is given.
    """

    @dg.multi_asset(
        name=table.name,
        specs=[asset_spec(table, start_year=start_year, warehouse_kind=warehouse_kind)],
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def materialise(
        context: dg.AssetExecutionContext,
        config: TableConfig,
        exact: ExactResource,
        warehouse: WarehouseResource,
    ) -> Iterator[dg.AssetMaterialization]:
        wanted = requested(context.partition_keys)
        backfill_id = context.run.tags.get(BACKFILL_TAG)
        mode = Mode(config.mode)
        opened = warehouse.open()
        with exact.noting(table, wanted):
            choices = exact.choices(opened)
        first_years = first_years_of(wanted, choices, setting=start_year)
        if stopped := sorted(set(wanted) - set(first_years)):
            context.log.warning("Disabled since this run was asked for, and left alone: %s", stopped)
        requests = {
            division: Request(
                start_year=first_year,
                years=tuple(year for year in wanted[division] if year >= first_year),
                mode=mode,
                backfill_id=backfill_id or (context.run_id if mode is Mode.RELOAD else None),
            )
            for division, first_year in first_years.items()
        }
        outcomes = exact.replicate(table, requests, warehouse=opened)
        grid_years = range(start_year, datetime.now(UTC).year + 1)
        for division, outcome in sorted(outcomes.items()):
            yield from materialisations(table, outcome, requested_years=wanted[division], grid_years=grid_years)
        failed = failure(table, outcomes.values())
        if failed is not None:
            raise failed

    return materialise
