"""What the warehouse holds beside what the simulator holds, row by row and value by value.

The expected values are made here import time
from the simulator's own rows, in plain Python and by the rules of docs/tables.md,
so that a mistake in the product's decoding does not repeat itself in the comparison.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

import duckdb
import psycopg
import pyarrow as pa

from exact_assets.catalogue.table import Column, Table, YearKind

SITE_ZONE = ZoneInfo("Europe/Amsterdam")
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - Exact's wall clock has no zone
NO_DATE = datetime(1, 1, 1)  # noqa: DTZ001 - likewise

Truth = Iterable[Mapping[str, Any]]


HELD_SECONDS = 30.0


Place = Path | str
"""The file of a warehouse, or the URL of a database."""


class Readable(Protocol):
    """A connection of either driver, as far as it is used here."""

    def execute(self, statement: str, /) -> Any:
        """Run a statement."""

    def close(self) -> None:
        """Let go."""


def differences(
    warehouse: Place, table: Table, division: int, truth: Truth, *, start_year: int, headers: Truth = ()
) -> list[str]:
    """Describe each row that is missing, too many or different; empty when both sides are equal.

    `headers` are the rows of the headers, which tell the years of lines that are read through them.
    """
    with closing(opened(warehouse)) as connection:
        return compare(connection, table, division, truth, start_year=start_year, headers=headers)


def opened(warehouse: Place) -> Readable:
    """Open a warehouse for reading, with instants as UTC; a sensor may hold a file for a moment."""
    if isinstance(warehouse, str):
        return psycopg.connect(warehouse, options="-c TimeZone=UTC", autocommit=True)
    deadline = time.monotonic() + HELD_SECONDS
    while True:
        try:
            connection = duckdb.connect(str(warehouse), read_only=True)
        except duckdb.IOException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            connection.execute("SET TimeZone = 'UTC'")
            return connection


def compare(
    connection: Readable,
    table: Table,
    division: int,
    truth: Truth,
    *,
    start_year: int,
    headers: Truth = (),
) -> list[str]:
    """Do what `differences` does, with a warehouse that is open."""
    years = _Years(table, start_year, headers)
    expected = Counter((*_row(table, row), years.of(row)) for row in truth if years.keeps(row))
    found = Counter(_stored(connection, table, division))
    missing, surplus = expected - found, found - expected
    return [f"{table.name} {division}: missing {row}" for row in missing.elements()] + [
        f"{table.name} {division}: surplus {row}" for row in surplus.elements()
    ]


def doubled_keys(warehouse: Place, table: Table) -> list[str]:
    """Describe each key that stands more than once in a table."""
    if not table.key:
        return []
    key = ", ".join(f'"{name}"' for name in table.primary_key)
    with closing(opened(warehouse)) as connection:
        doubled = connection.execute(
            f'SELECT {key}, count(*) FROM exact."{table.name}" GROUP BY {key} HAVING count(*) > 1'
        ).fetchall()
    return [f"{table.name}: {row[:-1]} stands {row[-1]} times" for row in doubled]


def _stored(connection: Readable, table: Table, division: int) -> list[tuple[Any, ...]]:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    found: list[tuple[Any, ...]] = connection.execute(
        f'SELECT {names}, _year FROM exact."{table.name}" WHERE division = {division}'
    ).fetchall()
    return found


def _row(table: Table, row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(_value(column, row.get(column.property)) for column in table.columns)


def _value(column: Column, value: Any) -> Any:
    kind = column.edm_type.removeprefix("Edm.")
    if value is None:
        return None
    if kind == "DateTime":
        return _moment(column, value)
    return _READ.get(kind, int)(value)


_READ: dict[str, Callable[[Any], Any]] = {
    "Guid": UUID,
    "String": lambda text: text.strip(" "),
    "Boolean": bool,
    "Double": lambda number: Decimal(repr(number)).quantize(Decimal("1e-10")),
}


def _moment(column: Column, milliseconds: int) -> datetime:
    shown = EPOCH + timedelta(milliseconds=milliseconds)
    if not (pa.types.is_timestamp(column.type) and column.type.tz):
        return shown
    if shown - NO_DATE < timedelta(days=1):
        return shown.replace(tzinfo=UTC)
    # Of the hour that comes twice the first counts.
    moment = shown.replace(tzinfo=SITE_ZONE).astimezone(UTC)
    if moment.astimezone(SITE_ZONE).replace(tzinfo=None) != shown:
        # The clock never shows this hour: it counts as its end.
        return moment.replace(minute=0, second=0, microsecond=0)
    return moment


class _Years:
    """The year of each row of a table, and whether it is kept."""

    def __init__(self, table: Table, start_year: int, headers: Truth) -> None:
        self._kind = table.year_kind
        self._start_year = start_year
        self._parent = table.parent
        self._headers = {row[table.parent.key]: row for row in headers} if table.parent else {}
        columns = {column.name: column for column in table.columns}
        self._own = [columns[name] for name in table.year]
        if table.parent:
            by_property = {column.property: column for column in table.parent.columns}
            self._own = [by_property[name] for name in table.parent.year]

    def of(self, row: Mapping[str, Any]) -> int | None:
        """Give what `_year` should be."""
        if self._kind is YearKind.NONE:
            return None
        if self._parent:
            row = self._headers[row[self._parent.foreign_key]]
        for column in self._own:
            value = row.get(column.property)
            if value is not None:
                is_date = column.edm_type == "Edm.DateTime"
                return (EPOCH + timedelta(milliseconds=value)).year if is_date else int(value)
        return self._start_year

    def keeps(self, row: Mapping[str, Any]) -> bool:
        """Tell whether the row is of the starting year or later; master data is kept however old."""
        if self._kind is not YearKind.BUSINESS:
            return True
        year = self.of(row)
        return year is not None and year >= self._start_year
