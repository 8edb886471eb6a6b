"""The ledger: what does not balance is found, to the cent, and the entries are named."""

from decimal import Decimal

from exact_assets.catalogue import select
from exact_assets.checks.balances_equal_exact import BALANCES_EQUAL_EXACT
from exact_assets.checks.debits_equal_credits import DEBITS_EQUAL_CREDITS
from exact_assets.checks.status import CheckStatus
from exact_assets.checks.ledger import BALANCE, LEDGER
from exact_assets_tests.checks.conftest import THIS_YEAR, Copy

DIVISION = 100_001


def line(copy: Copy) -> tuple[str, int, int]:
    """Give a line of the current year: its ID, its entry's number and its period."""
    return copy.run(
        f"SELECT id, entry_number, financial_period FROM exact.{LEDGER} WHERE division = {DIVISION} "
        f"AND financial_year = {THIS_YEAR} AND status >= 20 ORDER BY id"
    )[0]


def settle(copy: Copy) -> None:
    """Let the ledger be older than the balances that were read."""
    copy.run(f"UPDATE exact.{LEDGER} SET _loaded_at = _loaded_at - INTERVAL 1 DAY")


def test_a_cent_too_much_is_found_and_the_entry_named(copy: Copy) -> None:
    settle(copy)
    row, entry, period = line(copy)
    copy.run(f"UPDATE exact.{LEDGER} SET amount_dc = amount_dc + 0.01 WHERE id = '{row}'")
    assert copy.failures() == {
        f"{LEDGER} debits_equal_credits": CheckStatus.FAILED,
        f"{LEDGER} balances_equal_exact": CheckStatus.FAILED,
    }
    examples = copy.result(LEDGER, DEBITS_EQUAL_CREDITS).examples
    shown = [
        (one["unbalanced"], one["financial_period"], float(one["difference"]), one["entries"]) for one in examples
    ]
    assert shown == [("entry", period, 0.01, str(entry)), ("period", period, 0.01, str(entry))]
    (difference,) = copy.result(LEDGER, BALANCES_EQUAL_EXACT).examples
    assert difference["ledger"] - difference["exact"] == Decimal("0.01")
    assert str(entry) in difference["entries"].split(", ")


def test_an_entry_in_two_periods_is_a_warning_that_names_it(copy: Copy) -> None:
    row, entry, period = line(copy)
    other = period % 12 + 1
    copy.run(f"UPDATE exact.{LEDGER} SET financial_period = {other} WHERE id = '{row}' AND amount_dc <> 0")
    result = copy.result(LEDGER, DEBITS_EQUAL_CREDITS)
    assert result.status is CheckStatus.WARNING
    shown = {(one["unbalanced"], one["financial_period"], one["entries"]) for one in result.examples}
    assert shown == {("period", period, str(entry)), ("period", other, str(entry))}


def test_a_ledger_that_is_being_loaded_may_lack_lines(copy: Copy) -> None:
    row, entry, _ = line(copy)
    under_way = 'replace(state, \'}\', \',"chain":{"link":"x"}}\')'
    copy.run(
        f"DELETE FROM exact.{LEDGER} WHERE id = '{row}'",
        f"UPDATE exact._streams SET state = {under_way} WHERE table_name = '{LEDGER}' AND division = {DIVISION}",
    )
    results = copy.results(select(LEDGER))
    debits = results[f"{LEDGER} debits_equal_credits"]
    assert (debits.status, debits.examples[0]["entries"]) == (CheckStatus.WARNING, str(entry))
    balances = results[f"{LEDGER} balances_equal_exact"]
    assert (balances.status, balances.divisions_checked) == (CheckStatus.PASSED, 1)
    assert "under way" in balances.divisions[DIVISION]


def test_less_than_a_cent_is_no_difference(copy: Copy) -> None:
    settle(copy)
    copy.run(f"UPDATE exact.{LEDGER} SET amount_dc = amount_dc + 0.0000000003 WHERE id = '{line(copy)[0]}'")
    assert copy.failures() == {}


def test_an_amount_on_another_account_is_found_by_the_balances_alone(copy: Copy) -> None:
    settle(copy)
    row, entry, period = line(copy)
    others = f"FROM exact.{LEDGER} AS o WHERE o.division = l.division AND o.gl_account <> l.gl_account"
    other = f"(SELECT min(o.gl_account) {others})"
    copy.run(f"UPDATE exact.{LEDGER} AS l SET gl_account = {other} WHERE id = '{row}'")
    assert copy.failures() == {f"{LEDGER} balances_equal_exact": CheckStatus.FAILED}
    result = copy.result(LEDGER, BALANCES_EQUAL_EXACT)
    assert {(one["year"], one["period"]) for one in result.examples} == {(THIS_YEAR, period)}
    assert any(str(entry) in (one["entries"] or "") for one in result.examples)
    assert result.calls == 1


def test_a_ledger_that_changed_after_the_balances_were_read_is_a_warning(copy: Copy) -> None:
    settle(copy)
    row = line(copy)[0]
    copy.run(
        f"UPDATE exact.{LEDGER} SET amount_dc = amount_dc + 1, _loaded_at = now() + INTERVAL 1 HOUR "
        f"WHERE id = '{row}'"
    )
    assert copy.result(LEDGER, BALANCES_EQUAL_EXACT).status is CheckStatus.WARNING


def test_a_ledger_that_lags_behind_exact_is_a_warning(copy: Copy) -> None:
    settle(copy)
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
        f"WHERE id = '{line(copy)[0]}'"
    )
    result = copy.results(ledger, kept=ledger)[f"{LEDGER} balances_equal_exact"]
    assert (result.status, len(result.examples)) == (CheckStatus.FAILED, 1)


def test_drafts_are_in_no_balance(copy: Copy) -> None:
    copy.load(f"{LEDGER},{BALANCE}")
    copy.run(
        f"INSERT INTO exact.{LEDGER} SELECT * REPLACE (uuid() AS id, 10 AS status, -amount_dc AS amount_dc) "
        f"FROM exact.{LEDGER} WHERE entry_id = (SELECT min(entry_id) FROM exact.{LEDGER})"
    )
    assert copy.result(LEDGER, BALANCES_EQUAL_EXACT).status is CheckStatus.PASSED
    assert copy.result(LEDGER, DEBITS_EQUAL_CREDITS).status is CheckStatus.PASSED
