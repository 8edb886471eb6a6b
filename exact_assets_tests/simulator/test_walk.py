"""Pages hold the same rows whichever way SQLite gets at them."""

import sqlite3
from typing import Any

import pytest

from exact_simulator.odata.sql import Clause
from exact_simulator.walk import Hints, Walk, fetch

ROWS = [(n, 1 + n % 2, f"{n * 7919 % 1000:03d}", n % 100) for n in range(1000)]


@pytest.fixture(scope="module")
def connection() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute('CREATE TABLE t (_n INTEGER PRIMARY KEY, _division, "ID", "Year")')
    connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", ROWS)
    connection.execute('CREATE INDEX by_id ON t (_division, "ID")')
    connection.execute('CREATE INDEX by_year ON t (_division, "Year")')
    connection.execute("ANALYZE")
    return connection


def walk(*, order: str, after: str = "") -> Walk:
    return Walk(
        relation="t",
        columns='"ID", "Year"',
        bounds=Clause("_division = ?", (2,)),
        filter=Clause('"Year" = ?', (3,)),
        behind=Clause('"ID" > ?', (after,)) if after else Clause("1"),
        order=order,
        limit=7,
        offset=0,
    )


def expected(after: str) -> list[tuple[Any, ...]]:
    keys = [(key, year) for _, division, key, year in ROWS if division == 2 and year == 3 and key > after]
    return sorted(keys)[:7]


@pytest.mark.parametrize("most_sorted", [0, 1_000_000])
@pytest.mark.parametrize("order", ['"ID"', '"ID", "Year"', 'lower("ID")'])
def test_a_page_is_the_same_however_it_is_reached(
    connection: sqlite3.Connection, most_sorted: int, order: str
) -> None:
    hints = Hints(most_sorted=most_sorted)
    for after in ("", "400", "990", "999"):
        assert fetch(connection, walk(order=order, after=after), hints) == expected(after)


def test_many_rows_are_walked_by_their_key(connection: sqlite3.Connection) -> None:
    hints = Hints(most_sorted=0)
    fetch(connection, walk(order='"ID"'), hints)
    assert sorted(hints.sorts.values()) == [False, True]


def test_an_unordered_walk_gives_as_many_as_asked(connection: sqlite3.Connection) -> None:
    assert len(fetch(connection, walk(order=""), Hints())) == 7
