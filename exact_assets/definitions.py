"""The code location: assembles tables, resources, assets and jobs into Dagster definitions; decides nothing."""

import os

import dagster as dg
import pyarrow as pa

from exact_assets.catalogue import chosen_tables
from exact_assets.defs.assets import table_asset
from exact_assets.defs.checks import check_jobs, check_keys, check_schedule, table_checks
from exact_assets.defs.deletions import deletions_sensor
from exact_assets.defs.divisions import divisions_sensor
from exact_assets.defs.executor import locking_executor
from exact_assets.defs.freshness import fresh_checks, freshness_sensor
from exact_assets.defs.jobs import (
    deletion_log_job,
    jobs_by_frequency,
    jobs_by_group,
    jobs_of_everything,
    sweep_jobs,
)
from exact_assets.defs.lost_runs import lost_runs_sensor
from exact_assets.defs.refresh import refresh_sensor
from exact_assets.defs.resources import ExactResource, WarehouseResource
from exact_assets.defs.schedules import schedules
from exact_assets.defs.shown import results_sensor
from exact_assets.defs.specs import asset_key
from exact_assets.settings import Settings
from exact_assets.warehouse.open import kind_of


def build_defs(*, settings: Settings | None = None) -> dg.Definitions:
    """Build the definitions anew.

    Args:
        settings: instead of those that the environment gives; secrets are read when a run starts, not here.
    """
    chosen = settings or Settings()
    tables = chosen_tables(chosen.tables, chosen.frequencies)
    everything = jobs_of_everything(tables)
    log = deletion_log_job(tables)
    keys = [asset_key(table) for table in tables]
    warehouse_kind = kind_of(chosen.warehouse_url)
    return dg.Definitions(
        assets=[
            table_asset(table, start_year=chosen.start_year, warehouse_kind=warehouse_kind, chosen=tables)
            for table in tables
        ],
        # Those of the frequencies come with their schedules.
        jobs=[*(one.job for one in (*everything, *jobs_by_group(tables))), *check_jobs(tables)],
        asset_checks=[
            fresh_checks(tables),
            *(table_checks(table, kept=tables, start_year=chosen.start_year) for table in tables),
        ],
        sensors=[
            divisions_sensor(tables, [one.job for one in everything], start_year=chosen.start_year),
            refresh_sensor(),
            *([deletions_sensor(log)] if log else []),
            freshness_sensor(tables),
            lost_runs_sensor(keys),
            results_sensor(check_keys(tables)),
        ],
        schedules=[
            *schedules(by_frequency=jobs_by_frequency(tables), everything=everything, swept=sweep_jobs(tables)),
            check_schedule(),
        ],
        resources={
            "exact": ExactResource(
                client_id=dg.EnvVar("EXACT_CLIENT_ID"), client_secret=dg.EnvVar("EXACT_CLIENT_SECRET")
            ),
            "warehouse": WarehouseResource(url=_shown(chosen.warehouse_url), deletions=chosen.deletions),
        },
        executor=locking_executor(keys),
    )


def _shown(warehouse_url: str) -> str:
    """Keep a password out of the UI: what the environment sets is shown there by the variable's name."""
    return dg.EnvVar("EXACT_WAREHOUSE_URL") if "EXACT_WAREHOUSE_URL" in os.environ else warehouse_url


# Arrow's own allocator keeps what is freed: with the system's a large load takes 15 MB less, for the same CPU.
pa.set_memory_pool(pa.system_memory_pool())

defs = build_defs()
