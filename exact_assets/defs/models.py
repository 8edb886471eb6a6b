"""One asset per business model, partitioned by division, that follows its tables where they changed.

https://docs.dagster.io/guides/automate/declarative-automation. How a model is built and checked is not known here.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal

import dagster as dg

from exact_assets.checks.kept import merged, newly_kept, outdated, results
from exact_assets.checks.models import ModelCheck, checks_of_model, run_model_checks
from exact_assets.checks.result import CheckResult
from exact_assets.checks.summary import not_run, summarise, with_obstacle
from exact_assets.containment import contained
from exact_assets.defs.check_results import asset_check_result
from exact_assets.defs.internals import CheckError, add_partition_metadata
from exact_assets.defs.location import CodeLocation
from exact_assets.defs.partitions import divisions_in_order, is_number
from exact_assets.defs.resources import RESOURCE, ExactSession, session_of
from exact_assets.defs.runs import planned_partitions
from exact_assets.errors import WarehouseError
from exact_assets.models.model import Model
from exact_assets.warehouse.protocol import Warehouse
from exact_assets.warehouse.query import Query
from exact_assets.warehouse.sql.names import DIVISION, MODELS_SCHEMA, one_of

SENSOR = "exact_models"
SENSOR_SECONDS = 20
"""Less than a minute: tables that are loaded each minute would be found under way each time."""
ModelEvent = dg.AssetMaterialization | dg.MaterializeResult[None] | dg.AssetCheckResult
NO_DIVISIONS = "This run names no divisions, so that there is nothing to do: choose some where it is launched."


def model_asset(location: CodeLocation, model: Model) -> dg.AssetsDefinition:
    """Make the asset of a model and its checks; one run serves all divisions that it is given."""
    key = location.model_key(model)
    checks = checks_of_model(model, kept=location.specs)

    @dg.multi_asset(
        name=f"{MODELS_SCHEMA}__{model.name}",
        specs=[location.model_specs[model.name]],
        check_specs=[
            dg.AssetCheckSpec(name=check.name, asset=key, description=check.description) for check in checks
        ],
        can_subset=True,
        required_resource_keys={RESOURCE},
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def materialise(context: dg.AssetExecutionContext) -> Iterator[ModelEvent]:
        if key in context.selected_asset_keys:
            yield from _built(context, location, model)
        else:
            yield from _checked(context, location, model, divisions=None)

    return materialise


def models_sensor(location: CodeLocation) -> dg.AutomationConditionSensorDefinition:
    """Make the sensor by which models follow their tables."""
    return dg.AutomationConditionSensorDefinition(
        SENSOR,
        target=dg.AssetSelection.assets(*(location.model_key(model) for model in location.models)),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=SENSOR_SECONDS,
        description="Builds the models of the divisions in which their tables changed.",
    )


def _built(context: dg.AssetExecutionContext, location: CodeLocation, model: Model) -> Iterator[ModelEvent]:
    """Build the divisions that a run names, record them, and check them.

    Raises:
        dg.Failure: a division could not be built, and keeps the rows that it had; the others are recorded.
    """
    key, exact = location.model_key(model), session_of(context)
    wanted = [one for one in _planned(context, key) if is_number(one)]
    there = set(divisions_in_order(context.instance))
    divisions = [int(one) for one in wanted if one in there]
    if not wanted:
        raise dg.Failure(description=NO_DIVISIONS, allow_retries=False)
    if gone := sorted(set(wanted) - there):
        context.log.warning("Disabled since this run was asked for, and left alone: %s", gone)
    outcomes = exact.warehouse.build_model(model, divisions, kept=location.specs) if divisions else {}
    # What an engine quotes of the statement stands in lines of its own.
    failed = {
        one: str(rows).partition("\n")[0] for one, rows in outcomes.items() if isinstance(rows, WarehouseError)
    }
    counts = {one: rows for one, rows in outcomes.items() if isinstance(rows, int) and str(one) in there}
    yield from _recorded(context, location, model, counts, is_whole=not failed and set(wanted) == _named(context))
    # A model that was made anew has been so for all divisions.
    yield from _checked(context, location, model, divisions=counts)
    if failed:
        reasons = "\n".join(f"{division}: {why}" for division, why in sorted(failed.items()))
        raise dg.Failure(
            description=f"{len(failed)} divisions of {model.name} could not be built, and keep the rows they had.\n"
            f"{reasons}",
            metadata={"failed_divisions": dg.JsonMetadataValue({str(one): why for one, why in failed.items()})},
            allow_retries=False,
        )


def _planned(context: dg.AssetExecutionContext, key: dg.AssetKey) -> Collection[str]:
    return planned_partitions(context.instance, context.run.run_id, key)


def _named(context: dg.AssetExecutionContext) -> frozenset[str]:
    """Return the partitions that Dagster would record; none, where it cannot tell as a division was disabled."""
    try:
        return frozenset(context.partition_keys)
    except (dg.DagsterError, CheckError):
        return frozenset()


def _recorded(
    context: dg.AssetExecutionContext,
    location: CodeLocation,
    model: Model,
    counts: Mapping[int, int],
    *,
    is_whole: bool,
) -> Iterator[dg.AssetMaterialization | dg.MaterializeResult[None]]:
    """Record the divisions that were built, by Dagster's own result where all were that the run names."""
    key, warehouse = location.model_key(model), session_of(context).warehouse
    lineage = location.model_specs[model.name].metadata["dagster/column_lineage"]
    figures = _figures(warehouse, model, counts)
    metadata = {
        str(division): {
            "dagster/partition_row_count": rows,
            "dagster/column_lineage": lineage,
            **figures.get(division, {}),
        }
        for division, rows in counts.items()
    }
    ours = _named(context) if is_whole else frozenset()
    for partition, values in metadata.items():
        if partition not in ours:
            yield dg.AssetMaterialization(asset_key=key, partition=partition, metadata=values)
    if ours:
        add_partition_metadata(context, key, {one: values for one, values in metadata.items() if one in ours})
        yield dg.MaterializeResult(asset_key=key)


