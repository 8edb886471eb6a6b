"""Following a chain of pages in bounded chunks: what all feeds share. What the rows mean is theirs.

A chunk is stored before the next is read, so that a kill loses few calls and memory does not grow with the table.
"""

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta

from msgspec.structs import replace

from exact_assets.errors import (
    AnswerError,
    ExactError,
    ForbiddenError,
    RequestRefusedError,
    StaleLinkError,
    UnavailableError,
    ValueRangeError,
)
from exact_assets.exact.page import Page
from exact_assets.exact.question import Question
from exact_assets.feeds.request import ReadRequest, Source
from exact_assets.stream import Chain

_log = logging.getLogger(__name__)

FINAL = (RequestRefusedError, ForbiddenError)
"""Answers to a link that was stored which no time makes better: it is let go."""
BROKEN = (UnavailableError, AnswerError)
"""Answers which may be a slip: it is let go after a few."""
MOST_BROKEN = 3
MOST_PROPERTIES_NAMED = 20
LONGEST_PROPERTY_NAMED = 100
CHUNK_PAGES = 20
CHUNK_BYTES_PER_ROW = 2_000
"""As much memory as a row of the widest table takes. A chunk of rows with long texts holds fewer of them."""
CHUNK_TIME = timedelta(seconds=15)
"""By the server's clock as far as it is known: ours may be set back, and would keep a chunk open for hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Some pages of a chain, and the chain as it is after them."""

    pages: tuple[Page, ...]
    chain: Chain
    is_last: bool

    @property
    def is_first(self) -> bool:
        """Whether the chain began with it."""
        return self.chain.pages == len(self.pages)

    @property
    def has_set_aside(self) -> bool:
        """Whether a row that came is not among its rows."""
        return any(page.has_set_aside for page in self.pages)

    @property
    def absent(self) -> frozenset[str]:
        """Properties that came in none of its rows, nor, where others were put aside before, in all of those."""
        return frozenset(self.chain.absent) if self.chain.reload else _absent(self.pages)


async def follow(
    source: Source, division: int, question: Question, chain: Chain, *, request: ReadRequest
) -> AsyncGenerator[Chunk, None]:
    """Read a chain to its end, from where it stopped; a link that Exact no longer takes starts it anew.

    What was read before an error is given before the error is raised.

    Raises:
        ExactError: as the client raises it.
    """
    began = False
    try:
        async with aclosing(_chunks(source, division, question, chain, request=request)) as chunks:
            async for chunk in chunks:
                began = True
                yield chunk
                # What has been stored goes before the next pages come.
                del chunk
    except (RequestRefusedError, StaleLinkError):
        if chain.link is None or began:
            raise
    else:
        return
    async with aclosing(_chunks(source, division, question, anew(chain), request=request)) as chunks:
        async for chunk in chunks:
            yield chunk
            del chunk


def after_failure(chain: Chain, error: ExactError) -> Chain:
    """Return a chain after its stored link has brought nothing: before its first page once the link is let go.

    A value that does not fit is no fault of the link's: the chain would only come to it again.
    """
    if isinstance(error, FINAL):
        return anew(chain)
    if not isinstance(error, BROKEN) or isinstance(error, ValueRangeError):
        return chain
    broken = chain.broken + 1
    return anew(chain) if broken >= MOST_BROKEN else replace(chain, broken=broken)


def anew(chain: Chain) -> Chain:
    """Return the same chain before its first page."""
    return Chain(first_year=chain.first_year, last_year=chain.last_year, reload=chain.reload)


async def _chunks(
    source: Source, division: int, question: Question, chain: Chain, *, request: ReadRequest
) -> AsyncGenerator[Chunk, None]:
    chain = chain if chain.link else replace(anew(chain), asked_by=request.reload_id)
    pages: list[Page] = []
    opened = request.now()
    failure: ExactError | None = None
    async with aclosing(answers_of(source, division, question, link=chain.link)) as answers:
        while True:
            try:
                page = await anext(answers)
            except StopAsyncIteration:
                break
            except ExactError as error:
                failure = error
                break
            if pages and _absent(pages) != _absent([*pages, page]):
                # So that of a chunk's rows all have a property, or none.
                yield Chunk(pages=tuple(pages), chain=chain, is_last=False)
                pages, opened = [], request.now()
            pages.append(page)
            chain = _after(chain, page)
            if page.next_link is not None and _is_full(
                pages, request.now() - opened, chunk_rows=request.chunk_rows
            ):
                yield Chunk(pages=tuple(pages), chain=chain, is_last=False)
                pages, opened = [], request.now()
    if failure is None:
        yield Chunk(pages=tuple(pages), chain=chain, is_last=True)
        return
    if pages:
        # A page whose link leads astray has not come: it is asked for again next time, which helps against a slip.
        yield Chunk(pages=tuple(pages), chain=chain, is_last=False)
    raise failure


async def answers_of(
    source: Source, division: int, question: Question, *, link: str | None = None
) -> AsyncGenerator[Page, None]:
    """Read the pages of a chain, telling of properties that nobody asked for.

    Raises:
        ExactError: as the client raises it.
    """
    pages = source.pages(division, question, link=link)
    unknown = frozenset[str]()
    try:
        async for page in pages:
            if page.unknown - unknown:
                unknown |= page.unknown
                _log.warning(
                    "%s: Exact sends properties that the catalogue does not know: %s. They are not loaded.",
                    question.path,
                    _some(page.unknown),
                )
            yield page
    finally:
        if isinstance(pages, AsyncGenerator):
            await pages.aclose()


def _some(names: frozenset[str]) -> str:
    shown = sorted(names)[:MOST_PROPERTIES_NAMED]
    more = f" and {len(names) - len(shown):,} more" if len(names) > len(shown) else ""
    return ", ".join(name[:LONGEST_PROPERTY_NAMED] for name in shown) + more


def _after(chain: Chain, page: Page) -> Chain:
    return replace(
        chain,
        link=page.next_link,
        started=chain.started or page.server_time.isoformat(),
        pages=chain.pages + 1,
        rows=chain.rows + page.rows.num_rows,
        broken=0,
        absent=tuple(sorted({*chain.absent, *page.absent})),
        is_partial=chain.is_partial or page.has_set_aside,
    )


def _absent(pages: Sequence[Page]) -> frozenset[str]:
    return frozenset().union(*(page.absent for page in pages))


def _is_full(pages: list[Page], age: timedelta, *, chunk_rows: int) -> bool:
    tables = [table for page in pages for table in (page.rows, page.expanded) if table is not None]
    rows, size = sum(table.num_rows for table in tables), sum(table.nbytes for table in tables)
    is_large = rows >= chunk_rows or size >= chunk_rows * CHUNK_BYTES_PER_ROW
    return is_large or len(pages) >= CHUNK_PAGES or age >= CHUNK_TIME
