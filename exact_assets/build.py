"""Assembles tables, models, assets, checks, jobs, sensors and schedules into Dagster definitions; decides nothing.

Nothing is built at import, so that a project chooses the configuration.
"""

import dagster as dg

from exact_assets.config import ExactConfig
from exact_assets.defs.assets import Execute, run_table, table_asset
from exact_assets.defs.checks import check_jobs, check_schedule
from exact_assets.defs.deletions import deletions_sensor
from exact_assets.defs.divisions import divisions_sensor
from exact_assets.defs.documents import document_jobs
from exact_assets.defs.executor import locking_executor
from exact_assets.defs.freshness import fresh_checks, freshness_sensor
from exact_assets.defs.jobs import (
    deletion_log_job,
    job_of_everything,
    jobs_by_frequency,
    sweep_job,
)
from exact_assets.defs.location import CodeLocation
from exact_assets.defs.lost_runs import lost_runs_sensor
from exact_assets.defs.models import model_asset, models_sensor
from exact_assets.defs.outbox import outbox_job, outbox_sensor
from exact_assets.defs.refresh import refresh_sensor
from exact_assets.defs.resources import RESOURCE, exact_resource
from exact_assets.defs.retention import retention_sensor
from exact_assets.defs.schedules import schedules
from exact_assets.defs.translator import ExactTranslator


def build_defs(
    config: ExactConfig | None = None,
    *,
    translator: ExactTranslator | None = None,
    execute: Execute = run_table,
) -> dg.Definitions:
    """Build the definitions of a configuration.

    They bring no executor for the whole project: merge them with definitions of your own.

    Args:
        config: what is chosen; None: as the environment has it.
        translator: how assets are named and described; None: as `ExactTranslator` does.
        execute: what the body of each asset does: `run.events(context)`, with whatever you add around it.

    Raises:
        SettingsError: the environment, the choice of tables or the translator makes no sense.
    """
    return _definitions(_location(config, translator), execute)


def build_location_defs() -> dg.Definitions:
    """Build the definitions of a code location of its own, in which the UI's runs have our executor as well."""
    location = _location(None, None)
    ours = _definitions(location, run_table)
    return dg.Definitions.merge(ours, dg.Definitions(executor=locking_executor(location)))


def _location(config: ExactConfig | None, translator: ExactTranslator | None) -> CodeLocation:
    return CodeLocation.of(config or ExactConfig.from_env(), translator or ExactTranslator())


def _definitions(location: CodeLocation, execute: Execute) -> dg.Definitions:
    everything = job_of_everything(location)
    log, outbox = deletion_log_job(location), outbox_job(location)
    return dg.Definitions(
        assets=[
            *(table_asset(location, table, execute=execute) for table in location.tables),
            *(model_asset(location, model) for model in location.models),
        ],
        # Those of the frequencies come with their schedules.
        jobs=[everything.job, *check_jobs(location), *document_jobs(location), *([outbox] if outbox else [])],
        asset_checks=[fresh_checks(location)],
        sensors=[
            divisions_sensor(location, [everything.job]),
            refresh_sensor(location),
            *([deletions_sensor(log)] if log else []),
            freshness_sensor(location),
            lost_runs_sensor(location),
            retention_sensor(location),
            outbox_sensor(location, outbox),
            *([models_sensor(location)] if location.models else []),
        ],
        schedules=[
            *schedules(
                location,
                by_frequency=jobs_by_frequency(location),
                everything=everything,
                swept=sweep_job(location),
            ),
            check_schedule(),
        ],
        resources={RESOURCE: exact_resource(location)},
    )
