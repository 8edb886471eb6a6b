"""Files that are attached: read from wherever they are, within what Exact takes, and written into a request.

A file is read once, so that what is hashed is what is sent. Its base64 is never in memory as a whole.
"""

import base64
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from uuid import UUID

import fsspec
import msgspec

from exact_assets.documents.models import LONGEST_FILE_NAME, one_line
from exact_assets.errors import FileTooLargeError, FileUnreadableError

MOST_REQUEST_BYTES = 10_000_000
"""Of one request. Exact's own words leave open whether base64 counts; this holds either way."""
ENCODED_AT_ONCE_BYTES = 3 * 2**16
"""Of content that is encoded at once; a multiple of three, so that pieces of base64 follow each other."""
FileSource = str | PathLike[str] | bytes | BinaryIO
"""A path, an address that fsspec knows (`s3://…`), the content itself, or a file that is open for reading bytes."""


@dataclass(frozen=True)
class FileContent:
    """A file as it is to be attached."""

    name: str
    content: bytes = field(repr=False)

    @cached_property
    def sha256(self) -> str:
        """The hash of its content, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


def read_file(source: FileSource, *, name: str | None = None) -> FileContent:
    """Read a file.

    Args:
        source: where it is.
        name: under which it is attached; None: the source's own.

    Raises:
        FileUnreadableError: it is not there, is empty or cannot be read, or it has no name.
        FileTooLargeError: it does not fit into a request.
    """
    called = _file_name(name or _own_name(source))
    most = most_bytes(called)
    try:
        content = _content(source, most_bytes=most + 1)
    except (OSError, ValueError, ImportError) as error:
        raise FileUnreadableError(f"The file {called} cannot be read: {error}") from error
    if len(content) > most:
        raise FileTooLargeError(
            f"The file {called} has more than {most:,} bytes, which is what fits into a request of Exact's "
            f"({MOST_REQUEST_BYTES:,} bytes, in base64). Make it smaller, or attach it in parts."
        )
    if not content:
        raise FileUnreadableError(f"The file {called} is empty.")
    return FileContent(called, content)


def most_bytes(name: str) -> int:
    """Return how large a file of a name may be, for its request to be taken."""
    overhead = sum(map(len, _around(name, UUID(int=0))))
    return (MOST_REQUEST_BYTES - overhead) // 4 * 3


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentBody:
    """The request that attaches a file, written a piece at a time."""

    document_id: UUID
    file: FileContent

    @property
    def length(self) -> int:
        """Its bytes."""
        encoded = (len(self.file.content) + 2) // 3 * 4
        return encoded + sum(map(len, _around(self.file.name, self.document_id)))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Read it from its start."""
        before, after = _around(self.file.name, self.document_id)
        yield before
        content = memoryview(self.file.content)
        for at in range(0, len(content), ENCODED_AT_ONCE_BYTES):
            yield base64.b64encode(content[at : at + ENCODED_AT_ONCE_BYTES])
        yield after


def _around(name: str, document_id: UUID) -> tuple[bytes, bytes]:
    before = b'{"Document":"%b","FileName":%b,"Attachment":"' % (
        str(document_id).encode(),
        msgspec.json.encode(name),
    )
    return before, b'"}'


def _own_name(source: FileSource) -> str:
    if isinstance(source, bytes):
        return ""
    if isinstance(source, str | PathLike):
        return PurePosixPath(fspath(source).partition("?")[0].replace("\\", "/")).name
    own = getattr(source, "name", "")
    return PurePosixPath(own).name if isinstance(own, str) else ""


def _file_name(name: str) -> str:
    try:
        called = one_line(name)
    except ValueError as error:
        raise FileUnreadableError(f"The file needs a name under which it is attached: {error}.") from error
    if len(called) > LONGEST_FILE_NAME or set(called) & set("/\\"):
        raise FileUnreadableError(
            f"The file's name must have at most {LONGEST_FILE_NAME} characters, and no slashes: give another."
        )
    return called


def _content(source: FileSource, *, most_bytes: int) -> bytes:
    if isinstance(source, bytes):
        return source[:most_bytes]
    if isinstance(source, str) and "://" in source:
        with fsspec.open(source, "rb") as file:
            return _read(file, most_bytes=most_bytes)
    if isinstance(source, str | PathLike):
        with Path(source).open("rb") as file:
            return _read(file, most_bytes=most_bytes)
    return _read(source, most_bytes=most_bytes)


def _read(file: BinaryIO, *, most_bytes: int) -> bytes:
    """Read until the end or the bound; a pipe gives a part at a time."""
    pieces, left = list[bytes](), most_bytes
    while left and (piece := file.read(left)):
        if not isinstance(piece, bytes):
            raise ValueError("it is open as text; open it with mode 'rb'")  # noqa: TRY004 - whoever opened it chose
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)
