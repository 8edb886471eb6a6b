"""Asset checks: one step per table, a result per check, over all divisions. What is checked is not known here.

https://docs.dagster.io/guides/test/asset-checks. Checks are runs of their own: a backfill plans those of its
tables, but skips them, as it does what follows an asset that records its partitions by itself (`skippable`).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
from dagster import AssetSelection
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from exact_assets.catalogue.checks import LEDGER, Check, checks_of
from exact_assets.catalogue.table import Table
from exact_assets.defs.own_runs import OF_JOBS
from exact_assets.defs.partitions import DIVISIONS
from exact_assets.defs.resources import ExactResource, WarehouseResource
from exact_assets.defs.specs import asset_key
from exact_assets.verify import Order, Result, Verdict

JOB = "exact_checks"
LEDGER_JOB = "exact_ledger_checks"
LEDGER_CHECKS = {Check.DEBITS_EQUAL_CREDITS, Check.BALANCES_EQUAL_EXACT}
CRON = "37 4 * * *"
"""Off the hour, after the night's loads."""
MOST_DIVISIONS_SHOWN = 500

DESCRIPTIONS = {
    Check.KEYS_UNIQUE: "No key stands twice in a division.",
    Check.OWN_DIVISION: "All rows are of divisions that were asked for, and no record is in two divisions.",
    Check.YEAR_IN_PARTITION: "Each row is in the partition of its own year, and none is before the starting year.",
    Check.HAS_HEADER: "Each line has its header.",
    Check.ROW_COUNT: "Each division has as many rows as Exact counts: one call per division.",
    Check.DEBITS_EQUAL_CREDITS: "Debits equal credits in each entry and each period, to the cent.",
    Check.BALANCES_EQUAL_EXACT: "Each account has Exact's own balance in each year and period, to the cent.",
}


def table_checks(table: Table, *, kept: Sequence[Table], start_year: int) -> dg.AssetChecksDefinition:
    """Make the checks of a table; `kept` are all tables that are kept."""
    checks = checks_of(table, kept=kept)
    key = asset_key(table)

    @dg.multi_asset_check(
        name=f"{table.name}_checks",
        specs=[dg.AssetCheckSpec(name=check.value, asset=key, description=DESCRIPTIONS[check]) for check in checks],
        can_subset=True,
    )
    def check(
        context: dg.AssetCheckExecutionContext, exact: ExactResource, warehouse: WarehouseResource
    ) -> Iterator[dg.AssetCheckResult]:
        chosen = {Check(selected.name) for selected in context.selected_asset_check_keys}
        order = Order(
            table=table,
            kept=tuple(kept),
            checks=tuple(one for one in checks if one in chosen),
            divisions={int(key) for key in context.instance.get_dynamic_partitions(str(DIVISIONS.name))},
            start_year=start_year,
        )
        for verdict in exact.verify(order, warehouse=warehouse.open()):
            yield result(verdict, key)

    return check


def check_keys(tables: Sequence[Table]) -> Sequence[dg.AssetCheckKey]:
    """Name all checks of the tables."""
    return [
        dg.AssetCheckKey(asset_key(table), check.value)
        for table in tables
        for check in checks_of(table, kept=tables)
    ]


def check_jobs(tables: Sequence[Table]) -> Iterator[UnresolvedAssetJobDefinition]:
    """Give the job of all checks, and where the ledger is kept one of those that only a ledger has."""
    yield dg.define_asset_job(JOB, selection=_checks(tables, kept=tables, wanted=tuple(Check)), tags=OF_JOBS)
    ledgers = [table for table in tables if table.name == LEDGER]
    if ledgers:
        yield dg.define_asset_job(
            LEDGER_JOB, selection=_checks(ledgers, kept=tables, wanted=LEDGER_CHECKS), tags=OF_JOBS
        )


def check_schedule() -> dg.ScheduleDefinition:
    """Run all checks once a day."""
    return dg.ScheduleDefinition(
        job_name=JOB,
        cron_schedule=CRON,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="All checks, once a day.",
    )


def result(verdict: Verdict, key: dg.AssetKey) -> dg.AssetCheckResult:
    """Turn a verdict into Dagster's terms: what is certainly wrong is an error, the rest a warning."""
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=verdict.check.value,
        passed=verdict.result is Result.PASSED,
        severity=(dg.AssetCheckSeverity.ERROR if verdict.result is Result.WRONG else dg.AssetCheckSeverity.WARN),
        description=verdict.summary,
        metadata=_metadata(verdict),
    )


def _metadata(verdict: Verdict) -> dict[str, Any]:
    metadata: dict[str, Any] = {"divisions_checked": verdict.divisions_checked}
    if verdict.calls:
        metadata["calls"] = verdict.calls
    if verdict.divisions:
        rows = [{"division": division, "what": what} for division, what in sorted(verdict.divisions.items())]
        metadata["divisions"] = dg.MarkdownMetadataValue(_markdown(rows[:MOST_DIVISIONS_SHOWN]))
    if verdict.examples:
        metadata["examples"] = dg.MarkdownMetadataValue(_markdown(verdict.examples))
    if verdict.advice is not None:
        metadata["what_to_do"] = verdict.advice
    return metadata


def _markdown(rows: Iterable[Mapping[str, Any]]) -> str:
    """Write rows of the same columns as a table."""
    listed = list(rows)
    names = list(listed[0])
    lines = [names, ["---"] * len(names), *([_cell(row[name]) for name in names] for row in listed)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")


def _checks(tables: Iterable[Table], *, kept: Sequence[Table], wanted: Collection[Check]) -> AssetSelection:
    """Select those of the wanted checks that tables have, without their assets."""
    return AssetSelection.checks(
        *(
            dg.AssetCheckKey(asset_key(table), check.value)
            for table in tables
            for check in checks_of(table, kept=kept)
            if check in wanted
        )
    )
