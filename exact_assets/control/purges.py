"""When divisions were purged, so that who was at work then writes nothing of them any more.

A run may end after the purge of a division that it had read before: how its attempt ended, or what a check found in
rows that are gone, is not to come back. Who begins later may write: the division may be enabled again.
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from exact_assets.control.database import insert_into, transaction
from exact_assets.control.tables import PURGES

PURGE_SLACK = timedelta(minutes=1)
"""A purge farther ahead of now was noted by a clock that has been set back since: it keeps nobody from writing."""


class PurgeLog:
    """The purges of one app at one site."""

    def __init__(self, engine: sa.Engine, *, site: str, client: str) -> None:
        """Prepare; nothing is read."""
        self._engine = engine
        self._names = {"site": site, "client": client}

    def note(self, divisions: Collection[int], *, at: datetime) -> None:
        """Note that divisions are purged."""
        rows = [{**self._names, "division": one, "purged_at": at.timestamp()} for one in sorted(set(divisions))]
        upsert = insert_into(self._engine, PURGES)
        upsert = upsert.on_conflict_do_update(
            index_elements=list(PURGES.primary_key), set_={"purged_at": upsert.excluded.purged_at}
        )
        if rows:
            with transaction(self._engine) as connection:
                connection.execute(upsert, rows)


def forget_purged(connection: sa.Connection, table: sa.Table, *, site: str, client: str, since: datetime) -> None:
    """Delete what was just written of divisions that were purged since the writer began, in its transaction."""
    latest = datetime.now(UTC) + PURGE_SLACK
    purged = sa.select(PURGES.c.division).where(
        (PURGES.c.site == site)
        & (PURGES.c.client == client)
        & PURGES.c.purged_at.between(since.timestamp(), latest.timestamp())
    )
    mine = (table.c.site == site) & (table.c.client == client)
    connection.execute(sa.delete(table).where(mine & table.c.division.in_(purged)))
