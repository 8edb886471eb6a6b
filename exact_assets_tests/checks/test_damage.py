"""Each kind of damage is found by its check, which names it, and by no other."""

import duckdb
import pytest

from exact_assets.catalogue import select
from exact_assets.checks.has_header import HAS_HEADER
from exact_assets.checks.keys_unique import KEYS_UNIQUE
from exact_assets.checks.own_division import OWN_DIVISION
from exact_assets.checks.year_in_partition import YEAR_IN_PARTITION
from exact_assets.checks.status import CheckStatus
from exact_assets_tests.checks.conftest import START_YEAR, TABLES, THIS_YEAR, Copy

ACCOUNTS, ORDERS, ORDER_LINES = "crm_accounts", "salesorder_sales_orders", "salesorder_sales_order_lines"
ENTRY_LINES, UNITS = "salesentry_sales_entry_lines", "logistics_units"
LEDGER = "financialtransaction_transaction_lines"
DIVISION, OTHER = 100_001, 100_002
DAY = "INTERVAL 1 DAY"


def one(copy: Copy, table: str, condition: str = "true", *, key: str = "id") -> str:
    """Give the key of a row of the first division."""
    found = copy.run(f"SELECT {key} FROM exact.{table} WHERE division = {DIVISION} AND {condition} ORDER BY {key}")
    return str(found[0][0])


def test_what_was_just_loaded_passes_everything(copy: Copy) -> None:
    results = copy.results()
    assert copy.failures() == {}
    assert {result.check for result in results.values()} == set(Check)
    assert {result.divisions_checked for result in results.values()} == {2}


def test_a_key_that_stands_twice_is_found(copy: Copy) -> None:
    double, gone = one(copy, ACCOUNTS), one(copy, ACCOUNTS, f"id <> '{one(copy, ACCOUNTS)}'")
    copy.run(
        f"CREATE TABLE exact.unkeyed AS FROM exact.{ACCOUNTS}",
        f"DROP TABLE exact.{ACCOUNTS}",
        f"ALTER TABLE exact.unkeyed RENAME TO {ACCOUNTS}",
        f"DELETE FROM exact.{ACCOUNTS} WHERE id = '{gone}'",
        f"INSERT INTO exact.{ACCOUNTS} FROM exact.{ACCOUNTS} WHERE id = '{double}'",
    )
    assert copy.failures() == {f"{ACCOUNTS} keys_unique": CheckStatus.FAILED}
    result = copy.result(ACCOUNTS, KEYS_UNIQUE)
    assert (str(result.examples[0]["id"]), result.examples[0]["copies"]) == (double, 2)
    assert "reload" in (result.advice or "").lower()


def test_a_row_of_a_division_that_was_never_asked_for_is_found(copy: Copy) -> None:
    copy.run(
        f"INSERT INTO exact.{ORDERS} SELECT * REPLACE (999999 AS division, uuid() AS order_id) FROM exact.{ORDERS} "
        f"WHERE id = '{one(copy, ORDERS)}'",
        f"UPDATE exact.{ORDERS} SET id = uuid() WHERE division = 999999",
    )
    assert copy.failures() == {f"{ORDERS} own_division": CheckStatus.FAILED}
    result = copy.result(ORDERS, OWN_DIVISION)
    assert result.divisions == {999_999: "1 wrong"}


def test_a_record_that_is_in_two_divisions_is_found(copy: Copy) -> None:
    record = one(copy, ACCOUNTS)
    copy.run(
        f"DELETE FROM exact.{ACCOUNTS} WHERE id = (SELECT max(id) FROM exact.{ACCOUNTS} WHERE division = {OTHER})",
        f"INSERT INTO exact.{ACCOUNTS} SELECT * REPLACE ({OTHER} AS division) FROM exact.{ACCOUNTS} "
        f"WHERE id = '{record}'",
    )
    assert copy.failures() == {f"{ACCOUNTS} own_division": CheckStatus.WARNING}
    assert {str(row["id"]) for row in copy.result(ACCOUNTS, OWN_DIVISION).examples} == {record}


def test_a_division_that_the_selection_lacks_is_a_warning_for_each_table(copy: Copy) -> None:
    copy.run(f"DELETE FROM exact.divisions WHERE division = {OTHER}")
    failures = copy.failures()
    assert {name.split()[1] for name in failures} == {"own_division"}
    assert set(failures.values()) == {CheckStatus.WARNING}


def test_a_row_in_the_partition_of_another_year_is_found(copy: Copy) -> None:
    row = one(copy, LEDGER, f"_year = {THIS_YEAR}")
    copy.run(f"UPDATE exact.{LEDGER} SET _year = {THIS_YEAR - 1} WHERE id = '{row}'")
    assert copy.failures() == {f"{LEDGER} year_in_partition": CheckStatus.FAILED}
    (example,) = copy.result(LEDGER, YEAR_IN_PARTITION).examples
    assert (str(example["id"]), example["_year"], example["year_of_row"]) == (row, THIS_YEAR - 1, THIS_YEAR)


def test_the_year_of_an_instant_is_that_of_the_sites_clock(copy: Copy) -> None:
    """In Amsterdam, 23:30 UTC of New Year's Eve is in the new year."""
    row = one(copy, ACCOUNTS)
    created = f"TIMESTAMPTZ '{START_YEAR}-12-31 23:30:00+00'"
    copy.run(f"UPDATE exact.{ACCOUNTS} SET created = {created}, _year = {START_YEAR + 1} WHERE id = '{row}'")
    assert copy.failures() == {}
    copy.run(f"UPDATE exact.{ACCOUNTS} SET _year = {START_YEAR} WHERE id = '{row}'")
    assert copy.failures() == {f"{ACCOUNTS} year_in_partition": CheckStatus.FAILED}


