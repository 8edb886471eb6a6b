"""Which rows that a sweep finds at Exact should be stored by now."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from exact_assets.catalogue.table import Table
from exact_assets.cursors import ModifiedCursor, SyncCursor
from exact_assets.feeds import ReadRequest
from exact_assets.feeds.due import Due
from exact_assets.stream import FOUND_VERSION, IS_DUE, StreamState
from exact_assets_tests.feeds.tables import ACCOUNTS, INVOICES, LINES, SYNC

ZONE = "Europe/Amsterdam"
NOON = datetime(2026, 6, 1, 10, tzinfo=UTC)
REQUEST = ReadRequest(start_year=2022, now=lambda: NOON)
CAUGHT_UP = StreamState(cursor=ModifiedCursor(modified=datetime(2026, 6, 1, 12)))  # noqa: DTZ001 - a wall clock


def told(table: Table, state: StreamState, *rows: Mapping[str, object]) -> list[tuple[object, object]]:
    """Return whether rows are due, and the versions by which they are compared."""
    columns = (table.parent.columns if table.parent else table.columns) or table.columns
    schema = pa.schema([pa.field(column.property, column.type) for column in columns])
    answer = pa.Table.from_pylist([dict.fromkeys(schema.names) | dict(row) for row in rows], schema=schema)
    keys = pa.table({"id": [str(number) for number in range(len(rows))]})
    found = Due.of(table, state, REQUEST, zone=ZONE).told(keys, [answer])
    return list(zip(found.column(IS_DUE).to_pylist(), found.column(FOUND_VERSION).to_pylist(), strict=True))


def test_a_row_below_where_the_next_read_starts_is_due_and_one_above_comes_with_it() -> None:
    state = StreamState(cursor=SyncCursor(timestamp=100, floor=90))
    rows = ({"Timestamp": stamp, "FinancialYear": 2025} for stamp in (90, 91, None))
    assert told(SYNC, state, *rows) == [(True, 90), (False, None), (True, None)]


def test_of_instants_the_sites_clock_counts() -> None:
    rows = ({"Modified": NOON + timedelta(seconds=off), "InvoiceDate": datetime(2025, 1, 1)} for off in (-1, 0))  # noqa: DTZ001 - a wall clock
    assert told(INVOICES, CAUGHT_UP, *rows) == [(True, NOON - timedelta(seconds=1)), (False, None)]


@pytest.mark.parametrize(
    ("table", "years", "year", "is_due"),
    [
        (INVOICES, (), 2021, False),
        (INVOICES, (), 2022, True),
        (INVOICES, (2024, 2026), 2025, False),
        (INVOICES, (2024, 2026), 2024, True),
        (INVOICES, (2024, 2026), 2027, True),
        (ACCOUNTS, (), 1999, True),
        (ACCOUNTS, (2022, 2023), 1999, True),
        (ACCOUNTS, (2022, 2023), 2024, False),
    ],
)
def test_rows_of_years_that_are_not_loaded_are_not_due(
    table: Table, years: tuple[int, ...], year: int, *, is_due: bool
) -> None:
    state = StreamState(cursor=CAUGHT_UP.cursor, years=years)
    when = datetime(year, 6, 1, tzinfo=UTC)
    row = {"Modified": NOON - timedelta(days=1), "InvoiceDate": when.replace(tzinfo=None), "Created": when}
    row = {name: value for name, value in row.items() if name in {one.property for one in table.columns}}
    [(found, version)] = told(table, state, row)
    assert found is is_due
    assert version == NOON - timedelta(days=1), "what is stored of another year may be older all the same"


def test_where_each_read_brings_all_rows_none_is_due() -> None:
    state = StreamState(cursor=CAUGHT_UP.cursor, refused=("Modified",))
    row = {"Modified": NOON - timedelta(days=1), "InvoiceDate": datetime(2025, 1, 1)}  # noqa: DTZ001 - a wall clock
    assert told(INVOICES, state, row) == [(False, None)]


def test_lines_have_no_version_of_their_own() -> None:
    state = StreamState(cursor=CAUGHT_UP.cursor)
    [(found, version)] = told(LINES, state, {"Modified": NOON - timedelta(days=1), "FinancialYear": 2025})
    assert (found, version) == (True, None)
