"""Loads of which Dagster may lack events: marked before a load, and taken back once its events are stored.

A kill between the warehouse's commit and Dagster's event would else leave changed rows of which nobody downstream
hears: the next load finds nothing new. Values and their storage; what follows is decided where loads are.
"""

from collections.abc import Collection
from datetime import UTC, datetime

import sqlalchemy as sa

from exact_assets.control.database import insert_into, transaction
from exact_assets.control.purges import forget_purged
from exact_assets.control.tables import UNRECORDED_LOADS


class UnrecordedLoads:
    """The marks of one app at one site."""

    def __init__(self, engine: sa.Engine, *, site: str, client: str, since: datetime | None = None) -> None:
        """Prepare; nothing is read. `since` is when the work began, now: what is purged later is not written of."""
        self._engine = engine
        self._names = {"site": site, "client": client}
        self._since = since or datetime.now(UTC)
        self._mine = (UNRECORDED_LOADS.c.site == site) & (UNRECORDED_LOADS.c.client == client)

    def mark(self, table: str, divisions: Collection[int]) -> frozenset[int]:
        """Mark streams that are about to be loaded; return those whose last load was not recorded."""
        its = self._mine & (UNRECORDED_LOADS.c.table_name == table)
        rows = [{**self._names, "table_name": table, "division": division} for division in divisions]
        with transaction(self._engine) as connection:
            found = connection.execute(sa.select(UNRECORDED_LOADS.c.division).where(its)).scalars()
            before = frozenset(found) & frozenset(divisions)
            if rows:
                connection.execute(insert_into(self._engine, UNRECORDED_LOADS).on_conflict_do_nothing(), rows)
                forget_purged(connection, UNRECORDED_LOADS, **self._names, since=self._since)
        return before

    def clear(self, table: str, divisions: Collection[int]) -> None:
        """Take marks back: all that these streams brought is recorded."""
        its = self._mine & (UNRECORDED_LOADS.c.table_name == table)
        with transaction(self._engine) as connection:
            connection.execute(
                sa.delete(UNRECORDED_LOADS).where(its & UNRECORDED_LOADS.c.division.in_(list(divisions)))
            )

    def forget(self, divisions: Collection[int]) -> None:
        """Forget all marks of divisions."""
        with transaction(self._engine) as connection:
            connection.execute(
                sa.delete(UNRECORDED_LOADS).where(self._mine & UNRECORDED_LOADS.c.division.in_(list(divisions)))
            )
