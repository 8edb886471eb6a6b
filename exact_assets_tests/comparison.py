"""What the warehouse holds beside what the simulator holds, row by row and value by value.

The expected values are made here from the simulator's own rows, in plain Python and by the rules of docs/tables.md,
so that a mistake in the product's decoding does not repeat itself in the comparison.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from exact_assets.catalogue.table import Column, Table, YearKind

SITE_ZONE = ZoneInfo("Europe/Amsterdam")
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - Exact's wall clock has no zone
OWN_COLUMNS = {"_year", "_loaded_at"}


def differences(
    warehouse: Path, table: Table, division: int, truth: Iterable[Mapping[str, Any]], *, start_year: int
) -> list[str]:
    """Describe each row that is missing, too many or different; empty when both sides are equal."""
    expected = Counter(_row(table, row) for row in truth if _is_kept(table, row, start_year))
    found = Counter(_stored(warehouse, table, division))
    missing, surplus = expected - found, found - expected
    return [f"{table.name} {division}: missing {row}" for row in missing.elements()] + [
        f"{table.name} {division}: surplus {row}" for row in surplus.elements()
    ]


def _stored(warehouse: Path, table: Table, division: int) -> list[tuple[Any, ...]]:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(
            f'SELECT {names} FROM exact."{table.name}" WHERE division = {division}'
        ).fetchall()


def _row(table: Table, row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(_value(column, row.get(column.property)) for column in table.columns)


def _value(column: Column, value: Any) -> Any:
    kind = column.edm_type.removeprefix("Edm.")
    if value is None:
        return None
    if kind == "DateTime":
        return _moment(column, value)
    read: dict[str, Callable[[Any], Any]] = {
        "Guid": UUID,
        "String": lambda text: text.strip(" "),
        "Boolean": bool,
        "Double": lambda number: Decimal(repr(number)).quantize(Decimal("1e-10")),
    }
    return read.get(kind, int)(value)


def _moment(column: Column, milliseconds: int) -> datetime:
    wall_clock = EPOCH + timedelta(milliseconds=milliseconds)
    is_instant = pa.types.is_timestamp(column.type) and column.type.tz
    return wall_clock.replace(tzinfo=SITE_ZONE).astimezone(UTC) if is_instant else wall_clock


def _is_kept(table: Table, row: Mapping[str, Any], start_year: int) -> bool:
    if table.year_kind is not YearKind.BUSINESS:
        return True
    by_name = {column.name: column for column in table.columns}
    for name in table.year:
        value = row.get(by_name[name].property)
        if value is not None:
            is_date = by_name[name].edm_type == "Edm.DateTime"
            year = (EPOCH + timedelta(milliseconds=value)).year if is_date else int(value)
            return year >= start_year
    return True


def doubled_keys(warehouse: Path, table: Table) -> list[str]:
    """Describe each key that stands more than once in a table."""
    if not table.key:
        return []
    key = ", ".join(f'"{name}"' for name in table.primary_key)
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        doubled = connection.execute(
            f'SELECT {key}, count(*) FROM exact."{table.name}" GROUP BY ALL HAVING count(*) > 1'
        ).fetchall()
    return [f"{table.name}: {row[:-1]} stands {row[-1]} times" for row in doubled]
