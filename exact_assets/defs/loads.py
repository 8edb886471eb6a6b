"""From a run to the work that it asks for, and what of it is to be recorded. Asks Exact, tells Dagster nothing."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import dagster as dg
from pydantic import Field

from exact_assets.catalogue.table import Table
from exact_assets.defs import tags
from exact_assets.defs.events import loaded_years, newly_loaded
from exact_assets.defs.location import CodeLocation
from exact_assets.defs.partitions import divisions_in_order, in_grid, partition_key
from exact_assets.defs.requests import RunKind, requests, wanted_by
from exact_assets.defs.resources import session_of
from exact_assets.defs.runs import planned_partitions, unrecorded
from exact_assets.planning.shares import shares
from exact_assets.request import Mode, Outcome, Request

NO_PARTITIONS = (
    "This run names no partitions, so that there is nothing to do: choose divisions and years where it is launched."
)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a run did for a table."""

    wanted: Mapping[int, tuple[int, ...]]
    """The years that the run names, by division."""
    outcomes: Mapping[int, Outcome]
    """By division; those that were disabled meanwhile are missing."""
    years_to_record: Mapping[int, tuple[int, ...]]
    """By division, whether their rows changed or not."""
    unrecorded: frozenset[int]
    """Divisions of which an earlier load may have brought rows that Dagster was not told of."""
    grid_years: range
    is_asked_by_partitions: bool
    """Whether somebody asked for the run's partitions; those of a schedule name its divisions in a tag."""

    @property
    def is_whole(self) -> bool:
        """Whether somebody asked for partitions and all of them are up to date."""
        return (
            self.is_asked_by_partitions
            and self.wanted.keys() == self.outcomes.keys()
            and all(self.wanted.values())
            and all(outcome.error is None for outcome in self.outcomes.values())
        )

    @property
    def requested_partitions(self) -> frozenset[str]:
        """The partitions that the run names."""
        return frozenset(partition_key(division, year) for division, years in self.wanted.items() for year in years)


def load_partitions(
    context: dg.AssetExecutionContext, config: TableConfig, *, location: CodeLocation, table: Table
) -> Load:
    """Bring the partitions that a run names up to date."""
    wanted = wanted_by(
        context.run,
        planned=lambda: planned_partitions(context.instance, context.run.run_id, location.key(table)),
        order=lambda: divisions_in_order(context.instance),
    )
    if not wanted:
        raise dg.Failure(description=NO_PARTITIONS, allow_retries=False)
    exact = session_of(context)
    grid_years = range(location.config.start_year, datetime.now(UTC).year + 1)
    wanted, left_out = in_grid(wanted, grid_years)
    if left_out:
        context.log.warning("These partitions are not there (any more), and are left alone: %s", left_out)
    kind = RunKind.of(context.run, Mode(config.mode), confirm=config.confirm)
    with exact.noting(table, wanted):
        choices = exact.choices()
    asked = requests(table, wanted, choices, kind=kind, grid_years=grid_years)
    if stopped := sorted(set(wanted) - set(asked)):
        context.log.warning("Disabled since this run was asked for, and left alone: %s", stopped)
    with exact.noting(table, asked):
        unrecorded_before = exact.unrecorded.mark(table.name, asked)
    outcomes = _replicate(context, location, table, asked, kind)
    for warning in (words for outcome in outcomes.values() for words in outcome.warnings):
        context.log.warning(warning)
    its_years = {division: range(one.start_year, grid_years.stop) for division, one in asked.items()}
    more = _more_years(context.instance, location.key(table), outcomes, its_years) if kind.has_all_years else {}
    named = {} if kind.is_background else wanted
    lost = {one: loaded_years(outcomes[one], its_years[one]) for one in unrecorded_before if one in outcomes}
    return Load(
        wanted=wanted,
        outcomes=outcomes,
        years_to_record={
            one: tuple(sorted({*named.get(one, ()), *more.get(one, ()), *lost.get(one, ())})) for one in outcomes
        },
        unrecorded=unrecorded_before,
        grid_years=grid_years,
        is_asked_by_partitions=not kind.is_background and tags.NAMED_DIVISIONS not in context.run.tags,
    )


def _replicate(
    context: dg.AssetExecutionContext,
    location: CodeLocation,
    table: Table,
    asked: Mapping[int, Request],
    kind: RunKind,
) -> Mapping[int, Outcome]:
    exact, in_run = session_of(context), context.job_def.asset_layer.selected_asset_keys
    of_loads = shares(
        table,
        run=[one for one in location.tables if location.key(one) in in_run],
        chosen=location.tables,
        states=exact.warehouse.states_of(list(asked)),
        now=datetime.now(UTC),
        is_reload=kind.is_reload,
        keeps_reserve=kind.is_background,
    )
    return exact.replicate(table, asked, shares=of_loads, is_background=kind.is_background)


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
