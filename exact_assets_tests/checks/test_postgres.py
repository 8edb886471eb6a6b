"""The checks' SQL is shared: on PostgreSQL it finds what it finds on DuckDB, to the last example."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import duckdb
import pyarrow as pa
import pytest
from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.engine.interfaces import DBAPICursor

from exact_assets.catalogue import select
from exact_assets.catalogue.table import Table
from exact_assets.checks.check import RowCheck
from exact_assets.checks.headers import line_header_of
from exact_assets.checks.ledger import LEDGER
from exact_assets.checks.registry import CHECKS, checks_of
from exact_assets.checks.result import CheckResult, CheckStatus
from exact_assets.checks.subject import Subject
from exact_assets.checks.violations import counted
from exact_assets.control.open import DEFAULT_ZONE
from exact_assets.cursors import SyncCursor
from exact_assets.stream import StreamState
from exact_assets.warehouse.protocol import Warehouse
from exact_assets.warehouse.query import Query, QueryRows
from exact_assets_tests import postgresql
from exact_assets_tests.checks.conftest import (
    ACCOUNTS,
    DIVISION,
    ENTRY_LINES,
    ORDERS,
    OTHER,
    THIS_YEAR,
    UNITS,
    Copy,
    age_ledger,
    key_of,
    ledger_line,
)

UNDEFINED_TABLE = "42P01"
TYPES_OF_OTHER_NAME = {"DOUBLE": "DOUBLE PRECISION"}
TYPES: Mapping[pa.DataType, str] = {
    pa.string(): "VARCHAR",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.decimal128(38, 10): "DECIMAL(38, 10)",
    pa.timestamp("us"): "TIMESTAMP",
    pa.timestamp("us", tz="UTC"): "TIMESTAMP WITH TIME ZONE",
}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with postgresql.database() as url:
        engine = create_engine(make_url(url).set(drivername="postgresql+psycopg2"))
        yield engine
        engine.dispose()


@contextmanager
def cursor(engine: Engine) -> Iterator[Any]:
    connection = engine.raw_connection()
    try:
        made: DBAPICursor = connection.cursor()
        made.execute("SET TimeZone = 'UTC'")
        yield made
        connection.commit()
    finally:
        connection.close()


def created(copy: Copy, engine: Engine) -> Sequence[str]:
    """Create all tables of the file in PostgreSQL, with the same types; their names."""
    columns: dict[str, list[str]] = {}
    listed = "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE schema_name = 'exact'"
    for name, column, kind in copy.run(f"{listed} ORDER BY table_name, column_index"):
        columns.setdefault(name, []).append(f'"{column}" {TYPES_OF_OTHER_NAME.get(kind, kind)}')
    with cursor(engine) as target:
        target.execute("DROP SCHEMA IF EXISTS exact CASCADE")
        target.execute("CREATE SCHEMA exact")
        for name, defined in columns.items():
            target.execute(f'CREATE TABLE exact."{name}" ({", ".join(defined)})')
    return tuple(columns)


def copied(copy: Copy, engine: Engine, folder: Path) -> None:
    """Copy all tables to PostgreSQL as they stand."""
    names = created(copy, engine)
    with cursor(engine) as target:
        for name in names:
            file = folder / f"{name}.csv"
            copy.run(f"COPY exact.\"{name}\" TO '{file}' (FORMAT csv, HEADER)")
            take(target, f'exact."{name}"', file)


def take(target: Any, name: str, file: Path) -> None:
    with file.open("rb") as rows:
        target.copy_expert(f"COPY {name} FROM STDIN (FORMAT csv, HEADER)", rows)


class OnPostgres:
    """A warehouse whose rows are asked for in PostgreSQL; states are read and written where they are."""

    def __init__(self, engine: Engine, states: Warehouse, folder: Path) -> None:
        self._engine = engine
        self._folder = folder
        self.streams = states.streams
        self.states = states.states
        self.store = states.store

    def query(self, queries: Sequence[Query]) -> Sequence[QueryRows | None]:
        return [self._run(one) for one in queries]

    def _run(self, query: Query) -> QueryRows | None:
        with cursor(self._engine) as target:
            for name, rows in query.relations.items():
                columns = ", ".join(f'"{field.name}" {TYPES[field.type]}' for field in rows.schema)
                target.execute(f"CREATE TEMPORARY TABLE {name} ({columns}) ON COMMIT DROP")
                duckdb.from_arrow(rows).write_csv(str(self._folder / "relation.csv"), header=True)
                take(target, name, self._folder / "relation.csv")
            try:
                target.execute(query.statement)
            except self._engine.dialect.loaded_dbapi.ProgrammingError as error:
                if error.pgcode == UNDEFINED_TABLE:
                    return None
                raise
            names = [column[0] for column in target.description]
            return [dict(zip(names, row, strict=True)) for row in target.fetchall()]


def comparable(results: Mapping[str, CheckResult]) -> dict[str, CheckResult]:
    """Return results with UUIDs as text, which is how this driver gives them."""
    return {
        name: replace(
            result,
            examples=tuple(
                {key: str(value) if isinstance(value, UUID) else value for key, value in example.items()}
                for example in result.examples
            ),
        )
        for name, result in results.items()
    }


@pytest.mark.long
def test_each_check_finds_the_same_on_postgres(copy: Copy, engine: Engine, tmp_path: Path) -> None:
    age_ledger(copy)
    line, _, period = ledger_line(copy)
    other = period % 12 + 1
    entry = f"SELECT min(entry_id) FROM exact.{LEDGER} WHERE division = {OTHER}"
    damage = (
        f"CREATE TABLE exact.unkeyed AS FROM exact.{ACCOUNTS}",
        f"DROP TABLE exact.{ACCOUNTS}",
        f"ALTER TABLE exact.unkeyed RENAME TO {ACCOUNTS}",
        f"INSERT INTO exact.{ACCOUNTS} FROM exact.{ACCOUNTS} WHERE id = '{key_of(copy, ACCOUNTS)}'",
        f"INSERT INTO exact.{ORDERS} SELECT * REPLACE (9 AS division, uuid() AS id) FROM exact.{ORDERS} LIMIT 40",
        f"UPDATE exact.{LEDGER} SET amount_dc = amount_dc + 0.01 WHERE id = '{line}'",
        f"UPDATE exact.{LEDGER} SET financial_period = {other} WHERE division = {OTHER} AND entry_id = ({entry})",
        f"UPDATE exact.{ACCOUNTS} SET _year = _year - 1 WHERE division = {OTHER}",
        f"UPDATE exact.{UNITS} SET _year = {THIS_YEAR}",
        f"UPDATE exact.{ENTRY_LINES} SET _year = _year - 1 WHERE division = {DIVISION}",
        f"UPDATE exact.{ORDERS} SET deleted_at = now() WHERE _year = {THIS_YEAR}",
        f"DELETE FROM exact.divisions WHERE division = {OTHER}",
        f"""UPDATE exact._streams SET state = json_merge_patch(state, '{{"absent": ["name"]}}')
        WHERE table_name = '{ACCOUNTS}'""",
    )
    copy.run(*damage)
    copied(copy, engine, tmp_path)
    here = copy.results()
    there = copy.results(warehouse=cast("Warehouse", OnPostgres(engine, copy.warehouse, tmp_path)))
    assert comparable(there) == comparable(here)
    failed = {name.split()[1] for name, one in here.items() if one.status is not CheckStatus.PASSED}
    assert failed == {check.name for check in CHECKS}


def test_balances_that_are_not_kept_are_compared_on_postgres_too(
    copy: Copy, engine: Engine, tmp_path: Path
) -> None:
    age_ledger(copy)
    copy.run(f"UPDATE exact.{LEDGER} SET amount_dc = amount_dc + 1 WHERE id = '{ledger_line(copy)[0]}'")
    copied(copy, engine, tmp_path)
    ledger = select(LEDGER)
    warehouse = cast("Warehouse", OnPostgres(engine, copy.warehouse, tmp_path))
    here = copy.results(ledger, kept=ledger)
    there = copy.results(ledger, kept=ledger, warehouse=warehouse)
    assert comparable(there) == comparable(here)
    assert there[f"{LEDGER} balances_equal_exact"].status is CheckStatus.FAILED


@pytest.mark.long
def test_the_statements_of_every_table_run_on_both(copy: Copy, engine: Engine, tmp_path: Path) -> None:
    """PostgreSQL compares no text with a UUID, which DuckDB does."""
    kept = select("all")
    empty = Copy(copy.place, tmp_path / "empty.duckdb")
    empty.warehouse.prepare(kept)
    created(empty, engine)
    queries = {
        f"{table.name} {name} {divisions}": query
        for table in kept
        for divisions in (None, frozenset({DIVISION}), frozenset[int]())
        for name, query in statements(table, kept, divisions=divisions).items()
    }
    assert len(queries) > 9 * len(kept)
    there = OnPostgres(engine, empty.warehouse, tmp_path)
    for warehouse in (empty.warehouse, there):
        found = dict(zip(queries, warehouse.query(list(queries.values())), strict=True))
        assert {name: rows for name, rows in found.items() if rows is None or list(rows)} == {}


def statements(
    table: Table, kept: Sequence[Table], *, divisions: frozenset[int] | None = None
) -> Mapping[str, Query]:
    """Return what is asked of a table whose streams and headers are all loaded."""
    streams = {DIVISION: (StreamState(cursor=SyncCursor(timestamp=1), start_year=THIS_YEAR - 3), datetime.now(UTC))}
    subject = Subject(
        table=table,
        warehouse=cast("Warehouse", None),
        zone=DEFAULT_ZONE,
        start_year=THIS_YEAR - 3,
        header=line_header_of(table),
        balance=None,
        divisions=divisions,
        streams=streams,
        header_streams=streams,
        balance_streams={},
    )
    return {
        check.name: Query(statement=counted(check.search(subject).statement))
        for check in checks_of(table, kept=kept)
        if isinstance(check, RowCheck)
    }
