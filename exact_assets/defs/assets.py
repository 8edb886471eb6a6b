"""One asset per table. The body asks for the work, records what is up to date and fails for what is not.

https://docs.dagster.io/guides/build/assets/defining-assets. How tables are read and stored is not known here.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

import dagster as dg

from exact_assets.catalogue.table import Table
from exact_assets.containment import contained
from exact_assets.defs import tags
from exact_assets.defs.check_runs import check_everything, check_load, check_nothing, outdate_checks
from exact_assets.defs.checks import check_specs
from exact_assets.defs.events import failure, materialisations, taken_away, unchanged, waiting, warned
from exact_assets.defs.internals import PRIORITY_TAG, CheckError, add_partition_metadata
from exact_assets.defs.loads import Load, TableConfig, load_partitions
from exact_assets.defs.location import CodeLocation
from exact_assets.defs.partitions import divisions_in_order
from exact_assets.defs.resources import RESOURCE, ExactSession, session_of
from exact_assets.errors import ExactAssetsError, WarehouseError
from exact_assets.planning.shares import guessed_calls
from exact_assets.request import Outcome
from exact_assets.stream import StreamState

Event = dg.AssetMaterialization | dg.AssetObservation | dg.MaterializeResult[None] | dg.AssetCheckResult


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRun:
    """What one run asks of one table."""

    location: CodeLocation
    table: Table
    config: TableConfig

    def events(self, context: dg.AssetExecutionContext) -> Iterator[Event]:
        """Bring the partitions up to date, or run checks that were asked for alone; yield what is to be recorded.

        Raises:
            dg.Failure: a division failed; the others are recorded.
        """
        location, table = self.location, self.table
        if location.key(table) not in context.selected_asset_keys:
            yield from check_everything(context, location, table)
            return
        try:
            done = load_partitions(context, self.config, location=location, table=table)
        except ExactAssetsError as error:
            yield from check_nothing(context, location, table, obstacle=str(error))
            raise
        yield from _recorded(context, location, table, done)
        yield from check_load(context, location, table, done)
        recorded = [division for division, outcome in done.outcomes.items() if outcome.error is None]
        session_of(context).unrecorded.clear(table.name, recorded)
        failed = failure(table, done.outcomes.values())
        if failed is not None:
            raise failed


Execute = Callable[[dg.AssetExecutionContext, TableRun], Iterator[Event]]


def run_table(context: dg.AssetExecutionContext, run: TableRun) -> Iterator[Event]:
    """Do what a run asks of a table, and nothing else."""
    yield from run.events(context)


def table_asset(location: CodeLocation, table: Table, *, execute: Execute = run_table) -> dg.AssetsDefinition:
    """Make the asset of a table and its checks.

    A multi-asset of one spec that may be subset: so its checks can run alone, and its body may record the
    partitions one by one: those that are up to date, not those of a division that failed. One run serves all
    partitions it is given.

    Args:
        location: of the table.
        table: of the asset.
        execute: what the body does.
    """

    @dg.multi_asset(
        name=location.op_name(table),
        specs=[location.specs[table.name]],
        check_specs=check_specs(location, table),
        can_subset=True,
        required_resource_keys={RESOURCE},
        backfill_policy=dg.BackfillPolicy.single_run(),
        # Small tables go first: they are up to date before a large one has used what is left of the day.
        op_tags={PRIORITY_TAG: str(-guessed_calls(table))},
    )
    def materialise(context: dg.AssetExecutionContext, config: TableConfig) -> Iterator[Event]:
        yield from execute(context, TableRun(location=location, table=table, config=config))

    return materialise


def _recorded(
    context: dg.AssetExecutionContext, location: CodeLocation, table: Table, done: Load
) -> Iterator[dg.AssetMaterialization | dg.AssetObservation | dg.MaterializeResult[None]]:
    """Record what a load brought; where all went well by Dagster's own result, on which what is downstream goes on.

    A scheduled run has nothing downstream, and records what changed. What waits for calls, and whatever is
    downstream of it, is left to a later run.
    """
    key, outcomes = location.key(table), done.outcomes
    planned = done.requested_partitions if done.is_whole and _are_there(context, done) else frozenset()
    elsewhere = _states_elsewhere(session_of(context), outcomes)
    metadata: dict[str, Mapping[str, dg.MetadataValue]] = {}
    is_new = False
    for division, outcome in sorted(outcomes.items()):
        for event in materialisations(
            key, outcome, requested_years=done.years_to_record[division], grid_years=done.grid_years
        ):
            is_new = True
            if event.partition is not None and event.partition in planned:
                metadata[event.partition] = event.metadata
            else:
                yield event
        yield from taken_away(location.specs, table, outcome, done.grid_years, states=elsewhere.get(division, {}))
    if planned:
        add_partition_metadata(context, key, metadata)
        yield dg.MaterializeResult(asset_key=key)
    elif not is_new and (read := unchanged(key, outcomes.values())) is not None:
        yield read
    if (words := warned(key, outcomes.values())) is not None:
        yield words
    outdate_checks(session_of(context), _divisions_elsewhere(location, outcomes))
    rest = waiting(key, table, outcomes.values())
    if rest is not None:
        context.log.warning(rest.description or "")
        context.instance.add_run_tags(context.run.run_id, {tags.OUTCOME: tags.PARTIAL})
        yield rest


def _are_there(context: dg.AssetExecutionContext, done: Load) -> bool:
    """Whether the partitions that the run names are still those that Dagster would record for it.

    A division that was disabled meanwhile has none any more: asked about its range, Dagster would fail the step.
    """
    try:
        found = frozenset(context.partition_keys)
    except (dg.DagsterError, CheckError):
        return False
    there = set(divisions_in_order(context.instance))
    return {str(division) for division in done.wanted} <= there and found == done.requested_partitions


def _states_elsewhere(
    exact: ExactSession, outcomes: Mapping[int, Outcome]
) -> Mapping[int, Mapping[str, StreamState]]:
    """Read the states of streams from which rows were taken away, by division and table."""
    divisions = [division for division, outcome in outcomes.items() if outcome.elsewhere]
    try:
        return exact.warehouse.states_of(divisions) if divisions else {}
    except WarehouseError as error:
        # Rows are gone, and that is to be recorded: without states, of each year that had any.
        contained(error, subject="The states of tables from which rows were taken away")
        return {}


def _divisions_elsewhere(location: CodeLocation, outcomes: Mapping[int, Outcome]) -> Mapping[str, Collection[int]]:
    """Return in which divisions rows of which other tables were taken away."""
    found: dict[str, set[int]] = {}
    for division, outcome in outcomes.items():
        for name, changes in outcome.elsewhere.items():
            if name in location.specs and changes.count:
                found.setdefault(name, set()).add(division)
    return found
