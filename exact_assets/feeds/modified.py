"""The modified feed: tables whose rows tell when they were modified, read as they are, 1,000 or 60 a page."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from exact_assets.catalogue.table import Table
from exact_assets.exact.page import Page
from exact_assets.feeds.chain import Question
from exact_assets.feeds.changes import Part, Reader, Target
from exact_assets.feeds.filters import Plan, guid_key, year_of
from exact_assets.feeds.rows import as_rows, page_schema, select_list
from exact_assets.feeds.want import Source, Want
from exact_assets.stream import Step, StreamState


async def read(
    source: Source, table: Table, division: int, state: StreamState, *, want: Want
) -> AsyncGenerator[Step, None]:
    """Load the years that are missing, reload those that are asked for again, and read what changed."""

    async def rows(pages: Sequence[Page], start_year: int) -> Part:
        answers = [page.rows for page in pages]
        return Part(rows=as_rows(answers, table, division=division, zone=source.zone, start_year=start_year))

    target = Target(
        ask=lambda plan: _question(table, plan),
        rows=rows,
        year=year_of(table),
        guid_key=guid_key(table.columns, table.key),
    )
    reader = Reader(source=source, table=table, division=division, want=want, target=target)
    async with aclosing(reader.read(state)) as steps:
        async for step in steps:
            yield step


def _question(table: Table, plan: Plan) -> Question:
    properties = {column.name: column.property for column in table.columns}
    return Question(
        path=table.endpoint,
        params={**plan.filters, "$select": select_list(table.columns)},
        schema=page_schema(table.columns),
        key=tuple(properties[name] for name in table.key),
        check_division=table.checks_division,
    )
