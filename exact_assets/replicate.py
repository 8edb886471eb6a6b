"""Bring streams up to date: client + table + warehouse + leases -> an outcome per division, many at once.

What belongs here: who goes when, what is asked for again and what is not, and how steps reach the warehouse. How a
table is read stands in `feeds`, how it is stored in `warehouse`; Dagster is not known here.
"""

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import uuid4

import msgspec

from exact_assets.catalogue.table import Feed, Table
from exact_assets.columns import ColumnMemory, KnownColumns, LeftOut
from exact_assets.containment import contained, side_by_side
from exact_assets.deletion_rights import is_due_to_be_swept
from exact_assets.errors import ExactAssetsError, LoadSupersededError
from exact_assets.exact.client import ExactClient
from exact_assets.exact.limits import Quota
from exact_assets.feeds import ReadRequest, Source, can_be_swept, read, seek, sweep
from exact_assets.generations import on_generation
from exact_assets.known import Known, read_known
from exact_assets.next_state import columns_to_fill, of_kind
from exact_assets.planning.bounded import Bounded
from exact_assets.planning.shares import Share
from exact_assets.removals import error_of, is_due, kinds_answered
from exact_assets.request import Mode, Outcome, Request, is_load, read_request_of
from exact_assets.storing import Progress, Steps, Storing
from exact_assets.stream import RemovalKind, Step, Stored, StreamState
from exact_assets.warehouse.protocol import Warehouse
from exact_assets.write_queue import WriteQueue

STREAMS_AT_ONCE = 8
"""Each holds at most one chunk of rows in memory; Exact allows one call at a time per division anyway."""
BUSY_PAUSE_SECONDS = 0.25
ATTEMPTS_WHEN_SUPERSEDED = 3


class Leases(Protocol):
    """Leases of streams: who works on one, across all processes."""

    def lease(self, name: str) -> AbstractContextManager[bool]:
        """Hold a name for the length of a `with`; False: another holds it."""


async def replicate(
    table: Table,
    requests: Mapping[int, Request],
    *,
    client: ExactClient,
    warehouse: Warehouse,
    leases: Leases,
    shares: Mapping[int, Share] | None = None,
    columns: ColumnMemory | None = None,
) -> Mapping[int, Outcome]:
    """Bring a table's streams up to date, several divisions at once, one call at a time in each.

    A division that fails, however it does, does not stop the others; its outcome carries the error. A stream that
    another run is busy with comes last, and finds its work done. `shares` bound what loads and reloads may use of a
    division's calls; without, they use all. `columns` keeps what Exact said it does not know.
    """
    await asyncio.to_thread(warehouse.prepare, [table])
    left_out = await asyncio.to_thread(LeftOut, table, columns)
    outcomes: dict[int, Outcome] = {}
    queue = deque(requests.items())

    async with (
        WriteQueue[int, Known](lambda asked: read_known(table, warehouse, asked)) as states,
        WriteQueue[tuple[int, Step, int], Stored](lambda steps: warehouse.store_many(table, steps)) as storing,
    ):
        replication = _Replication(
            table, client, leases, states, storing, shares or {}, warehouse.chunk_rows, left_out
        )

        async def work() -> None:
            while queue:
                division, request = queue.popleft()
                outcome = await replication.attempt(division, request)
                if outcome is None:
                    queue.append((division, request))
                    await asyncio.sleep(BUSY_PAUSE_SECONDS)
                else:
                    outcomes[division] = outcome

        await side_by_side(work, count=min(STREAMS_AT_ONCE, len(queue)))
    return await asyncio.to_thread(_with_row_counts, table, warehouse, outcomes)


