"""The clock by which the warehouse tells what was stored later: it never goes back within a division.

A sweep takes rows away that were stored before it began. By the computer's clock, one that is set back would take
rows away for good that came in between, and one that was ahead would keep rows that are gone.
"""

from datetime import UTC, datetime, timedelta

from exact_assets.catalogue.table import Table
from exact_assets.warehouse.connection import Connection
from exact_assets.warehouse.sql.names import DIVISION, LOADED_AT, STREAMS


def next_moment(connection: Connection, division: int, *, now: datetime, after: tuple[Table, ...] = ()) -> datetime:
    """Return the moment of a transaction: now, or a microsecond after all that was stored of the division.

    Args:
        connection: within the transaction, so that nobody stores in between.
        division: whose clock it is.
        now: by the computer's clock.
        after: tables whose rows may be newer than their streams say: stored while an older version followed a
            clock that was ahead.
    """
    newest = [("updated_at", STREAMS), *((LOADED_AT, one.name) for one in after)]
    stored: list[datetime | None] = [
        connection.rows(
            f"SELECT max({column}) FROM {connection.dialect.qualified(name)} WHERE {DIVISION} = {division}"
        )[0][0]
        for column, name in newest
    ]
    return max([now, *(moment.astimezone(UTC) + timedelta(microseconds=1) for moment in stored if moment)])
