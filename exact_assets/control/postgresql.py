"""A control store in a PostgreSQL database: its engines and transactions. For processes of several hosts.

Where SQLite takes the file's write lock at the start of a transaction, this takes an advisory lock: reading first
and writing later would let two processes decide on the same state.
"""

import hashlib
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.conninfo import make_conninfo

from exact_assets.control.advisory_locks import AdvisoryLocks, LockSession
from exact_assets.control.marks import SCHEMA_VERSION
from exact_assets.control.tables import FORMAT, METADATA, SERVER_METADATA
from exact_assets.errors import ControlError
from exact_assets.postgresql_address import Address, address_of

CONTROL_SCHEMA = "exact_control"
_CONNECT_SECONDS = 10
_LOCK_SECONDS = 30
BACK_SECONDS = 30.0
"""As long is a server waited for that was there before: it is started anew, or another takes its place."""
BACK_POLL_SECONDS = 0.5
_KEPT_CONNECTIONS = 1
_MOST_CONNECTIONS = 4
"""Of a process at once; whoever comes then waits: transactions are short."""
STORE_LOCK = 0x45584301
"""First half of the key of a transaction's lock; the second half tells the division, or that it is about all."""
WHOLE_STORE = 0
# The server, too, has to notice that a host vanished: its locks are held until then.
SESSION_SETTINGS = (
    f"SET search_path = {CONTROL_SCHEMA}; SET lock_timeout = {_LOCK_SECONDS * 1000}; "
    "SET client_min_messages = warning; SET standard_conforming_strings = on; SET tcp_keepalives_idle = 20; "
    "SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3; SET statement_timeout = 0; "
    # Whoever waited for a lock must see what the one before it committed, whatever a database has as its default.
    "SET default_transaction_isolation = 'read committed'"
)
_Place = tuple[int, str]
"""Process and a mark of the address: a connection does not survive a fork."""
_engines: dict[_Place, Mapping[bool, sa.Engine]] = {}
"""By whether a commit survives a power cut."""
_sessions: dict[_Place, LockSession] = {}
_opened: set[_Place] = set()
"""Those that were reached, and whose tables are there."""


class PostgreSQLDatabase:
    """Implements `database.Database`."""

    key_folder = None
    """Hosts share no folder: a key that one of them made would be none of the others'."""
    is_there = True
    """To be told by opening it."""

    def __init__(self, url: str, *, variable: str) -> None:
        """Read the URL.

        Raises:
            SettingsError: it is none.
        """
        self._address = address_of(url, variable=variable)
        self._conninfo = conninfo_of(self._address)

    def __str__(self) -> str:
        """Return what can be shown."""
        return str(self._address)

    @property
    def locks(self) -> AdvisoryLocks:
        """Locks of a session of the server."""
        place = _place(self._conninfo)
        if place not in _sessions:
            _sessions[place] = LockSession(partial(_connect, self._conninfo), subject=str(self))
        return AdvisoryLocks(_sessions[place], transaction=lambda: begun(self.engine()))

    def engine(self, *, is_durable: bool = True) -> sa.Engine:
        """Open it, creating what is missing."""
        place = _place(self._conninfo)
        if place not in _engines:
            _engines[place] = _engines_at(self._conninfo, subject=str(self))
        engine = _engines[place][is_durable]
        if place not in _opened:
            _prepare(engine)
            _opened.add(place)
        return engine

    def obstacle(self) -> str | None:
        """Ask the server whether it only reads."""
        try:
            with begun(self.engine()) as connection:
                is_read_only = connection.scalar(sa.text("SELECT current_setting('transaction_read_only') = 'on'"))
        except ControlError as error:
            return str(error)
        if not is_read_only:
            return None
        return f"{self} only reads: it is a standby, or default_transaction_read_only is set."

    def reserved(self) -> AbstractContextManager[None]:
        """Hold nothing: a server's disk is its own."""
        return nullcontext()


def conninfo_of(address: Address) -> str:
    """Return an address in libpq's words, with what it leaves open."""
    defaults: dict[str, Any] = {
        "connect_timeout": _CONNECT_SECONDS,
        "fallback_application_name": "exact-assets",
        # Of several hosts: a standby gives locks of its own, which keep nobody off the primary.
        "target_session_attrs": "read-write" if "," in str(address.parameters.get("host") or "") else "any",
    }
    # A host that vanished is noticed within a minute, not within the two hours that systems wait.
    alive = {"keepalives_idle": 20, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}
    return make_conninfo("", **{**defaults, **alive, **address.parameters, "client_encoding": "UTF8"})


@contextmanager
def begun(engine: sa.Engine, *, division: int | None = None) -> Iterator[sa.Connection]:
    """Hold the lock for a block, and commit at its end.

    Raises:
        ControlError: the database cannot be used.
    """
    lock = WHOLE_STORE if division is None else division
    try:
        with _connected(engine, lock) as connection:
            yield connection
    except sa.exc.TimeoutError as error:
        raise ControlError(
            f"{_subject(engine)}: all {_MOST_CONNECTIONS} connections of this process are in use. Load again."
        ) from error
    except sa.exc.DBAPIError as error:
        raise ControlError(
            f"The control store in {_subject(engine)} cannot be used: {_words(error)} Check the server, the user's "
            "rights and EXACT_CONTROL_URL."
        ) from error


