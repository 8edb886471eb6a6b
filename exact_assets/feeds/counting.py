"""How Exact is asked to count the rows of a stream that are kept, with the filters that its loads use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from exact_assets.catalogue.table import Feed, Table, YearKind
from exact_assets.exact.urls import datetime_literal
from exact_assets.feeds.chain import Chunk, Question
from exact_assets.feeds.filters import MODIFIED, everything, guid_key, year_of
from exact_assets.feeds.jobs import Span, spans
from exact_assets.feeds.want import Want
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


def counting(table: Table, state: StreamState, want: Want) -> Counting | None:
    """Say how to count a stream's rows; None: Exact cannot be asked for just those that are kept."""
    select = _select(table)
    if table.feed is Feed.SYNC:
        return Counting(params={"$filter": "Timestamp gt 1L", **select})
    year = year_of(table)
    parts = _spans(table, state, want)
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


def changed_since(table: Table, state: StreamState) -> Mapping[str, str] | None:
    """Say how to count what changed since a stream was read; None: that cannot be asked."""
    if state.cursor is None:
        return None
    if table.feed is Feed.SYNC:
        return {"$filter": f"Timestamp gt {state.cursor}L", **_select(table)}
    if table.feed is Feed.MODIFIED and MODIFIED not in state.refused:
        moment = datetime.fromisoformat(state.cursor).replace(microsecond=0)
        return {"$filter": f"{MODIFIED} ge {datetime_literal(moment)}", **_select(table)}
    return None


def _spans(table: Table, state: StreamState, want: Want) -> Sequence[Span]:
    """Give the years that are there, as far as loads ask by year; none: all at once."""
    if state.years:
        return spans(table, state.years, want)
    if table.year_kind is not YearKind.BUSINESS or state.start_year is None:
        return ()
    first, last = state.start_year, max(state.start_year, want.now().year)
    return [Span(first=first, last=last, is_open_below=False, is_open_above=True)]


def _select(table: Table) -> Mapping[str, str]:
    """Name as little as may be asked for: wide endpoints want a `$select`."""
    names = table.key or (table.columns[0].name,)
    return {"$select": ",".join(column.property for column in table.columns if column.name in names)}
