"""The books balance, references resolve, dates make sense, and the seed decides all."""

import hashlib
from datetime import UTC, datetime

import pytest

from exact_assets_tests.simulator_data.conftest import NOW_MS, READABLE, Clock, Desk, make
from exact_simulator.books import Books

UNBALANCED = """SELECT EntryID FROM financialtransaction_TransactionLines
    GROUP BY _division, EntryID HAVING round(sum(AmountDC)*100)<>0"""
UNREPORTED = """SELECT * FROM (
        SELECT GLAccount g, FinancialYear y, FinancialPeriod p, round(sum(AmountDC)*100) s, count(*) n
        FROM financialtransaction_TransactionLines GROUP BY 1, 2, 3) lines
    FULL JOIN (
        SELECT GLAccount g, ReportingYear y, ReportingPeriod p, round(Amount*100) s, Count n
        FROM financial_ReportingBalance) balance
    ON lines.g=balance.g AND lines.y=balance.y AND lines.p=balance.p
    WHERE lines.s IS NOT balance.s OR lines.n IS NOT balance.n"""


def test_the_lines_of_every_entry_sum_to_zero(still: Desk) -> None:
    assert still.rows(UNBALANCED) == []
    assert still.one("SELECT count(*) FROM financialtransaction_Transactions") > 100


def test_the_reporting_balance_is_the_sum_of_the_lines(still: Desk) -> None:
    assert still.rows(UNREPORTED) == []
    assert still.one("SELECT count(*) FROM financial_ReportingBalance") > 0


@pytest.mark.parametrize(
    ("header", "lines", "key"),
    [
        ("salesinvoice_SalesInvoices", "salesinvoice_SalesInvoiceLines", "InvoiceID"),
        ("salesorder_SalesOrders", "salesorder_SalesOrderLines", "OrderID"),
        ("purchaseorder_PurchaseOrders", "purchaseorder_PurchaseOrderLines", "PurchaseOrderID"),
        ("crm_Quotations", "crm_QuotationLines", "QuotationID"),
        ("salesentry_SalesEntries", "salesentry_SalesEntryLines", "EntryID"),
        ("purchaseentry_PurchaseEntries", "purchaseentry_PurchaseEntryLines", "EntryID"),
    ],
)
def test_a_header_is_the_sum_of_its_lines_with_vat(still: Desk, header: str, lines: str, key: str) -> None:
    names = {row[1] for row in still.rows(f"PRAGMA table_info({lines})")}
    vat = next(name for name in ("VATAmountDC", "VATAmount", "VATAmountFC") if name in names)
    wrong = still.rows(
        f"SELECT h.{key} FROM {header} h LEFT JOIN {lines} l ON l.{key}=h.{key} GROUP BY h.{key}"
        f" HAVING round(total(l.AmountDC+l.{vat})*100) <> round(max(h.AmountDC)*100)"
    )
    assert wrong == []
    assert still.one(f"SELECT count(*) FROM {header}") > 0


def test_line_0_of_an_invoice_is_the_sum_of_the_lines_above_it(still: Desk) -> None:
    wrong = still.rows(
        "SELECT InvoiceID FROM sync_SalesInvoice_SalesInvoices GROUP BY InvoiceID"
        " HAVING round(sum(CASE LineNumber WHEN 0 THEN -AmountDC ELSE AmountDC END)*100)<>0"
    )
    assert wrong == []


@pytest.mark.parametrize(
    ("relation", "column", "target", "key"),
    [
        ("sync_SalesInvoice_SalesInvoices", "OrderedBy", "crm_Accounts", "ID"),
        ("sync_SalesInvoice_SalesInvoices", "InvoiceID", "salesinvoice_SalesInvoices", "InvoiceID"),
        ("financialtransaction_TransactionLines", "GLAccount", "financial_GLAccounts", "ID"),
        ("financialtransaction_TransactionLines", "EntryID", "financialtransaction_Transactions", "EntryID"),
        ("crm_Contacts", "Account", "crm_Accounts", "ID"),
        ("documents_DocumentAttachments", "Document", "documents_Documents", "ID"),
        ("project_TimeTransactions", "Project", "project_Projects", "ID"),
        ("salesorder_GoodsDeliveryLines", "EntryID", "salesorder_GoodsDeliveries", "EntryID"),
    ],
)
def test_references_are_real(still: Desk, relation: str, column: str, target: str, key: str) -> None:
    statement = f"SELECT 1 FROM {relation} WHERE {column} IS NULL OR {column} NOT IN (SELECT {key} FROM {target})"
    assert still.rows(f"{statement} LIMIT 1") == []


