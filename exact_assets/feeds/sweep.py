"""A sweep of keys: every key that Exact has, so that the warehouse can take away the rows that have none of them.

For tables that the deletion log does not cover, and for those whose log has a gap. Only keys are selected, and
what tells whether a row should be stored by now; lines that are read through their headers are swept by the keys of
these.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import pyarrow as pa
from msgspec.structs import replace

from exact_assets.catalogue.deletions import LOG
from exact_assets.catalogue.reading import MODIFIED
from exact_assets.catalogue.table import Column, Feed, Table, YearKind
from exact_assets.feeds.chain import follow
from exact_assets.feeds.counting import asked_by, doubted
from exact_assets.feeds.due import TIMESTAMP_PROPERTY, Due, year_properties
from exact_assets.feeds.fallback import Variant, first_accepted, with_refusal
from exact_assets.feeds.filters import FilterChoice, everything, guid_key, since_year, year_property
from exact_assets.feeds.questions import question_of_keys
from exact_assets.feeds.request import ReadRequest, Source
from exact_assets.feeds.rows import empty, page_schema
from exact_assets.stream import FOUND_VERSION, Chain, Step, StreamState, Sweep, Verb

_DIVISION = "Division"


def can_be_swept(table: Table) -> bool:
    """Return whether a sweep finds anything: tables that are read whole have no rows that are gone.

    The deletion log has: Exact forgets its entries, which stay here.
    """
    return table.feed in {Feed.SYNC, Feed.MODIFIED, Feed.PARENT} and table.name != LOG


def read(
    source: Source, table: Table, division: int, state: StreamState, *, request: ReadRequest
) -> AsyncGenerator[Step, None]:
    """Read all keys; with the last of them comes the step that takes away what has none.

    A step without keys comes before Exact is asked: the warehouse notes what was stored by then.

    Raises:
        ExactError: as the client raises it; the keys that came before are kept, and the next sweep goes on.
    """
    swept = _Swept.of(table)
    first = None
    if state.sweep is None:
        state = replace(state, sweep=Chain())
        begin = Sweep(keys=swept.keys([]), begins=True, is_first=True, is_last=False)
        first = Step(verb=Verb.UPSERT, rows=empty(table), state=state, sweep=begin)

    def variant(state: StreamState, first: Step | None = None) -> Variant:
        plan = _plan(table, swept, state, request)
        return Variant(
            steps=_run(source, table, division, state, swept=swept, plan=plan, request=request),
            relies_on=plan.relies_on,
            without=lambda: variant(replace(state, refused=with_refusal(state, plan.relies_on), sweep=Chain())),
            first=first,
        )

    return first_accepted(variant(state, first))


async def _run(
    source: Source,
    table: Table,
    division: int,
    state: StreamState,
    *,
    swept: "_Swept",
    plan: FilterChoice,
    request: ReadRequest,
) -> AsyncGenerator[Step, None]:
    question = question_of_keys(table, swept.columns, swept.others, plan.filters, path=swept.path)
    due = Due.of(table, state, request, zone=source.zone)
    async with aclosing(follow(source, division, question, state.sweep or Chain(), request=request)) as chunks:
        async for chunk in chunks:
            found = due.told(swept.keys([page.rows for page in chunk.pages]), [page.rows for page in chunk.pages])
            state = _ended(state, chunk.chain) if chunk.is_last else replace(state, sweep=chunk.chain)
            sweep = Sweep(keys=found, sought=swept.sought, is_first=chunk.is_first, is_last=chunk.is_last)
            asked = asked_by(question, table, chunk) if chunk.is_last else None
            yield Step(
                verb=Verb.UPSERT,
                rows=empty(table),
                state=state,
                sweep=sweep,
                asked=asked,
                doubted=doubted(question, table, chunk),
                is_partial=chunk.chain.is_partial,
            )


def _ended(state: StreamState, chain: Chain) -> StreamState:
    # What the next read gives is stored, be it the same as before: a row may have been taken away by mistake.
    return replace(state, sweep=None, covered_from=chain.started, fingerprint=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Swept:
    """What is asked for: the rows' own keys, or their headers'."""

    path: str
    columns: tuple[Column, ...]
    """The key's."""
    names: tuple[str, ...]
    """Under which names they are compared with the stored rows."""
    others: tuple[Column, ...]
    """Asked for as well: the division, to be checked, and what tells a row's year and version."""
    year: tuple[Column, ...]
    """The column that tells the year first of all."""
    sought: str | None
    """As in `Sweep`: Exact's sync feeds take no filter but one on the Timestamp."""

    @classmethod
    def of(cls, table: Table) -> "_Swept":
        if table.parent is None:
            key = tuple(column for column in table.columns if column.name in table.key)
            path, columns, years = table.endpoint, table.columns, table.year
            names = tuple(column.name for column in key)
        else:
            path, columns = table.parent.endpoint, table.parent.columns
            key = tuple(column for column in columns if column.property == table.parent.key)
            names = tuple(column.name for column in table.columns if column.property == table.parent.foreign_key)
            years = tuple(column.name for column in columns if column.property in table.parent.year[:1])
        wanted = {TIMESTAMP_PROPERTY if table.feed is Feed.SYNC else MODIFIED, *year_properties(table)}
        wanted |= {_DIVISION} if table.checks_division else set()
        return cls(
            path=path,
            columns=key,
            names=names,
            others=tuple(column for column in columns if column.property in wanted and column not in key),
            year=tuple(column for column in columns if column.name in years[:1]),
            sought=FOUND_VERSION if table.feed is Feed.SYNC else names[0] if guid_key(key, [key[0].name]) else None,
        )

    def keys(self, answers: Sequence[pa.Table]) -> pa.Table:
        properties = [column.property for column in self.columns]
        found = [answer.select(properties) for answer in answers]
        table = pa.concat_tables(found) if found else page_schema(self.columns).empty_table()
        return table.rename_columns(list(self.names))


def _plan(table: Table, swept: _Swept, state: StreamState, request: ReadRequest) -> FilterChoice:
    if table.feed is Feed.SYNC:
        return FilterChoice(filters={"$filter": "Timestamp gt 1L"}, relies_on=None)
    if table.year_kind is YearKind.BUSINESS and swept.year:
        year = year_property(swept.year[0])
        if year.is_usable(table, state.refused):
            first = request.start_year if state.start_year is None else min(state.start_year, request.start_year)
            return FilterChoice(filters={"$filter": year.within(since_year(first))}, relies_on=year.name)
    return everything(table, state.refused, key=guid_key(swept.columns, [column.name for column in swept.columns]))
