"""Rows in the partition of another year than their own."""

from exact_assets.checks.ledger import LEDGER
from exact_assets.checks.result import CheckStatus
from exact_assets.checks.year_in_partition import YEAR_IN_PARTITION
from exact_assets_tests.checks.conftest import (
    ACCOUNTS,
    ENTRY_LINES,
    ORDERS,
    START_YEAR,
    THIS_YEAR,
    UNITS,
    Copy,
    key_of,
)


def test_a_row_in_the_partition_of_another_year_is_found(copy: Copy) -> None:
    row = key_of(copy, LEDGER, f"_year = {THIS_YEAR}")
    copy.run(f"UPDATE exact.{LEDGER} SET _year = {THIS_YEAR - 1} WHERE id = '{row}'")
    assert copy.failures() == {f"{LEDGER} year_in_partition": CheckStatus.FAILED}
    (example,) = copy.result(LEDGER, YEAR_IN_PARTITION).examples
    assert (str(example["id"]), example["_year"], example["year_of_row"]) == (row, THIS_YEAR - 1, THIS_YEAR)


def test_the_year_of_an_instant_is_that_of_the_sites_clock(copy: Copy) -> None:
    """In Amsterdam, 23:30 UTC of New Year's Eve is in the new year."""
    row = key_of(copy, ACCOUNTS)
    created = f"TIMESTAMPTZ '{START_YEAR}-12-31 23:30:00+00'"
    copy.run(f"UPDATE exact.{ACCOUNTS} SET created = {created}, _year = {START_YEAR + 1} WHERE id = '{row}'")
    assert copy.failures() == {}
    copy.run(f"UPDATE exact.{ACCOUNTS} SET _year = {START_YEAR} WHERE id = '{row}'")
    assert copy.failures() == {f"{ACCOUNTS} year_in_partition": CheckStatus.FAILED}


def test_a_business_row_before_the_starting_year_is_found(copy: Copy) -> None:
    row = key_of(copy, ORDERS)
    copy.run(f"UPDATE exact.{ORDERS} SET order_date = DATE '2001-05-05', _year = 2001 WHERE id = '{row}'")
    assert copy.failures() == {f"{ORDERS} year_in_partition": CheckStatus.FAILED}
    assert copy.result(ORDERS, YEAR_IN_PARTITION).examples[0]["problem"] == "before the starting year"


def test_an_undated_row_with_a_year_is_found(copy: Copy) -> None:
    copy.run(f"UPDATE exact.{UNITS} SET _year = 2024 WHERE id = '{key_of(copy, UNITS)}'")
    assert copy.failures() == {f"{UNITS} year_in_partition": CheckStatus.FAILED}


def test_a_line_in_another_year_than_its_header_is_a_warning(copy: Copy) -> None:
    row = key_of(copy, ENTRY_LINES, f"_year = {THIS_YEAR}")
    copy.run(f"UPDATE exact.{ENTRY_LINES} SET _year = {THIS_YEAR - 1} WHERE id = '{row}'")
    assert copy.failures() == {f"{ENTRY_LINES} year_in_partition": CheckStatus.WARNING}
