"""Lines without their header, and those whose header was never to be there."""

import pytest

from exact_assets.catalogue import select
from exact_assets.checks.has_header import HAS_HEADER
from exact_assets.checks.result import CheckStatus
from exact_assets_tests.checks.conftest import (
    DIVISION,
    ENTRY_LINES,
    ORDER_LINES,
    ORDERS,
    START_YEAR,
    TABLES,
    THIS_YEAR,
    Copy,
    key_of,
)

DAY = "INTERVAL 1 DAY"


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
    copy.run(
        f"UPDATE exact.{ORDER_LINES} {number} WHERE id = '{key_of(copy, ORDER_LINES, f'_year = {THIS_YEAR}')}'"
    )
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
