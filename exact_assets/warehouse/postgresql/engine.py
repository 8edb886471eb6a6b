"""PostgreSQL as an engine of a warehouse: a database, by its URL, and the sessions that this process has in it."""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, TypeVar, cast

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import TransactionStatus
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import TimeoutError as NoneFreeError
from sqlalchemy.pool import QueuePool

from exact_assets.errors import EngineLostError, RetryError, WarehouseBusyError, WarehouseError
from exact_assets.postgresql_address import address_of
from exact_assets.warehouse.postgresql import grants
from exact_assets.warehouse.postgresql.connection import PostgreSQLConnection
from exact_assets.warehouse.postgresql.dialect import DIALECT
from exact_assets.warehouse.postgresql.errors import refused_connection, translated
from exact_assets.warehouse.sql.dialect import Dialect

CHUNK_ROWS = 8_000
"""Stored at once."""
KEPT_CONNECTIONS = 1
"""Kept open by a process between its openings: more processes than are at work may share a server."""
MOST_CONNECTIONS = 16
"""Of a process at once; whoever comes then waits."""
CONNECT_SECONDS = 10
MOST_CONFLICTS = 20
RECONNECT_SECONDS = 0.5
OLDEST_VERSION = 140000
HAS_INPUT_TEST = 160000
"""From this on the server itself tells whether a text can be converted."""
_SETTINGS = (
    "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET standard_conforming_strings = on; "
    "SET client_min_messages = warning; SET lock_timeout = {lock_timeout_ms}"
)
_INPUT_TEST = """
CREATE OR REPLACE FUNCTION pg_temp.pg_input_is_valid(value text, type text) RETURNS boolean
LANGUAGE plpgsql STABLE AS $body$
DECLARE found boolean;
BEGIN
    EXECUTE format('SELECT CAST(%L AS %s) IS NOT NULL OR true', value, type) INTO found;
    RETURN found;
EXCEPTION WHEN OTHERS THEN RETURN false;
END $body$
"""

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class PostgreSQLEngine:
    """Implements `connection.Engine`."""

    chunk_rows = CHUNK_ROWS
    exists = True
    """What is not there yet is an empty answer, not another file."""

    def __init__(self, url: str, *, lock_timeout_seconds: float, dialect: Dialect = DIALECT) -> None:
        """Read the address; nothing is connected to.

        Raises:
            SettingsError: it is none.
        """
        self.dialect = dialect
        self._address = address_of(url, variable="EXACT_WAREHOUSE_URL")
        self._subject = str(self._address)
        self._lock_timeout_seconds = lock_timeout_seconds
        self._has_connected = threading.Event()
        self._pool = self._new_pool()

    def __repr__(self) -> str:
        """Return where it is, without a password."""
        return f"PostgreSQLEngine({self._subject})"

    def obstacle(self) -> str | None:
        """Ask whether the database can be written."""
        try:
            is_read_only, may_create = self.persist(self._rights)
        except WarehouseError as error:
            return str(error)
        if is_read_only:
            return f"{self._subject} only reads: it is a standby, or default_transaction_read_only is set"
        return None if may_create else f"{self._subject}: the user may not CREATE in the database"

    @contextmanager
    def connection(self) -> Iterator[PostgreSQLConnection]:
        """Take a session of this process, or make one."""
        try:
            pooled = self._pool.connect()
        except NoneFreeError:
            raise WarehouseBusyError(
                f"{self._subject}: this process has {MOST_CONNECTIONS} connections at work, and none became free "
                f"within {self._lock_timeout_seconds:g} s"
            ) from None
        raw: psycopg.Connection[Any] | None = pooled.driver_connection
        if raw is None:
            raise EngineLostError(f"{self._subject}: the connection was closed meanwhile.")
        connection = PostgreSQLConnection(
            raw,
            self._subject,
            lock_timeout_seconds=self._lock_timeout_seconds,
            dialect=self._dialect_on(raw.info.server_version),
        )
        try:
            yield connection
        finally:
            if self._can_be_kept(raw, connection):
                pooled.close()
            else:
                pooled.invalidate()
                with suppress(psycopg.Error):
                    raw.close()

    def grant_reader(self, role: str, *, schemas: Sequence[str]) -> None:
        """Let a role read schemas."""

        def grant() -> None:
            with self.connection() as connection:
                grants.grant_reader(connection, role, schemas=schemas)

        self.persist(grant)

    def persist(self, work: Callable[[], _T]) -> _T:
        """Do it again where another transaction was first, or the server was lost, as long as we wait for locks."""
        deadline = time.monotonic() + self._lock_timeout_seconds
        conflicts = 0
        while True:
            try:
                return work()
            except EngineLostError as error:
                if not self._has_connected.is_set() or time.monotonic() >= deadline:
                    raise WarehouseError(str(error)) from error
                _log.warning("%s Tried again.", error)
                self._replace_pool()
                time.sleep(RECONNECT_SECONDS)
            except RetryError as error:
                conflicts += 1
                if conflicts >= MOST_CONFLICTS or time.monotonic() >= deadline:
                    raise WarehouseBusyError(str(error)) from error
                _log.info("%s Tried again.", error)
                time.sleep(random.uniform(0, 0.02 * conflicts))  # noqa: S311 - so that two do not meet again

    def _rights(self) -> tuple[bool, bool]:
        with self.connection() as connection:
            [(is_read_only, may_create)] = connection.rows(
                "SELECT current_setting('transaction_read_only') = 'on', "
                "has_database_privilege(current_database(), 'CREATE') OR to_regnamespace('exact') IS NOT NULL"
            )
        return is_read_only, may_create

    def _new_pool(self) -> QueuePool:
        return QueuePool(
            cast("Callable[[], DBAPIConnection]", self._connect),
            pool_size=KEPT_CONNECTIONS,
            max_overflow=MOST_CONNECTIONS - KEPT_CONNECTIONS,
            timeout=self._lock_timeout_seconds,
            reset_on_return=None,
            use_lifo=True,
        )

    def _replace_pool(self) -> None:
        """Forget sessions that a server which has ended left behind."""
        old, self._pool = self._pool, self._new_pool()
        old.dispose()

    def _connect(self) -> "psycopg.Connection[Any]":
        defaults: dict[str, str | int | None] = {
            "connect_timeout": CONNECT_SECONDS,
            "fallback_application_name": "exact-assets",
        }
        parameters = {**defaults, **self._address.parameters, "client_encoding": "UTF8"}
        try:
            conninfo = make_conninfo("", **parameters)
            raw = psycopg.connect(conninfo, autocommit=True, cursor_factory=psycopg.ClientCursor)
        except psycopg.OperationalError as error:
            raise refused_connection(error, self._subject) from None
        try:
            self._set_up(raw)
        except BaseException:
            raw.close()
            raise
        self._has_connected.set()
        return raw

    def _set_up(self, raw: "psycopg.Connection[Any]") -> None:
        encoding, version = raw.info.parameter_status("server_encoding"), raw.info.server_version
        if encoding != "UTF8":
            raise WarehouseError(
                f"{self._subject} has the encoding {encoding}, which cannot hold every text: make one with "
                "CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8'."
            )
        if version < OLDEST_VERSION:
            raise WarehouseError(
                f"{self._subject} is of version {version // 10000}: {OLDEST_VERSION // 10000} or newer is needed."
            )
        try:
            raw.execute(_SETTINGS.format(lock_timeout_ms=int(self._lock_timeout_seconds * 1000)))
            if version < HAS_INPUT_TEST and raw.info.parameter_status("in_hot_standby") != "on":
                raw.execute(_INPUT_TEST)
        except psycopg.Error as error:
            raise translated(error, self._subject) from error

    def _dialect_on(self, version: int) -> Dialect:
        if version >= HAS_INPUT_TEST:
            return self.dialect
        own = self.dialect.try_cast.replace("pg_input_is_valid(", "pg_temp.pg_input_is_valid(")
        return replace(self.dialect, try_cast=own)

    def _can_be_kept(self, raw: "psycopg.Connection[Any]", connection: PostgreSQLConnection) -> bool:
        """Leave a session as it was before; one of which that cannot be said is closed."""
        if raw.closed or raw.info.transaction_status != TransactionStatus.IDLE:
            return False
        try:
            # Not DISCARD, which would drop the function that older servers need.
            connection.unstage(connection.temporary)
        except WarehouseError:
            return False
        return True
