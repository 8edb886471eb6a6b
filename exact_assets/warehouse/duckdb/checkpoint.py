"""Checkpoints of a DuckDB file that no kill can tear. Who may hold the file, and when, is known elsewhere.

A checkpoint carries what the write-ahead log holds into the file: new data go to free blocks, then a new header
names them, then the log is removed. So it may be cut anywhere, with one exception: a block of metadata that has
room left is written again where it is, 256 KiB at once, before the header. A process that is killed within that
write leaves a block whose checksum is wrong, a "Corrupt database file" that nothing opens again. So these blocks
are put aside first, in a file beside it. Whoever opens the file next puts them back, unless the header is a new
one: then all that it names was written before. docs/adr/0003 has the evidence.
"""

import fcntl
import logging
import os
from pathlib import Path
from typing import BinaryIO

import msgspec
from duckdb import DuckDBPyConnection

from exact_assets.disk import make_file, mode_beside

HEADER_BYTES = 3 * 4096
"""The file's own header and the two that checkpoints write in turn; the blocks follow."""

_log = logging.getLogger(__name__)


class Aside(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkpoint that is cut may leave torn, and the headers, which tell whether it was cut."""

    headers: bytes
    blocks: dict[int, bytes]
    """By their places in the file, in bytes."""


def beside(path: Path) -> Path:
    """Where a file's blocks are put aside."""
    return path.with_name(f"{path.name}.checkpoint")


def put_aside(connection: DuckDBPyConnection, catalogue: str, *, file: BinaryIO, path: Path) -> None:
    """Put aside what the next checkpoint may write again where it is, safe on disk before this returns.

    Args:
        connection: has the file attached, under the name `catalogue`.
        catalogue: the file's name inside DuckDB.
        file: the file, opened for reading. Closing it ends DuckDB's own lock on it, as POSIX has it, so it is to be
            closed after the file is detached.
        path: its path.
    """
    rows = connection.execute(
        "SELECT block_id, block_size FROM pragma_metadata_info($name) AS metadata, pragma_database_size()"
        " WHERE metadata.free_blocks > 0 AND database_name = $name",
        {"name": catalogue},
    ).fetchall()
    number, places = file.fileno(), [(HEADER_BYTES + block * size, size) for block, size in rows]
    aside = Aside(
        headers=os.pread(number, HEADER_BYTES, 0),
        blocks={place: os.pread(number, size, place) for place, size in places},
    )
    new = path.with_name(f"{beside(path).name}.new")
    new.unlink(missing_ok=True)
    make_file(new, mode_beside(path))
    with new.open("r+b") as written:
        written.write(msgspec.msgpack.encode(aside))
        written.flush()
        os.fsync(written.fileno())
    new.replace(beside(path))


def repair(path: Path) -> None:
    """Undo a checkpoint that was cut short, if one was; the log, still whole, holds what it was to carry.

    A file that a stranger holds is left as it is: he was able to open it, and it is mended after him.
    """
    try:
        aside = msgspec.msgpack.decode(beside(path).read_bytes(), type=Aside)
    except FileNotFoundError:
        return
    except (msgspec.MsgspecError, RecursionError) as error:
        # It is whole before a checkpoint begins, so a disk or a person has changed it since.
        unreadable = path.with_name(f"{beside(path).name}.unreadable")
        _log.warning(
            "%s holds no blocks of a checkpoint (%s), and is kept as %s. Had the last checkpoint been cut short, "
            "opening the warehouse says that it is damaged.",
            beside(path),
            error,
            unreadable,
        )
        beside(path).replace(unreadable)
        return
    with path.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return
        if file.read(HEADER_BYTES) == aside.headers:
            _log.warning("%s: its last checkpoint was cut short, and is undone; nothing is lost", path)
            for place, block in aside.blocks.items():
                os.pwrite(file.fileno(), block, place)
            os.fsync(file.fileno())
    beside(path).unlink()
