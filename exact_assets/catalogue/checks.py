"""Which checks a table can be held to, by rule, and the few pairs of lines and headers that no rule finds.

What a check asks of the warehouse stands in `warehouse`; how its answer is judged, in `verify`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from exact_assets.catalogue.deletions import LOG
from exact_assets.catalogue.facts import Endpoint
from exact_assets.catalogue.reading import collections
from exact_assets.catalogue.table import Feed, Table, YearKind
from exact_assets.catalogue.tables import tables

LEDGER = "financialtransaction_transaction_lines"
BALANCE = "financial_reporting_balance"


class Check(StrEnum):
    """What is checked of a table, by the name that Dagster shows."""

    KEYS_UNIQUE = "keys_unique"
    OWN_DIVISION = "own_division"
    YEAR_IN_PARTITION = "year_in_partition"
    HAS_HEADER = "has_header"
    ROW_COUNT = "row_count"
    DEBITS_EQUAL_CREDITS = "debits_equal_credits"
    BALANCES_EQUAL_EXACT = "balances_equal_exact"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Where the header of a line is kept."""

    table: Table
    key: str
    """The header's column that lines point at."""
    foreign_key: str
    """The line's column that points at it."""
    number: str | None = None
    """Column of both that counts headers up, where a line may be dated later than its header."""


_HEADERS = {
    # The header's key is called ID, so that no rule tells the property that points at it.
    "documents_document_attachments": ("documents_documents", "document", "id"),
    "purchase_purchase_invoice_lines": ("purchase_purchase_invoices", "invoice_id", "id"),
    "purchaseorder_goods_receipt_lines": ("purchaseorder_goods_receipts", "goods_receipt_id", "id"),
    # The reference does not name the entity that its collection holds.
    LEDGER: ("financialtransaction_transactions", "entry_id", "entry_id"),
}
"""Lines, their headers, and the columns of both that are equal, where the reference does not tell."""

SHARED_IDS = frozenset({"hrm", "payroll"})
"""Groups in which one record may be in two divisions: people, where divisions are linked for HR."""


def checks_of(table: Table, *, kept: Iterable[Table]) -> tuple[Check, ...]:
    """Name the checks that apply to a table where `kept` are the tables that are kept."""
    header = header_of(table)
    applies = {
        Check.KEYS_UNIQUE: bool(table.key),
        Check.OWN_DIVISION: True,
        Check.YEAR_IN_PARTITION: True,
        Check.HAS_HEADER: header is not None and header.table.name in {one.name for one in kept},
        Check.ROW_COUNT: is_countable(table),
        Check.DEBITS_EQUAL_CREDITS: table.name == LEDGER,
        Check.BALANCES_EQUAL_EXACT: table.name == LEDGER,
    }
    return tuple(check for check, does_apply in applies.items() if does_apply)


def is_countable(table: Table) -> bool:
    """Tell whether Exact can count the rows that are kept.

    Functions give no counts. Lines that are read through their headers, and sync feeds of business rows, cannot be
    asked for the years that are kept. Others whose year cannot be filtered on are kept in part as well.
    """
    if table.feed in {Feed.FUNCTION, Feed.PARENT} or table.name == LOG:
        # Of the deletion log more is kept here than at Exact.
        return False
    if table.year_kind is not YearKind.BUSINESS:
        return True
    properties = {column.name: column.property for column in table.columns}
    return table.feed is not Feed.SYNC and properties[table.year[0]] in table.filterable


def is_of_one_division(table: Table) -> bool:
    """Tell whether a row's key is one record's of one division, so that it cannot be in two."""
    guids = {column.name for column in table.columns if column.edm_type == "Edm.Guid"}
    return table.checks_division and table.group not in SHARED_IDS and len(table.key) == 1 and table.key[0] in guids


def header_of(table: Table) -> Header | None:
    """Find where a line's header is kept; None: the table holds no lines, or nothing tells their header."""
    if table.name in _HEADERS:
        name, foreign_key, key = _HEADERS[table.name]
        return _telling(table, tables()[name], key=key, foreign_key=foreign_key)
    found = collections().get((table.group, table.entity), ())
    if len(found) != 1:
        return None
    endpoint, key_property, _ = found[0]
    if key_property == "ID":
        # A line has an ID of its own, which says nothing of its header.
        return None
    header = next((one for one in tables().values() if (one.group, one.entity) == _identity(endpoint)), None)
    header_key, line_key = _column(header, key_property), _column(table, key_property)
    if header is None or header_key is None or line_key is None:
        return None
    return _telling(table, header, key=header_key, foreign_key=line_key)


def _telling(table: Table, header: Table, *, key: str, foreign_key: str) -> Header | None:
    """Tell how to know that a line's header is of a year that is kept; None: nothing tells.

    Headers of business years before the starting year are left out, and their lines may be dated later. They are
    known by their year where both have it from the same property, or by a number that counts headers up.
    """
    found = Header(table=header, key=key, foreign_key=foreign_key)
    if header.year_kind is not YearKind.BUSINESS or table.feed is Feed.PARENT:
        return found
    if table.year_kind is YearKind.NONE:
        return None
    if table.year[:1] == header.year[:1]:
        return found
    numbers = {column.name for column in table.columns} & {column.name for column in header.columns}
    numbers &= {"order_number", "quotation_number", "entry_number"}
    return replace(found, number=min(numbers)) if numbers else None


def _identity(endpoint: Endpoint) -> tuple[str, str]:
    return endpoint.service, endpoint.entity


def _column(table: Table | None, name: str) -> str | None:
    columns = () if table is None else table.columns
    return next((column.name for column in columns if column.property == name), None)