@dataclass(frozen=True, slots=True)
class _Replication:
    table: Table
    client: ExactClient
    leases: Leases
    states: WriteQueue[int, Known]
    storing: WriteQueue[tuple[int, Step, int], Stored]
    shares: Mapping[int, Share]
    chunk_rows: int
    left_out: LeftOut

    async def attempt(self, division: int, request: Request) -> Outcome | None:
        """Bring one stream up to date; None: another run is busy with it."""
        started, calls_before = time.monotonic(), self.client.calls(division)
        progress = Progress()
        error: ExactAssetsError | None = None
        try:
            with self.leases.lease(f"stream/{self.table.name}/{division}") as held:
                if not held:
                    return None
                await self._bring(division, request, progress)
        except ExactAssetsError as caught:
            error = caught
        except Exception as caught:  # noqa: BLE001 - whatever it is, it costs this division alone
            error = contained(caught, subject=f"{self.table.name} of division {division}")
        return Outcome(
            division=division,
            changes=progress.changes,
            calls=self.client.calls(division) - calls_before,
            seconds=time.monotonic() - started,
            state=progress.state,
            before=progress.found or progress.state,
            quota=self._quota(division),
            elsewhere=progress.elsewhere,
            warnings=progress.warnings(self.table, division),
            error=error,
        )

    def _quota(self, division: int) -> Quota | None:
        """Return what is left of a division's calls; None: that cannot be read, which undoes nothing stored."""
        try:
            return self.client.quota(division)
        except Exception as error:  # noqa: BLE001 - logged; the outcome tells it as unknown
            contained(error, subject=f"The quota of division {division}")
            return None

    async def _bring(self, division: int, request: Request, progress: Progress) -> None:
        storing = Storing(
            table=self.table,
            division=division,
            client=self.client,
            queue=self.storing,
            progress=progress,
            is_confirmed=request.confirm,
        )
        if request.mode is Mode.RELOAD and request.reload_id is None:
            # So that years that were reloaded are not asked for once more where another is asked for again.
            request = replace(request, reload_id=f"attempt {uuid4()}")
        superseded = 0
        while True:
            known = await self.states.put(division)
            progress.found = progress.found or known.state
            progress.state = known.state
            is_to_go_on = False
            try:
                if request.mode is Mode.RELOAD:
                    await storing.let_go(but_of=request.reload_id)
                is_to_go_on = storing.progress.state.chain is not None
                await self._take_generation(request, storing)
                to_read = self._to_read(progress.state, request)
                if to_read is not None:
                    is_to_go_on |= await self._read(division, to_read, storing)
                is_to_go_on |= await storing.begin_anew()
                if not is_to_go_on:
                    await self._fill(division, request, storing)
                is_to_go_on = is_to_go_on or await self._look_for_rest(division, request, known.log, storing)
            except LoadSupersededError:
                # Another installation on this warehouse stored first: go on from what it stored.
                superseded += 1
                if superseded == ATTEMPTS_WHEN_SUPERSEDED:
                    raise
                continue
            if not is_to_go_on:
                return
            # What was under way may have begun days ago: now catch up with what has changed since.

    async def _look_for_rest(
        self, division: int, request: Request, log: StreamState | None, storing: Storing
    ) -> bool:
        """Look for what no catch-up tells of: rows that are gone, missing or withheld.

        Returns:
            Whether the stream must be looked at again, as all of it is to be read.
        """
        if await self._seek(division, request, storing):
            return True
        await self._sweep(division, request, log, storing)
        if await self._seek(division, request, storing):
            return True
        await self._ask_again(division, request, storing)
        return False

    def _to_read(self, state: StreamState, request: Request) -> ReadRequest | None:
        to_read = read_request_of(state, request)
        if to_read is not None and request.mode is Mode.SWEEP and not can_be_swept(self.table):
            # What a sweep of keys finds missing, a table that is read whole brings by itself.
            return replace(to_read, reload=True)
        return to_read

    async def _take_generation(self, request: Request, storing: Storing) -> None:
        """Take up what the stream's Timestamps and IDs rest on."""
        before = storing.progress.state
        after = on_generation(before, request.generation)
        if after.generation != before.generation and after.is_loaded:
            # Noted at once: reading may bring nothing to store for months.
            await storing.note(after)
        else:
            storing.progress.state = after

    async def _read(self, division: int, to_read: ReadRequest, storing: Storing) -> bool:
        """Read what is new or asked for; tell whether the stream must be looked at again."""
        state = storing.progress.state
        to_read = replace(to_read, now=self.client.server_now, chunk_rows=self.chunk_rows)
        source = KnownColumns(
            source=self._source(division, is_bounded=is_load(state, to_read)),
            asker=self.client,
            table=self.table,
            left_out=self.left_out,
        )
        was_asked_again = await storing.answer(
            lambda before: read(source, self.table, division, before, request=to_read),
            good_for=lambda before: kinds_answered(self.table, before, to_read),
        )
        # Snapshots and functions are one question each. Where Modified is refused, other years may be left.
        return was_asked_again and self.table.feed not in {Feed.SNAPSHOT, Feed.FUNCTION}

    async def _fill(self, division: int, request: Request, storing: Storing) -> None:
        """Read anew where rows were read without columns that have come since."""
        state = storing.progress.state
        unknown = self.left_out.columns & set(state.unfilled) - set(state.absent)
        if unknown:
            await storing.note(msgspec.structs.replace(state, absent=tuple(sorted({*state.absent, *unknown}))))
            state = storing.progress.state
        if not state.is_loaded or not columns_to_fill(state, now=self.client.server_now()):
            return
        years = tuple(sorted({*state.years, *request.years})) if state.years else ()
        to_read = ReadRequest(start_year=request.start_year, years=years, reload=True, reload_id=request.reload_id)
        await self._read(division, to_read, storing)
        after = storing.progress.state
        if after.chain is None and (filled := columns_to_fill(after, now=self.client.server_now())):
            # Years that are no neighbours were read one after the other.
            left = tuple(name for name in after.unfilled if name not in filled)
            now = self.client.server_now().isoformat()
            await storing.note(msgspec.structs.replace(after, unfilled=left, filled_at=now))

    async def _sweep(self, division: int, request: Request, log: StreamState | None, storing: Storing) -> None:
        """Ask for all keys, where rows may have gone unseen."""
        if storing.progress.is_swept or not self._is_to_be_swept(request, storing.progress.state, log):
            return
        source = self._source(division, is_bounded=True)
        to_read = self._plain(request)
        await storing.answer(
            lambda before: sweep(source, self.table, division, before, request=to_read),
            good_for=lambda _: frozenset({RemovalKind.SWEEP}),
            is_sweep=True,
        )
        storing.progress.is_swept = True

    async def _seek(self, division: int, request: Request, storing: Storing) -> bool:
        """Ask for what a sweep found missing; tell whether all is to be read again instead."""
        if storing.progress.state.missing:
            source = self._source(division, is_bounded=True)
            to_read = self._plain(request)
            await storing.answer(
                lambda before: seek(source, self.table, division, before, request=to_read),
                good_for=lambda _: frozenset(),
            )
        return storing.progress.state.chain is not None

    def _plain(self, request: Request) -> ReadRequest:
        """Return what is asked of a stream, whichever years."""
        return ReadRequest(
            start_year=request.start_year,
            reload_id=request.reload_id,
            now=self.client.server_now,
            chunk_rows=self.chunk_rows,
        )

    async def _ask_again(self, division: int, request: Request, storing: Storing) -> None:
        """Ask again for a reload that was withheld; what else there is has been caught up with by now.

        Raises:
            RemovalWithheldError: an answer is withheld, and it is too soon to ask again.
            RemovalDoubtedError: likewise, of one that Exact contradicts.
        """
        withheld = storing.progress.state.withheld
        if withheld is None:
            return
        is_asked_for = request.confirm or request.mode is not Mode.AUTO
        reload = of_kind(withheld, RemovalKind.REPLACE)
        is_now = reload is not None and (is_asked_for or is_due(reload, now=self.client.server_now()))
        if reload is None or reload.chain is None or not is_now:
            raise error_of(self.table, division, withheld)
        chain, source = reload.chain, self._source(division, is_bounded=True)
        to_read = ReadRequest(start_year=request.start_year, now=self.client.server_now, chunk_rows=self.chunk_rows)

        def ask(before: StreamState) -> Steps:
            state = before if before.chain is not None else msgspec.structs.replace(before, chain=chain)
            return read(source, self.table, division, state, request=to_read)

        await storing.answer(ask, good_for=lambda _: frozenset({RemovalKind.REPLACE}))
        if (left := storing.progress.state.withheld) is not None:
            raise error_of(self.table, division, left)

    def _is_to_be_swept(self, request: Request, state: StreamState, log: StreamState | None) -> bool:
        """Return whether rows may have vanished unseen, or a sweep is asked for or under way."""
        if not can_be_swept(self.table) or not state.is_loaded:
            return False
        since = log.covered_from if log is not None else None
        has_gap = since is not None and state.covered_from is not None and state.covered_from < since
        withheld = of_kind(state.withheld, RemovalKind.SWEEP)
        if withheld is not None and request.mode is not Mode.SWEEP:
            return request.confirm or is_due(withheld, now=self.client.server_now())
        is_asked_for = request.mode is Mode.SWEEP and (
            not request.is_scheduled or is_due_to_be_swept(self.table, state, log, now=self.client.server_now())
        )
        return is_asked_for or state.sweep is not None or has_gap

    def _source(self, division: int, *, is_bounded: bool) -> Source:
        """Return what to read from: within the stream's share, where more is read than what changed."""
        share = self.shares.get(division)
        if share is None or not is_bounded:
            return self.client
        quota = self.client.quota(division)
        calls = share.budget(quota)
        if calls is None:
            return self.client
        path = self.table.parent.endpoint if self.table.parent else self.table.endpoint
        resets_at = quota.day.resets_at or self.client.server_now()
        return Bounded(client=self.client, path=path, calls=calls, resets_at=resets_at)


def _with_row_counts(table: Table, warehouse: Warehouse, outcomes: Mapping[int, Outcome]) -> Mapping[int, Outcome]:
    counts, total = warehouse.row_counts(table, list(outcomes)), warehouse.row_count(table)
    return {
        division: replace(outcome, row_counts=counts.get(division, {}), table_rows=total)
        for division, outcome in outcomes.items()
    }