def test_a_business_row_before_the_starting_year_is_found(copy: Copy) -> None:
    row = one(copy, ORDERS)
    copy.run(f"UPDATE exact.{ORDERS} SET order_date = DATE '2001-05-05', _year = 2001 WHERE id = '{row}'")
    assert copy.failures() == {f"{ORDERS} year_in_partition": CheckStatus.FAILED}
    assert copy.result(ORDERS, YEAR_IN_PARTITION).examples[0]["problem"] == "before the starting year"


def test_an_undated_row_with_a_year_is_found(copy: Copy) -> None:
    copy.run(f"UPDATE exact.{UNITS} SET _year = 2024 WHERE id = '{one(copy, UNITS)}'")
    assert copy.failures() == {f"{UNITS} year_in_partition": CheckStatus.FAILED}


def test_a_line_in_another_year_than_its_header_is_a_warning(copy: Copy) -> None:
    row = one(copy, ENTRY_LINES, f"_year = {THIS_YEAR}")
    copy.run(f"UPDATE exact.{ENTRY_LINES} SET _year = {THIS_YEAR - 1} WHERE id = '{row}'")
    assert copy.failures() == {f"{ENTRY_LINES} year_in_partition": CheckStatus.WARNING}


@pytest.mark.parametrize(
    ("headers", "lines", "key", "foreign_key"),
    [
        (ORDERS, ORDER_LINES, "order_id", "order_id"),
        ("documents_documents", "documents_document_attachments", "id", "document"),
        ("salesentry_sales_entries", ENTRY_LINES, "entry_id", "entry_id"),
    ],
)
def test_lines_without_their_header_are_found(
    copy: Copy, headers: str, lines: str, key: str, foreign_key: str
) -> None:
    header = copy.run(
        f"SELECT h.{key} FROM exact.{headers} h JOIN exact.{lines} l ON l.{foreign_key} = h.{key} "
        f"AND l.division = h.division ORDER BY h._year DESC, h.created DESC"
    )[0][0]
    copy.run(f"DELETE FROM exact.{headers} WHERE {key} = '{header}'")
    found = {name: result for name, result in copy.failures().items() if "has_header" in name}
    assert found == {f"{lines} has_header": CheckStatus.WARNING}
    # Lines that were there long before their headers were read are no news.
    copy.run(f"UPDATE exact.{lines} SET _loaded_at = _loaded_at - {DAY}")
    result = copy.result(lines, HAS_HEADER)
    assert result.status is CheckStatus.FAILED
    assert {str(row["header"]) for row in result.examples} == {str(header)}


def test_lines_of_headers_before_the_starting_year_are_no_violation(copy: Copy) -> None:
    last = copy.run(f"SELECT max(order_number) FROM exact.{ORDERS} WHERE _year = {START_YEAR}")[0][0]
    number = f"SET order_id = uuid(), order_number = {last - 1}"
    copy.run(f"UPDATE exact.{ORDER_LINES} {number} WHERE id = '{one(copy, ORDER_LINES, f'_year = {THIS_YEAR}')}'")
    assert copy.failures() == {}


def test_headers_that_are_loaded_for_some_years_only_leave_their_lines_in_peace(copy: Copy) -> None:
    headers = "salesinvoice_sales_invoices"
    lines = select("salesinvoice_sales_invoice_lines")
    copy.load("salesinvoice_sales_invoice_lines")
    years = f"SELECT state FROM exact._streams WHERE table_name = '{headers}' AND division = {DIVISION}"
    assert f'"years":[{START_YEAR},' in copy.run(years)[0][0]
    copy.run(
        f"DELETE FROM exact.{headers} WHERE _year = {START_YEAR}",
        f"UPDATE exact._streams SET state = replace(state, '\"years\":[{START_YEAR},', '\"years\":[') "
        f"WHERE table_name = '{headers}'",
    )
    results = copy.results(lines, kept=(*TABLES, *lines))
    assert results[f"{lines[0].name} has_header"].status is CheckStatus.PASSED
    copy.run(f"DELETE FROM exact.{headers} WHERE _year = {THIS_YEAR}")
    results = copy.results(lines, kept=(*TABLES, *lines))
    assert results[f"{lines[0].name} has_header"].status is not CheckStatus.PASSED


def test_a_row_that_was_found_to_be_gone_counts_as_gone(copy: Copy) -> None:
    row = one(copy, ACCOUNTS)
    copy.run(f"UPDATE exact.{ACCOUNTS} SET deleted_at = now(), _year = 1 WHERE id = '{row}'")
    results = copy.results()
    wrong = {name for name, one in results.items() if one.status is not CheckStatus.PASSED}
    assert wrong == {f"{ACCOUNTS} row_count"}


def test_a_table_that_was_never_loaded_has_nothing_to_check(copy: Copy) -> None:
    copy.run(f"DROP TABLE exact.{UNITS}", f"DELETE FROM exact._streams WHERE table_name = '{UNITS}'")
    assert copy.failures() == {}
    assert "never loaded" in copy.result(UNITS, OWN_DIVISION).summary


def test_a_warehouse_that_is_busy_is_not_taken_for_wrong_rows(copy: Copy) -> None:
    with duckdb.connect(str(copy.path)):
        result = copy.result(UNITS, OWN_DIVISION)
    assert result.status is CheckStatus.NOT_CHECKED
    assert "held elsewhere" in result.summary
