"""One asset per table. The body asks for the work, records what is up to date and fails for what is not.

https://docs.dagster.io/guides/build/assets/defining-assets. How tables are read and stored is not known here.
"""

from collections.abc import Collection, Iterator, Mapping

import dagster as dg

from exact_assets.catalogue.table import Table
from exact_assets.defs import tags
from exact_assets.defs.check_runs import check_everything, check_load, outdate_checks
from exact_assets.defs.checks import check_specs
from exact_assets.defs.events import failure, materialisations, taken_away, unchanged, waiting
from exact_assets.defs.internals import PRIORITY_TAG
from exact_assets.defs.loads import Load, TableConfig, load_partitions
from exact_assets.defs.location import CodeLocation
from exact_assets.defs.resources import RESOURCE, session_of
from exact_assets.planning.shares import guessed_calls
from exact_assets.replicate import Outcome

Event = dg.AssetMaterialization | dg.AssetObservation | dg.MaterializeResult[None] | dg.AssetCheckResult


def table_asset(location: CodeLocation, table: Table) -> dg.AssetsDefinition:
    """Make the asset of a table and its checks.

    A multi-asset of one spec that may be subset: so its checks can run alone, and its body may record the
    partitions one by one: those that are up to date, not those of a division that failed. One run serves all
    partitions it is given.
    """

    @dg.multi_asset(
        name=table.name,
        specs=[location.specs[table.name]],
        check_specs=check_specs(location, table),
        can_subset=True,
        required_resource_keys={RESOURCE},
        backfill_policy=dg.BackfillPolicy.single_run(),
        # Small tables go first: they are up to date before a large one has used what is left of the day.
        op_tags={PRIORITY_TAG: str(-guessed_calls(table))},
    )
    def materialise(context: dg.AssetExecutionContext, config: TableConfig) -> Iterator[Event]:
        if location.key(table) not in context.selected_asset_keys:
            yield from check_everything(context, location, table)
            return
        done = load_partitions(context, config, location=location, table=table)
        yield from _recorded(context, location, table, done)
        yield from check_load(context, location, table, done.outcomes)
        failed = failure(table, done.outcomes.values())
        if failed is not None:
            raise failed

    return materialise


def _recorded(
    context: dg.AssetExecutionContext, location: CodeLocation, table: Table, done: Load
) -> Iterator[dg.AssetMaterialization | dg.AssetObservation | dg.MaterializeResult[None]]:
    """Record what a load brought; where all went well by Dagster's own result, on which what is downstream goes on.

    A scheduled run has nothing downstream, and records what changed. What waits for calls, and whatever is
    downstream of it, is left to a later run.
    """
    key, outcomes = location.key(table), done.outcomes
    planned = done.requested_partitions if done.is_whole else frozenset()
    is_new = False
    for division, outcome in sorted(outcomes.items()):
        for event in materialisations(
            key, outcome, requested_years=done.years_to_record[division], grid_years=done.grid_years
        ):
            is_new = True
            if event.partition in planned:
                context.add_asset_metadata(event.metadata, asset_key=key, partition_key=event.partition)
            else:
                yield event
        yield from taken_away(location.specs, table, outcome, done.grid_years)
    outdate_checks(session_of(context), _divisions_elsewhere(location, outcomes))
    if planned:
        yield dg.MaterializeResult(asset_key=key)
    elif not is_new and (read := unchanged(key, outcomes.values())) is not None:
        yield read
    rest = waiting(key, table, outcomes.values())
    if rest is not None:
        context.log.warning(rest.description or "")
        context.instance.add_run_tags(context.run.run_id, {tags.OUTCOME: tags.PARTIAL})
        yield rest


def _divisions_elsewhere(location: CodeLocation, outcomes: Mapping[int, Outcome]) -> Mapping[str, Collection[int]]:
    """Return in which divisions rows of which other tables were taken away."""
    found: dict[str, set[int]] = {}
    for division, outcome in outcomes.items():
        for name, changes in outcome.elsewhere.items():
            if name in location.specs and changes.count:
                found.setdefault(name, set()).add(division)
    return found
