"""Reading by Modified: first loads, reloads and what changed since.

Shared by tables read as they are and by lines read through their headers; what differs stands in a `Target`. It
rests on this: `Modified` is the site's wall clock; pages without `$orderby` come in key order; some
filters that the reference allows may be refused, and then a read goes on without them (`StreamState.refused`).
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from dataclasses import replace as replace_step
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from msgspec.structs import replace

from exact_assets.catalogue.reading import MODIFIED
from exact_assets.catalogue.table import Table, YearKind
from exact_assets.cursors import ModifiedCursor
from exact_assets.exact.page import Page
from exact_assets.exact.question import Question
from exact_assets.feeds import digest
from exact_assets.feeds.chain import Chunk, follow
from exact_assets.feeds.counting import asked_by, doubted
from exact_assets.feeds.fallback import Variant, first_accepted, with_refusal
from exact_assets.feeds.filters import FilterChoice, YearProperty, choose_filters
from exact_assets.feeds.newest import highest
from exact_assets.feeds.request import ReadRequest, Source
from exact_assets.feeds.rows import LATEST, between, column_names, empty, first_year_kept, gone_before
from exact_assets.feeds.spans import ReadKind, SpanRead, span_reads
from exact_assets.feeds.wall_clock import parse_utc, wall
from exact_assets.stream import Chain, Step, StreamState, Verb

LEAST_OVERLAP = timedelta(minutes=5)
"""A row shows some time after its Modified was set, when its transaction ends: as much is read again at least."""
SETTLED = timedelta(hours=3)
"""Changes older than this have nearly all shown, even where the site's zone is mistaken by an hour or two: so much
is read again as long as it costs no call, half a page at most. What shows later still is found by a sweep."""
_MICROSECONDS = 1_000_000
FIRST_LOAD_OVERLAP = timedelta(hours=26)
"""A first load's cursor lies no further back, or a catch-up would read again what was just loaded: enough for any
mistake about the site's zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Rows of a table, made of some pages."""

    rows: pa.Table
    parents: pa.Array | None = None
    """Keys of the headers of which the rows hold all lines."""
    parent_years: pa.Array | None = None
    """The years of those headers."""
    gone: pa.Table | None = None
    """As in `Step.gone`."""
    absent: frozenset[str] = frozenset()
    """Properties that rows which had to be asked for apart lack."""
    is_partial: bool = False
    """Whether some of those rows could not be kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is asked for, and how pages become rows."""

    ask: Callable[[FilterChoice], Question]
    rows: Callable[[Sequence[Page], int], Awaitable[Part]]
    """Of pages and the year of rows that nothing tells the year of."""
    year: YearProperty | None
    guid_key: str | None
    """The key's property, where it is one guid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """One stream, with all that it is read with."""

    source: Source
    table: Table
    division: int
    request: ReadRequest
    target: Target

    async def read(self, state: StreamState) -> AsyncGenerator[Step, None]:
        """Read what is missing, what is asked for again, and what changed."""
        year = self.target.year
        by_year = year is not None and year.is_usable(self.table, state.refused)
        by_modified = MODIFIED not in state.refused
        for reading in span_reads(self.table, state, self.request, by_year=by_year, by_modified=by_modified):
            async with aclosing(first_accepted(self._variant(reading, state, stored=state))) as steps:
                async for step in steps:
                    state = step.state
                    yield step

    def _variant(
        self, reading: SpanRead, state: StreamState, *, stored: StreamState, first: Step | None = None
    ) -> Variant:
        """Return how a reading is done, and how without what Exact may refuse."""
        chosen = self._plan(reading, state)

        def without() -> Variant:
            after = replace(state, refused=with_refusal(state, chosen.relies_on), chain=None)
            other = _without_filter(reading, chosen, state)
            if state.chain is None:
                return self._variant(other, after, stored=stored)
            # What is staged of the chain that was under way goes.
            return self._variant(other, after, stored=after, first=self._nothing(after))

        steps = self._run(reading, chosen, state, stored=stored)
        return Variant(steps=steps, relies_on=chosen.relies_on, without=without, first=first)

    def _plan(self, reading: SpanRead, state: StreamState) -> FilterChoice:
        target = self.target
        return choose_filters(
            reading, self.table, state, year=target.year, key=target.guid_key, zone=self.source.zone
        )

    async def _run(
        self, reading: SpanRead, chosen: FilterChoice, state: StreamState, *, stored: StreamState
    ) -> AsyncGenerator[Step, None]:
        chain = state.chain or _new_chain(reading)
        question = self.target.ask(chosen)
        following = follow(self.source, self.division, question, chain, request=self.request)
        async with aclosing(following) as chunks:
            async for chunk in chunks:
                if chunk.is_first and state.chain is not None and state.chain.reload:
                    # The link of a reload was lost: what is staged of it goes.
                    state = replace(state, chain=None)
                    yield self._nothing(state)
                step = await self._step(reading, chunk, state)
                if step.verb is Verb.REPLACE:
                    step = replace_step(step, asked=asked_by(question, self.table, chunk))
                step = replace_step(step, doubted=doubted(question, self.table, chunk))
                if step.verb is Verb.REPLACE or not step.is_empty or step.state != stored:
                    yield step
                state = stored = step.state

    def _nothing(self, state: StreamState) -> Step:
        return Step(verb=Verb.UPSERT, rows=empty(self.table), state=state)

    async def _step(self, reading: SpanRead, chunk: Chunk, before: StreamState) -> Step:
        start_year = self._start_year(before)
        part = await self.target.rows(chunk.pages, start_year)
        chain = self._observed(chunk, part, before)
        absent = {*chunk.absent, *part.absent, *(chain.absent if chain.reload else ())}
        is_partial = chunk.has_set_aside or part.is_partial
        kept = self._kept(reading, part, start_year)
        return replace_step(
            self._stored_as(reading, chunk, kept, before, chain=chain),
            unread=column_names(self.table, absent),
            is_partial=chain.is_partial if chain.reload else is_partial,
        )

    def _observed(self, chunk: Chunk, part: Part, before: StreamState) -> Chain:
        """Add to the chain what its rows tell."""
        known = Chain() if chunk.is_first or before.chain is None else before.chain
        return replace(
            chunk.chain,
            high=self._high(chunk.pages, known.high),
            newest=self._newest(chunk.pages, known.newest),
            absent=tuple(sorted({*known.absent, *chunk.chain.absent, *part.absent})),
            is_partial=known.is_partial or chunk.chain.is_partial or part.is_partial,
        )

    def _stored_as(self, reading: SpanRead, chunk: Chunk, part: Part, before: StreamState, *, chain: Chain) -> Step:
        """Return what is done with the rows of a chunk, and the state after it."""
        if not chunk.is_last:
            verb = Verb.STAGE if chain.reload else Verb.UPSERT
            parents = None if chain.reload else part.parents
            after = replace(before, chain=chain)
            return Step(verb=verb, rows=part.rows, parents=parents, gone=part.gone, state=after)
        fingerprint = None
        # Where Modified cannot be filtered on, the next read asks for these years again.
        is_told = chunk.is_first and not chain.is_partial
        if is_told and (reading.span is None or MODIFIED in before.refused):
            scope = (
                "changes"
                if reading.kind is ReadKind.CATCH_UP
                else f"{reading.span.bounds}"
                if reading.span
                else "all"
            )
            found = digest.of_rows(part.rows, key=self.table.key, parents=part.parents, gone=part.gone)
            fingerprint = f"{scope} {found}"
        is_same = fingerprint is not None and fingerprint == before.fingerprint
        is_known = is_same and not self._is_asked_again(before)
        after = self._after(reading, before, chain, fingerprint=fingerprint, is_known=is_known)
        if is_known and reading.kind is not ReadKind.LOAD:
            return self._nothing(after)
        if chain.reload:
            bounds = None if reading.span is None else reading.span.bounds
            return Step(verb=Verb.REPLACE, rows=part.rows, years=bounds, state=after)
        return Step(verb=Verb.UPSERT, rows=part.rows, parents=part.parents, gone=part.gone, state=after)

    def _is_asked_again(self, before: StreamState) -> bool:
        """Return whether a reload is asked for or under way: it repairs what the digest knows nothing of."""
        return self.request.reload or (before.chain is not None and before.chain.reload)

    def _start_year(self, state: StreamState) -> int:
        """Return the year before which rows are left out; what was loaded from an earlier one stays up to date."""
        return (
            self.request.start_year if state.start_year is None else min(state.start_year, self.request.start_year)
        )

    def _kept(self, reading: SpanRead, part: Part, start_year: int) -> Part:
        """Leave out rows of years that are not asked for."""
        first, last = reading.span.bounds if reading.span else (first_year_kept(self.table, start_year), LATEST)
        kept = between(part.rows, first, last)
        if part.parents is None or reading.span is None:
            # Lines of a header that is now before the starting year go: it is among the parents, without lines.
            is_change = reading.kind is ReadKind.CATCH_UP and part.parents is None
            gone = gone_before(part.rows, self.table, first) if is_change else None
            return Part(rows=kept, parents=part.parents, gone=gone)
        fits = pc.and_(pc.greater_equal(part.parent_years, first), pc.less_equal(part.parent_years, last))
        return Part(rows=kept, parents=part.parents.filter(fits))

    def _high(self, pages: Sequence[Page], high: str | None) -> str | None:
        for page in pages:
            newest = pc.max(page.rows.column(MODIFIED)).as_py()
            if newest is not None:
                seen = wall(newest, self.source.zone).isoformat()
                high = seen if high is None else max(high, seen)
        return high

    def _newest(self, pages: Sequence[Page], newest: tuple[int, ...]) -> tuple[int, ...]:
        for page in pages:
            moments = page.rows.column(MODIFIED).cast(pa.int64()).drop_null()
            newest = highest(moments, newest, count=self._overlap_rows)
        return newest

    @property
    def _overlap_rows(self) -> int:
        return max(1, self.table.page_size // 2)

    def _after(
        self, reading: SpanRead, state: StreamState, chain: Chain, *, fingerprint: str | None, is_known: bool
    ) -> StreamState:
        """Return the state after a reading."""
        is_business = self.table.year_kind is YearKind.BUSINESS
        state = replace(state, chain=None, start_year=self._start_year(state) if is_business else None)
        if reading.kind is ReadKind.CATCH_UP or reading.span is None:
            if not (is_known and reading.kind is ReadKind.RELOAD):
                state = self._marked(reading, state, chain)
            state = replace(state, fingerprint=fingerprint)
        else:
            if not state.is_loaded:
                state = self._marked(reading, state, chain)
            if MODIFIED in state.refused:
                state = replace(state, fingerprint=fingerprint)
        return state if reading.kind is ReadKind.CATCH_UP else self._recorded(reading, state)

    def _marked(self, reading: SpanRead, state: StreamState, chain: Chain) -> StreamState:
        """Move the cursor, and where the next read starts."""
        started = wall(parse_utc(chain.started), self.source.zone)
        old = state.cursor.modified if isinstance(state.cursor, ModifiedCursor) else None
        high = None if chain.high is None else datetime.fromisoformat(chain.high)
        seen = min(started, high or started)
        if reading.kind is ReadKind.CATCH_UP and old is not None:
            cursor = max(old, seen) if high is not None else old
        else:
            cursor = max(seen, started - FIRST_LOAD_OVERLAP)
        floor = None if started - cursor >= SETTLED else self._floor(reading, state, chain, cursor)
        return replace(state, cursor=ModifiedCursor(modified=cursor, floor=floor))

    def _floor(self, reading: SpanRead, state: StreamState, chain: Chain, cursor: datetime) -> datetime:
        """Return where the next read starts, so that what is read again is no more than half a page."""
        least = cursor - LEAST_OVERLAP
        if len(chain.newest) >= self._overlap_rows:
            known = wall(datetime.fromtimestamp(chain.newest[-1] / _MICROSECONDS, UTC), self.source.zone)
        elif reading.kind is ReadKind.CATCH_UP and isinstance(state.cursor, ModifiedCursor):
            # How many rows are below nobody knows.
            known = state.cursor.start
        else:
            known = cursor - SETTLED
        return min(least, max(cursor - SETTLED, known))

    def _recorded(self, reading: SpanRead, state: StreamState) -> StreamState:
        """Note which years are there, and who asked."""
        had_all = state.is_loaded and not state.years and reading.kind is ReadKind.RELOAD
        years = () if reading.span is None or had_all else tuple(sorted({*state.years, *reading.span.years}))
        if self.request.reload_id is None:
            return replace(state, years=years)
        asked = state.reload_years if state.reload_id == self.request.reload_id else ()
        asked = () if reading.span is None else tuple(sorted({*asked, *reading.span.years}))
        return replace(state, years=years, reload_id=self.request.reload_id, reload_years=asked)


def _new_chain(reading: SpanRead) -> Chain:
    return Chain(
        first_year=reading.span.first if reading.span else None,
        last_year=reading.span.last if reading.span else None,
        reload=reading.kind is ReadKind.RELOAD,
    )


def _without_filter(reading: SpanRead, chosen: FilterChoice, state: StreamState) -> SpanRead:
    """Return the reading to do instead: everything, in the place of what is there."""
    if reading.kind is not ReadKind.CATCH_UP and (reading.span is None or not chosen.filters):
        return reading
    return SpanRead(kind=ReadKind.RELOAD if state.is_loaded else ReadKind.LOAD)
