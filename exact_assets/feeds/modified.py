"""The modified feed: tables whose rows tell when they were modified, read as they are, 1,000 or 60 a page."""

from collections.abc import AsyncGenerator, Sequence

from exact_assets.catalogue.table import Table
from exact_assets.exact.page import Page
from exact_assets.feeds.changes import Part, Reader, Target
from exact_assets.feeds.filters import guid_key, year_of
from exact_assets.feeds.questions import question_of_table
from exact_assets.feeds.request import ReadRequest, Source
from exact_assets.feeds.rows import as_rows
from exact_assets.stream import Step, StreamState


def read(
    source: Source, table: Table, division: int, state: StreamState, *, request: ReadRequest
) -> AsyncGenerator[Step, None]:
    """Load the years that are missing, reload those that are asked for again, and read what changed."""
    target = rows_target(source, table, division)
    reader = Reader(source=source, table=table, division=division, request=request, target=target)
    return reader.read(state)


def rows_target(source: Source, table: Table, division: int) -> Target:
    """Return how a table's own rows are asked for."""

    async def rows(pages: Sequence[Page], start_year: int) -> Part:
        answers = [page.rows for page in pages]
        return Part(rows=as_rows(answers, table, division=division, zone=source.zone, start_year=start_year))

    return Target(
        ask=lambda plan: question_of_table(table, plan.filters),
        rows=rows,
        year=year_of(table),
        guid_key=guid_key(table.columns, table.key),
    )
