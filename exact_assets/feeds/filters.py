"""The `$filter` and `$orderby` of a reading, and what they rely on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from exact_assets.catalogue.reading import MODIFIED
from exact_assets.catalogue.table import Column, Table
from exact_assets.cursors import ModifiedCursor
from exact_assets.exact.urls import guid_literal
from exact_assets.feeds.spans import ReadKind, Span, SpanRead
from exact_assets.feeds.wall_clock import reread_from, wall_literal
from exact_assets.stream import StreamState

UNFILTERED = "no filter"
"""In `StreamState.refused`: an endpoint with mandatory filtering."""
_NO_GUID = "00000000-0000-0000-0000-000000000000"
_EVER = datetime(1900, 1, 1)  # noqa: DTZ001 - a wall clock


@dataclass(frozen=True, slots=True, kw_only=True)
class YearProperty:
    """The property that tells a row's year first of all."""

    name: str
    is_number: bool
    """A year; else a date."""

    def is_usable(self, table: Table, refused: tuple[str, ...]) -> bool:
        """Return whether it can be filtered on."""
        return self.name in table.filterable and self.name not in refused

    def within(self, span: Span) -> str:
        """Write the filter for rows of a span; empty: all rows are.

        Rows without this property are asked for too, and kept or left out by what else tells their year.
        """
        inside = self.inside(span)
        return f"({inside}) or {self.name} eq null" if inside else ""

    def inside(self, span: Span) -> str:
        """Write the filter for rows that have this property within a span; empty: the span has no bounds."""
        bounds = [
            None if span.is_open_below else f"{self.name} ge {self._first_of(span.first)}",
            None if span.is_open_above else f"{self.name} lt {self._first_of(span.last + 1)}",
        ]
        return " and ".join(bound for bound in bounds if bound)

    def _first_of(self, year: int) -> str:
        return str(year) if self.is_number else wall_literal(datetime(year, 1, 1))  # noqa: DTZ001 - a wall clock


def year_property(column: Column) -> YearProperty:
    """Make it of a column."""
    return YearProperty(name=column.property, is_number=pa.types.is_integer(column.type))


def year_of(table: Table) -> YearProperty | None:
    """Return the property that tells the year of a table's rows first of all; None: they have no such property."""
    if not table.year:
        return None
    return year_property(next(column for column in table.columns if column.name == table.year[0]))


def since_year(year: int) -> Span:
    """Return the span of a year and all later ones."""
    return Span(first=year, last=year, is_open_below=False, is_open_above=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterChoice:
    """How a reading is asked for."""

    filters: Mapping[str, str]
    """`$filter` and `$orderby`, where there are."""
    relies_on: str | None
    """What Exact might refuse, as in `StreamState.refused`; None: there is no other way."""


def choose_filters(
    reading: SpanRead, table: Table, state: StreamState, *, year: YearProperty | None, key: str | None, zone: str
) -> FilterChoice:
    """Choose the filters of a reading; `key` is the key's property where that is a guid."""
    if reading.kind is ReadKind.CATCH_UP and MODIFIED not in state.refused:
        return _since(state, zone=zone)
    inside = year.within(reading.span) if year is not None and reading.span is not None else ""
    if year is not None and inside:
        return FilterChoice(filters={"$filter": inside}, relies_on=year.name)
    return everything(table, state.refused, key=key)


def everything(table: Table, refused: tuple[str, ...], *, key: str | None) -> FilterChoice:
    """Ask for all rows: without a filter, or where one is mandatory with one that every row passes."""
    by_key, by_modified = key is not None, MODIFIED in table.filterable and MODIFIED not in refused
    if UNFILTERED not in refused:
        return FilterChoice(filters={}, relies_on=UNFILTERED if by_key or by_modified else None)
    if key is not None and key not in refused:
        return FilterChoice(
            filters={"$filter": f"{key} ne {guid_literal(_NO_GUID)}"}, relies_on=key if by_modified else None
        )
    return FilterChoice(filters={"$filter": f"{MODIFIED} ge {wall_literal(_EVER)}"}, relies_on=None)


def guid_key(columns: Iterable[Column], key: Iterable[str]) -> str | None:
    """Return the property that is the key, where it is one guid."""
    found = [column for column in columns if column.name in set(key)]
    return found[0].property if len(found) == 1 and found[0].edm_type == "Edm.Guid" else None


def _since(state: StreamState, *, zone: str) -> FilterChoice:
    start = state.cursor.start if isinstance(state.cursor, ModifiedCursor) else _EVER
    bound = reread_from(start, zone)
    return FilterChoice(
        filters={"$filter": f"{MODIFIED} ge {wall_literal(bound)}", "$orderby": MODIFIED}, relies_on=MODIFIED
    )
