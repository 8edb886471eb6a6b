"""Reads an answer as a whole, within a time and a size: one that drips, never ends or swells holds nobody up.

A time-out of each read does not help against a byte a second, nor against a megabyte of gzip that becomes
gigabytes. What the answer means is for those who asked.
"""

import asyncio
import zlib
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass

import httpx

BYTES_PER_MB = 2**20
NO_ENCODING = frozenset({"", "identity"})
ENCODINGS = frozenset({"gzip", "x-gzip", "deflate"})
GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
PIECE_BYTES = 2**20
"""Decompressed at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one answer may take. Generous: Exact may think long about a wide page of 1,000 rows."""

    seconds: float = 120.0
    """From the request to its last byte."""
    mb: int = 64
    """Of 2**20 bytes, as they are once they are decompressed."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HttpAnswer:
    """An answer as far as it came."""

    status: int
    headers: httpx.Headers
    body: bytes
    """What came of it."""
    trouble: str | None
    """Why that is not all; None: it is."""
    is_beyond: bool = False
    """Whether it was cut by us, for its length in time or bytes."""


class TooSlowError(httpx.TransportError):
    """No answer began within the time that there is for the whole of it."""


async def ask(
    http: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    content: str | AsyncIterable[bytes] | None = None,
    bounds: Bounds,
) -> HttpAnswer:
    """Send a request and read its answer.

    Raises:
        httpx.TransportError: no answer began.
    """
    request = http.build_request(method, url, headers={**headers, "Accept-Encoding": "gzip"}, content=content)
    until = asyncio.get_running_loop().time() + bounds.seconds
    try:
        async with asyncio.timeout_at(until):
            response = await http.send(request, stream=True)
    except TimeoutError as error:
        raise TooSlowError(_too_slow(bounds)) from error
    try:
        return await _read(response, bounds, until=until)
    finally:
        await response.aclose()


async def _read(response: httpx.Response, bounds: Bounds, *, until: float) -> HttpAnswer:
    body = _Body(response.headers.get("content-encoding", ""), most_bytes=bounds.mb * BYTES_PER_MB)
    trouble, is_beyond = None, False
    try:
        async with asyncio.timeout_at(until):
            async for piece in response.aiter_raw():
                body.add(piece)
            body.end()
    except TimeoutError:
        trouble, is_beyond = _too_slow(bounds), True
    except _BeyondError:
        trouble, is_beyond = f"the answer has more than {bounds.mb} MB (EXACT_ANSWER_MB)", True
    except _UnreadableError as error:
        trouble = str(error)
    except httpx.TransportError as error:
        trouble = f"the connection broke ({type(error).__name__})"
    return HttpAnswer(
        status=response.status_code,
        headers=response.headers,
        body=body.found(),
        trouble=trouble,
        is_beyond=is_beyond,
    )


def _too_slow(bounds: Bounds) -> str:
    return f"the answer took more than {bounds.seconds:g} s (EXACT_ANSWER_SECONDS)"


class _BeyondError(Exception):
    """It is larger than it may be."""


class _UnreadableError(Exception):
    """It cannot be decompressed."""


class _Body:
    """What has come of a body, decompressed a piece at a time."""

    def __init__(self, encoding: str, *, most_bytes: int) -> None:
        self._left = most_bytes
        self._raw_left = most_bytes
        self._pieces: list[bytes] = []
        self._encoding = encoding.strip().lower()
        self._inflate = zlib.decompressobj(GZIP_OR_ZLIB) if self._encoding in ENCODINGS else None

    def add(self, raw: bytes) -> None:
        self._raw_left -= len(raw)
        if self._raw_left < 0:
            raise _BeyondError
        if self._encoding in NO_ENCODING:
            self._keep(raw)
            return
        if self._inflate is None:
            raise _UnreadableError(f"it is compressed as nobody asked for ({self._encoding[:50]})")
        while raw:
            if self._inflate.eof:  # one after the other are one whole
                self._inflate = zlib.decompressobj(GZIP_OR_ZLIB)
            try:
                self._keep(self._inflate.decompress(raw, PIECE_BYTES))
            except zlib.error as error:
                raise _UnreadableError(f"it cannot be decompressed ({error})") from error
            raw = self._inflate.unconsumed_tail or self._inflate.unused_data

    def end(self) -> None:
        if self._inflate is not None and self._pieces and not self._inflate.eof:
            raise _UnreadableError("it is compressed, and cut")

    def found(self) -> bytes:
        return b"".join(self._pieces)

    def _keep(self, piece: bytes) -> None:
        self._left -= len(piece)
        if self._left < 0:
            raise _BeyondError
        self._pieces.append(piece)
