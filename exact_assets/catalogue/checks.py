"""Which checks a table can be held to, by rule.

What a check asks of the warehouse stands in `warehouse`; how its answer is judged, in `verify`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from exact_assets.catalogue import table as catalogue
from exact_assets.catalogue.deletions import LOG
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


_TRANSACTION = catalogue.Header(
    table="financialtransaction_transactions", column="entry_id", header_column="entry_id"
)
"""Headers of the ledger's lines, which are not among the tables' own: the log names each line that is deleted."""

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
    known = _TRANSACTION if table.name == LEDGER else table.header
    if known is None or known.table == table.name:
        return None
    return _telling(table, tables()[known.table], key=known.header_column, foreign_key=known.column)


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
