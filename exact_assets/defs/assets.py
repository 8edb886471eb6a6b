"""One asset per table. The body asks for the work, records what is up to date and fails for what is not.

https://docs.dagster.io/guides/build/assets/defining-assets. How tables are read and stored is not known here.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Literal

import dagster as dg
from dagster._core.storage.tags import PRIORITY_TAG
from pydantic import Field

from exact_assets.catalogue.table import Table
from exact_assets.defs import tags
from exact_assets.defs.events import failure, loaded_years, materialisations, newly_loaded, taken_away, waiting
from exact_assets.defs.location import CodeLocation
from exact_assets.defs.partitions import DIVISIONS, partition_key
from exact_assets.defs.requests import RunKind, requests, wanted_by
from exact_assets.defs.resources import RESOURCE, session_of
from exact_assets.defs.runs import unrecorded
from exact_assets.planning.shares import guessed_calls, shares
from exact_assets.replicate import Mode, Outcome


class TableConfig(dg.Config):
    """What a materialisation may be told."""

    mode: Literal["auto", "reload", "sweep"] = Field(
        default="auto",
        description=(
            "auto: load what is new and catch up on the rest; a backfill asks again for partitions that are "
            "already there. reload: ask Exact for the partitions again and replace them. sweep: catch up, then ask "
            "for all keys and take away rows that Exact no longer has."
        ),
    )
    confirm: bool = Field(
        default=False,
        description=(
            "An answer of Exact's that would take away all rows of a table, or more than half of a large one, is "
            "not applied before it has stood for a day; the run fails and says so. true: the rows are gone, apply "
            "it now."
        ),
    )


def table_asset(location: CodeLocation, table: Table) -> dg.AssetsDefinition:
    """Make the asset of a table.

    A multi-asset of one spec, because only such a body may record the partitions one by one: those that are up
    to date, not those of a division that failed. One run serves all partitions it is given.
    """

    @dg.multi_asset(
        name=table.name,
        specs=[location.specs[table.name]],
        required_resource_keys={RESOURCE},
        backfill_policy=dg.BackfillPolicy.single_run(),
        # Small tables go first: they are up to date before a large one has used what is left of the day.
        op_tags={PRIORITY_TAG: str(-guessed_calls(table))},
    )
    def materialise(
        context: dg.AssetExecutionContext, config: TableConfig
    ) -> Iterator[dg.AssetMaterialization | dg.AssetObservation]:
        wanted = wanted_by(
            context.run,
            partition_keys=lambda: context.partition_keys,
            order=lambda: context.instance.get_dynamic_partitions(str(DIVISIONS.name)),
        )
        exact = session_of(context)
        grid_years = range(location.config.start_year, datetime.now(UTC).year + 1)
        kind = RunKind.of(context.run, Mode(config.mode), confirm=config.confirm)
        with exact.noting(table, wanted):
            choices = exact.choices()
        asked = requests(table, wanted, choices, kind=kind, grid_years=grid_years)
        if stopped := sorted(set(wanted) - set(asked)):
            context.log.warning("Disabled since this run was asked for, and left alone: %s", stopped)
        in_run = context.job_def.asset_layer.selected_asset_keys
        of_loads = shares(
            table,
            run=[one for one in location.tables if location.key(one) in in_run],
            chosen=location.tables,
            states=exact.warehouse.states_of(list(asked)),
            now=datetime.now(UTC),
            is_reload=kind.is_reload,
            keeps_reserve=kind.is_background,
        )
        outcomes = exact.replicate(table, asked, shares=of_loads, is_background=kind.is_background)
        its_years = {division: range(one.start_year, grid_years.stop) for division, one in asked.items()}
        more = _more_years(context.instance, location.key(table), outcomes, its_years) if kind.has_all_years else {}
        for division, outcome in sorted(outcomes.items()):
            years = tuple(sorted({*wanted[division], *more.get(division, ())}))
            yield from materialisations(location.key(table), outcome, requested_years=years, grid_years=grid_years)
            yield from taken_away(location.specs, table, outcome, grid_years)
        yield from _rest(context, location.key(table), table, outcomes.values())
        failed = failure(table, outcomes.values())
        if failed is not None:
            raise failed

    return materialise


def _more_years(
    instance: dg.DagsterInstance, key: dg.AssetKey, outcomes: Mapping[int, Outcome], years: Mapping[int, range]
) -> Mapping[int, Collection[int]]:
    """Return the years of each division to record beside those asked for: just loaded, or not on record yet."""
    loaded = {
        partition_key(division, year): (division, year)
        for division, outcome in outcomes.items()
        for year in loaded_years(outcome, years[division])
    }
    more = {division: {*newly_loaded(outcome, years[division])} for division, outcome in outcomes.items()}
    for partition in unrecorded(instance, key, loaded):
        division, year = loaded[partition]
        more[division].add(year)
    return more


def _rest(
    context: dg.AssetExecutionContext, key: dg.AssetKey, table: Table, outcomes: Iterable[Outcome]
) -> Iterator[dg.AssetObservation]:
    """Say what waits for calls, and mark the run."""
    rest = waiting(key, table, outcomes)
    if rest is not None:
        context.log.warning(rest.description or "")
        context.instance.add_run_tags(context.run.run_id, {tags.OUTCOME: tags.PARTIAL})
        yield rest
