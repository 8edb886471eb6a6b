"""What is to be asked of a stream that is read by Modified: decisions, without I/O.

A stream is loaded by spans of years where its rows' year can be filtered on, else at once; then it is caught up
with.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

from exact_assets.catalogue.table import Table, YearKind
from exact_assets.feeds.rows import EARLIEST, LATEST
from exact_assets.feeds.want import Want
from exact_assets.stream import Chain, StreamState


class Kind(StrEnum):
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
class Job:
    """One chain of pages."""

    kind: Kind
    span: Span | None = None
    """None: all years."""


def jobs(table: Table, state: StreamState, want: Want, *, by_year: bool, by_modified: bool) -> list[Job]:
    """Decide what to ask, in order: first what is under way, and nothing else then.

    `by_year` says whether the rows' year can be filtered on; `by_modified` whether Modified can: otherwise what is
    there is asked for again each time.
    """
    if state.chain is not None:
        return [under_way(table, state.chain, state, want)]
    want = want if by_modified or not state.is_loaded else replace(want, reload=True)
    if not by_year or (want.reload and not want.years and not state.years):
        return [_whole(table, state, want)]
    kind, years = _years(state, want, with_loaded=not by_modified)
    asked = [Job(kind=kind, span=span) for span in spans(table, years, want)]
    return [*asked, Job(kind=Kind.CATCH_UP)] if state.is_loaded and by_modified else asked


def under_way(table: Table, chain: Chain, state: StreamState, want: Want) -> Job:
    """Tell which job a chain belongs to."""
    span = None
    if chain.first_year is not None and chain.last_year is not None:
        span = _span(table, chain.first_year, chain.last_year, want)
    if chain.reload:
        return Job(kind=Kind.RELOAD, span=span)
    if span is not None or not state.is_loaded:
        return Job(kind=Kind.LOAD, span=span)
    return Job(kind=Kind.CATCH_UP)


def spans(table: Table, years: Iterable[int], want: Want) -> list[Span]:
    """Join neighbouring years."""
    ordered = sorted(set(years))
    if not ordered:
        return []
    breaks = [(one, other) for one, other in pairwise(ordered) if other > one + 1]
    firsts = [ordered[0], *(other for _, other in breaks)]
    lasts = [*(one for one, _ in breaks), ordered[-1]]
    return [_span(table, first, last, want) for first, last in zip(firsts, lasts, strict=True)]


def _whole(table: Table, state: StreamState, want: Want) -> Job:
    if not state.is_loaded:
        return Job(kind=Kind.LOAD)
    is_earlier = state.start_year is not None and want.start_year < state.start_year
    if want.reload or (is_earlier and table.year_kind is YearKind.BUSINESS):
        return Job(kind=Kind.RELOAD)
    return Job(kind=Kind.CATCH_UP)


def _years(state: StreamState, want: Want, *, with_loaded: bool) -> tuple[Kind, Iterable[int]]:
    """Tell which years are asked for, and whether some of them may be there."""
    if not state.is_loaded:
        return Kind.LOAD, want.years or range(want.start_year, max(want.start_year, want.now().year) + 1)
    if want.reload:
        return Kind.RELOAD, {*want.years, *state.years} if with_loaded else want.years or state.years
    # No years: it was read all at once.
    return Kind.LOAD, [year for year in want.years if state.years and year not in state.years]


def _span(table: Table, first: int, last: int, want: Want) -> Span:
    return Span(
        first=first,
        last=last,
        is_open_below=table.year_kind is YearKind.CREATED and first <= want.start_year,
        is_open_above=last >= want.now().year,
    )
