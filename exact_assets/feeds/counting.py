"""How Exact is asked to count the rows of a stream that are kept, with the filters that its loads use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exact_assets.catalogue.reading import MODIFIED
from exact_assets.catalogue.table import Feed, Table, YearKind
from exact_assets.cursors import ModifiedCursor, SyncCursor
from exact_assets.exact.question import Question
from exact_assets.feeds.chain import Chunk
from exact_assets.feeds.filters import everything, guid_key, year_of
from exact_assets.feeds.request import ReadRequest
from exact_assets.feeds.spans import Span, spans
from exact_assets.feeds.wall_clock import wall_literal
from exact_assets.stream import Asked, StreamState

COUNT = "$inlinecount"
"""In `StreamState.refused`: Exact does not count this endpoint's rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """What is asked, and which of the rows that are kept it counts."""

    params: Mapping[str, str]
    years: tuple[tuple[int, int], ...] | None = None
    """First and last `_year`, inclusive, of rows whose year is told by the property that is filtered on; None: all
    rows."""


def counting(table: Table, state: StreamState, request: ReadRequest) -> Counting | None:
    """Return how to count a stream's rows; None: Exact cannot be asked for just those that are kept."""
    select = _select(table)
    if table.feed is Feed.SYNC:
        return Counting(params={"$filter": "Timestamp gt 1L", **select})
    year = year_of(table)
    parts = _spans(table, state, request)
    if year is not None and parts and any(year.inside(span) for span in parts):
        if not year.is_usable(table, state.refused):
            return None
        filters = " or ".join(f"({year.inside(span)})" for span in parts)
        return Counting(params={"$filter": filters, **select}, years=tuple(span.bounds for span in parts))
    if table.year_kind is YearKind.BUSINESS:
        return None
    key = guid_key(table.columns, table.key)
    return Counting(params={**everything(table, state.refused, key=key).filters, **select})


def asked_by(question: Question, table: Table, chunk: Chunk) -> Asked:
    """Describe the question whose last rows a chunk holds, so that it can be counted.

    Functions are not counted: they take no options. Of lines that come with their headers, the headers would be.
    """
    filters = {name: value for name, value in question.params.items() if name == "$filter"}
    names = question.key or question.schema.names[:1]
    return Asked(
        path=question.path,
        params={**filters, "$select": ",".join(names)},
        chain=chunk.chain,
        is_countable=table.feed is not Feed.FUNCTION and question.expand is None,
    )


def doubted(question: Question, table: Table, chunk: Chunk) -> Asked | None:
    """Describe a question whose answer ends with a full page, as if its link were missing; None: it does not.

    Exact links from a full page to the next one, be that empty; functions come on one page however many rows there
    are.
    """
    is_full = chunk.is_last and bool(chunk.pages) and chunk.pages[-1].rows.num_rows >= table.page_size
    return asked_by(question, table, chunk) if is_full and table.feed is not Feed.FUNCTION else None


def changed_since(table: Table, state: StreamState) -> Mapping[str, str] | None:
    """Return how to count what changed since a stream was read; None: that cannot be asked."""
    match state.cursor:
        case SyncCursor(timestamp=timestamp):
            return {"$filter": f"Timestamp gt {timestamp}L", **_select(table)}
        case ModifiedCursor(modified=moment) if table.feed is Feed.MODIFIED and MODIFIED not in state.refused:
            return {"$filter": f"{MODIFIED} ge {wall_literal(moment)}", **_select(table)}
        case _:
            return None


def _spans(table: Table, state: StreamState, request: ReadRequest) -> Sequence[Span]:
    """Return the years that are there, as far as loads ask by year; none: all at once."""
    if state.years:
        return spans(table, state.years, request)
    if table.year_kind is not YearKind.BUSINESS or state.start_year is None:
        return ()
    first, last = state.start_year, max(state.start_year, request.now().year)
    return [Span(first=first, last=last, is_open_below=False, is_open_above=True)]


def _select(table: Table) -> Mapping[str, str]:
    """Name as little as may be asked for: wide endpoints ask for a `$select`."""
    names = table.key or (table.columns[0].name,)
    return {"$select": ",".join(column.property for column in table.columns if column.name in names)}
