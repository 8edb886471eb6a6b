"""Which of the rows that a sweep finds at Exact should be stored here by now: the rule, without I/O.

That is a row of a year that is loaded, older than where the next read starts: what is newer comes with that read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from exact_assets.catalogue.reading import MODIFIED
from exact_assets.catalogue.table import Feed, Table, YearKind
from exact_assets.cursors import ModifiedCursor, SyncCursor
from exact_assets.feeds.request import ReadRequest
from exact_assets.feeds.rows import LATEST, first_year_kept, years_of
from exact_assets.feeds.spans import spans
from exact_assets.feeds.wall_clock import tzinfo_of
from exact_assets.stream import FOUND_VERSION, IS_DUE, StreamState

TIMESTAMP_PROPERTY = "Timestamp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What one stream should have, by its state."""

    property: str
    """By which a read goes on, and which tells a row's version."""
    start: int | datetime | None
    """Where the next read starts; None: each one brings all rows."""
    is_versioned: bool
    """Whether it is the version of the rows, not of their headers."""
    years: tuple[str, ...]
    bounds: tuple[tuple[int, int], ...]
    """First and last year of what is loaded."""
    start_year: int
    """The year of rows that nothing tells the year of."""
    zone: str

    @classmethod
    def of(cls, table: Table, state: StreamState, request: ReadRequest, *, zone: str) -> "Due":
        """Return what a stream should have."""
        first = request.start_year if state.start_year is None else min(state.start_year, request.start_year)
        loaded = [span.bounds for span in spans(table, state.years, request)]
        return cls(
            property=TIMESTAMP_PROPERTY if table.feed is Feed.SYNC else MODIFIED,
            start=_start(state, zone),
            is_versioned=table.parent is None,
            years=year_properties(table),
            bounds=tuple(loaded) or ((first_year_kept(table, first), LATEST),),
            start_year=first,
            zone=zone,
        )

    def told(self, keys: pa.Table, answers: Sequence[pa.Table]) -> pa.Table:
        """Add to keys what is known of their rows; `answers` are the pages that they are from."""
        if not answers:
            return keys
        answer = pa.concat_tables(answers)
        versions = answer.column(self.property)
        if self.start is None:
            is_old = pa.chunked_array([pa.repeat(pa.scalar(False), len(answer))])
        else:
            is_old = pc.fill_null(pc.less(versions, pa.scalar(self.start, versions.type)), True)
        unknown = pa.scalar(None, versions.type)
        no_versions = pa.nulls(len(answer), versions.type)
        told = pc.if_else(is_old, versions, unknown) if self.is_versioned else no_versions
        is_due = pc.and_(is_old, self._is_loaded(answer))
        return keys.append_column(IS_DUE, is_due).append_column(FOUND_VERSION, told)

    def _is_loaded(self, answer: pa.Table) -> pa.ChunkedArray:
        years = pc.fill_null(years_of(answer, self.years, zone=self.zone), pa.scalar(self.start_year, pa.int16()))
        inside = [pc.and_(pc.greater_equal(years, one), pc.less_equal(years, last)) for one, last in self.bounds]
        found = inside[0]
        for one in inside[1:]:
            found = pc.or_(found, one)
        return found


def year_properties(table: Table) -> tuple[str, ...]:
    """Return the properties that tell a row's year, of lines those of their headers; the first that is there."""
    if table.parent is not None:
        return table.parent.year
    if table.year_kind is YearKind.NONE:
        return ()
    properties = {column.name: column.property for column in table.columns}
    return tuple(properties[name] for name in table.year)


def _start(state: StreamState, zone: str) -> int | datetime | None:
    if MODIFIED in state.refused:
        return None
    match state.cursor:
        case SyncCursor():
            # What it starts behind is what it has.
            return state.cursor.start + 1
        case ModifiedCursor():
            return state.cursor.start.replace(tzinfo=tzinfo_of(zone)).astimezone(UTC)
        case _:
            return None
