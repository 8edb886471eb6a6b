"""The ledger beside Exact's own balances, kept or read for the check."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from exact_assets.catalogue import select
from exact_assets.checks.balances_equal_exact import BALANCES_EQUAL_EXACT
from exact_assets.checks.debits_equal_credits import DEBITS_EQUAL_CREDITS
from exact_assets.checks.ledger import BALANCE, LEDGER
from exact_assets.checks.result import CheckStatus
from exact_assets_tests.checks.conftest import (
    DIVISION,
    OTHER,
    THIS_YEAR,
    Copy,
    age_ledger,
    ledger_line,
    load_all,
    new_place,
)
from exact_assets_tests.installation import Installation

DAY = "INTERVAL 1 DAY"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with new_place(tmp_path_factory) as made:
        yield made


@pytest.fixture(scope="module")
def loaded(place: Installation) -> Path:
    return load_all(place)


def test_an_amount_on_another_account_is_found_by_the_balances_alone(copy: Copy) -> None:
    age_ledger(copy)
    row, entry, period = ledger_line(copy)
    others = f"FROM exact.{LEDGER} AS o WHERE o.division = l.division AND o.gl_account <> l.gl_account"
    other = f"(SELECT min(o.gl_account) {others})"
    copy.run(f"UPDATE exact.{LEDGER} AS l SET gl_account = {other} WHERE id = '{row}'")
    assert copy.failures() == {f"{LEDGER} balances_equal_exact": CheckStatus.FAILED}
    result = copy.result(LEDGER, BALANCES_EQUAL_EXACT)
    assert {(one["year"], one["period"]) for one in result.examples} == {(THIS_YEAR, period)}
    assert any(str(entry) in (one["entries"] or "") for one in result.examples)
    assert result.calls == 1


def test_a_ledger_that_changed_after_the_balances_were_read_is_a_warning(copy: Copy) -> None:
    age_ledger(copy)
    row = ledger_line(copy)[0]
    copy.run(
        f"UPDATE exact.{LEDGER} SET amount_dc = amount_dc + 1, _loaded_at = now() + INTERVAL 1 HOUR "
        f"WHERE id = '{row}'"
    )
    assert copy.result(LEDGER, BALANCES_EQUAL_EXACT).status is CheckStatus.WARNING


def test_a_ledger_that_lags_behind_exact_is_a_warning(copy: Copy) -> None:
    age_ledger(copy)
    copy.place.simulator.control.insert("generaljournalentry/GeneralJournalEntries", DIVISION, count=2)
    copy.load(BALANCE)
    result = copy.result(LEDGER, BALANCES_EQUAL_EXACT)
    assert result.status is CheckStatus.WARNING
    copy.load(f"{LEDGER},{BALANCE}")
    assert copy.result(LEDGER, BALANCES_EQUAL_EXACT).status is CheckStatus.PASSED


def test_balances_that_are_not_kept_are_read_from_exact(copy: Copy) -> None:
    copy.load(LEDGER)
    ledger = select(LEDGER)
    result = copy.results(ledger, kept=ledger)[f"{LEDGER} balances_equal_exact"]
    assert (result.status, result.divisions_checked) == (CheckStatus.PASSED, 2)
    assert result.calls > 0
    copy.run(
        f"UPDATE exact.{LEDGER} SET amount_dc = amount_dc + 1, _loaded_at = _loaded_at - INTERVAL 1 DAY "
        f"WHERE id = '{ledger_line(copy)[0]}'"
    )
    result = copy.results(ledger, kept=ledger)[f"{LEDGER} balances_equal_exact"]
    assert (result.status, len(result.examples)) == (CheckStatus.FAILED, 1)


def test_an_answer_with_a_link_that_is_none_leaves_its_division_unchecked_and_no_other(copy: Copy) -> None:
    copy.load(LEDGER)
    ledger, control = select(LEDGER), copy.place.simulator.control
    control.fault("next_elsewhere", path="ReportingBalance", division=OTHER, value="http://[::1")
    try:
        result = copy.results(ledger, kept=ledger)[f"{LEDGER} balances_equal_exact"]
    finally:
        control.clear_faults()
    assert result.divisions_checked == 1
    assert "The link to the next page is no address" in result.divisions[OTHER]


def test_drafts_are_in_no_balance(copy: Copy) -> None:
    copy.load(f"{LEDGER},{BALANCE}")
    copy.run(
        f"INSERT INTO exact.{LEDGER} SELECT * REPLACE (uuid() AS id, 10 AS status, -amount_dc AS amount_dc) "
        f"FROM exact.{LEDGER} WHERE entry_id = (SELECT min(entry_id) FROM exact.{LEDGER})"
    )
    assert copy.result(LEDGER, BALANCES_EQUAL_EXACT).status is CheckStatus.PASSED
    assert copy.result(LEDGER, DEBITS_EQUAL_CREDITS).status is CheckStatus.PASSED
