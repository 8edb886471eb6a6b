"""The tables that processes share and how they are opened. What is kept in them stands in the modules beside this.

SQLAlchemy Core on an SQLite file. Each transaction takes the write lock at its start: reading first and writing
later would let two processes decide on the same state.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from exact_assets.control.locks import Locks
from exact_assets.control.marks import (
    APPLICATION_ID,
    SCHEMA_VERSION,
    check_store,
    is_open_here,
    note_open,
    opening,
)
from exact_assets.disk import dangling_link, make_folder
from exact_assets.errors import ControlError, SettingsError

BUSY_TIMEOUT_SECONDS = 30
METADATA = sa.MetaData()
_engines: dict[tuple[Path, bool], sa.Engine] = {}
"""Of this process, by file and durability; those of a file that is gone are closed."""

CONNECTIONS = sa.Table(
    "connections",
    METADATA,
    sa.Column("site", sa.String, primary_key=True),
    sa.Column("client", sa.String, primary_key=True),
    sa.Column("access_token", sa.LargeBinary, nullable=False, comment="encrypted"),
    sa.Column("refresh_token", sa.LargeBinary, nullable=False, comment="encrypted"),
    sa.Column("received_at", sa.Float, nullable=False, comment="epoch seconds, our clock"),
    sa.Column("lifetime_seconds", sa.Float, nullable=False),
    sa.Column("issued_at", sa.Float, comment="epoch seconds, the server's clock"),
    sa.Column("generation", sa.Integer, nullable=False, comment="rises with each new pair"),
    sa.Column("attempted_at", sa.Float, comment="a refresh began and its outcome is not stored"),
    sa.Column("dead_kind", sa.String, comment="the error that ended the refresh chain"),
    sa.Column("dead_message", sa.String),
    sa.Column("zone", sa.String, comment="of the site's wall clocks"),
)

REFRESH_PAUSES = sa.Table(
    "refresh_pauses",
    METADATA,
    sa.Column("site", sa.String, primary_key=True),
    sa.Column("client", sa.String, primary_key=True),
    sa.Column("credentials", sa.String, nullable=False, comment="a mark of those that were refused"),
    sa.Column("refused", sa.Integer, nullable=False, comment="in a row"),
    sa.Column("until", sa.Float, nullable=False, comment="epoch seconds, our clock"),
    sa.Column("error_kind", sa.String, nullable=False),
    sa.Column("error", sa.String, nullable=False),
    sa.Column("status", sa.Integer),
)

PENDING = sa.Table(
    "pending_connections",
    METADATA,
    sa.Column("site", sa.String, primary_key=True),
    sa.Column("client", sa.String, primary_key=True),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("begun_at", sa.Float, nullable=False),
)

QUOTAS = sa.Table(
    "quotas",
    METADATA,
    sa.Column("site", sa.String, primary_key=True),
    sa.Column("client", sa.String, primary_key=True),
    sa.Column("division", sa.Integer, primary_key=True),
    *(
        sa.Column(f"{window}_{name}", kind)
        for window in ("minute", "day")
        for name, kind in (
            ("limit", sa.Integer),
            ("remaining", sa.Integer),
            ("resets_at", sa.Float),
            ("used", sa.Integer),
        )
    ),
)

STORMS = sa.Table(
    "storms",
    METADATA,
    sa.Column("site", sa.String, primary_key=True),
    sa.Column("client", sa.String, primary_key=True),
    sa.Column("division", sa.Integer, primary_key=True),
    sa.Column("refused", sa.Integer, nullable=False, comment="429s in a row that were not about the day"),
    sa.Column("until", sa.Float, comment="epoch seconds, the server's clock: nothing is sent before"),
    sa.Column("is_named", sa.Integer, nullable=False, comment="1: the last one said that it was about the minute"),
)

REFUSALS = sa.Table(
    "refusals",
    METADATA,
    sa.Column("site", sa.String, nullable=False),
    sa.Column("client", sa.String, nullable=False),
    sa.Column("division", sa.Integer, nullable=False, comment="0: an address without a division"),
    sa.Column("endpoint", sa.String, nullable=False),
    sa.Column("at", sa.Float, nullable=False, comment="epoch seconds, the server's clock"),
    sa.Index("refusals_by_endpoint", "site", "client", "division", "endpoint", "at"),
)

CLOCKS = sa.Table(
    "clocks",
    METADATA,
    sa.Column("site", sa.String, primary_key=True),
    sa.Column("ahead_seconds", sa.Float, nullable=False, comment="the server's clock against ours, at least"),
)

ATTEMPTS = sa.Table(
    # The name that installations have, of the first versions; another would lose what is in it.
    "visits",
    METADATA,
    sa.Column("site", sa.String, primary_key=True),
    sa.Column("client", sa.String, primary_key=True),
    sa.Column("division", sa.Integer, primary_key=True),
    sa.Column("table_name", sa.String, primary_key=True),
    sa.Column("attempted_at", sa.Float, comment="epoch seconds, our clock, like the others"),
    sa.Column("succeeded_at", sa.Float),
    sa.Column("waiting_until", sa.Float, comment="the day's calls are used"),
    sa.Column("expected_since", sa.Float, comment="the division is enabled and the table chosen; null: not now"),
    sa.Column("error_kind", sa.String, comment="of the last attempt; null: it did not fail"),
    sa.Column("error", sa.String),
)

CHECK_RESULTS = sa.Table(
    "check_results",
    METADATA,
    sa.Column("site", sa.String, primary_key=True),
    sa.Column("client", sa.String, primary_key=True),
    sa.Column("table_name", sa.String, primary_key=True),
    sa.Column("check_name", sa.String, primary_key=True),
    sa.Column("division", sa.Integer, primary_key=True),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("words", sa.String, nullable=False),
    sa.Column("rows", sa.Integer, comment="that were looked at; null: not counted"),
    sa.Column("examples", sa.String, nullable=False, comment="JSON"),
    sa.Column("checked_at", sa.Float, nullable=False, comment="epoch seconds, our clock"),
)

UNRECORDED_LOADS = sa.Table(
    "unrecorded_loads",
    METADATA,
    sa.Column("site", sa.String, primary_key=True),
    sa.Column("client", sa.String, primary_key=True),
    sa.Column("table_name", sa.String, primary_key=True),
    sa.Column("division", sa.Integer, primary_key=True),
)

PURGES = sa.Table(
    "purges",
    METADATA,
    sa.Column("site", sa.String, primary_key=True),
    sa.Column("client", sa.String, primary_key=True),
    sa.Column("division", sa.Integer, primary_key=True),
    sa.Column("purged_at", sa.Float, nullable=False, comment="epoch seconds, our clock"),
)

LEFT_OUT_PROPERTIES = sa.Table(
    "left_out_properties",
    METADATA,
    sa.Column("site", sa.String, primary_key=True),
    sa.Column("client", sa.String, primary_key=True),
    sa.Column("table_name", sa.String, primary_key=True),
    sa.Column("property", sa.String, primary_key=True),
    sa.Column("found_at", sa.Float, nullable=False, comment="epoch seconds, our clock"),
    sa.Column("version", sa.String, nullable=False, comment="of exact-assets, then"),
)

LISTED_DIVISIONS = sa.Table(
    "listed_divisions",
    METADATA,
    sa.Column("site", sa.String, primary_key=True),
    sa.Column("client", sa.String, primary_key=True),
    sa.Column("division", sa.Integer, primary_key=True),
)

DOCUMENT_WRITES = sa.Table(
    "document_writes",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("site", sa.String, nullable=False),
    sa.Column("client", sa.String, nullable=False),
    sa.Column("division", sa.Integer, nullable=False),
    sa.Column("key", sa.String, comment="the caller's own name for this write; null: it has none"),
    sa.Column("actor", sa.String, nullable=False, comment="who asked for it: a run, or a user of the machine"),
    sa.Column("action", sa.String, nullable=False),
    sa.Column("subject", sa.String, comment="of the document, or the name of the file; never its content"),
    sa.Column("digest", sa.String, nullable=False, comment="SHA-256 of what is sent"),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("document_id", sa.String),
    sa.Column("attachment_id", sa.String),
    sa.Column("noted_at", sa.Float, nullable=False, comment="epoch seconds, our clock"),
    sa.Column("sent_at", sa.Float, nullable=False, comment="the first time; epoch seconds, the server's clock"),
    sa.Column("is_sure_of_time", sa.Boolean, nullable=False, comment="whether an answer had told that clock"),
    sa.Column("ended_at", sa.Float, comment="epoch seconds, our clock"),
    sa.Column("error", sa.String),
    sa.Index("document_writes_by_digest", "site", "client", "division", "action", "digest"),
    sa.Index("document_writes_by_key", "site", "client", "key"),
)

REFUSED_FILTERS = sa.Table(
    "refused_filters",
    METADATA,
    sa.Column("site", sa.String, primary_key=True),
    sa.Column("client", sa.String, primary_key=True),
    sa.Column("endpoint", sa.String, primary_key=True),
    sa.Column("property", sa.String, primary_key=True),
    sa.Column("at", sa.Float, nullable=False, comment="epoch seconds, our clock"),
)

CHOICES = sa.Table(
    "kept_choices",
    METADATA,
    sa.Column("site", sa.String, primary_key=True),
    sa.Column("client", sa.String, primary_key=True),
    sa.Column("division", sa.Integer, primary_key=True),
    sa.Column("is_enabled", sa.Boolean, nullable=False),
    sa.Column("start_year", sa.Integer, comment="null: the setting's"),
)


def database_path(url: str) -> Path:
    """Return the file of an SQLite URL; of a symbolic link, the file that it leads to, which has locks and log.

    Raises:
        SettingsError: it is no `sqlite:///path`.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise SettingsError(
            f"EXACT_CONTROL_URL: expected sqlite:///path, not {parsed.get_backend_name()}: "
            "tokens and quota are kept in an SQLite file."
        )
    path = Path(parsed.database).expanduser().absolute()
    return path if dangling_link(path) else path.resolve()


