"""What stands at the path of a DuckDB file, before DuckDB touches it. Opening and locking are known elsewhere.

A path may be mistyped, or lead to something that belongs to somebody else. Only what is missing, empty or DuckDB's
own is ever written to; all else is refused with a sentence and left as it is. Everything that is kept beside the
file (DuckDB's log, our lock, blocks put aside) belongs to the file itself, not to a link that leads to it.
"""

import logging
import stat
from pathlib import Path

from exact_assets.disk import dangling_link
from exact_assets.errors import WarehouseError

MAGIC = b"DUCK"
"""At byte 8 of each DuckDB file, whatever its version."""
MAGIC_AT = 8
END_OF_HEADER = b"\xff\xff"
"""Of DuckDB's log. Entries follow: their size, a checksum, and as many bytes."""
ENTRY_HEAD_BYTES = 16
LARGEST_LOG_READ = 2**26
"""A log is found when a process was killed; one of so many bytes is not read to tell of its end."""
_OTHERS = {
    b"SQLite format 3": "an SQLite database",
    b"PAR1": "a Parquet file",
    b"PK\x03\x04": "a ZIP or Excel file",
}
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
}
_ADVICE = (
    "It is left as it is; EXACT_WAREHOUSE_URL needs the path of a DuckDB file, or of one that is yet to be made."
)

_log = logging.getLogger(__name__)


def real_path(path: Path) -> Path:
    """Return the absolute path of the file itself, where links lead to it.

    Raises:
        WarehouseError: links that lead in a circle.
    """
    try:
        return path.expanduser().resolve()
    except (OSError, RuntimeError) as error:
        raise WarehouseError(f"{path} cannot be followed: {error}. {_ADVICE}") from error


def has_content(path: Path) -> bool:
    """Return whether there is a file that is not empty; one that is missing or empty is yet to be made.

    It is not opened: to close it would end this process's locks on it, as POSIX has it, and with them the hold of a
    thread that is at work on it.

    Raises:
        WarehouseError: there is no file but something else, or we may not look.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise WarehouseError(f"{path} cannot be read: {error.strerror}. Check its permissions.") from error
    kind = stat.S_IFMT(found.st_mode)
    if kind != stat.S_IFREG:
        raise WarehouseError(f"{path} is {_KINDS.get(kind, 'no regular file')}, not a DuckDB file. {_ADVICE}")
    return found.st_size > 0


def require_duckdb(path: Path) -> None:
    """Refuse a file that is not DuckDB's. Nobody in this process may hold it: see `has_content`.

    Raises:
        WarehouseError: it is something else, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            begin = file.read(16)
    except FileNotFoundError:
        return
    except OSError as error:
        raise WarehouseError(f"{path} cannot be read: {error.strerror}. Check its permissions.") from error
    if begin and begin[MAGIC_AT : MAGIC_AT + len(MAGIC)] != MAGIC:
        found = next((name for magic, name in _OTHERS.items() if begin.startswith(magic)), "something else")
        raise WarehouseError(f"{path} is no DuckDB file but {found}. {_ADVICE}")


def require_target(path: Path) -> None:
    """Refuse a link that leads nowhere: what it should lead to may be a disk that is not there just now.

    Raises:
        WarehouseError: it is one.
    """
    link = dangling_link(path)
    if link is not None:
        raise WarehouseError(
            f"{path} cannot be reached: {link} is a link to {link.readlink()}, where there is nothing. Bring the "
            "file or its disk back, or remove the link to begin with a new warehouse."
        )


def log_of(path: Path) -> Path:
    """Return the path of DuckDB's write-ahead log, which stands beside the file itself, links followed."""
    return path.with_name(f"{path.name}.wal")


def is_empty(log: Path) -> bool:
    """Return whether there is a log with nothing in it: it was made before DuckDB had anything to write."""
    try:
        return log.stat().st_size == 0
    except FileNotFoundError:
        return False


def tell_of_remainder(path: Path) -> None:
    """Log a warning where the end of the log, or all of it, is no entry: DuckDB leaves that out without a word."""
    try:
        log = log_of(path).read_bytes() if log_of(path).stat().st_size <= LARGEST_LOG_READ else b""
    except FileNotFoundError:
        return
    begin = log.find(END_OF_HEADER) + len(END_OF_HEADER)
    if begin < len(END_OF_HEADER):
        begin = 0
    end = begin
    while begin and end + ENTRY_HEAD_BYTES <= len(log):
        size = int.from_bytes(log[end : end + 8], "little")
        if not 0 < size <= len(log) - end - ENTRY_HEAD_BYTES:
            break
        end += ENTRY_HEAD_BYTES + size
    if end < len(log):
        _log.warning(
            "%s: %s of %s bytes are no entry of DuckDB's log and are left out: what a process wrote as it was "
            "killed, or damage. Had they been committed, the next run asks Exact for it again.",
            log_of(path),
            f"{len(log) - end:,}",
            f"{len(log):,}",
        )


def put_orphan_aside(log: Path) -> None:
    """Rename a log whose file is gone: no other file can be opened beside it, and it is all that is left."""
    number, orphan = 1, log.with_name(f"{log.name}.orphan")
    while orphan.exists():
        number += 1
        orphan = log.with_name(f"{log.name}.orphan-{number}")
    _log.warning("%s has no file that it belongs to, and is kept as %s", log, orphan)
    log.rename(orphan)