@contextmanager
def _connected(engine: sa.Engine, lock: int) -> Iterator[sa.Connection]:
    """Begin a transaction; while a server that was there is away, wait for it."""
    until = time.monotonic() + BACK_SECONDS
    while True:
        connection: sa.Connection | None = None
        try:
            connection = engine.connect()
            connection.execute(_LOCK[_is_durable(engine)], {"lock": lock})
            break
        except sa.exc.DBAPIError as error:
            if connection is not None:
                connection.close()
            if not _may_come_back(engine, error) or time.monotonic() >= until:
                raise
            time.sleep(BACK_POLL_SECONDS)
    with connection:
        yield connection
        connection.commit()


_LOCK = {
    is_durable: sa.text(
        f"SELECT pg_advisory_xact_lock({STORE_LOCK}, :lock)"
        # A database may have another default than to wait for the disk.
        f", set_config('synchronous_commit', '{'on' if is_durable else 'off'}', true)"
    )
    for is_durable in (True, False)
}


def _is_durable(engine: sa.Engine) -> bool:
    return bool(engine.get_execution_options().get("is_durable", True))


def _may_come_back(engine: sa.Engine, error: sa.exc.DBAPIError) -> bool:
    """Return whether what is missing is a server that this process has already spoken to."""
    is_lost = error.connection_invalidated or (
        isinstance(error.orig, psycopg.OperationalError)
        and (error.orig.sqlstate is None or error.orig.sqlstate[:2] in {"08", "57"})
    )
    return is_lost and engine.get_execution_options()["place"] in _opened


def _place(conninfo: str) -> _Place:
    return os.getpid(), hashlib.sha256(conninfo.encode()).hexdigest()


def _engines_at(conninfo: str, *, subject: str) -> Mapping[bool, sa.Engine]:
    """Make the pool of a place, which has the password neither in its URL nor in its options."""
    engine = sa.create_engine(
        "postgresql+psycopg://",
        creator=partial(_connect, conninfo),
        pool_size=_KEPT_CONNECTIONS,
        max_overflow=_MOST_CONNECTIONS - _KEPT_CONNECTIONS,
        pool_timeout=_LOCK_SECONDS,
        pool_use_lifo=True,
        hide_parameters=True,
        use_native_hstore=False,
    )
    named = engine.execution_options(subject=subject, place=_place(conninfo))
    return {is_durable: named.execution_options(is_durable=is_durable) for is_durable in (True, False)}


def _connect(conninfo: str) -> "psycopg.Connection[Any]":
    raw = psycopg.connect(conninfo)
    try:
        raw.execute(SESSION_SETTINGS)
        raw.commit()
    except BaseException:
        raw.close()
        raise
    return raw


def _prepare(engine: sa.Engine) -> None:
    """Make what is missing of the schema and its tables, one process at a time.

    Raises:
        ControlError: they cannot be made, or are a newer version's.
    """
    layout = _layout()
    with begun(engine) as connection:
        has_schema = connection.scalar(sa.text(f"SELECT to_regnamespace('{CONTROL_SCHEMA}') IS NOT NULL"))
        if not has_schema:
            connection.execute(sa.text(f"CREATE SCHEMA {CONTROL_SCHEMA}"))
        has_format = connection.scalar(sa.text(f"SELECT to_regclass('{CONTROL_SCHEMA}.format') IS NOT NULL"))
        found = connection.execute(sa.select(FORMAT)).one_or_none() if has_format else None
        if found is not None and found.version > SCHEMA_VERSION:
            raise ControlError(
                f"The control store in {_subject(engine)} is of a newer version (format {found.version}): upgrade "
                "exact-assets to use it."
            )
        if found is not None and found.layout == layout:
            return
        SERVER_METADATA.create_all(connection)
        METADATA.create_all(connection)
        _add_columns(connection)
        connection.execute(sa.delete(FORMAT))
        connection.execute(sa.insert(FORMAT).values(version=SCHEMA_VERSION, layout=layout))


def advance_sequences(connection: sa.Connection) -> None:
    """Let numbers that the server gives go on behind those that were inserted."""
    for table in METADATA.sorted_tables:
        for column in table.primary_key:
            if column.autoincrement is True:
                last = f'SELECT max("{column.name}") FROM {table.name}'
                sequence = f"pg_get_serial_sequence('{CONTROL_SCHEMA}.{table.name}', '{column.name}')"
                connection.execute(sa.text(f"SELECT setval({sequence}, coalesce(({last}), 0) + 1, false)"))


def _add_columns(connection: sa.Connection) -> None:
    """Add to tables of a former version what they lack: such columns may be null."""
    known = sa.inspect(connection)
    for table in METADATA.sorted_tables:
        have = {column["name"] for column in known.get_columns(table.name)}
        for column in table.columns:
            if column.name not in have:
                kind = column.type.compile(connection.dialect)
                connection.execute(sa.text(f'ALTER TABLE {table.name} ADD COLUMN "{column.name}" {kind}'))


def _layout() -> str:
    columns = (f"{column.table.name}.{column.name}" for table in METADATA.sorted_tables for column in table.columns)
    return hashlib.sha256("\n".join(columns).encode()).hexdigest()


def _subject(engine: sa.Engine) -> str:
    return str(engine.get_execution_options()["subject"])


def _words(error: sa.exc.DBAPIError) -> str:
    """Return the server's words as one sentence, without the statement."""
    original = error.orig
    said = (original.diag.message_primary if isinstance(original, psycopg.Error) else None) or str(original)
    line = "; ".join(part.strip() for part in said.splitlines() if part.strip())
    return line if line.endswith(".") else f"{line}."
