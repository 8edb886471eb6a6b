"""Storing the steps of one stream, one after the other, within the bound on what one answer may take away.

What is asked and when is decided in `replicate`; what becomes of an answer that is beyond the bound, in `removals`.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TypeGuard

import msgspec

from exact_assets.catalogue.table import Table
from exact_assets.deletion_rights import warnings_of
from exact_assets.errors import ExactError, PagingError, RemovalBoundError, RequestRefusedError
from exact_assets.exact.client import ExactClient
from exact_assets.feeds.chain import BROKEN, after_failure, anew
from exact_assets.feeds.counting import COUNT
from exact_assets.feeds.rows import empty
from exact_assets.generations import begun_anew
from exact_assets.next_state import of_kind
from exact_assets.removals import (
    LIVE_PERCENT,
    Refused,
    doubt_of,
    error_of,
    forgotten,
    has_stood,
    is_due,
    is_same,
    noted,
)
from exact_assets.stream import Asked, Chain, Changes, RemovalKind, Step, Stored, StreamState, Verb
from exact_assets.write_queue import WriteQueue

BEGUN_ANEW = (
    "rows are older at Exact than they are here, as after a backup was put back. All of them are read anew, and "
    "replaced."
)
Steps = AsyncGenerator[Step, None]


@dataclass(slots=True)
class Progress:
    """What is stored so far; kept up to date so that an error in the middle reports what was done."""

    state: StreamState = field(default_factory=StreamState)
    found: StreamState | None = None
    """The state before anything was read."""
    is_swept: bool = False
    """Whether all keys have come: a sweep that has all read again is not followed by another one."""
    changes: Changes = field(default_factory=Changes)
    elsewhere: dict[str, Changes] = field(default_factory=dict)
    unnamed: int = 0
    older: int = 0
    """As in `Stored`."""
    is_begun_anew: bool = False
    """Whether the stream is read anew because of these."""

    def warnings(self, table: Table, division: int) -> tuple[str, ...]:
        """Return what somebody should know of it, though all went well."""
        anew = (f"{table.name} of division {division}: {BEGUN_ANEW}",) if self.is_begun_anew else ()
        return (*warnings_of(table, division, unnamed=self.unnamed), *anew)

    def add(self, stored: Stored) -> None:
        """Add what a step changed."""
        self.changes += stored.changes
        self.unnamed += stored.unnamed
        self.older += stored.older
        for name, changes in stored.elsewhere.items():
            self.elsewhere[name] = self.elsewhere.get(name, Changes()) + changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Storing:
    """One attempt at a stream."""

    table: Table
    division: int
    client: ExactClient
    queue: WriteQueue[tuple[int, Step, int], Stored]
    progress: Progress
    is_confirmed: bool
    """Whether a person said that rows may go however many they are."""

    async def answer(
        self,
        ask: Callable[[StreamState], Steps],
        *,
        good_for: Callable[[StreamState], frozenset[RemovalKind]],
        is_sweep: bool = False,
    ) -> bool:
        """Store an answer; one that takes too much away is asked for again first.

        An answer that is under way goes on from a stored link, which is let go when it leads nowhere.

        Args:
            ask: gives the steps of the answer, from a state.
            good_for: which kinds of answers that were withheld are over when what is read from a state is within
                the bound.
            is_sweep: whether it is about keys.

        Returns:
            Whether it was asked for again, so that the stream's state is another one than was planned with.

        Raises:
            RemovalWithheldError: it stands, and is not applied yet.
            RemovalDoubtedError: Exact contradicts it.
        """
        kinds = good_for(self.progress.state)
        try:
            await self._store_from_link(ask, is_sweep=is_sweep)
        except _RefusedError as refusal:
            first = refusal.refused
        else:
            await self._forget(kinds)
            return False
        await self._begin_anew(first)
        withheld = of_kind(self.progress.state.withheld, first.by)
        if withheld is not None and is_same(withheld, first) and not is_due(withheld, now=self.client.server_now()):
            await self._drop_chain()
            raise error_of(self.table, self.division, withheld)

        async def decide(second: Refused) -> None:
            await self._decide(first, second)

        # Only the refused question is put again: an answer to it says nothing of another that is withheld.
        kinds = good_for(self.progress.state)
        await self._store(ask(self.progress.state), on_refusal=decide)
        await self._forget(kinds)
        return True

    async def note(self, state: StreamState, *, keeps_aside: bool = False) -> None:
        """Store a state without rows. What was put aside for a reload goes, unless it `keeps_aside`."""
        verb = Verb.STAGE if keeps_aside else Verb.UPSERT
        step = Step(verb=verb, rows=empty(self.table), state=state)
        stored = await self.queue.put((self.division, step, self.progress.state.load_seq))
        self.progress.state = _numbered(state, stored.load_seq)

    async def begin_anew(self) -> bool:
        """Have the stream read anew where its versions at Exact have gone back; tell whether they have."""
        progress = self.progress
        if not progress.older or progress.is_begun_anew or not progress.state.is_loaded:
            return False
        await self.note(begun_anew(progress.state))
        progress.is_begun_anew = True
        return True

    async def let_go(self, *, but_of: str | None) -> None:
        """Let go of what is under way, as its link may lead nowhere, but for what a reload itself has begun.

        That goes on, as when Dagster begins the reload's run again.
        """
        state = self.progress.state
        chain, keys = state.chain, state.sweep
        if _is_under_way_for_another(chain, but_of):
            chain = None if state.is_loaded else anew(chain)
        if _is_under_way_for_another(keys, but_of):
            keys = anew(keys)
        if (chain, keys) != (state.chain, state.sweep):
            await self.note(msgspec.structs.replace(state, chain=chain, sweep=keys))

    async def _store_from_link(self, ask: Callable[[StreamState], Steps], *, is_sweep: bool) -> None:
        """Store steps; a stored link that brings nothing is let go after a refusal, or a few broken answers."""
        before = _under_way(self.progress.state, is_sweep=is_sweep)
        try:
            await self._store(ask(self.progress.state), on_refusal=_raise)
        except ExactError as error:
            after = _under_way(self.progress.state, is_sweep=is_sweep)
            has_come = before is None or before.link is None or after is None or after.link != before.link
            if has_come or not await self._is_let_go(after, error, is_sweep=is_sweep):
                raise
        else:
            return
        await self._store(ask(self.progress.state), on_refusal=_raise)

    async def _is_let_go(self, chain: Chain | None, error: ExactError, *, is_sweep: bool) -> bool:
        """Remember that a stored link brought nothing; tell whether its question is to be put anew at once.

        After a refusal it is not: the same refusal would come, and count once more.
        """
        if chain is None or (isinstance(error, BROKEN) and not await self._is_exact_there()):
            return False
        found, state = after_failure(chain, error), self.progress.state
        if found == chain:
            return False
        after = (
            msgspec.structs.replace(state, sweep=found) if is_sweep else msgspec.structs.replace(state, chain=found)
        )
        await self.note(after, keeps_aside=chain.reload and found.link is not None)
        return found.link is None and isinstance(error, BROKEN)

    async def _is_exact_there(self) -> bool:
        """Return whether Exact answers anything: while it does not, nothing is said of a link."""
        try:
            await self.client.me()
        except ExactError:
            return False
        return True

    async def _store(self, steps: Steps, *, on_refusal: Callable[[Refused], Awaitable[None]]) -> None:
        """Store steps; `on_refusal` raises, or returns when a step that is beyond the bound is to be applied."""
        is_confirmed = self.is_confirmed
        async with aclosing(steps) as coming:
            async for step in coming:
                if _changes_nothing(step, self.progress.state):
                    continue
                if step.doubted is not None:
                    await self._require_whole(step.doubted)
                try:
                    stored = await self._ask(step, is_confirmed=is_confirmed)
                except RemovalBoundError as error:
                    await on_refusal(Refused(step=step, error=error))
                    is_confirmed = True
                    stored = await self._ask(step, is_confirmed=True)
                self.progress.add(stored)
                self.progress.state = stored.state or _numbered(step.state, stored.load_seq)
                if step.state.chain is None and step.state.sweep is None:
                    # What was confirmed of one chain says nothing of the next.
                    is_confirmed = self.is_confirmed
                # Its rows go before the next ones come.
                del step

    async def _ask(self, step: Step, *, is_confirmed: bool) -> Stored:
        given = replace(step, is_confirmed=is_confirmed)
        return await self.queue.put((self.division, given, self.progress.state.load_seq))

    async def _require_whole(self, asked: Asked) -> None:
        """Refuse an answer that ended with a full page and no link, where Exact has more.

        Raises:
            PagingError: it has. Nothing of the last page is stored, so that it is asked for again.
        """
        counted = await self._count(replace(asked, is_countable=True))
        if counted is not None and counted > asked.chain.rows + counted * LIVE_PERCENT // 100:
            raise PagingError(
                f"{self.table.name} of division {self.division}: Exact's answer ended after {asked.chain.rows:,} "
                f"rows without a link to the next page, while Exact counts {counted:,}. The last page was not "
                "stored; it is asked for again with the next run.",
                division=self.division,
                endpoint=self.table.endpoint,
            )

    async def _begin_anew(self, first: Refused) -> None:
        """Let go of what an answer put aside, so that just its question is asked again, from its first page."""
        state = self.progress.state
        chain = first.question if state.chain is None else anew(state.chain)
        after = msgspec.structs.replace(state, chain=chain, sweep=None)
        if after != state:
            await self.note(after)

    async def _drop_chain(self) -> None:
        """Go on as before with what can be caught up with; a stream that is read anew asks for all of it again."""
        state = self.progress.state
        if state.is_loaded and state.chain is not None:
            await self.note(msgspec.structs.replace(state, chain=None))

    async def _decide(self, first: Refused, second: Refused) -> None:
        """Return when an answer that was given twice is to be applied; else remember it and raise."""
        doubt = doubt_of(first, second, counted=await self._count(second.step.asked))
        now = self.client.server_now()
        withheld = of_kind(self.progress.state.withheld, second.by)
        if not doubt and withheld is not None and is_same(withheld, second) and has_stood(withheld, now=now):
            return
        after = noted(self.progress.state, second, doubt=doubt, now=now)
        await self.note(after)
        if after.withheld is None:
            raise second.error
        raise error_of(self.table, self.division, after.withheld)

    async def _count(self, asked: Asked | None) -> int | None:
        """Ask Exact to count what it should have answered; None: it does not count that."""
        if asked is None or not asked.is_countable or COUNT in self.progress.state.refused:
            return None
        try:
            return await self.client.count(self.division, asked.path, asked.params)
        except RequestRefusedError:
            state = self.progress.state
            self.progress.state = msgspec.structs.replace(state, refused=(*state.refused, COUNT))
            return None

    async def _forget(self, answers: frozenset[RemovalKind]) -> None:
        after = forgotten(self.progress.state, answers)
        if after is not None:
            await self.note(after)


class _RefusedError(Exception):
    """The warehouse refused a step."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(str(refused.error))
        self.refused = refused


async def _raise(refused: Refused) -> None:
    raise _RefusedError(refused)


def _under_way(state: StreamState, *, is_sweep: bool) -> Chain | None:
    return state.sweep if is_sweep else state.chain


def _is_under_way_for_another(chain: Chain | None, reload_id: str | None) -> TypeGuard[Chain]:
    return chain is not None and chain.link is not None and chain.asked_by != reload_id


def _changes_nothing(step: Step, state: StreamState) -> bool:
    return step.verb is Verb.UPSERT and step.is_empty and _numbered(step.state, state.load_seq) == state


def _numbered(state: StreamState, load_seq: int) -> StreamState:
    return msgspec.structs.replace(state, load_seq=load_seq)
