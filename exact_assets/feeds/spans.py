"""What is to be asked of a stream that is read by Modified: decisions, without I/O.

A stream is loaded by spans of years where its rows' year can be filtered on, else at once; then it is caught up
with.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

from exact_assets.catalogue.table import Table, YearKind
from exact_assets.feeds.request import ReadRequest
from exact_assets.feeds.rows import EARLIEST, LATEST
from exact_assets.stream import Chain, StreamState


class ReadKind(StrEnum):
    """What is done with the rows."""

    LOAD = "load"
    """They are new: a first load, or years that were not asked for before."""
    RELOAD = "reload"
    """They replace what is there."""
    CATCH_UP = "catch up"
    """They changed since the cursor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Neighbouring years that are asked for at once."""

    first: int
    last: int
    is_open_below: bool
    """It holds all rows of earlier years too: the first year of master data."""
    is_open_above: bool
    """It holds all rows of later years too: up to now, some rows are dated ahead."""

    @property
    def years(self) -> tuple[int, ...]:
        """The years, without those that it is open to."""
        return tuple(range(self.first, self.last + 1))

    @property
    def bounds(self) -> tuple[int, int]:
        """The first and the last `_year` that it holds."""
        return (EARLIEST if self.is_open_below else self.first, LATEST if self.is_open_above else self.last)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanRead:
    """One chain of pages."""

    kind: ReadKind
    span: Span | None = None
    """None: all years."""


def span_reads(
    table: Table, state: StreamState, request: ReadRequest, *, by_year: bool, by_modified: bool
) -> list[SpanRead]:
    """Decide what to ask, in order: first what is under way, and nothing else then.

    `by_year` says whether the rows' year can be filtered on; `by_modified` whether Modified can: otherwise what is
    there is asked for again each time.
    """
    if state.chain is not None:
        return [under_way(table, state.chain, state, request)]
    request = request if by_modified or not state.is_loaded else replace(request, reload=True)
    if not by_year or (request.reload and not request.years and not state.years):
        return [_whole(table, state, request)]
    kind, years = _years(state, request, with_loaded=not by_modified)
    asked = [SpanRead(kind=kind, span=span) for span in spans(table, years, request)]
    return [*asked, SpanRead(kind=ReadKind.CATCH_UP)] if state.is_loaded and by_modified else asked


def under_way(table: Table, chain: Chain, state: StreamState, request: ReadRequest) -> SpanRead:
    """Return which reading a chain belongs to."""
    span = None
    if chain.first_year is not None and chain.last_year is not None:
        span = _span(table, chain.first_year, chain.last_year, request)
    if chain.reload:
        return SpanRead(kind=ReadKind.RELOAD, span=span)
    if span is not None or not state.is_loaded:
        return SpanRead(kind=ReadKind.LOAD, span=span)
    return SpanRead(kind=ReadKind.CATCH_UP)


def spans(table: Table, years: Iterable[int], request: ReadRequest) -> list[Span]:
    """Join neighbouring years."""
    ordered = sorted(set(years))
    if not ordered:
        return []
    breaks = [(one, other) for one, other in pairwise(ordered) if other > one + 1]
    firsts = [ordered[0], *(other for _, other in breaks)]
    lasts = [*(one for one, _ in breaks), ordered[-1]]
    return [_span(table, first, last, request) for first, last in zip(firsts, lasts, strict=True)]


def _whole(table: Table, state: StreamState, request: ReadRequest) -> SpanRead:
    if not state.is_loaded:
        return SpanRead(kind=ReadKind.LOAD)
    is_earlier = state.start_year is not None and request.start_year < state.start_year
    if request.reload or (is_earlier and table.year_kind is YearKind.BUSINESS):
        return SpanRead(kind=ReadKind.RELOAD)
    return SpanRead(kind=ReadKind.CATCH_UP)


def _years(state: StreamState, request: ReadRequest, *, with_loaded: bool) -> tuple[ReadKind, Iterable[int]]:
    """Return which years are asked for, and whether some of them may be there."""
    if not state.is_loaded:
        return ReadKind.LOAD, request.years or range(
            request.start_year, max(request.start_year, request.now().year) + 1
        )
    if request.reload:
        return ReadKind.RELOAD, {*request.years, *state.years} if with_loaded else request.years or state.years
    # No years: it was read all at once.
    return ReadKind.LOAD, [year for year in request.years if state.years and year not in state.years]


def _span(table: Table, first: int, last: int, request: ReadRequest) -> Span:
    return Span(
        first=first,
        last=last,
        is_open_below=table.year_kind is YearKind.CREATED and first <= request.start_year,
        is_open_above=last >= request.now().year,
    )