def test_names_beside_a_reference_are_those_of_the_record(still: Desk) -> None:
    wrong = still.rows(
        "SELECT l.ID FROM sync_Financial_TransactionLines l JOIN crm_Accounts a ON a.ID=l.Account"
        " WHERE l.AccountName<>a.Name OR l.AccountCode<>a.Code"
    )
    assert wrong == []
    assert still.one("SELECT count(*) FROM sync_Financial_TransactionLines WHERE AccountName IS NOT NULL") > 100


def test_nothing_is_changed_before_it_was_created_or_after_the_books_end(still: Desk) -> None:
    wrong = [
        item.relation
        for item in READABLE
        if {"Created", "Modified"} <= set(item.by_name)
        and item.relation != "hrm_Divisions"
        and still.rows(f'SELECT 1 FROM "{item.relation}" WHERE Created>Modified OR Modified>? LIMIT 1', NOW_MS)
    ]
    assert wrong == []


def test_master_data_is_older_than_the_first_year_and_later_rows_refer_to_it(still: Desk) -> None:
    start = datetime(2022, 1, 1, tzinfo=UTC).timestamp() * 1000
    assert still.one("SELECT count(*) FROM crm_Accounts WHERE Created<?", start) > 10
    assert still.one(
        "SELECT count(*) FROM salesinvoice_SalesInvoices i JOIN crm_Accounts a ON a.ID=i.OrderedBy"
        " WHERE a.Created<?",
        start,
    )


def test_business_years_are_those_asked_for_and_all_of_them_have_entries(still: Desk) -> None:
    years = still.rows("SELECT DISTINCT FinancialYear FROM sync_Financial_TransactionLines ORDER BY 1")
    assert [row[0] for row in years] == [2022, 2023, 2024, 2025, 2026]


@pytest.mark.parametrize(
    "condition",
    [
        "FinancialYear<>0+strftime('%Y',Date/1000,'unixepoch')",
        "0+strftime('%Y',Modified/1000,'unixepoch')>FinancialYear+1",
        "strftime('%m-%d',Date/1000,'unixepoch') IN ('01-01','12-31')",
        "abs(AmountDC)>=99999999999.99",
        "Description IS NULL",
    ],
)
def test_odd_entries_are_there(still: Desk, condition: str) -> None:
    assert still.one(f"SELECT count(*) FROM sync_Financial_TransactionLines WHERE {condition}") > 0


def test_some_rows_are_changed_in_the_hour_that_comes_twice_and_none_in_the_one_left_out(still: Desk) -> None:
    def changed_at(*hours: str) -> int:
        marks = ",".join("?" * len(hours))
        statement = (
            "SELECT count(*) FROM sync_HRM_LeaveAbsenceHoursByDay"
            f" WHERE strftime('%Y-%m-%d %H',Modified/1000,'unixepoch') IN ({marks})"
        )
        return int(still.one(statement, *hours))

    assert changed_at("2022-10-30 02", "2023-10-29 02", "2024-10-27 02", "2025-10-26 02") > 0
    assert changed_at("2022-03-27 02", "2023-03-26 02", "2024-03-31 02", "2025-03-30 02") == 0
    assert changed_at("2022-03-27 03", "2023-03-26 03", "2024-03-31 03", "2025-03-30 03") > 0


def _digest(books: Books) -> str:
    connection = books.connect()
    digest = hashlib.sha256()
    for item in READABLE:
        for row in connection.execute(f'SELECT * FROM "{books.relation(item)}" ORDER BY _division, _n'):
            digest.update(repr(row).encode())
    connection.close()
    return digest.hexdigest()


@pytest.mark.long
def test_the_same_seed_gives_the_same_books_and_another_seed_others() -> None:
    digests = []
    for seed in (1, 1, 2):
        books = make(Clock(), rows=100, seed=seed, divisions=(7,))
        digests.append(_digest(books))
        books.close()
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


def test_as_many_transaction_lines_as_asked_for() -> None:
    books = make(Clock(), rows=20_000, divisions=(7,))
    connection = books.connect()
    count = connection.execute("SELECT count(*) FROM base_ledger_lines").fetchone()[0]
    unbalanced = connection.execute(UNBALANCED).fetchall()
    connection.close()
    books.close()
    assert 18_000 < count < 22_000
    assert unbalanced == []


def test_years_that_have_not_begun_are_refused() -> None:
    with pytest.raises(ValueError, match="has not begun"):
        Books.create(divisions=[1], first_year=2040, last_year=2041, rows=100, now_ms=Clock())


def test_a_division_named_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="each once"):
        Books.create(divisions=[1, 1], first_year=2025, last_year=2026, rows=100, now_ms=Clock())
