"""Properties that Exact said it does not know: left out of what is asked for, and tried again after a while.

A property that was dropped or renamed would else stop its table: Exact refuses a question that names it. Values and
their storage; how it is found out which property is meant is decided in `columns`.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version

import sqlalchemy as sa

from exact_assets.control.database import insert_into, transaction
from exact_assets.control.tables import LEFT_OUT_PROPERTIES

TRIED_AGAIN_AFTER = timedelta(days=30)
"""By our clock. A refusal a month costs nothing, and Exact brings properties back."""
DISTRIBUTION = "exact-assets"


class LeftOutProperties:
    """What one app at one site leaves out, by table."""

    def __init__(self, engine: sa.Engine, *, site: str, client: str) -> None:
        """Prepare; nothing is read."""
        self._engine = engine
        self._names = {"site": site, "client": client}
        self._mine = (LEFT_OUT_PROPERTIES.c.site == site) & (LEFT_OUT_PROPERTIES.c.client == client)

    def read(self, *, now: datetime | None = None) -> Mapping[str, frozenset[str]]:
        """Return what is left out now, by table; what is due to be tried again is not in it."""
        moment = (now or datetime.now(UTC)).timestamp()
        columns = LEFT_OUT_PROPERTIES.c
        age = sa.func.abs(moment - columns.found_at)
        is_fresh = (columns.version == _version()) & (age < TRIED_AGAIN_AFTER.total_seconds())
        query = sa.select(columns.table_name, columns.property).where(self._mine & is_fresh)
        found: dict[str, set[str]] = {}
        with transaction(self._engine) as connection:
            for table, name in connection.execute(query):
                found.setdefault(table, set()).add(name)
        return {table: frozenset(names) for table, names in found.items()}

    def note(self, table: str, properties: Collection[str], *, now: datetime | None = None) -> None:
        """Leave out properties of a table from now on."""
        news = {"found_at": (now or datetime.now(UTC)).timestamp(), "version": _version()}
        rows = [{**self._names, "table_name": table, "property": name, **news} for name in sorted(properties)]
        keys = ["site", "client", "table_name", "property"]
        with transaction(self._engine) as connection:
            for row in rows:
                statement = insert_into(self._engine, LEFT_OUT_PROPERTIES).values(**row)
                connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=news))


def _version() -> str:
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "not installed"
