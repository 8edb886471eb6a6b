"""Makes a new file: base tables, rows, indexes, the balance, views."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from exact_simulator.books import balance, divisions, ledger, sql, store
from exact_simulator.books.context import Context
from exact_simulator.books.family import root
from exact_simulator.books.generate import PLACES, TIMESTAMPS_PER_ROW, Batch, Division, Generator
from exact_simulator.books.plan import build_plan
from exact_simulator.books.rules import Years
from exact_simulator.books.shape import Shape
from exact_simulator.books.sizes import Sizes
from exact_simulator.books.view import views

_FIRMS = ("De Korenaar Groothandel BV", "Peeters Techniek NV", "Visser Installatie BV", "Maes & Zonen BV")
_SMALL = 300
"""Tables with fewer rows per division are sorted quicker than their indexes are made."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What books are made from; the same settings give the same rows."""

    divisions: Sequence[int]
    first_year: int
    last_year: int
    rows: int
    seed: int
    until_ms: int
    """Nothing was created or changed after this."""
    is_hostile: bool = True
    """Whether odd texts, and numbers at the edge, are among the rows."""

    @classmethod
    def read(cls, saved: dict[str, Any]) -> "Settings":
        """Settings from a file of books."""
        return cls(**saved)

    def context(self, connection: sqlite3.Connection, now_ms: Callable[[], int]) -> Context:
        """What changes to these books work on."""
        years = Years(first=self.first_year, last=self.last_year)
        return Context(
            connection=connection,
            plan=build_plan(Sizes(rows=self.rows), years, is_hostile=self.is_hostile),
            generator=Generator(seed=self.seed, years=years, until_ms=self.until_ms, is_hostile=self.is_hostile),
            divisions=tuple(Division(place=place, number=number) for place, number in enumerate(self.divisions)),
            now_ms=now_ms,
        )


def until_ms(first_year: int, last_year: int, now_ms: int) -> int:
    """End of the books: the end of the last year, or the start of today where that is earlier.

    Raises:
        ValueError: the years are in the wrong order or have not begun.
    """
    if last_year < first_year:
        raise ValueError(f"last_year {last_year} is before first_year {first_year}")
    until = min(sql.ms_of_year(last_year + 1) - 1, now_ms - now_ms % sql.DAY_MS)
    if until <= sql.ms_of_year(first_year):
        raise ValueError(f"first_year {first_year} has not begun by the server's clock")
    return until


def fill(connection: sqlite3.Connection, settings: Settings, context: Context) -> None:
    """Fill an empty file, in one transaction."""
    store.prepare(connection)
    connection.execute("BEGIN")
    _divisions(connection, settings, context)
    connection.executemany("INSERT INTO _places VALUES (?, ?)", PLACES)
    for shape in context.plan.shapes.values():
        _table(connection, context, shape)
    entries = context.plan.counts[ledger.ENTRIES]
    for division in context.divisions:
        balance.add(connection, first=(division.place << 32) + 1, last=(division.place << 32) + entries)
    for statement in [*views(context.plan), *divisions.views()]:
        connection.execute(statement)
    store.save_settings(connection, asdict(settings))
    connection.execute("COMMIT")
    store.finish(connection, divisions=len(context.divisions))


def _divisions(connection: sqlite3.Connection, settings: Settings, context: Context) -> None:
    connection.execute(divisions.CREATE)
    created = sql.ms_of_year(settings.first_year - 1)
    connection.executemany(
        f"INSERT INTO {divisions.TABLE} VALUES (?, ?, ?, ?, NULL, NULL)",
        (
            (item.place, item.number, _name(item, is_hostile=settings.is_hostile), created)
            for item in context.divisions
        ),
    )


def _name(division: Division, *, is_hostile: bool) -> str:
    if is_hostile:
        return f"Voorbeeld {division.number}"
    name = _FIRMS[division.place % len(_FIRMS)]
    return name if division.place < len(_FIRMS) else f"{name} {division.place // len(_FIRMS) + 1}"


def _table(connection: sqlite3.Connection, context: Context, shape: Shape) -> None:
    context.generator.create(connection, shape)
    count = context.plan.counts[root(context.plan, shape).name]
    for division in context.divisions:
        room = 0 if shape.model.source == "lines" else 2 * count * TIMESTAMPS_PER_ROW
        timestamp = store.reserve_timestamps(connection, room)
        context.generator.fill(connection, shape, division, Batch(first=1, last=count, timestamp=timestamp))
    if count > _SMALL:
        context.generator.index(connection, shape)
