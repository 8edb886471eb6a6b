"""Changes on demand: new Timestamps, the deletion log, and books that still balance."""

from pathlib import Path
from typing import Any

import pytest

from exact_assets_tests.simulator_data.conftest import DIVISIONS, NOW_MS, READABLE, Clock, Desk
from exact_assets_tests.simulator_data.test_books import UNBALANCED, UNREPORTED
from exact_simulator.books import Books

ONE, OTHER = DIVISIONS[:2]
LINES = "sync_Financial_TransactionLines"


def _highest(desk: Desk, relation: str) -> int:
    return int(desk.one(f'SELECT max(Timestamp) FROM "{relation}"'))


def test_an_inserted_record_is_the_newest(desk: Desk) -> None:
    before, desk.clock.ms = _highest(desk, "sync_CRM_Accounts"), NOW_MS + 60_000
    (key,) = desk.books.insert("crm/Accounts", ONE, values={"Name": "Nieuw BV"})
    row = desk.rows("SELECT Timestamp>?, Created, Modified, Name FROM sync_CRM_Accounts WHERE ID=?", before, key)
    assert row == [(1, NOW_MS + 60_000, NOW_MS + 60_000, "Nieuw BV")]


def test_an_inserted_entry_keeps_the_books_in_balance(desk: Desk) -> None:
    keys = desk.books.insert("sync/Financial/TransactionLines", ONE, 5)
    assert len(keys) > 10
    assert desk.rows(UNBALANCED) == desk.rows(UNREPORTED) == []


@pytest.mark.parametrize(
    "path", ["financialtransaction/BankEntries", "cashflow/Payments", "project/CostTransactions"]
)
def test_an_inserted_record_shows_where_it_was_inserted(desk: Desk, path: str) -> None:
    keys = desk.books.insert(path, ONE, 3)
    assert len(keys) == len(set(keys)) == 3


def test_an_update_renews_the_whole_invoice(desk: Desk) -> None:
    before, desk.clock.ms = _highest(desk, "sync_SalesInvoice_SalesInvoices"), NOW_MS + 60_000
    (key,) = desk.books.update("salesinvoice/SalesInvoices", ONE)
    rows = desk.rows(
        "SELECT min(Timestamp)>?, min(Modified), count(*)>1 FROM sync_SalesInvoice_SalesInvoices WHERE InvoiceID=?",
        before,
        key,
    )
    assert rows == [(1, NOW_MS + 60_000, 1)]


def test_an_update_without_values_changes_what_the_endpoint_shows(desk: Desk) -> None:
    before = desk.rows("SELECT * FROM crm_Contacts WHERE _division=?", ONE)
    desk.books.update("crm/Contacts", ONE)
    after = desk.rows("SELECT * FROM crm_Contacts WHERE _division=?", ONE)
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert len(changed) == 1
    assert sum(a != b for a, b in zip(*changed[0], strict=True)) >= 2


def test_changes_in_one_division_leave_the_others_alone(desk: Desk) -> None:
    statement = f'SELECT * FROM "{LINES}" WHERE _division=? ORDER BY _n'
    before = desk.rows(statement, OTHER)
    desk.books.insert("financialtransaction/Transactions", ONE, 2)
    desk.books.delete("financialtransaction/Transactions", ONE, 2)
    desk.books.move_division(ONE)
    assert desk.rows(statement, OTHER) == before


def test_a_deleted_entry_takes_its_lines_along_and_the_log_says_so(desk: Desk) -> None:
    (entry,) = desk.rows(f"SELECT EntryID, group_concat(ID) FROM {LINES} WHERE _division=? GROUP BY 1 LIMIT 1", ONE)
    logged = _highest(desk, "sync_Deleted")
    desk.books.delete("financialtransaction/Transactions", ONE, keys=[entry[0]])
    rows = desk.rows("SELECT EntityKey FROM sync_Deleted WHERE EntityType=1 AND Timestamp>?", logged)
    assert {row[0] for row in rows} == set(entry[1].split(","))
    assert desk.rows(f"SELECT 1 FROM {LINES} WHERE EntryID=?", entry[0]) == []
    assert desk.rows(UNBALANCED) == desk.rows(UNREPORTED) == []


