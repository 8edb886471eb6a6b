"""How many rows one answer may take away that it does not name: a rule, for every kind of warehouse.

An empty list may mean that all rows are gone, or that a right was withdrawn, or a fault of Exact's. What follows
when an answer is beyond the bound is decided by the caller; the deletion log names its rows, and has none.
"""

from exact_assets.errors import RemovalBoundError

LARGE_ROWS = 100
"""Where fewer rows are kept, half of them may go: a table of ten codes is tidied up in one afternoon."""


def is_beyond(lost: int, *, of: int) -> bool:
    """Tell whether an answer takes away all rows, or more than half of many; rows that come instead count."""
    return lost > 0 and (lost >= of or (of >= LARGE_ROWS and 2 * lost > of))


def check(table: str, division: int, lost: int, *, of: int) -> None:
    """Refuse what is beyond the bound.

    Raises:
        RemovalBoundError: it is.
    """
    if is_beyond(lost, of=of):
        raise RemovalBoundError(
            f"{table} of division {division}: {lost:,} of {of:,} rows would go in one answer. Nothing was written.",
            table=table,
            rows=lost,
            of=of,
        )
