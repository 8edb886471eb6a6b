"""What becomes of an answer that would take away all rows of a table, or most of them. Decisions, without I/O.

The warehouse counts and refuses (`warehouse.bound`). Then Exact is asked the same once more, and how many rows it
counts. An answer that Exact contradicts is not believed, however long it stands. One that stands is applied when a
person confirms it, or once it has stood for a day; until then every attempt fails, so that somebody looks.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from exact_assets.catalogue.reading import MODIFIED
from exact_assets.catalogue.table import Feed, Table
from exact_assets.errors import RemovalBoundError, RemovalDoubtedError, RemovalWithheldError
from exact_assets.feeds.chain import anew
from exact_assets.feeds.request import ReadRequest
from exact_assets.next_state import of_kind
from exact_assets.stream import Chain, RemovalKind, Step, StreamState, Verb, Withheld

STANDS_AFTER = timedelta(hours=24)
"""Of the server's time: long enough for a person to see it, and for most faults to be mended."""
ASKED_EVERY = timedelta(hours=6)
_HOURS = ASKED_EVERY // timedelta(hours=1)
"""So often what was withheld or not believed is asked for again; what else there is goes on in between."""
LIVE_PERCENT = 1
"""Two answers agree when they differ by no more: people work in Exact between one call and the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A step that the warehouse refused, and why."""

    step: Step
    error: RemovalBoundError

    @property
    def by(self) -> RemovalKind:
        """What kind of answer it ends."""
        if self.step.sweep is not None:
            return RemovalKind.SWEEP
        return RemovalKind.REPLACE if self.step.verb is Verb.REPLACE else RemovalKind.CHANGES

    @property
    def question(self) -> Chain | None:
        """The chain that it belongs to, before its first page; None: it has none that could be put again."""
        if self.by is RemovalKind.SWEEP:
            return None
        chain = self.step.asked.chain if self.step.asked is not None else self.step.state.chain
        return None if chain is None else anew(chain)


def doubt_of(first: Refused, second: Refused, *, counted: int | None) -> str:
    """Return what speaks against an answer that was given twice; empty: nothing does.

    Args:
        first: the answer.
        second: the same, asked for again.
        counted: how many rows Exact counts where it was asked; None: it does not count them.
    """
    tolerance = max(second.error.of, first.error.of) * LIVE_PERCENT // 100
    left = [one.error.of - one.error.rows for one in (first, second)]
    # What the first answer took in parts is not there any more: what is left counts, not what goes.
    if first.error.table == second.error.table and abs(left[0] - left[1]) > tolerance:
        return f"asked twice, it left {left[0]:,} rows and then {left[1]:,}"
    asked = second.step.asked
    if counted is not None and asked is not None and counted > asked.chain.rows + tolerance:
        return f"it brought {asked.chain.rows:,} rows, and Exact counts {counted:,}"
    return ""


def noted(state: StreamState, refused: Refused, *, doubt: str, now: datetime) -> StreamState:
    """Return the state that remembers an answer which is not applied; what was put aside for it goes.

    What is caught up with is asked for as before. A stream that cannot be caught up with, because it is to be read
    anew, goes on asking for all of it.
    """
    before = of_kind(state.withheld, refused.by)
    again = refused.question
    stood = before.since if before is not None and is_same(before, refused) and before.since else now.isoformat()
    withheld = Withheld(
        by=refused.by,
        table=refused.error.table,
        rows=refused.error.rows,
        of=refused.error.of,
        since=None if doubt else stood,
        asked_at=now.isoformat(),
        chain=again if refused.by is RemovalKind.REPLACE else None,
        doubt=doubt,
        earlier=without(state.withheld, frozenset({refused.by})),
    )
    return replace(state, chain=None if state.is_loaded else again, sweep=None, withheld=withheld)


def is_same(withheld: Withheld, refused: Refused) -> bool:
    """Return whether an answer says what is withheld; another year is another question.

    One that would take more is another answer, which nobody has seen yet: it has to stand for a day itself.
    """
    if withheld.by is not refused.by or withheld.table != refused.error.table:
        return False
    is_more = refused.error.rows > withheld.rows + withheld.of * LIVE_PERCENT // 100
    return not is_more and (refused.by is not RemovalKind.REPLACE or withheld.chain == refused.question)


