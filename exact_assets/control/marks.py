"""Whether what is at the control store's path is ours, before anything is opened for writing. Changes nothing.

A path can be mistyped, or belong to another application. SQLite would add our tables to any database, and a lock
folder would appear beside a device.
"""

import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

from exact_assets.disk import dangling_link
from exact_assets.errors import ControlError

APPLICATION_ID = 0x45786163
"""In our files' headers ("Exac"). Files of the first versions have none."""
SCHEMA_VERSION = 1
SQLITE = b"SQLite format 3\0"
Identity = tuple[int, int] | None
OURS = frozenset({"site", "client", "access_token", "refresh_token", "received_at"})
"""Columns of `connections`, by which an unmarked file is known."""
STORE_ADVICE = "It is left as it is: set EXACT_CONTROL_URL to the path of a new file, or of a control store."
HEAD_BYTES = 100
VERSION_AT, APPLICATION_AT = 60, 68
"""Where an SQLite file's header has its `user_version` and `application_id`."""
EMPTY = "an SQLite database without tables"


def kind_at(path: Path) -> str | None:
    """Return what stands at a path where a file of ours is wanted; None: a regular file, or nothing."""
    link = dangling_link(path)
    if link is not None:
        return f"behind a link to {link.readlink()}, which is not there"
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        return "below a file"
    kinds = {stat.S_ISDIR: "a folder", stat.S_ISFIFO: "a pipe", stat.S_ISSOCK: "a socket"}
    named = [name for is_kind, name in kinds.items() if is_kind(mode)]
    return named[0] if named else (None if stat.S_ISREG(mode) else "a device")


opening = threading.RLock()
"""Held while a store is looked at, and while it is opened: see `check_store`."""
_open_here: dict[Path, Identity] = {}


def identity_of(path: Path) -> Identity:
    """Return which file stands at a path, as the file system tells them apart; None: there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def note_open(path: Path) -> None:
    """Remember that this process has a store open."""
    _open_here[path] = identity_of(path)


def is_open_here(path: Path) -> bool:
    """Return whether this process has just this file open; another one may stand in its place by now."""
    return path in _open_here and identity_of(path) == _open_here[path] is not None


def check_store(path: Path) -> None:
    """Refuse what is neither empty nor a control store that this version can use.

    A store that this process has open is known to be one, and is not looked at: to close a file ends all locks of
    the process on it, as POSIX has it. SQLite would go on without them, and the next process that ends would take
    itself for the last one and remove the log that we write to.

    Raises:
        ControlError: what is there, and what to do.
    """
    with opening:
        if not is_open_here(path):
            _check(path)


def _check(path: Path) -> None:
    try:
        found = kind_at(path) or _content(path)
    except OSError as error:
        raise ControlError(
            f"The control store {path} cannot be opened: {error.strerror}. Check its permissions and "
            "EXACT_CONTROL_URL."
        ) from error
    if found is not None:
        raise ControlError(
            f"EXACT_CONTROL_URL: expected a control store of exact-assets; {path} is {found}. {STORE_ADVICE}"
        )


def _content(path: Path) -> str | None:
    if not path.exists():
        return None
    with path.open("r+b") as file:  # a store must be writable too
        head = file.read(HEAD_BYTES)
    if not head:
        return None
    if head[: len(SQLITE)] == SQLITE:
        return _database(path, head)
    names = {b"DUCK": (8, "a DuckDB database"), b"PAR1": (0, "a Parquet file")}
    named = [name for magic, (at, name) in names.items() if head[at : at + len(magic)] == magic]
    return named[0] if named else "a file of another kind"


def _database(path: Path, head: bytes) -> str | None:
    """Look into an SQLite file. What a process has not yet moved from its log into it counts too."""
    version, application = (int.from_bytes(head[at : at + 4], "big") for at in (VERSION_AT, APPLICATION_AT))
    if application == APPLICATION_ID and version <= SCHEMA_VERSION:
        return None
    log = path.with_name(f"{path.name}-wal")
    has_log = log.exists() and log.stat().st_size > 0
    found = _looked_into(path, "mode=ro" if has_log else "immutable=1")  # the latter makes no files beside it
    return None if found == EMPTY else found


def _looked_into(path: Path, how: str) -> str | None:
    """Return what a database is; None: ours."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?{how}", uri=True)) as connection:
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
            columns = {name for _, name, *_ in connection.execute("PRAGMA table_info(connections)")}
    except sqlite3.DatabaseError as error:
        return f"a damaged SQLite database ({error})"
    if application == APPLICATION_ID and version > SCHEMA_VERSION:
        return f"of a newer version (format {version}; upgrade exact-assets to use it)"
    if application == APPLICATION_ID or (not application and columns >= OURS):
        return None
    if not application and not version and not tables:
        return EMPTY
    return f"an SQLite database of another application (tables {', '.join(sorted(tables)[:3]) or 'none'})"
