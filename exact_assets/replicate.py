"""Bring streams up to date: client + table + warehouse + leases -> an outcome per division, many at once.

What belongs here: who goes when, what is asked for again and what is not, and how steps reach the warehouse. How a
table is read stands in `feeds`, how it is stored in `warehouse`; Dagster is not known here.
"""

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from exact_assets.batch import Batch
from exact_assets.bounded import Bounded
from exact_assets.catalogue.table import Table
from exact_assets.errors import DayQuotaError, ExactAssetsError, LoadSupersededError
from exact_assets.exact.client import ExactClient
from exact_assets.exact.limits import Quota
from exact_assets.feeds import Source, Want, read
from exact_assets.planner import Share, is_unfinished
from exact_assets.stream import Changes, Step, Stored, StreamState, Verb
from exact_assets.warehouse.protocol import Warehouse

DIVISIONS_AT_ONCE = 8
"""Each holds at most one chunk of rows in memory; Exact allows one call at a time per division anyway."""
BUSY_PAUSE_SECONDS = 0.25
ATTEMPTS_WHEN_SUPERSEDED = 3


class Mode(StrEnum):
    """What a materialisation asks for."""

    AUTO = "auto"
    """Load what is new, catch up on what is there; a backfill reloads what is there."""
    RELOAD = "reload"
    """Ask for the partitions' rows again and replace them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked of one stream."""

    start_year: int
    years: tuple[int, ...] = ()
    """Partitions that should be up to date afterwards; empty for undated tables."""
    mode: Mode = Mode.AUTO
    backfill_id: str | None = None
    """The backfill (or the run, for an explicit reload) that asks: it asks Exact once, however often it comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one stream."""

    division: int
    changes: Changes = field(default_factory=Changes)
    calls: int = 0
    seconds: float = 0.0
    state: StreamState = field(default_factory=StreamState)
    row_counts: Mapping[int | None, int] = field(default_factory=dict)
    quota: Quota | None = None
    error: ExactAssetsError | None = None
    """Why it is not up to date; what was read before is stored all the same."""
    before: StreamState = field(default_factory=StreamState)
    """The state that was found."""

    @property
    def waits_until(self) -> datetime | None:
        """When the day's calls are back, where it is for lack of them that it is not up to date."""
        return self.error.resets_at if isinstance(self.error, DayQuotaError) else None


class Leases(Protocol):
    """Says who works on a stream, across all processes."""

    def lease(self, name: str) -> AbstractContextManager[bool]:
        """Hold a name for the length of a `with`; False: another holds it."""


def plan(state: StreamState, request: Request) -> Want | None:
    """Decide what to ask Exact for; None: this backfill has already brought all of it.

    A stream that is new is loaded. One that is there is caught up with, or, when a reload or a backfill asks for
    partitions that are already there, asked for again.
    """
    want = Want(start_year=request.start_year, years=request.years, reload=False, reload_id=request.backfill_id)
    if not state.is_loaded or state.chain is not None:
        return want
    if request.mode is Mode.AUTO and (request.backfill_id is None or not _is_there(state, request.years)):
        return want
    if request.backfill_id is None or state.reload_id != request.backfill_id:
        return replace(want, reload=True)
    if not state.reload_years:
        return None
    missing = tuple(year for year in request.years if year not in state.reload_years)
    return replace(want, reload=True, years=missing) if missing else None


def is_load(state: StreamState, want: Want) -> bool:
    """Whether more is asked for than what changed: rows that are new or to be replaced, or a chain that was cut."""
    is_complete = not state.years or set(want.years) <= set(state.years)
    return is_unfinished(state) or want.reload or not is_complete


def _is_there(state: StreamState, years: tuple[int, ...]) -> bool:
    """Whether any of the years was loaded; a stream that is not loaded by year has them all."""
    return not state.years or any(year in state.years for year in years)


