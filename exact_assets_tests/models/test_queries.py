"""The queries of docs/models.md, as they stand there: each has a true answer, on each engine."""

import re

import pytest

from exact_assets_tests.installation import CHECKOUT
from exact_assets_tests.models.conftest import Books

PAGE = (CHECKOUT / "docs" / "models.md").read_text()
RESULT, RECEIVABLES, CONSOLIDATION = (
    block.strip().rstrip(";")
    for block in re.findall(r"(?m)((?:^    \S.*\n|^     +.*\n)+)", PAGE.partition("## Queries")[2])
)


def test_the_result_by_kind_of_account_is_that_of_the_ledger(books: Books) -> None:
    found = dict(books.query(RESULT))
    assert "revenue" in found
    of_year = "financial_year = extract(YEAR FROM current_date)"
    [(expected,)] = books.query(
        "SELECT -sum(l.amount_dc) FROM exact.financialtransaction_transaction_lines AS l JOIN "
        "exact.financial_gl_accounts AS g ON g.division = l.division AND g.id = l.gl_account "
        f"WHERE g.balance_type = 'W' AND l.{of_year}"
    )
    assert sum(found.values()) == pytest.approx(expected)


def test_what_customers_owe_is_what_exact_lists(books: Books) -> None:
    found = books.query(RECEIVABLES)
    [(expected,)] = books.query("SELECT sum(total_amount) FROM exact.financial_aging_receivables_list")
    assert sum(row[2] for row in found) == expected
    assert all(over_90 <= overdue <= owed for _, _, owed, overdue, over_90 in found)
    assert any(over_90 for *_, over_90 in found)


def test_a_consolidation_adds_up_all_divisions(books: Books) -> None:
    found = books.query(CONSOLIDATION)
    assert {row[4] for row in found} == {1, 2}
    assert abs(sum(row[3] for row in found)) < 0.01, "debits equal credits in all divisions together"
    [(debtors,)] = books.query(
        "SELECT sum(amount_dc) FROM exact.financialtransaction_transaction_lines WHERE gl_account_code = '1300'"
    )
    assert sum(row[3] for row in found if row[1] == "1300") == pytest.approx(debtors)
