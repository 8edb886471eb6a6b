"""Where the headers of a table's lines are kept, and how to know that a line's header is of a year that is kept."""

from dataclasses import dataclass, replace

from exact_assets.catalogue.table import Feed, Header, Table, YearKind
from exact_assets.catalogue.tables import tables
from exact_assets.checks.ledger import LEDGER


@dataclass(frozen=True, slots=True, kw_only=True)
class LineHeader:
    """Where the header of a line is kept."""

    table: Table
    key: str
    """The header's column that lines point at."""
    foreign_key: str
    """The line's column that points at it."""
    number: str | None = None
    """Column of both that counts headers up, where a line may be dated later than its header."""


_TRANSACTION = Header(table="financialtransaction_transactions", column="entry_id", header_column="entry_id")
"""Headers of the ledger's lines, which are not among the tables' own: the log names each line that is deleted."""


def line_header_of(table: Table) -> LineHeader | None:
    """Return where a line's header is kept; None: the table holds no lines, or nothing tells their header."""
    known = _TRANSACTION if table.name == LEDGER else table.header
    if known is None or known.table == table.name:
        return None
    header = tables()[known.table]
    return _telling(table, LineHeader(table=header, key=known.header_column, foreign_key=known.column))


def _telling(table: Table, found: LineHeader) -> LineHeader | None:
    """Return how to know that a line's header is of a year that is kept; None: nothing tells.

    Headers of business years before the starting year are left out, and their lines may be dated later. They are
    known by their year where both have it from the same property, or by a number that counts headers up.
    """
    header = found.table
    if header.year_kind is not YearKind.BUSINESS or table.feed is Feed.PARENT:
        return found
    if table.year_kind is YearKind.NONE:
        return None
    if table.year[:1] == header.year[:1]:
        return found
    numbers = {column.name for column in table.columns} & {column.name for column in header.columns}
    numbers &= {"order_number", "quotation_number", "entry_number"}
    return replace(found, number=min(numbers)) if numbers else None
