"""All checks together: what passes, what is gone, never loaded or held by another process."""

import duckdb

from exact_assets.checks.own_division import IN_OWN_DIVISION
from exact_assets.checks.registry import CHECKS
from exact_assets.checks.result import CheckStatus
from exact_assets_tests.checks.conftest import ACCOUNTS, UNITS, Copy, key_of


def test_what_was_just_loaded_passes_everything(copy: Copy) -> None:
    results = copy.results()
    assert copy.failures() == {}
    assert {result.check for result in results.values()} == {check.name for check in CHECKS}
    assert {result.divisions_checked for result in results.values()} == {2}
    [(accounts,)] = copy.run(f"SELECT count(*) FROM exact.{ACCOUNTS}")
    assert results[f"{ACCOUNTS} keys_unique"].summary == f"Nothing wrong in {accounts:,} rows of 2 divisions."


def test_a_row_that_was_found_to_be_gone_counts_as_gone(copy: Copy) -> None:
    row = key_of(copy, ACCOUNTS)
    copy.run(f"UPDATE exact.{ACCOUNTS} SET deleted_at = now(), _year = 1 WHERE id = '{row}'")
    results = copy.results()
    wrong = {name for name, one in results.items() if one.status is not CheckStatus.PASSED}
    assert wrong == {f"{ACCOUNTS} row_count"}


def test_a_table_that_was_never_loaded_has_nothing_to_check(copy: Copy) -> None:
    copy.run(f"DROP TABLE exact.{UNITS}", f"DELETE FROM exact._streams WHERE table_name = '{UNITS}'")
    assert copy.failures() == {}
    assert "never loaded" in copy.result(UNITS, IN_OWN_DIVISION).summary


def test_a_warehouse_that_is_busy_is_not_taken_for_wrong_rows(copy: Copy) -> None:
    with duckdb.connect(str(copy.path)):
        result = copy.result(UNITS, IN_OWN_DIVISION)
    assert result.status is CheckStatus.NOT_CHECKED
    assert "held elsewhere" in result.summary