def without(withheld: Withheld | None, kinds: frozenset[RemovalKind]) -> Withheld | None:
    """Return what is withheld but for some kinds."""
    if withheld is None:
        return None
    earlier = without(withheld.earlier, kinds)
    return earlier if withheld.by in kinds else replace(withheld, earlier=earlier)


def kinds_answered(table: Table, state: StreamState, to_read: ReadRequest) -> frozenset[RemovalKind]:
    """Return which kinds of what is withheld are over if a reading of a stream is within the bound.

    A chain that is under way is all that is read: it says nothing of other years, whichever are wanted, nor of what
    changed.
    """
    withheld, chain = of_kind(state.withheld, RemovalKind.REPLACE), state.chain
    kinds = set() if chain is not None and chain.first_year is not None else {RemovalKind.CHANGES}
    if withheld is None:
        return frozenset(kinds)
    if chain is not None:
        is_over = chain.reload and (chain.first_year is None or withheld.chain in {None, anew(chain)})
    else:
        is_over = reads_whole(table, state) or (to_read.reload and is_answered(withheld, to_read.years))
    return frozenset(kinds | ({RemovalKind.REPLACE} if is_over else set()))


def is_answered(withheld: Withheld, years: Collection[int]) -> bool:
    """Return whether a reload of some years (none: of all) is one of what is withheld."""
    chain = withheld.chain
    if chain is None or chain.first_year is None or chain.last_year is None or not years:
        return True
    return set(range(chain.first_year, chain.last_year + 1)) <= set(years)


def has_stood(withheld: Withheld, *, now: datetime) -> bool:
    """Return whether an answer is to be applied if it stands still."""
    return withheld.since is not None and now - datetime.fromisoformat(withheld.since) >= STANDS_AFTER


def is_due(withheld: Withheld, *, now: datetime) -> bool:
    """Return whether Exact is to be asked again.

    A stamp far ahead of the server's clock is none; one that is a little ahead is just another estimate of it.
    """
    age = now - datetime.fromisoformat(withheld.asked_at)
    return abs(age) >= ASKED_EVERY or has_stood(withheld, now=now)


def reads_whole(table: Table, state: StreamState) -> bool:
    """Return whether every reading of a stream brings all its rows."""
    return table.feed in {Feed.SNAPSHOT, Feed.FUNCTION} or MODIFIED in state.refused


def error_of(table: Table, division: int, withheld: Withheld) -> RemovalWithheldError | RemovalDoubtedError:
    """Return the error that says what is withheld, until when, and what to do."""
    what = (
        f"{table.name} of division {division}: {_WORDS[withheld.by]} would take away {withheld.rows:,} of "
        f"{withheld.of:,} rows of {withheld.table}. Nothing of it was applied."
    )
    confirm = f"materialise {table.name} with `mode: sweep` and `confirm: true`"
    if withheld.since is None:
        return RemovalDoubtedError(
            f"{what} It is not believed, as Exact contradicts itself: {withheld.doubt}. It is asked again within "
            f"{_HOURS} hours. If the rows are gone from Exact all the same, {confirm}.",
            division=division,
            endpoint=table.endpoint,
        )
    since = datetime.fromisoformat(withheld.since)
    until = f"{since + STANDS_AFTER:%Y-%m-%d %H:%M} UTC"
    return RemovalWithheldError(
        f"{what} Exact said the same when asked again. Look whether the rows are still in Exact Online, and "
        "whether the user and the app still have the right to read them; an answer that has them ends this. If "
        f"they are gone: {confirm}. It is asked again within {_HOURS} hours, or with `mode: sweep`; "
        f"if it stands until {until}, it is applied by itself.",
        division=division,
        endpoint=table.endpoint,
    )


_WORDS = {
    RemovalKind.CHANGES: "the headers that changed came with so few lines that they",
    RemovalKind.REPLACE: "Exact's answer",
    RemovalKind.SWEEP: "the keys that Exact has",
}


def forgotten(state: StreamState, answers: frozenset[RemovalKind]) -> StreamState | None:
    """Return the state after good answers of some kinds; None: they say nothing of what is withheld."""
    withheld = without(state.withheld, answers)
    return None if withheld == state.withheld else replace(state, withheld=withheld)
