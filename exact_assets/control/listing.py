"""Which divisions Exact listed when it was last asked, so that a number that it does not know can be named."""

from collections.abc import Collection

import sqlalchemy as sa

from exact_assets.control.database import transaction
from exact_assets.control.tables import LISTED_DIVISIONS


class DivisionListing:
    """Exact's list, as one app at one site was given it."""

    def __init__(self, engine: sa.Engine, *, site: str, client: str) -> None:
        """Prepare; nothing is read."""
        self._engine = engine
        self._names = {"site": site, "client": client}
        self._mine = (LISTED_DIVISIONS.c.site == site) & (LISTED_DIVISIONS.c.client == client)

    def read(self) -> frozenset[int] | None:
        """Read the list; None: Exact was not asked yet."""
        with transaction(self._engine) as connection:
            found = frozenset(connection.scalars(sa.select(LISTED_DIVISIONS.c.division).where(self._mine)))
        return found or None

    def keep(self, divisions: Collection[int]) -> None:
        """Put a list in the place of the one before."""
        with transaction(self._engine) as connection:
            connection.execute(sa.delete(LISTED_DIVISIONS).where(self._mine))
            if divisions:
                rows = [{**self._names, "division": division} for division in sorted(set(divisions))]
                connection.execute(sa.insert(LISTED_DIVISIONS), rows)
