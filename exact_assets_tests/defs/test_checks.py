"""Checks as Dagster runs and shows them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
import pytest

from exact_assets.build import build_defs
from exact_assets.catalogue import select
from exact_assets.checks.has_header import HAS_HEADER
from exact_assets.checks.headers import line_header_of
from exact_assets.checks.registry import CHECKS, checks_of
from exact_assets.checks.result import CheckResult, CheckStatus
from exact_assets.checks.row_count import ROW_COUNT
from exact_assets.config import ExactConfig
from exact_assets.defs.check_results import asset_check_result
from exact_assets.defs.checks import JOB, LEDGER_JOB
from exact_assets_tests.installation import Installation, installation

YEAR = datetime.now(UTC).year
TABLES = "crm_accounts,transaction_lines,reporting_balance,logistics_units"
LEDGER = "financialtransaction_transaction_lines"
DEFAULT = select("default")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("checks"), divisions=2, rows=100) as made:
        made.enable(*made.divisions)
        yield made


def dagster(place: Installation, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dagster", *arguments],
        cwd=place.folder,
        env={**os.environ, **place.environment, "EXACT_TABLES": TABLES},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr


@pytest.mark.long
def test_the_job_records_an_evaluation_of_every_check(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    for table in ("crm_accounts", LEDGER, "financial_reporting_balance"):
        dagster(
            place,
            *("asset", "materialize", "-m", "exact_assets.definitions", "--select", f'key:"exact/{table}"'),
            *("--partition-range", f"100001|{YEAR - 4}...100002|{YEAR}"),
        )
    dagster(place, "definitions", "validate", "-m", "exact_assets.definitions")
    dagster(place, "job", "execute", "-m", "exact_assets.definitions", "-j", JOB)
    monkeypatch.chdir(place.folder)
    monkeypatch.setenv("DAGSTER_HOME", str(place.folder))
    tables = select(TABLES)
    with dg.DagsterInstance.get() as instance:
        wanted = [
            dg.AssetCheckKey(dg.AssetKey(["exact", table.name]), one.name)
            for table in tables
            for one in checks_of(table, kept=tables)
        ]
        found = instance.event_log_storage.get_latest_asset_check_execution_by_key(wanted)
        evaluations = {key.name: record.event.dagster_event for key, record in found.items() if record.event}
        assert set(found) == set(wanted)
        assert {record.status.value for record in found.values()} == {"SUCCEEDED"}
        assert set(evaluations) == {check.name for check in CHECKS} - {"has_header"}


def test_jobs_that_load_run_the_checks_that_cost_no_calls_and_the_job_of_checks_loads_nothing() -> None:
    defs = build_defs(ExactConfig.from_env(tables=TABLES))
    with_loads = selected_checks(defs, "exact_all")
    assert {name for _, name in with_loads} == {
        *("keys_unique", "values_complete", "own_division", "year_in_partition", "debits_equal_credits")
    }
    assert (LEDGER, "keys_unique") in with_loads
    alone = selected_checks(defs, JOB)
    assert {("crm_accounts", "row_count"), (LEDGER, "balances_equal_exact")} <= alone
    assert with_loads <= alone
    assert {table for table, _ in selected_checks(defs, LEDGER_JOB)} == {LEDGER}
    assert defs.resolve_job_def(JOB).asset_layer.selected_asset_keys == set()


def selected_checks(defs: dg.Definitions, job: str) -> set[tuple[str, str]]:
    steps = defs.resolve_job_def(job).asset_layer.data
    return {(key.asset_key.path[-1], key.name) for step in steps for key in step.assets_def.check_keys}


def test_all_checks_run_once_a_day_off_the_hour() -> None:
    schedule = build_defs(ExactConfig.from_env(tables=TABLES)).resolve_schedule_def(f"{JOB}_schedule")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    minute, hour, *rest = str(schedule.cron_schedule).split()
    assert (minute != "0", hour.isdecimal(), rest) == (True, True, ["*", "*", "*"])


@pytest.mark.parametrize(
    ("status", "passed", "severity"),
    [
        (CheckStatus.PASSED, True, dg.AssetCheckSeverity.WARN),
        (CheckStatus.WARNING, False, dg.AssetCheckSeverity.WARN),
        (CheckStatus.NOT_CHECKED, False, dg.AssetCheckSeverity.WARN),
        (CheckStatus.FAILED, False, dg.AssetCheckSeverity.ERROR),
    ],
)
def test_only_what_is_certainly_wrong_is_an_error(
    status: CheckStatus, passed: bool, severity: dg.AssetCheckSeverity
) -> None:
    result = CheckResult(
        check="keys_unique",
        status=status,
        summary="so it is",
        divisions={7: "1 wrong"},
        examples=({"division": 7, "id": "a|b", "copies": 2},),
    )
    shown = asset_check_result(result, dg.AssetKey(["exact", "crm_accounts"]))
    assert (shown.passed, shown.severity, shown.description) == (passed, severity, "so it is")
    assert (
        shown.metadata["examples"].value == "| division | id | copies |\n| --- | --- | --- |\n| 7 | a&#124;b | 2 |"
    )


@pytest.mark.parametrize(
    ("lines", "headers"),
    [
        ("salesorder_sales_order_lines", "salesorder_sales_orders"),
        ("crm_quotation_lines", "crm_quotations"),
        ("salesorder_goods_delivery_lines", "salesorder_goods_deliveries"),
        ("subscription_subscription_lines", "subscription_subscriptions"),
        ("documents_document_attachments", "documents_documents"),
        ("purchaseentry_purchase_entry_lines", "purchaseentry_purchase_entries"),
        ("salesentry_sales_entry_lines", "salesentry_sales_entries"),
    ],
)
def test_lines_are_checked_for_their_header_where_both_are_kept(lines: str, headers: str) -> None:
    table = select(lines)[0]
    header = line_header_of(table)
    assert header is not None
    assert header.table.name == headers
    assert HAS_HEADER in checks_of(table, kept=DEFAULT)
    assert HAS_HEADER not in checks_of(table, kept=[table])


def test_only_what_exact_can_count_is_counted() -> None:
    counted = {table.name for table in DEFAULT if ROW_COUNT in checks_of(table, kept=DEFAULT)}
    # A sync feed of all rows, years that can be filtered on, a small table.
    assert {"crm_accounts", "salesinvoice_sales_invoices", "vat_vat_codes"} <= counted
    # A sync feed of which some years are kept, lines of such headers, a function.
    assert not {LEDGER, "salesentry_sales_entry_lines", "financial_aging_payables_list"} & counted
