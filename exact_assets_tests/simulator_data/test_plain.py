"""Books for people to look at: amounts, names and totals that a firm might have; the hostile ones are for tests."""

from collections.abc import Iterator
from typing import Any

import pytest

from exact_simulator.books.books import Books
from exact_simulator.facts import load_endpoints

MOST = 1_000_000
"""No amount of a small firm's is larger."""


@pytest.fixture(scope="module")
def books() -> Iterator[Books]:
    made = Books.create(divisions=[100001, 100002], first_year=2025, last_year=2026, rows=3000, is_hostile=False)
    yield made
    made.close()


def rows(books: Books, statement: str) -> list[Any]:
    connection = books.connect()
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def test_no_number_is_at_the_edge_and_no_text_is_odd(books: Books) -> None:
    odd: list[tuple[str, str]] = []
    for endpoint in load_endpoints():
        if "GET" not in endpoint.methods:
            continue
        relation, wrong = books.relation(endpoint), {}
        for item in endpoint.properties:
            if item.edm_type == "Edm.Double":
                wrong[item.name] = f'abs("{item.name}")>{MOST}'
            elif item.edm_type == "Edm.String":
                texts = ("%Lorem%", "%東京%")
                likes = " OR ".join(f"\"{item.name}\" LIKE '{text}'" for text in texts)
                wrong[item.name] = f'{likes} OR length("{item.name}")>500'
        if not wrong:
            continue
        # One look at each relation: most are views, and looking takes long.
        [found] = rows(books, f'SELECT {", ".join(f"max({one})" for one in wrong.values())} FROM "{relation}"')
        odd += [(relation, name) for name, is_odd in zip(wrong, found, strict=True) if is_odd]
    assert odd == []


def test_debits_equal_credits_to_the_cent(books: Books) -> None:
    found = rows(
        books,
        "SELECT FinancialYear, FinancialPeriod, sum(CAST(round(AmountDC*100) AS INTEGER)) "
        'FROM "financialtransaction_TransactionLines" GROUP BY 1, 2',
    )
    assert len(found) > 12
    assert {cents for _, _, cents in found} == {0}


@pytest.mark.parametrize("name", ["AgingReceivablesList", "AgingPayablesList"])
def test_ageing_groups_add_up(books: Books, name: str) -> None:
    groups = "+".join(f"AgeGroup{number}Amount" for number in range(1, 5))
    found = rows(books, f'SELECT {groups}, TotalAmount, AgeGroup1Description FROM "read_financial_{name}"')
    assert found
    assert all(abs(total - together) < 0.005 and total >= 0 for together, total, _ in found)
    assert {text for _, _, text in found} == {"Tot 30 dagen"}


def test_divisions_and_ledger_accounts_have_names_of_a_firm(books: Books) -> None:
    names = [name for (name,) in rows(books, 'SELECT DISTINCT Description FROM "system_Divisions"')]
    assert names == ["De Korenaar Groothandel BV", "Peeters Techniek NV"]
    accounts = {name for (name,) in rows(books, 'SELECT Description FROM "financial_GLAccounts"')}
    assert {"Debiteuren", "Omzet diensten", "Huur bedrijfspand"} <= accounts


def test_the_kind_of_books_is_kept_with_them(tmp_path: Any) -> None:
    path = tmp_path / "books.sqlite"
    Books.create(divisions=[1], first_year=2026, last_year=2026, rows=50, path=path, is_hostile=False).close()
    opened = Books.open(path)
    assert not opened._context.generator.is_hostile
    opened.close()
