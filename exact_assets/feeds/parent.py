"""The parent feed: lines without Modified, read inside the headers that were modified, 60 headers a page.

Every header that comes brings all its lines: those that are not among them any more are gone.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from exact_assets.catalogue.table import Parent, Table
from exact_assets.errors import RequestRefusedError
from exact_assets.exact.page import Page, Unexpanded
from exact_assets.exact.question import Question
from exact_assets.exact.urls import guid_literal
from exact_assets.feeds.changes import Part, Reader, Target
from exact_assets.feeds.filters import FilterChoice, YearProperty, guid_key, year_property
from exact_assets.feeds.questions import question_of_lines, question_of_table
from exact_assets.feeds.request import ReadRequest, Source
from exact_assets.feeds.rows import as_rows, page_schema, years_of
from exact_assets.stream import Step, StreamState

_PARENT_KEY = "parent_key"


def read(
    source: Source, table: Table, division: int, state: StreamState, *, request: ReadRequest
) -> AsyncGenerator[Step, None]:
    """Load the lines of the years that are missing, reload what is asked for again, and read what changed."""
    target = lines_target(source, table, division)
    reader = Reader(source=source, table=table, division=division, request=request, target=target)
    return reader.read(state)


def lines_target(source: Source, table: Table, division: int) -> Target:
    """Return how headers are asked for with the lines of a table."""
    if table.parent is None:
        raise ValueError(f"{table.name} has no parent to be read through")
    lines = Lines(source=source, table=table, parent=table.parent, division=division)
    key = [column.name for column in table.parent.columns if column.property == table.parent.key]
    return Target(
        ask=lines.ask,
        rows=lines.rows,
        year=_year(table.parent),
        guid_key=guid_key(table.parent.columns, key),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """The lines of a table and the headers that they hang below."""

    source: Source
    table: Table
    parent: Parent
    division: int

    def ask(self, plan: FilterChoice) -> Question:
        """Ask for headers with their lines."""
        return question_of_lines(self.table, self.parent, plan.filters)

    async def rows(self, pages: Sequence[Page], start_year: int) -> Part:
        """Gather all lines of the headers on some pages."""
        found = [page.expanded for page in pages if page.expanded is not None]
        apart = [await self._missing(one) for page in pages for one in page.unexpanded]
        found += [one.rows for one in apart]
        schema = pa.schema([pa.field(_PARENT_KEY, pa.string()), *page_schema(self.table.columns)])
        lines = pa.concat_tables([one.select(schema.names) for one in found]) if found else schema.empty_table()
        headers = pa.concat_tables([page.rows for page in pages])
        parents = headers.column(self.parent.key).combine_chunks()
        years = years_of(headers, self.parent.year, zone=self.source.zone)
        of_line = pc.index_in(lines.column(_PARENT_KEY), value_set=parents)
        rows = as_rows(
            [lines.drop_columns([_PARENT_KEY])],
            self.table,
            division=self.division,
            zone=self.source.zone,
            start_year=start_year,
            years=years.take(of_line),
        )
        return Part(
            rows=rows,
            parents=parents,
            parent_years=pc.fill_null(years, start_year).combine_chunks(),
            absent=frozenset().union(*(one.absent for one in apart)),
            is_partial=any(one.is_partial for one in apart),
        )

    async def _missing(self, one: Unexpanded) -> "_Apart":
        """Ask for the lines of a header that came without (all of) them."""
        if one.link is not None:
            lines = await self._lines(question_of_table(self.table, {}), link=one.link)
        else:
            lines = await self._by_key(one.key)
        with_key = lines.rows.add_column(0, _PARENT_KEY, pa.repeat(pa.scalar(one.key), len(lines.rows)))
        return replace(lines, rows=with_key)

    async def _by_key(self, key: str) -> "_Apart":
        by_key = {"$filter": f"{self.parent.foreign_key} eq {guid_literal(key)}"}
        try:
            return await self._lines(question_of_table(self.table, by_key))
        except RequestRefusedError as error:
            if error.status in {404, 405}:
                raise
        # The reference's marks do not promise that the foreign key may be filtered on.
        path = f"{self.parent.endpoint}(guid'{key}')/{self.parent.navigation}"
        return await self._lines(question_of_table(self.table, {}, path=path))

    async def _lines(self, question: Question, *, link: str | None = None) -> "_Apart":
        found = [page async for page in self.source.pages(self.division, question, link=link)]
        rows = [page.rows for page in found]
        return _Apart(
            rows=pa.concat_tables(rows) if rows else question.schema.empty_table(),
            absent=frozenset().union(*(page.absent for page in found)),
            is_partial=any(page.has_set_aside for page in found),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Apart:
    """Lines of a header that did not come with it."""

    rows: pa.Table
    absent: frozenset[str]
    is_partial: bool


def _year(parent: Parent) -> YearProperty | None:
    if not parent.year:
        return None
    return year_property(next(column for column in parent.columns if column.property == parent.year[0]))
