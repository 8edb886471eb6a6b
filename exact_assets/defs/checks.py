"""Asset checks: their specs, their jobs and their schedule. What is checked is not known here.

https://docs.dagster.io/guides/test/asset-checks. The step of a table runs its checks: after a load those that cost
no calls, in a run of checks alone all of them.
"""

from collections.abc import Iterator, Sequence

import dagster as dg
from dagster import AssetSelection

from exact_assets.catalogue.table import Table
from exact_assets.checks.check import ExactCheck
from exact_assets.checks.registry import checks_of
from exact_assets.defs.executor import locking_executor
from exact_assets.defs.internals import UnresolvedAssetJobDefinition
from exact_assets.defs.location import CodeLocation
from exact_assets.defs.own_runs import OF_JOBS

JOB = "exact_checks"
LEDGER_JOB = "exact_ledger_checks"
CRON = "37 4 * * *"
"""Off the hour, after the night's loads."""


def check_specs(location: CodeLocation, table: Table) -> Sequence[dg.AssetCheckSpec]:
    """Describe the checks of a table."""
    key = location.key(table)
    return [
        dg.AssetCheckSpec(name=check.name, asset=key, description=check.description)
        for check in checks_of(table, kept=location.tables)
    ]


def check_keys(
    location: CodeLocation,
    *,
    tables: Sequence[Table] | None = None,
    only_of_ledger: bool = False,
    only_free: bool = False,
) -> Sequence[dg.AssetCheckKey]:
    """Return the keys of checks.

    Args:
        location: whose tables.
        tables: of these; None: of all that are kept.
        only_of_ledger: those that only a ledger has.
        only_free: those that cost no calls.
    """
    return [
        dg.AssetCheckKey(location.key(table), check.name)
        for table in (location.tables if tables is None else tables)
        for check in checks_of(table, kept=location.tables)
        if (check.is_of_ledger or not only_of_ledger) and (not isinstance(check, ExactCheck) or not only_free)
    ]


def check_jobs(location: CodeLocation) -> Iterator[UnresolvedAssetJobDefinition]:
    """Return the job of all checks, and where the ledger is kept one of those that only a ledger has.

    They select checks without their assets, so that nothing is loaded.
    """
    everything = "Runs all checks, also those that ask Exact; started once a day."
    ledger = "Runs the checks of the ledger: debits equal credits, and Exact's own balances."
    named = (
        (JOB, check_keys(location), everything),
        (LEDGER_JOB, check_keys(location, only_of_ledger=True), ledger),
    )
    for name, keys, words in named:
        if keys:
            selection = AssetSelection.checks(*keys)
            yield dg.define_asset_job(
                name,
                selection=selection,
                tags=OF_JOBS,
                executor_def=locking_executor(location),
                description=words,
            )


def check_schedule() -> dg.ScheduleDefinition:
    """Run all checks once a day."""
    return dg.ScheduleDefinition(
        job_name=JOB,
        cron_schedule=CRON,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="All checks, once a day.",
    )
