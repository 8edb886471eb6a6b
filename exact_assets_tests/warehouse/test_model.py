"""Random steps, cut off at random statements, against a model in plain Python."""

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from exact_assets.catalogue.table import Table
from exact_assets.stream import Changes, Step, Verb
from exact_assets.warehouse.connection import Connection, Engine
from exact_assets.warehouse.sql_warehouse import SqlWarehouse
from exact_assets_tests.warehouse import tables
from exact_assets_tests.warehouse.engines import MakePlace, Place
from exact_assets_tests.warehouse.model import Model, Row
from exact_assets_tests.warehouse.tables import COMPOSITE, DIVISION, KEYLESS, LINES, MODIFIED, SNAPSHOT, SYNC, guid

EXAMPLES = int(os.environ.get("EXACT_TEST_EXAMPLES", "4"))
"""Per kind of table; a hundred take some minutes."""
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

ROWS = st.builds(
    Row,
    key=st.integers(1, 6),
    version=st.none() | st.integers(0, 3),
    year=st.none() | st.integers(2024, 2026),
    value=st.sampled_from([None, "", "a", "b"]),
    header=st.integers(100, 102),
)


@st.composite
def steps(draw: st.DrawFn) -> tuple[Verb, list[Row], list[int] | None, tuple[int, int] | None]:
    verb = draw(st.sampled_from([Verb.UPSERT, Verb.UPSERT, Verb.STAGE, Verb.REPLACE]))
    years = draw(st.none() | st.tuples(st.integers(2024, 2025), st.integers(2025, 2026)))
    if verb is not Verb.REPLACE:
        years = None
    parents = draw(st.none() | st.lists(st.integers(100, 102), max_size=2)) if verb is Verb.UPSERT else None
    return verb, draw(st.lists(ROWS, max_size=7)), parents, years


class CutError(BaseException):
    """Stands for the moment at which a process ends."""


class Cut:
    """A connection that fails at one of its statements, as a process that ends there."""

    def __init__(self, whole: Connection, countdown: "Countdown") -> None:
        self._whole, self._countdown = whole, countdown

    @contextmanager
    def transaction(self, **options: Any) -> Iterator[None]:
        self._countdown.tick()
        with self._whole.transaction(**options):
            yield
            self._countdown.tick()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._whole, name)
        if name not in STATEMENTS:
            return found

        def counted(*arguments: Any, **values: Any) -> Any:
            self._countdown.tick()
            return found(*arguments, **values)

        return counted


STATEMENTS = {"run", "rows", "affected", "derive", "stage", "unstage"}


class Countdown:
    """Counts statements down to the one at which it ends; 0: it never does."""

    left = 0

    def tick(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise CutError


class CutEngine:
    """An engine whose connections can be cut."""

    def __init__(self, whole: Engine) -> None:
        self._whole, self.countdown = whole, Countdown()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)

    @contextmanager
    def connection(self) -> Iterator[Any]:
        with self._whole.connection() as one:
            yield Cut(one, self.countdown)


@contextmanager
def cut(engine: CutEngine, countdown: int) -> Iterator[None]:
    engine.countdown.left = countdown
    try:
        yield
    except CutError:
        pass
    finally:
        engine.countdown.left = 0


KINDS = [SYNC, MODIFIED, SNAPSHOT, COMPOSITE, LINES, KEYLESS]


@pytest.mark.parametrize("table", KINDS, ids=lambda table: table.name)
def test_any_steps_leave_what_the_model_says(table: Table, make_place: MakePlace) -> None:
    _play_any_steps(table, make_place, is_soft=False)


@pytest.mark.parametrize("table", KINDS, ids=lambda table: table.name)
def test_rows_without_a_mark_are_those_that_the_model_has(table: Table, make_place: MakePlace) -> None:
    """A row that comes back counts as updated there, so that changes are not compared."""
    _play_any_steps(table, make_place, is_soft=True)


