"""What a stream's state keeps of values that did not fit and of columns that did not come, for people to be told.

Noted in the transaction that stores the rows, so that it holds for what is stored. Which value does not fit
is known to `exact`, and how it is told, to `checks`.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from dataclasses import replace as replace_step
from datetime import datetime
from hashlib import blake2b

import pyarrow as pa
from msgspec.structs import replace

from exact_assets.catalogue.table import Feed, Table
from exact_assets.exact.page import Page, UnfitValue
from exact_assets.exact.question import Question
from exact_assets.exact.reader import row_name
from exact_assets.feeds.request import ReadRequest, Source
from exact_assets.feeds.rows import column_names, empty
from exact_assets.stream import Step, StreamState, UnfitValues, Verb

MOST_UNFIT_ROWS = 1_000
"""Of one property: beyond, it is said that there are more."""
SHOWN_ROWS = 3
"""Of one property: of so many the value is kept."""

_ReadSteps = Callable[[Source], AsyncGenerator[Step, None]]


async def noting(
    read: _ReadSteps, source: Source, table: Table, state: StreamState, *, request: ReadRequest
) -> AsyncGenerator[Step, None]:
    """Read a stream, and note in the state of each step what its rows told."""
    observed = _Observed(source)
    async with aclosing(read(observed)) as steps:
        async for step in steps:
            state = _noted(table, state, step, observed.taken(), now=request.now)
            yield replace_step(step, state=state)
            # What has been stored goes before the next pages come.
            del step
    # Rows that are known need not be stored; what did not fit in them may be another value by now.
    rest = Step(verb=Verb.UPSERT, rows=empty(table), state=state)
    after = _noted(table, state, rest, observed.taken(), now=request.now)
    if after != state:
        yield replace_step(rest, state=after)


@dataclass(slots=True)
class _Observed:
    """A source that notes what comes of it."""

    _source: Source
    _pages: list["_Told"] = field(default_factory=list)

    @property
    def zone(self) -> str:
        return self._source.zone

    async def pages(self, division: int, question: Question, *, link: str | None = None) -> AsyncIterator[Page]:
        pages = self._source.pages(division, question, link=link)
        try:
            async for page in pages:
                self._pages.append(_Told.of(page, question))
                yield page
        finally:
            if isinstance(pages, AsyncGenerator):
                await pages.aclose()

    def taken(self) -> Sequence["_Told"]:
        """Return what came since this was asked last."""
        taken, self._pages = self._pages, []
        return taken


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What a page tells beside its rows."""

    keys: pa.Table
    """Of its rows, by property."""
    absent: frozenset[str]
    unfit: tuple[UnfitValue, ...]

    @classmethod
    def of(cls, page: Page, question: Question) -> "_Told":
        rows, key = (
            (page.rows, question.key)
            if page.expanded is None or question.expand is None
            else (page.expanded, question.expand.line_key)
        )
        return cls(keys=rows.select(list(key)), absent=page.absent, unfit=page.unfit)

    def names(self) -> Iterable[str]:
        return map(row_name, self.keys.to_pylist()) if self.keys.column_names else ()


def _noted(
    table: Table, before: StreamState, step: Step, told: Sequence[_Told], *, now: Callable[[], datetime]
) -> StreamState:
    """Return the state of a step with what was noted before, and what its pages tell."""
    is_whole = table.feed in {Feed.SNAPSHOT, Feed.FUNCTION}
    begins = bool(told) and (before.chain is None or not before.chain.pages)
    is_anew = begins and (is_whole or (step.verb is not Verb.UPSERT and _is_of_all_years(step)))
    unfit = () if is_anew else before.unfit
    with_rows = [one for one in told if one.keys.num_rows]
    absent = before.absent if not with_rows else tuple(sorted(column_names(table, with_rows[-1].absent)))
    unfilled = {*before.unfilled, *column_names(table, _union(one.absent for one in with_rows))}
    filled_at = before.filled_at
    if _fills(step) or is_whole:
        unfilled = set() if is_whole else set(step.unread)
        filled_at = now().isoformat() if before.unfilled and not is_whole else filled_at
    return replace(
        step.state,
        unfit=with_unfit(unfit, told=[one for page in told for one in page.unfit], came=_names(unfit, told)),
        absent=absent,
        unfilled=tuple(sorted(unfilled)),
        filled_at=filled_at,
    )


def _is_of_all_years(step: Step) -> bool:
    chain = step.state.chain
    return step.years is None and (chain is None or chain.first_year is None)


def _fills(step: Step) -> bool:
    """Return whether a step ends a reading that replaced all rows."""
    if step.verb is not Verb.REPLACE or step.state.chain is not None:
        return False
    if step.years is None:
        return True
    first, last = step.years
    return all(first <= year <= last for year in step.state.years)


def _names(unfit: Collection[UnfitValues], told: Iterable[_Told]) -> Iterable[str]:
    """Name the rows that came; not needed where nothing is noted of any."""
    return (name for one in told for name in one.names()) if unfit else ()


def with_unfit(
    before: Sequence[UnfitValues], *, told: Sequence[UnfitValue], came: Iterable[str]
) -> tuple[UnfitValues, ...]:
    """Return what is noted of values that do not fit: of rows that came again, what they hold now."""
    if not before and not told:
        return ()
    again = set(map(_digest, came))
    found = {(one.property, one.is_set_aside): one for one in before}
    for key, one in found.items():
        found[key] = replace(one, rows={row: text for row, text in one.rows.items() if row not in again})
    for value in told:
        key = value.property, value.is_set_aside
        one = found.get(key) or UnfitValues(property=value.property, is_set_aside=value.is_set_aside, rows={})
        found[key] = _with_row(one, value)
    return tuple(one for _, one in sorted(found.items()) if one.rows)


def _with_row(one: UnfitValues, value: UnfitValue) -> UnfitValues:
    row = _digest(value.row)
    if row not in one.rows and len(one.rows) >= MOST_UNFIT_ROWS:
        return one if one.is_more else replace(one, is_more=True)
    shown = sum(bool(text) for text in one.rows.values())
    text = f"{value.value} ({value.row})" if shown < SHOWN_ROWS else ""
    one.rows[row] = one.rows.get(row) or text
    return one


def _digest(row: str) -> str:
    return blake2b(row.encode(), digest_size=6).hexdigest()


def _union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*sets)
