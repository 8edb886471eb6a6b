"""Reading by Modified: first loads, reloads and what changed since.

Shared by tables read as they are and by lines read through their headers; what differs stands in a `Target`. It
rests on this: `Modified` is the site's wall clock; pages without `$orderby` come in key order; some
filters that the reference allows may be refused, and then a read goes on without them (`StreamState.refused`).
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from dataclasses import replace as replace_step
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from msgspec.structs import replace

from exact_assets.catalogue.table import Table, YearKind
from exact_assets.errors import RequestRefusedError
from exact_assets.exact.page import Page
from exact_assets.feeds import digest
from exact_assets.feeds.chain import Chunk, Question, follow, may_do_without_filter
from exact_assets.feeds.counting import asked_by
from exact_assets.feeds.filters import MODIFIED, Plan, YearProperty, plan
from exact_assets.feeds.jobs import Job, Kind, jobs
from exact_assets.feeds.rows import LATEST, between, empty, first_year_kept, gone_before
from exact_assets.feeds.wall_clock import parse_utc, wall
from exact_assets.feeds.want import Source, Want
from exact_assets.stream import Chain, Step, StreamState, Verb

OVERLAP = timedelta(minutes=5)
"""A row shows some time after its Modified was set: as much is read again."""
SETTLED = timedelta(hours=3)
"""Changes older than this have all shown, even where the site's zone is mistaken by an hour or two."""
QUIET = timedelta(hours=26)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is asked for, and how pages become rows."""

    ask: Callable[[Plan], Question]
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
    want: Want
    target: Target

    async def read(self, state: StreamState) -> AsyncGenerator[Step, None]:
        """Read what is missing, what is asked for again, and what changed."""
        year = self.target.year
        by_year = year is not None and year.is_usable(self.table, state.refused)
        by_modified = MODIFIED not in state.refused
        for job in jobs(self.table, state, self.want, by_year=by_year, by_modified=by_modified):
            async with aclosing(self._do(job, state)) as steps:
                async for step in steps:
                    state = step.state
                    yield step

    async def _do(self, job: Job, state: StreamState) -> AsyncGenerator[Step, None]:
        """Do a job, in another way where Exact refuses to filter."""
        stored = state
        while True:
            chosen = self._plan(job, state)
            began = False
            try:
                async with aclosing(self._run(job, chosen, state, stored=stored)) as steps:
                    async for step in steps:
                        began = True
                        yield step
            except RequestRefusedError as error:
                if began or chosen.relies_on is None or not may_do_without_filter(error):
                    raise
                job = _without_filter(job, chosen, state)
                was_under_way = state.chain is not None
                state = replace(state, refused=(*state.refused, chosen.relies_on), chain=None)
                if was_under_way:
                    yield self._nothing(state)
                    stored = state
            else:
                return

    def _plan(self, job: Job, state: StreamState) -> Plan:
        target = self.target
        return plan(job, self.table, state, year=target.year, key=target.guid_key, zone=self.source.zone)

    async def _run(
        self, job: Job, chosen: Plan, state: StreamState, *, stored: StreamState
    ) -> AsyncGenerator[Step, None]:
        chain = state.chain or _new_chain(job)
        question = self.target.ask(chosen)
        following = follow(self.source, self.division, question, chain, want=self.want)
        async with aclosing(following) as chunks:
            async for chunk in chunks:
                if chunk.is_first and state.chain is not None and state.chain.reload:
                    # The link of a reload was lost: what is staged of it goes.
                    state = replace(state, chain=None)
                    yield self._nothing(state)
                step = await self._step(job, chunk, state)
                if step.verb is Verb.REPLACE:
                    step = replace_step(step, asked=asked_by(question, self.table, chunk))
                if step.verb is Verb.REPLACE or not step.is_empty or step.state != stored:
                    yield step
                state = stored = step.state

    def _nothing(self, state: StreamState) -> Step:
        return Step(verb=Verb.UPSERT, rows=empty(self.table), state=state)

    async def _step(self, job: Job, chunk: Chunk, before: StreamState) -> Step:
        start_year = self._start_year(before)
        part = self._kept(job, await self.target.rows(chunk.pages, start_year), start_year)
        high = None if chunk.is_first or before.chain is None else before.chain.high
        chain = replace(chunk.chain, high=self._high(chunk.pages, high))
        if not chunk.is_last:
            verb = Verb.STAGE if chain.reload else Verb.UPSERT
            parents = None if chain.reload else part.parents
            after = replace(before, chain=chain)
            return Step(verb=verb, rows=part.rows, parents=parents, gone=part.gone, state=after)
        fingerprint = None
        # Where Modified cannot be filtered on, the next read asks for these years again.
        if chunk.is_first and (job.span is None or MODIFIED in before.refused):
            scope = "changes" if job.kind is Kind.CATCH_UP else f"{job.span.bounds}" if job.span else "all"
            found = digest.of_rows(part.rows, key=self.table.key, parents=part.parents, gone=part.gone)
            fingerprint = f"{scope} {found}"
        after = self._after(job, before, chain, fingerprint=fingerprint)
        if fingerprint is not None and fingerprint == before.fingerprint and job.kind is not Kind.LOAD:
            return self._nothing(after)
        if chain.reload:
            bounds = None if job.span is None else job.span.bounds
            return Step(verb=Verb.REPLACE, rows=part.rows, years=bounds, state=after)
        return Step(verb=Verb.UPSERT, rows=part.rows, parents=part.parents, gone=part.gone, state=after)

    def _start_year(self, state: StreamState) -> int:
        """Give the year before which rows are left out; what was loaded from an earlier one stays up to date."""
        return self.want.start_year if state.start_year is None else min(state.start_year, self.want.start_year)

    def _kept(self, job: Job, part: Part, start_year: int) -> Part:
        """Leave out rows of years that are not asked for."""
        first, last = job.span.bounds if job.span else (first_year_kept(self.table, start_year), LATEST)
        kept = between(part.rows, first, last)
        if part.parents is None or job.span is None:
            # Lines of a header that is now before the starting year go: it is among the parents, without lines.
            is_change = job.kind is Kind.CATCH_UP and part.parents is None
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

    def _after(self, job: Job, state: StreamState, chain: Chain, *, fingerprint: str | None) -> StreamState:
        """Give the state after a job."""
        is_business = self.table.year_kind is YearKind.BUSINESS
        state = replace(state, chain=None, start_year=self._start_year(state) if is_business else None)
        is_unchanged = fingerprint is not None and fingerprint == state.fingerprint
        if job.kind is Kind.CATCH_UP or job.span is None:
            if not (is_unchanged and job.kind is Kind.RELOAD):
                state = self._marked(job, state, chain)
            state = replace(state, fingerprint=fingerprint)
        else:
            if not state.is_loaded:
                state = self._marked(job, state, chain)
            if MODIFIED in state.refused:
                state = replace(state, fingerprint=fingerprint)
        return state if job.kind is Kind.CATCH_UP else self._recorded(job, state)

    def _marked(self, job: Job, state: StreamState, chain: Chain) -> StreamState:
        """Move the cursor, and where the next read starts."""
        started = wall(parse_utc(chain.started), self.source.zone)
        old = None if state.cursor is None else datetime.fromisoformat(state.cursor)
        high = None if chain.high is None else datetime.fromisoformat(chain.high)
        seen = min(started, high or started)
        if job.kind is Kind.CATCH_UP and old is not None:
            cursor = max(old, seen) if high is not None else old
        else:
            cursor = max(seen, started - QUIET)
        floor = None if started - cursor >= SETTLED else (cursor - OVERLAP).isoformat()
        return replace(state, cursor=cursor.isoformat(), floor=floor)

    def _recorded(self, job: Job, state: StreamState) -> StreamState:
        """Note which years are there, and who asked."""
        had_all = state.is_loaded and not state.years and job.kind is Kind.RELOAD
        years = () if job.span is None or had_all else tuple(sorted({*state.years, *job.span.years}))
        if self.want.reload_id is None:
            return replace(state, years=years)
        asked = state.reload_years if state.reload_id == self.want.reload_id else ()
        asked = () if job.span is None else tuple(sorted({*asked, *job.span.years}))
        return replace(state, years=years, reload_id=self.want.reload_id, reload_years=asked)


def _new_chain(job: Job) -> Chain:
    return Chain(
        first_year=job.span.first if job.span else None,
        last_year=job.span.last if job.span else None,
        reload=job.kind is Kind.RELOAD,
    )


def _without_filter(job: Job, chosen: Plan, state: StreamState) -> Job:
    """Give the job to do instead: everything, in the place of what is there."""
    if job.kind is not Kind.CATCH_UP and (job.span is None or not chosen.filters):
        return job
    return Job(kind=Kind.RELOAD if state.is_loaded else Kind.LOAD)