def _figures(
    warehouse: Warehouse, model: Model, divisions: Collection[int]
) -> Mapping[int, Mapping[str, float | int]]:
    """Return what people look at, by division, which Dagster plots from build to build."""
    found: dict[int, dict[str, float | int]] = {division: dict.fromkeys(model.figures, 0) for division in divisions}
    if not model.figures or not divisions:
        return found
    queries = [
        Query(statement=f"SELECT * FROM ({statement}) AS f WHERE f.{DIVISION} IN {one_of(divisions)}")
        for statement in model.figures.values()
    ]
    for name, rows in zip(model.figures, warehouse.query(queries), strict=True):
        for row in rows or ():
            value = row["value"] or 0
            found[row[DIVISION]][name] = float(round(value, 2)) if isinstance(value, Decimal) else value
    return found


def _checked(
    context: dg.AssetExecutionContext, location: CodeLocation, model: Model, *, divisions: Collection[int] | None
) -> Iterator[dg.AssetCheckResult]:
    """Check divisions (None: all) and show each check's result over all, never greener than the worst."""
    chosen = {selected.name for selected in context.selected_asset_check_keys}
    checks = [one for one in checks_of_model(model, kept=location.specs) if one.name in chosen]
    if not checks:
        return
    everyone = [int(one) for one in divisions_in_order(context.instance)]
    try:
        found = _results(
            session_of(context),
            location,
            model,
            checks,
            divisions=everyone if divisions is None else divisions,
            is_of_all=divisions is None,
        )
    except Exception as error:  # noqa: BLE001 - logged; what is built is recorded by now
        told = contained(error, subject=f"The checks of {model.name}")
        found = [not_run(check.name, str(told)) for check in checks]
    for result in found:
        yield asset_check_result(result, location.model_key(model))


def _results(
    exact: ExactSession,
    location: CodeLocation,
    model: Model,
    checks: list[ModelCheck],
    *,
    divisions: Collection[int],
    is_of_all: bool,
) -> list[CheckResult]:
    name = f"{MODELS_SCHEMA}.{model.name}"
    before = exact.check_results.read(name)
    # Written before anything is looked at: whatever happens then, nothing is green that nobody has seen.
    changes = outdated(before, [check.name for check in checks], divisions)
    exact.check_results.write(name, changes)
    kept = merged(before, changes)
    runs = run_model_checks(model, checks, warehouse=exact.warehouse, kept=location.specs, divisions=divisions)
    changes = newly_kept(kept, runs, at=datetime.now(UTC), is_of_all=is_of_all)
    exact.check_results.write(name, changes)
    now = merged(kept, changes)
    told = []
    for check, run in zip(checks, runs, strict=True):
        result = summarise(check.name, results(now.get(check.name, {})), advice=check.advice)
        told.append(result if run.obstacle is None else with_obstacle(result, run.obstacle))
    return told
