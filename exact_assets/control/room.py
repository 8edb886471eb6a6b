"""Room on the control store's disk, held while Exact is asked for a pair of tokens.

The old pair dies with Exact's answer, and a new one that cannot be stored is a connection that is lost. A look at
what is free would not do: others write too.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from exact_assets.errors import ControlError

ROOM_BYTES = 2**18
"""A pair takes some pages of SQLite's log, and the log's index, which grows by 32 kB at a time."""

LEFT_OVER_SECONDS = 3_600.0
"""No refresh takes so long: what is older belongs to a process that was killed."""


@contextmanager
def reserved(database: Path) -> Iterator[None]:
    """Hold room beside a database for the length of a `with`; afterwards it is free for what is to be stored.

    Raises:
        ControlError: there is none.
    """
    file = database.with_name(f"{database.name}.room-{uuid4().hex[:8]}")
    try:
        _fill(file)
    except OSError as error:
        file.unlink(missing_ok=True)
        raise ControlError(
            f"The disk of {database} has no room for a new token ({error.strerror}): none was asked for, as the "
            "old one would be lost. Make room, and load again."
        ) from error
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            file.unlink()


def _fill(file: Path) -> None:
    """Write bytes that no file system can leave out or shrink, down to the disk."""
    for other in file.parent.glob(f"{file.name.partition('.room-')[0]}.room-*"):
        with suppress(FileNotFoundError):
            if abs(time.time() - other.stat().st_mtime) > LEFT_OVER_SECONDS:
                other.unlink()
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(os.urandom(ROOM_BYTES))
        opened.flush()
        os.fsync(opened.fileno())
