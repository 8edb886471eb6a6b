"""The clock by which the warehouse tells what was stored later: it never goes back within a division.

A sweep takes rows away that were stored before it began. By the computer's clock, one that is set back would take
rows away for good that came in between, and one that was ahead would keep rows that are gone.
"""

from datetime import UTC, datetime, timedelta

from duckdb import DuckDBPyConnection

from exact_assets.catalogue.table import Table
from exact_assets.warehouse.naming import DIVISION, LOADED_AT, STREAMS, qualified

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEWEST = f"SELECT epoch_us(max(updated_at)) FROM {qualified(STREAMS)} WHERE {DIVISION} = $division"


def next_moment(
    connection: DuckDBPyConnection, division: int, *, now: datetime, after: tuple[Table, ...] = ()
) -> datetime:
    """Return the moment of a transaction: now, or a microsecond after all that was stored of the division.

    Args:
        connection: within the transaction, so that nobody stores in between.
        division: whose clock it is.
        now: by the computer's clock.
        after: tables whose rows may be newer than their streams say: stored while an older version followed a
            clock that was ahead.
    """
    asked = [_NEWEST]
    asked += [
        f"SELECT epoch_us(max({LOADED_AT})) FROM {qualified(one.name)} WHERE {DIVISION} = $division"
        for one in after
    ]
    found = [connection.execute(one, {"division": division}).fetchall()[0][0] for one in asked]
    stored = [_EPOCH + timedelta(microseconds=moment + 1) for moment in found if moment is not None]
    return max([now, *stored])


def literal(moment: datetime) -> str:
    """Write a moment in SQL."""
    return f"TIMESTAMPTZ '{moment.isoformat()}'"