def test_a_deleted_line_leaves_its_amount_to_another_and_renews_the_header(desk: Desk) -> None:
    order, before, amount = desk.rows(
        "SELECT o.OrderID, o.Modified, o.AmountDC FROM salesorder_SalesOrders o JOIN salesorder_SalesOrderLines l"
        " USING (OrderID) WHERE o._division=? GROUP BY 1 HAVING count(*)>2 LIMIT 1",
        ONE,
    )[0]
    line = desk.one("SELECT ID FROM salesorder_SalesOrderLines WHERE OrderID=?", order)
    desk.clock.ms = NOW_MS + 60_000
    desk.books.delete("salesorder/SalesOrderLines", ONE, keys=[line])
    after = desk.rows("SELECT Modified>?, AmountDC FROM salesorder_SalesOrders WHERE OrderID=?", before, order)
    assert after == [(1, amount)]
    total = desk.one("SELECT sum(AmountDC+VATAmount) FROM sync_SalesOrder_SalesOrderLines WHERE OrderID=?", order)
    assert round(total, 2) == amount


def test_lines_deleted_from_the_ledger_keep_it_in_balance(desk: Desk) -> None:
    desk.books.delete("purchaseentry/PurchaseEntryLines", ONE, 5)
    desk.books.delete("sync/Financial/TransactionLines", ONE, 5)
    assert desk.rows(UNBALANCED) == desk.rows(UNREPORTED) == []


def test_a_document_takes_its_attachments_along(desk: Desk) -> None:
    (document,) = desk.books.insert("documents/Documents", ONE, values={"Subject": "Factuur"})
    (attachment,) = desk.books.insert("documents/DocumentAttachments", ONE, values={"Document": document})
    desk.books.delete("documents/Documents", ONE, keys=[document])
    logged = dict(desk.rows("SELECT EntityType, EntityKey FROM sync_Deleted WHERE DeletedDate=?", NOW_MS))
    assert logged == {4: attachment, 6: document}


def test_a_reference_to_nothing_is_refused(desk: Desk) -> None:
    nothing = "00000000-0000-4000-a000-000000000000"
    with pytest.raises(ValueError, match="there is no"):
        desk.books.insert("documents/DocumentAttachments", ONE, values={"Document": nothing})


def test_an_account_that_entries_refer_to_cannot_be_deleted(desk: Desk) -> None:
    used = desk.one(f"SELECT Account FROM {LINES} WHERE _division=? AND Account IS NOT NULL", ONE)
    with pytest.raises(ValueError, match="used by documents"):
        desk.books.delete("crm/Accounts", ONE, keys=[used])
    assert desk.one("SELECT count(*) FROM crm_Accounts WHERE ID=?", used) == 1


def test_a_refused_change_changes_nothing(desk: Desk) -> None:
    before = desk.rows("SELECT * FROM sync_CRM_Accounts")
    with pytest.raises(ValueError, match="cannot be set"):
        desk.books.insert("crm/Accounts", ONE, 2, values={"AccountManagerFullName": "x"})
    assert desk.rows("SELECT * FROM sync_CRM_Accounts") == before


def test_old_deletions_can_be_forgotten(desk: Desk) -> None:
    desk.books.delete("crm/Contacts", ONE, 2)
    assert desk.books.prune_deleted(NOW_MS) > 0
    assert {row[0] for row in desk.rows("SELECT DeletedDate FROM sync_Deleted")} == {NOW_MS}


def test_a_moved_division_has_only_new_timestamps(desk: Desk) -> None:
    before = max(
        _highest(desk, item.relation) for item in READABLE if item.kind == "sync" and _has_rows(desk, item.relation)
    )
    desk.books.move_division(ONE)
    low = desk.one(f"SELECT min(Timestamp) FROM {LINES} WHERE _division=?", ONE)
    assert low > before
    moved = desk.rows("SELECT DivisionMoveDate FROM system_Divisions WHERE _division=? ORDER BY Code", OTHER)
    assert moved == [(NOW_MS,), (None,)]