def open_database(url: str, *, is_durable: bool) -> sa.Engine:
    """Open the shared database, creating what is missing.

    Args:
        url: `sqlite:///path`.
        is_durable: whether a commit survives a power cut (tokens must; counts of calls need not, and are quicker).
    """
    path = database_path(url)
    with opening:
        if not is_open_here(path):
            # Another file stands in the place of the one that we had open, or none.
            for key in [key for key in _engines if key[0] == path]:
                _engines.pop(key).dispose()
        if (path, is_durable) not in _engines:
            _engines[path, is_durable] = _open(path, is_durable)
            note_open(path)
        return _engines[path, is_durable]


@contextmanager
def transaction(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Hold the write lock for a block, and commit at its end.

    Raises:
        ControlError: the database cannot be read or written, or is not at its place any more.
    """
    if not is_open_here(Path(engine.url.database or "")):
        raise ControlError(
            f"The control store {engine.url.database} was moved, removed or replaced while it was in use. What is "
            "there now is used by what starts from now on: put the old one back, or connect again."
        )
    try:
        with engine.begin() as connection:
            yield connection
    except sa.exc.DBAPIError as error:
        raise ControlError(
            f"The control database {engine.url.database} cannot be used: {error.orig}. "
            "Check the disk, its permissions and EXACT_CONTROL_URL."
        ) from error


def _mark(connection: sa.Connection) -> None:
    """Write into the file's header that it is ours; files of the first versions have no mark."""
    for name, value in (("application_id", APPLICATION_ID), ("user_version", SCHEMA_VERSION)):
        if connection.exec_driver_sql(f"PRAGMA {name}").scalar() != value:
            connection.exec_driver_sql(f"PRAGMA {name} = {value}")


def _open(path: Path, is_durable: bool) -> sa.Engine:
    check_store(path)
    path = path.resolve()
    try:
        make_folder(path.parent)
    except OSError as error:
        raise ControlError(
            f"The folder of the control store {path} cannot be made: {error.strerror}. Check EXACT_CONTROL_URL."
        ) from error
    engine = sa.create_engine(
        f"sqlite:///{path}", connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False}
    )

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={'FULL' if is_durable else 'NORMAL'}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    try:
        with Locks(path).hold("schema", wait=True):
            path.touch(mode=0o600)
            note_open(path)
            with transaction(engine) as connection:
                METADATA.create_all(connection)
                _mark(connection)
    except OSError as error:
        raise ControlError(
            f"The control store {path} cannot be opened: {error.strerror}. Check its permissions and those of its "
            "folder, and EXACT_CONTROL_URL."
        ) from error
    return engine
