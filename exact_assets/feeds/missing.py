"""Rows that a sweep found missing, asked for by themselves: by their keys, lines by those of their headers.

A row that shows up long after its Modified, as at the end of a long import, lies below where every read starts.
Exact's sync feeds take no filter but one on the Timestamp, which is a row's own: there they are asked for by that.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from msgspec.structs import replace

from exact_assets.catalogue.table import Feed, Table
from exact_assets.errors import RequestRefusedError
from exact_assets.exact.urls import LONGEST_URL, encode_query, guid_literal
from exact_assets.feeds import modified, parent
from exact_assets.feeds.chain import answers_of
from exact_assets.feeds.changes import Part, Target
from exact_assets.feeds.due import TIMESTAMP_PROPERTY
from exact_assets.feeds.fallback import may_help, with_refusal
from exact_assets.feeds.filters import FilterChoice
from exact_assets.feeds.request import ReadRequest, Source
from exact_assets.feeds.rows import LATEST, between, empty, first_year_kept, gone_before
from exact_assets.next_state import read_again
from exact_assets.stream import Step, StreamState, Verb

KEYS_AT_ONCE = 50
"""Less than the smallest page."""
LONGEST_SITE = 200
"""What an address has before its query, at most."""
ONE_BY_ONE = "one by one"
"""In `StreamState.refused`: to ask for rows by their keys."""


async def seek(
    source: Source, table: Table, division: int, state: StreamState, *, request: ReadRequest
) -> AsyncGenerator[Step, None]:
    """Ask for what is missing; each step holds some of it, and the state without these.

    What Exact no longer has by now is not asked for again. Where it refuses the filter, all rows are read again.

    Raises:
        ExactError: as the client raises it.
    """
    seeker = _Seeker.of(source, table, division, request)
    while state.missing:
        if ONE_BY_ONE in state.refused:
            state = read_again(state)
            yield Step(verb=Verb.UPSERT, rows=empty(table), state=state)
            return
        wanted = state.missing[: seeker.most(state.missing)]
        try:
            part = await seeker.rows(wanted, state)
        except RequestRefusedError as error:
            if not may_help(error, seeker.name):
                raise
            state = replace(state, refused=with_refusal(state, ONE_BY_ONE))
            continue
        state = replace(state, missing=state.missing[len(wanted) :])
        yield Step(verb=Verb.UPSERT, rows=part.rows, parents=part.parents, gone=part.gone, state=state)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seeker:
    """How the rows of one stream are asked for."""

    source: Source
    table: Table
    division: int
    request: ReadRequest
    target: Target
    name: str
    """The property that is filtered on."""

    @classmethod
    def of(cls, source: Source, table: Table, division: int, request: ReadRequest) -> "_Seeker":
        if table.parent is not None:
            target = parent.lines_target(source, table, division)
        else:
            target = modified.rows_target(source, table, division)
        name = TIMESTAMP_PROPERTY if table.feed is Feed.SYNC else target.guid_key
        if name is None:
            raise ValueError(f"{table.name} has no key that could be asked for")
        return cls(source=source, table=table, division=division, request=request, target=target, name=name)

    def most(self, wanted: Sequence[str]) -> int:
        """Return how many fit into one address, at least one."""
        rest = LONGEST_URL - LONGEST_SITE - len(encode_query(self.target.ask(self._filter(())).params))
        one = len(encode_query({"": f" or {self._filter(wanted[:1]).filters['$filter']}"}))
        return max(1, min(KEYS_AT_ONCE, rest // one))

    async def rows(self, wanted: Sequence[str], state: StreamState) -> Part:
        """Ask for some rows."""
        first_year = self.request.start_year
        if state.start_year is not None:
            first_year = min(state.start_year, first_year)
        question = self.target.ask(self._filter(wanted))
        async with aclosing(answers_of(self.source, self.division, question)) as answers:
            pages = [page async for page in answers]
        part = await self.target.rows(pages, first_year)
        first = first_year_kept(self.table, first_year)
        gone = gone_before(part.rows, self.table, first) if part.parents is None else None
        return Part(rows=between(part.rows, first, LATEST), parents=part.parents, gone=gone)

    def _filter(self, wanted: Sequence[str]) -> FilterChoice:
        literal = (lambda one: f"{one}L") if self.name == TIMESTAMP_PROPERTY else guid_literal
        filters = " or ".join(f"{self.name} eq {literal(one)}" for one in wanted)
        return FilterChoice(filters={"$filter": filters}, relies_on=self.name)