def test_divisions_can_be_moved_again_and_again_and_keep_the_order_of_their_rows(desk: Desk) -> None:
    def order() -> list[Any]:
        return desk.rows(f"SELECT _n FROM {LINES} WHERE _division=? ORDER BY Timestamp, _n", ONE)

    for _ in range(40):
        for division in (ONE, OTHER):
            desk.books.insert("financialtransaction/Transactions", division, 1)
            before = order()
            desk.books.move_division(division)
            assert order() == before
    assert _highest(desk, LINES) < 2**53


def _has_rows(desk: Desk, relation: str) -> bool:
    return bool(desk.rows(f'SELECT 1 FROM "{relation}" LIMIT 1'))


def test_an_hr_link_gives_new_ids_and_references_follow(desk: Desk) -> None:
    relation = "sync_Payroll_Employees"
    before = {row[0] for row in desk.rows(f"SELECT ID FROM {relation} WHERE _division=?", ONE)}
    desk.books.hr_link(ONE)
    after = {row[0] for row in desk.rows(f"SELECT ID FROM {relation} WHERE _division=?", ONE)}
    used = {row[0] for row in desk.rows("SELECT Employee FROM project_TimeTransactions WHERE _division=?", ONE)}
    assert not before & after
    assert used - {None} <= after


def test_late_rows_have_lower_timestamps_than_rows_seen_before_them(desk: Desk) -> None:
    before = _highest(desk, LINES)
    ticket = desk.books.surface_late("sync/Financial/TransactionLines", ONE, 2)
    seen = desk.rows(f"SELECT ID, Timestamp FROM {LINES}")
    keys = desk.books.release_late(ticket)
    marks = ",".join("?" * len(keys))
    low, high = desk.rows(f"SELECT min(Timestamp), max(Timestamp) FROM {LINES} WHERE ID IN ({marks})", *keys)[0]
    assert before < low <= high < max(stamp for _, stamp in seen)
    assert not {key for key, _ in seen} & set(keys)


@pytest.mark.long
def test_every_endpoint_can_be_changed_or_says_why_not(desk: Desk) -> None:
    reasons = set()
    for item in READABLE:
        for change in (desk.books.insert, desk.books.update, desk.books.delete):
            try:
                change(item, ONE)
            except ValueError as error:
                reasons.add(str(error).split(":")[-1].strip())
    assert reasons <= {"its rows follow from others", "nothing can be added", "insert some first"} | {
        reason for reason in reasons if "follows from other records" in reason
    }
    assert desk.rows(UNBALANCED) == desk.rows(UNREPORTED) == []


def test_an_unknown_entity_or_division_is_refused(desk: Desk) -> None:
    with pytest.raises(ValueError, match="no entity"):
        desk.books.insert("crm/Nothing", ONE)
    with pytest.raises(ValueError, match="division 5 is not"):
        desk.books.insert("crm/Accounts", 5)


def test_a_change_raises_the_version(desk: Desk) -> None:
    before = desk.books.version
    desk.books.update("logistics/Items", ONE)
    assert desk.books.version == before + 1


def test_books_opened_again_go_on_where_they_were(tmp_path: Path) -> None:
    path, clock = tmp_path / "books.sqlite", Clock()
    books = Books.create(divisions=[ONE], first_year=2025, last_year=2026, rows=100, path=path, now_ms=clock)
    first = books.insert("crm/Accounts", ONE)
    books.close()
    again = Books.open(path, now_ms=clock)
    second = again.insert("crm/Accounts", ONE)
    connection = again.connect()
    stamps = [
        connection.execute("SELECT Timestamp FROM sync_CRM_Accounts WHERE ID=?", key).fetchone()[0]
        for key in (first, second)
    ]
    connection.close()
    again.close()
    assert stamps[0] < stamps[1]


def test_a_file_that_is_no_books_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "books.sqlite"
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="no complete books"):
        Books.open(path)
