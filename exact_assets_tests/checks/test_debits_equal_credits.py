"""What does not balance in the ledger is found, to the cent, and the entries are named."""

from decimal import Decimal

from exact_assets.catalogue import select
from exact_assets.checks.balances_equal_exact import BALANCES_EQUAL_EXACT
from exact_assets.checks.debits_equal_credits import DEBITS_EQUAL_CREDITS
from exact_assets.checks.ledger import LEDGER
from exact_assets.checks.result import CheckStatus
from exact_assets_tests.checks.conftest import DIVISION, Copy, age_ledger, ledger_line


def test_a_cent_too_much_is_found_and_the_entry_named(copy: Copy) -> None:
    age_ledger(copy)
    row, entry, period = ledger_line(copy)
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
    row, entry, period = ledger_line(copy)
    other = period % 12 + 1
    copy.run(f"UPDATE exact.{LEDGER} SET financial_period = {other} WHERE id = '{row}' AND amount_dc <> 0")
    result = copy.result(LEDGER, DEBITS_EQUAL_CREDITS)
    assert result.status is CheckStatus.WARNING
    shown = {(one["unbalanced"], one["financial_period"], one["entries"]) for one in result.examples}
    assert shown == {("period", period, str(entry)), ("period", other, str(entry))}


def test_a_ledger_that_is_being_loaded_may_lack_lines(copy: Copy) -> None:
    row, entry, _ = ledger_line(copy)
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
    age_ledger(copy)
    copy.run(f"UPDATE exact.{LEDGER} SET amount_dc = amount_dc + 0.0000000003 WHERE id = '{ledger_line(copy)[0]}'")
    assert copy.failures() == {}