def _play_any_steps(table: Table, make_place: MakePlace, *, is_soft: bool) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(st.lists(st.tuples(steps(), st.integers(0, 30)), min_size=1, max_size=6))
    def play(script: list[tuple[Any, int]]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            place = make_place(Path(folder))
            engine = CutEngine(place.engine())
            warehouse = SqlWarehouse(cast("Engine", engine), is_soft=is_soft)
            warehouse.prepare([table])
            model = Model(table)
            for load_seq, ((verb, rows, parents, years), countdown) in enumerate(script):
                headers = parents if table is LINES else None
                if table is not MODIFIED and table is not SYNC:
                    rows = [row._replace(version=None) for row in rows]  # noqa: PLW2901 - as this table has it
                if table is not LINES:
                    rows = [row._replace(header=0) for row in rows]  # noqa: PLW2901 - likewise
                step = _step(table, verb, rows, headers, years)
                if countdown:
                    with cut(engine, countdown):
                        warehouse.store(table, DIVISION, step, expected_seq=load_seq)
                if warehouse.states(table, [DIVISION])[DIVISION].load_seq == load_seq:
                    assert _rows(place, table) == _expected(model), "a step that was cut off left something"
                    changes = warehouse.store(table, DIVISION, step, expected_seq=load_seq).changes
                    expected = model.store(verb, rows, parents=headers, years=years)
                    assert is_soft or changes == expected
                else:
                    model.store(verb, rows, parents=headers, years=years)
                assert _rows(place, table) == _expected(model)

    play()


def _step(
    table: Table, verb: Verb, rows: list[Row], parents: list[int] | None, years: tuple[int, int] | None
) -> Step:
    arrived = pa.concat_tables([tables.rows(table), *(tables.rows(table, _values(table, row)) for row in rows)])
    keys = None if parents is None else [guid(one) for one in parents]
    return tables.step(verb, arrived, years=years, parents=keys)


def _values(table: Table, row: Row) -> dict[str, Any]:
    identity: Any = row.key if table is SNAPSHOT else str(row.key) if table is KEYLESS else guid(row.key)
    values = {"id": identity, "value": row.value, "_year": row.year}
    if table is SYNC:
        values["timestamp"] = row.version
    if table is MODIFIED and row.version is not None:
        values["modified"] = EPOCH + timedelta(seconds=row.version)
    if table is LINES:
        values["entry_id"] = guid(row.header)
    if table is COMPOSITE:
        values["period"] = row.key * 2
    return values


def _expected(model: Model) -> Counter[tuple[Any, ...]]:
    rows = model.rows.values() if model.table.key else model.bag.elements()
    return Counter(
        (str(_values(model.table, row)["id"]), row.value, row.year, _moving(model.table, row)) for row in rows
    )


def _moving(table: Table, row: Row) -> str | None:
    """The column that only some tables have."""
    if table is LINES:
        return guid(row.header)
    return None if row.version is None else str(row.version)


def _rows(place: Place, table: Table) -> Counter[tuple[Any, ...]]:
    moving = {SYNC.name: "timestamp", MODIFIED.name: "modified", LINES.name: "entry_id"}.get(table.name, "NULL")
    found = place.query(f'SELECT id, value, _year, {moving} FROM exact."{table.name}" WHERE deleted_at IS NULL')
    return Counter((str(key), value, year, _seen(moved)) for key, value, year, moved in found)


def _seen(moving: object) -> str | None:
    if isinstance(moving, datetime):
        return str(int((moving - EPOCH).total_seconds()))
    return None if moving is None else str(moving)


def test_the_model_knows_the_difference_between_versions() -> None:
    """The model is part of the proof, so one case of it is spelt out."""
    model = Model(SYNC)
    first = Row(key=1, version=2, year=2025, value="a", header=0)
    assert model.store(Verb.UPSERT, [first], parents=None, years=None) == Changes(inserted=1, years={2025: 1})
    assert model.store(Verb.UPSERT, [first._replace(version=1)], parents=None, years=None) == Changes()
    assert model.store(Verb.UPSERT, [first._replace(version=3, year=2026)], parents=None, years=None) == Changes(
        updated=1, years={2025: 1, 2026: 1}
    )
