"""Books for the tests: a small set that is only read, and fresh ones to change. The clock stands still."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from exact_simulator.books import Books
from exact_simulator.facts import Endpoint, endpoint_by_path, load_endpoints

NOW_MS = 1_795_348_800_000
"""2026-11-22 12:00 on the server's wall clock."""
DIVISIONS = (100001, 100002, 100003)
READABLE = tuple(item for item in load_endpoints() if "GET" in item.methods)


@dataclass
class Clock:
    """A wall clock that tests move."""

    ms: int = NOW_MS

    def __call__(self) -> int:
        return self.ms


class Desk:
    """Books, their clock, and short ways to look into them."""

    def __init__(self, books: Books, clock: Clock) -> None:
        self.books = books
        self.clock = clock
        # Opening is slow: SQLite reads the text of more than 400 views.
        self._connection = books.connect()

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement, values).fetchall()

    def close(self) -> None:
        self._connection.close()
        self.books.close()

    def one(self, statement: str, *values: object) -> Any:
        return self.rows(statement, *values)[0][0]


def make(
    clock: Clock,
    *,
    rows: int = 300,
    seed: int = 1,
    divisions: tuple[int, ...] = DIVISIONS,
    path: Path | None = None,
) -> Books:
    return Books.create(
        path=path, divisions=divisions, first_year=2022, last_year=2026, rows=rows, seed=seed, now_ms=clock
    )


@pytest.fixture(scope="session")
def still() -> Iterator[Desk]:
    """Books that nobody changes."""
    clock = Clock()
    desk = Desk(make(clock), clock)
    yield desk
    desk.close()


@pytest.fixture(scope="session")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of books to copy: quicker than making them for each test."""
    path = tmp_path_factory.mktemp("books") / "pattern.sqlite"
    make(Clock(), rows=200, divisions=DIVISIONS[:2], path=path).close()
    return path


@pytest.fixture
def desk(pattern: Path, tmp_path: Path) -> Iterator[Desk]:
    """Books to change."""
    clock = Clock()
    books = Books.open(shutil.copy(pattern, tmp_path), now_ms=clock)
    desk = Desk(books, clock)
    yield desk
    desk.close()


@pytest.fixture
def endpoint() -> Callable[[str], Endpoint]:
    """An endpoint by its path below the division."""
    return lambda path: endpoint_by_path()[f"/api/v1/{{division}}/{path}"]
