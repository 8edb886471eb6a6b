"""DuckDB's errors as ours: which are a lack of memory, which another's hold on the file, and which go to people."""

import duckdb

from exact_assets.errors import (
    ConstraintError,
    EngineLostError,
    ShortOfMemoryError,
    StatementError,
    UnconvertibleError,
    UnknownNameError,
    UnknownTableError,
    WarehouseError,
)

_KINDS: tuple[tuple[type[duckdb.Error], type[StatementError]], ...] = (
    (duckdb.CatalogException, UnknownNameError),
    (duckdb.BinderException, UnknownNameError),
    (duckdb.ConstraintException, ConstraintError),
    (duckdb.ConversionException, UnconvertibleError),
    (duckdb.InvalidInputException, UnconvertibleError),
    (duckdb.OutOfRangeException, UnconvertibleError),
)
_DISK_WORDS = ("Permission denied", "No space left on device", "Read-only file system", "Disk quota exceeded")
_OF_DISK = "Check this user's rights to it and to its folder, and that its disk is there and has room."
NO_TABLE = "Catalog Error: Table with name"
"""What DuckDB's words begin with where a table is not there; other unknown names raise the same exception."""


def translated(error: Exception, subject: str) -> WarehouseError:
    """Return an error of DuckDB's or the operating system's as one of ours; `subject` says what it is about."""
    text = str(error)
    if is_short_of_memory(error):
        return ShortOfMemoryError(
            f"{subject}: DuckDB needs more memory than there is for it: {text.splitlines()[0]} "
            "Give this machine or container more, or use PostgreSQL as the warehouse."
        )
    if isinstance(error, duckdb.ConnectionException) and "closed" in text:
        return EngineLostError(f"{subject}: {text}")
    if "Trying to read a database file with" in text:
        return WarehouseError(
            f"{subject} was made by a newer DuckDB than the one that is installed here ({duckdb.__version__}), and "
            f"is left as it is. Install that one, or use another file. {text.splitlines()[0]}"
        )
    if "Corrupt database file" in text:
        return WarehouseError(
            f"{subject} is damaged, and is left as it is. Put a backup in its place, or move it away: a new one is "
            f"made then, and everything is loaded again. {text.splitlines()[0]}"
        )
    if "Failure while replaying WAL file" in text:
        return WarehouseError(
            f"{subject} cannot be opened with the log beside it, {subject}.wal, which is damaged or another file's."
            " Both are left as they are. Put a backup of both in their place, or move the log away: the next run "
            f"asks Exact again for what only the log holds. {text.splitlines()[0]}"
        )
    return _of_disk(error, subject) or _refused(error)(f"{subject}: {text}", detail=text)


def _of_disk(error: Exception, subject: str) -> WarehouseError | None:
    """Return what the operating system refused; None: it did not."""
    if isinstance(error, OSError):
        where = f" ({error.filename})" if error.filename and str(error.filename) != subject else ""
        return WarehouseError(f"{subject} cannot be used: {error.strerror or error}{where}. {_OF_DISK}")
    text = str(error)
    if any(words in text for words in _DISK_WORDS):
        return StatementError(f"{subject} cannot be used: {text.splitlines()[0]} {_OF_DISK}", detail=text)
    return None


def _refused(error: Exception) -> type[StatementError]:
    """Return which of our errors a refusal is."""
    if str(error).startswith(NO_TABLE):
        return UnknownTableError
    return next((ours for theirs, ours in _KINDS if isinstance(error, theirs)), StatementError)


def is_held(error: duckdb.Error) -> bool:
    """Return whether the file is held, by another process, or by this one through a connection not ours."""
    return "Could not set lock on file" in str(error) or "Unique file handle conflict" in str(error)


def is_short_of_memory(error: Exception) -> bool:
    """Return whether more memory may help: while a log is played back, the lack of it comes as a fatal error."""
    if not isinstance(error, duckdb.Error):
        return False
    text = str(error)
    return isinstance(error, duckdb.OutOfMemoryException) or "Out of Memory Error" in text or "memory_limit" in text
