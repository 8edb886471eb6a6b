"""Dagster's SQLite event log with its connections kept open.

Dagster opens a database anew for every event it writes, and syncs the disk each time: a run of 65 tables wrote
2,000 events and spent most of its time there. Nothing else is changed; what is stored and where is Dagster's.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

from exact_assets.defs.internals import SQLITE_BUSY_TIMEOUT_SECONDS, SqliteEventLogStorage

KEPT_ENGINES = 4
"""The index and the runs that are being written or looked at."""


class KeptSqliteEventLogStorage(SqliteEventLogStorage):
    """Holds the last few databases open, one connection each, under the lock that Dagster has for this anyway."""

    def __init__(self, base_dir: str) -> None:
        """Open the event log in a folder."""
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        super().__init__(base_dir)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def dispose(self) -> None:
        """Close all databases."""
        while self._engines:
            self._engines.popitem()[1].dispose()
        super().dispose()

    def _engine(self, shard: str) -> Engine:
        engine = self._engines.pop(shard, None) or _open(self.conn_string_for_shard(shard))
        self._engines[shard] = engine
        while len(self._engines) > KEPT_ENGINES:
            self._engines.popitem(last=False)[1].dispose()
        return engine


def _open(url: str) -> Engine:
    engine = create_engine(
        url,
        poolclass=StaticPool,
        connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
    )
    event.listen(engine, "connect", _spare_the_disk)
    return engine


def _spare_the_disk(connection: Any, _: Any) -> None:
    # With a write-ahead log, as Dagster has, a killed process loses nothing by this; a power cut may lose the last
    # events. Exact's data and its state are in the warehouse, not here.
    connection.execute("PRAGMA synchronous = NORMAL")
