"""Rows beside Exact's own count: what a call costs, what differs, and what Exact refuses."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exact_assets.catalogue import select
from exact_assets.checks.result import CheckStatus
from exact_assets.checks.row_count import ROW_COUNT
from exact_assets.feeds.counting import COUNT
from exact_assets.warehouse.open import open_configured
from exact_assets_tests.checks.conftest import (
    ACCOUNTS,
    DIVISION,
    OTHER,
    THIS_YEAR,
    UNLIMITED,
    Copy,
    load,
    load_all,
    new_place,
)
from exact_assets_tests.installation import Installation, installation

INVOICES, BALANCE = "salesinvoice_sales_invoices", "financial_reporting_balance"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with new_place(tmp_path_factory) as made:
        yield made


@pytest.fixture(scope="module")
def loaded(place: Installation) -> Path:
    return load_all(place)


def asked(copy: Copy) -> list[dict[str, Any]]:
    return copy.place.simulator.control.calls()


@pytest.mark.parametrize("table", [ACCOUNTS, INVOICES, BALANCE, "vat_vat_codes", "logistics_units"])
def test_a_count_is_one_call_per_division(copy: Copy, table: str) -> None:
    copy.place.simulator.control.forget_calls()
    result = copy.result(table, ROW_COUNT)
    assert (result.status, result.divisions_checked, result.calls) == (CheckStatus.PASSED, 2, 2)
    assert Counter(call["division"] for call in asked(copy)) == {DIVISION: 1, OTHER: 1}
    assert {call["status"] for call in asked(copy)} == {200}


def test_rows_that_are_missing_without_a_change_in_exact_are_wrong(copy: Copy) -> None:
    copy.run(
        f"DELETE FROM exact.{ACCOUNTS} WHERE id = (SELECT min(id) FROM exact.{ACCOUNTS} WHERE division = {OTHER})"
    )
    result = copy.result(ACCOUNTS, ROW_COUNT)
    assert (result.status, [one["division"] for one in result.examples]) == (CheckStatus.FAILED, [OTHER])
    assert result.calls == 3


def test_rows_that_were_added_in_exact_are_a_warning(copy: Copy) -> None:
    copy.load(ACCOUNTS)
    copy.place.simulator.control.insert("crm/Accounts", DIVISION, count=3)
    result = copy.result(ACCOUNTS, ROW_COUNT)
    assert (result.status, [one["division"] for one in result.examples]) == (CheckStatus.WARNING, [DIVISION])
    copy.load(ACCOUNTS)
    assert copy.result(ACCOUNTS, ROW_COUNT).status is CheckStatus.PASSED


def test_rows_that_were_deleted_in_exact_are_a_warning(copy: Copy) -> None:
    copy.load("vat_vat_codes,documents_document_attachments")
    copy.place.simulator.control.delete("documents/DocumentAttachments", DIVISION, count=1)
    result = copy.result("documents_document_attachments", ROW_COUNT)
    assert result.status is CheckStatus.WARNING
    assert "1 more than Exact has" in result.divisions[DIVISION]


def test_only_the_years_that_are_kept_are_counted(copy: Copy) -> None:
    missing = f"SELECT min(invoice_id) FROM exact.{INVOICES} WHERE division = {DIVISION} AND _year = {THIS_YEAR}"
    copy.run(f"DELETE FROM exact.{INVOICES} WHERE invoice_id = ({missing})")
    result = copy.result(INVOICES, ROW_COUNT)
    kept = copy.run(f"SELECT count(*) FROM exact.{INVOICES} WHERE division = {DIVISION}")[0][0]
    (example,) = result.examples
    assert (example["division"], example["kept"], example["exact"]) == (DIVISION, kept, kept + 1)
    everything = len(copy.place.simulator.control.rows("salesinvoice/SalesInvoices", DIVISION))
    assert everything > kept + 1


def test_a_refused_count_is_remembered_and_not_asked_for_again(copy: Copy) -> None:
    control = copy.place.simulator.control
    control.forget_calls()
    control.fault("status", path="inlinecount", times=None, value=400)
    try:
        first = copy.result(ACCOUNTS, ROW_COUNT)
        second = copy.result(ACCOUNTS, ROW_COUNT)
    finally:
        control.clear_faults()
        control.forget_quota()
    assert [call["status"] for call in asked(copy)] == [400]
    assert (first.status, second.status) == (CheckStatus.NOT_CHECKED, CheckStatus.PASSED)
    assert "does not count" in second.summary
    states = copy.warehouse.states(select(ACCOUNTS)[0], copy.place.divisions)
    assert sum(COUNT in state.refused for state in states.values()) == 1
    copy.load(ACCOUNTS)
    assert copy.result(ACCOUNTS, ROW_COUNT).calls == 0


def test_an_answer_without_a_count_is_remembered_too(copy: Copy) -> None:
    control = copy.place.simulator.control
    control.forget_calls()
    control.set(inline_count="never")
    try:
        first = copy.result(ACCOUNTS, ROW_COUNT)
    finally:
        control.set(inline_count="always")
    second = copy.result(ACCOUNTS, ROW_COUNT)
    assert (first.status, second.status, len(asked(copy))) == (CheckStatus.NOT_CHECKED, CheckStatus.PASSED, 2)


def test_divisions_that_are_not_chosen_are_not_asked_about(copy: Copy) -> None:
    copy.place.simulator.control.forget_calls()
    result = copy.results(select(ACCOUNTS), divisions=())[f"{ACCOUNTS} row_count"]
    assert (result.status, asked(copy)) == (CheckStatus.PASSED, [])
    assert "not chosen for copying" in result.summary


def test_a_division_that_exact_refuses_is_told_and_the_others_are_counted(copy: Copy) -> None:
    control = copy.place.simulator.control
    control.set(refused_divisions={OTHER: "DivisionBlocked"})
    try:
        result = copy.result("logistics_units", ROW_COUNT)
    finally:
        control.set(refused_divisions={})
    assert (result.status, result.divisions_checked) == (CheckStatus.PASSED, 1)
    assert "blocked" in result.divisions[OTHER]
    assert result.summary.endswith("1 not checked.")


@pytest.mark.long
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.timeout(280)
def test_a_fresh_default_selection_passes_and_nothing_is_refused(tmp_path: Path, *, strict: bool) -> None:
    kept = select("default")
    with installation(tmp_path, divisions=2, rows=200, strict=strict, settings=UNLIMITED) as place:
        place.enable(*place.divisions)
        load(place, open_configured(place.config), kept)
        place.simulator.control.forget_calls()
        results = Copy(place, place.warehouse).results(kept, kept=kept)
        calls = place.simulator.control.calls()
    assert {name: one.summary for name, one in results.items() if one.status is not CheckStatus.PASSED} == {}
    counted = [one for one in results.values() if one.check == ROW_COUNT.name]
    assert len(counted) > 40
    # The strict one gives bare lists without a count, so that each is asked for twice.
    assert len(calls) == 2 * len(counted) * (2 if strict else 1)
    assert {call["status"] for call in calls} == {200}