async def replicate(
    table: Table,
    requests: Mapping[int, Request],
    *,
    client: ExactClient,
    warehouse: Warehouse,
    leases: Leases,
    shares: Mapping[int, Share] | None = None,
) -> Mapping[int, Outcome]:
    """Bring a table's streams up to date, several divisions at once, one call at a time in each.

    A division that fails does not stop the others; its outcome carries the error. A stream that another run is
    busy with comes last, and finds its work done. `shares` bound what loads and reloads may use of a division's
    calls; without, they use all.
    """
    await asyncio.to_thread(warehouse.prepare, [table])
    outcomes: dict[int, Outcome] = {}
    queue = deque(requests.items())

    async with (
        Batch[int, StreamState](lambda asked: _states(table, warehouse, asked)) as states,
        Batch[tuple[int, Step, int], Stored](lambda steps: warehouse.store_many(table, steps)) as storing,
    ):
        replication = _Replication(table, client, leases, states, storing, shares or {})

        async def work() -> None:
            while queue:
                division, request = queue.popleft()
                outcome = await replication.attempt(division, request)
                if outcome is None:
                    queue.append((division, request))
                    await asyncio.sleep(BUSY_PAUSE_SECONDS)
                else:
                    outcomes[division] = outcome

        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(DIVISIONS_AT_ONCE, len(queue))):
                tasks.create_task(work())
    return await asyncio.to_thread(_with_row_counts, table, warehouse, outcomes)


@dataclass(frozen=True, slots=True)
class _Replication:
    table: Table
    client: ExactClient
    leases: Leases
    states: Batch[int, StreamState]
    storing: Batch[tuple[int, Step, int], Stored]
    shares: Mapping[int, Share]

    async def attempt(self, division: int, request: Request) -> Outcome | None:
        """Bring one stream up to date; None: another run is busy with it."""
        started, calls_before = time.monotonic(), self.client.calls(division)
        progress = _Progress()
        with self.leases.lease(f"stream/{self.table.name}/{division}") as held:
            if not held:
                return None
            error: ExactAssetsError | None = None
            try:
                await self._bring(division, request, progress)
            except ExactAssetsError as caught:
                error = caught
        return Outcome(
            division=division,
            changes=progress.changes,
            calls=self.client.calls(division) - calls_before,
            seconds=time.monotonic() - started,
            state=progress.state,
            before=progress.found or progress.state,
            quota=self.client.quota(division),
            error=error,
        )

    async def _bring(self, division: int, request: Request, progress: "_Progress") -> None:
        superseded = 0
        while True:
            progress.state = await self.states.ask(division)
            progress.found = progress.found or progress.state
            want = plan(progress.state, request)
            if want is None:
                return
            was_under_way = progress.state.chain is not None
            try:
                await self._read(self._source(division, want, progress.state), division, want, progress)
            except LoadSupersededError:
                # Another installation on this warehouse stored first: go on from what it stored.
                superseded += 1
                if superseded == ATTEMPTS_WHEN_SUPERSEDED:
                    raise
                continue
            if not was_under_way:
                return
            # What was under way may have begun days ago: now catch up with what has changed since.

    def _source(self, division: int, want: Want, state: StreamState) -> Source:
        """Give what to read from: within its share, where it is a load."""
        share = self.shares.get(division)
        if share is None or not is_load(state, want):
            return self.client
        quota = self.client.quota(division)
        calls = share.budget(quota)
        if calls is None:
            return self.client
        path = self.table.parent.endpoint if self.table.parent else self.table.endpoint
        resets_at = quota.day.resets_at or self.client.server_now()
        return Bounded(client=self.client, path=path, calls=calls, resets_at=resets_at)

    async def _read(self, source: Source, division: int, want: Want, progress: "_Progress") -> None:
        async with aclosing(read(source, self.table, division, progress.state, want=want)) as steps:
            async for step in steps:
                if _changes_nothing(step, progress.state):
                    continue
                stored = await self.storing.ask((division, step, progress.state.load_seq))
                progress.changes += stored.changes
                progress.state = _numbered(step.state, stored.load_seq)
                # Its rows go before the next ones come.
                del step


@dataclass(slots=True)
class _Progress:
    """What is stored so far; kept up to date so that an error in the middle reports what was done."""

    state: StreamState = field(default_factory=StreamState)
    found: StreamState | None = None
    """The state before anything was read."""
    changes: Changes = field(default_factory=Changes)


def _changes_nothing(step: Step, state: StreamState) -> bool:
    return step.verb is Verb.UPSERT and step.is_empty and _numbered(step.state, state.load_seq) == state


def _numbered(state: StreamState, load_seq: int) -> StreamState:
    return msgspec.structs.replace(state, load_seq=load_seq)


def _states(table: Table, warehouse: Warehouse, divisions: Sequence[int]) -> Sequence[StreamState]:
    states = warehouse.states(table, divisions)
    return [states[division] for division in divisions]


def _with_row_counts(table: Table, warehouse: Warehouse, outcomes: Mapping[int, Outcome]) -> Mapping[int, Outcome]:
    counts = warehouse.row_counts(table, list(outcomes))
    return {
        division: replace(outcome, row_counts=counts.get(division, {})) for division, outcome in outcomes.items()
    }
