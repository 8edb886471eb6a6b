"""Asset checks: one step per table, a result per check, over all divisions. What is checked is not known here.

https://docs.dagster.io/guides/test/asset-checks. Checks are runs of their own: a backfill plans those of its
tables, but skips them, as it does what follows an asset that records its partitions by itself (`skippable`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
from dagster import AssetSelection
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from exact_assets.catalogue.table import Table
from exact_assets.checks.registry import checks_of
from exact_assets.checks.result import CheckResult, CheckStatus
from exact_assets.checks.run import CheckRequest
from exact_assets.defs.executor import locking_executor
from exact_assets.defs.location import CodeLocation
from exact_assets.defs.own_runs import OF_JOBS
from exact_assets.defs.partitions import DIVISIONS
from exact_assets.defs.resources import RESOURCE, session_of

JOB = "exact_checks"
LEDGER_JOB = "exact_ledger_checks"
CRON = "37 4 * * *"
"""Off the hour, after the night's loads."""
MOST_DIVISIONS_SHOWN = 500


def table_checks(location: CodeLocation, table: Table) -> dg.AssetChecksDefinition:
    """Make the checks of a table."""
    checks = checks_of(table, kept=location.tables)
    key = location.key(table)

    @dg.multi_asset_check(
        name=f"{table.name}_checks",
        specs=[dg.AssetCheckSpec(name=check.name, asset=key, description=check.description) for check in checks],
        can_subset=True,
        required_resource_keys={RESOURCE},
    )
    def check(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        chosen = {selected.name for selected in context.selected_asset_check_keys}
        request = CheckRequest(
            table=table,
            kept=location.tables,
            checks=tuple(one for one in checks if one.name in chosen),
            divisions={int(key) for key in context.instance.get_dynamic_partitions(str(DIVISIONS.name))},
            start_year=location.config.start_year,
        )
        for one in session_of(context).run_checks(request):
            yield asset_check_result(one, key)

    return check


def check_keys(location: CodeLocation, *, only_of_ledger: bool = False) -> Sequence[dg.AssetCheckKey]:
    """Return the keys of all checks of the tables, or of those that only a ledger has."""
    return [
        dg.AssetCheckKey(location.key(table), check.name)
        for table in location.tables
        for check in checks_of(table, kept=location.tables)
        if check.is_of_ledger or not only_of_ledger
    ]


def check_jobs(location: CodeLocation) -> Iterator[UnresolvedAssetJobDefinition]:
    """Return the job of all checks, and where the ledger is kept one of those that only a ledger has.

    They select checks without their assets, so that nothing is loaded.
    """
    named = {JOB: check_keys(location), LEDGER_JOB: check_keys(location, only_of_ledger=True)}
    for name, keys in named.items():
        if keys:
            selection = AssetSelection.checks(*keys)
            yield dg.define_asset_job(
                name, selection=selection, tags=OF_JOBS, executor_def=locking_executor(location)
            )


def check_schedule() -> dg.ScheduleDefinition:
    """Run all checks once a day."""
    return dg.ScheduleDefinition(
        job_name=JOB,
        cron_schedule=CRON,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="All checks, once a day.",
    )


def asset_check_result(result: CheckResult, key: dg.AssetKey) -> dg.AssetCheckResult:
    """Return a result in Dagster's terms: what is certainly wrong is an error, the rest a warning."""
    is_error = result.status is CheckStatus.FAILED
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=result.check,
        passed=result.status is CheckStatus.PASSED,
        severity=dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
        description=result.summary,
        metadata=_metadata(result),
    )


def _metadata(result: CheckResult) -> dict[str, Any]:
    metadata: dict[str, Any] = {"divisions_checked": result.divisions_checked}
    if result.calls:
        metadata["calls"] = result.calls
    if result.divisions:
        rows = [{"division": division, "what": what} for division, what in sorted(result.divisions.items())]
        metadata["divisions"] = dg.MarkdownMetadataValue(_markdown(rows[:MOST_DIVISIONS_SHOWN]))
    if result.examples:
        metadata["examples"] = dg.MarkdownMetadataValue(_markdown(result.examples))
    if result.advice is not None:
        metadata["what_to_do"] = result.advice
    return metadata


def _markdown(rows: Iterable[Mapping[str, Any]]) -> str:
    """Write rows of the same columns as a table."""
    listed = list(rows)
    names = list(listed[0])
    lines = [names, ["---"] * len(names), *([_cell(row[name]) for name in names] for row in listed)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")
