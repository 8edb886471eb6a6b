"""Rows of other divisions, and records in two."""

from exact_assets.checks.own_division import IN_OWN_DIVISION
from exact_assets.checks.result import CheckStatus
from exact_assets_tests.checks.conftest import ACCOUNTS, ORDERS, OTHER, Copy, key_of


def test_a_row_of_a_division_that_was_never_asked_for_is_found(copy: Copy) -> None:
    copy.run(
        f"INSERT INTO exact.{ORDERS} SELECT * REPLACE (999999 AS division, uuid() AS order_id) FROM exact.{ORDERS} "
        f"WHERE id = '{key_of(copy, ORDERS)}'",
        f"UPDATE exact.{ORDERS} SET id = uuid() WHERE division = 999999",
    )
    assert copy.failures() == {f"{ORDERS} own_division": CheckStatus.FAILED}
    result = copy.result(ORDERS, IN_OWN_DIVISION)
    assert result.divisions == {999_999: "1 wrong"}


def test_a_record_that_is_in_two_divisions_is_found(copy: Copy) -> None:
    record = key_of(copy, ACCOUNTS)
    copy.run(
        f"DELETE FROM exact.{ACCOUNTS} WHERE id = (SELECT max(id) FROM exact.{ACCOUNTS} WHERE division = {OTHER})",
        f"INSERT INTO exact.{ACCOUNTS} SELECT * REPLACE ({OTHER} AS division) FROM exact.{ACCOUNTS} "
        f"WHERE id = '{record}'",
    )
    assert copy.failures() == {f"{ACCOUNTS} own_division": CheckStatus.WARNING}
    assert {str(row["id"]) for row in copy.result(ACCOUNTS, IN_OWN_DIVISION).examples} == {record}


def test_a_division_that_the_selection_lacks_is_a_warning_for_each_table(copy: Copy) -> None:
    copy.run(f"DELETE FROM exact.divisions WHERE division = {OTHER}")
    failures = copy.failures()
    assert {name.split()[1] for name in failures} == {"own_division"}
    assert set(failures.values()) == {CheckStatus.WARNING}
