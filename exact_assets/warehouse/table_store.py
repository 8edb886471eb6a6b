"""Rows of tables with the states of their streams, in any engine: each method is one opening of the warehouse."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from exact_assets.catalogue.table import Table
from exact_assets.errors import RetryError, UnknownNameError, UnknownTableError, ValueRangeError, WarehouseError
from exact_assets.stream import Step, Stored, StreamState
from exact_assets.warehouse import prepare, purge
from exact_assets.warehouse.connection import Connection, Engine
from exact_assets.warehouse.query import Query, QueryRows
from exact_assets.warehouse.session import Sessions
from exact_assets.warehouse.sql.names import DELETED_AT, DIVISION, READ_SCHEMAS, YEAR, one_of
from exact_assets.warehouse.staging import Arrived, arrive, leave
from exact_assets.warehouse.states import read_states, read_streams
from exact_assets.warehouse.store import store

BYTES_PER_ROW = 2_000
"""In memory, of the widest table."""
_Row = TypeVar("_Row")
Answer = Stored | WarehouseError | ValueRangeError


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SqlTableStore:
    """Implements `protocol.TableStore`."""

    def __init__(self, engine: Engine, *, is_soft: bool = False, now: Callable[[], datetime] = _utc_now) -> None:
        self._engine = engine
        self._sessions = Sessions(engine)
        self._is_soft = is_soft
        self._now = now

    @property
    def chunk_rows(self) -> int:
        """As the engine has it."""
        return self._engine.chunk_rows

    def prepare(self, tables: Iterable[Table]) -> None:
        """Create what is missing."""
        prepare.ensure(self._sessions, tables, is_soft=self._is_soft)

    def states(self, table: Table, divisions: Sequence[int]) -> Mapping[int, StreamState]:
        """Read states in one query."""
        found = self.states_of(divisions, names=[table.name])
        return {division: found[division].get(table.name, StreamState()) for division in divisions}

    def states_of(
        self, divisions: Sequence[int], *, names: Collection[str] | None = None
    ) -> Mapping[int, Mapping[str, StreamState]]:
        """Read states in one query."""
        found = self._read(lambda connection: read_states(connection, divisions, names=names))
        states: dict[int, dict[str, StreamState]] = {division: {} for division in divisions}
        for division, name, state in found:
            states[division][name] = state
        return states

    def streams(self, tables: Iterable[Table]) -> Mapping[str, Mapping[int, tuple[StreamState, datetime]]]:
        """Read states in one query."""
        streams: dict[str, dict[int, tuple[StreamState, datetime]]] = {table.name: {} for table in tables}
        found = self._read(lambda connection: read_streams(connection, list(streams)))
        for name, division, state, updated_at in found:
            streams[name][division] = state, updated_at
        return streams

    def row_counts(self, table: Table, divisions: Sequence[int]) -> Mapping[int, Mapping[int | None, int]]:
        """Count in one query."""
        counts: dict[int, dict[int | None, int]] = {division: {} for division in divisions}
        name = self._engine.dialect.qualified(table.name)
        statement = (
            f"SELECT {DIVISION}, {YEAR}, count(*) FROM {name} WHERE {DIVISION} IN {one_of(divisions)} "
            f"AND {DELETED_AT} IS NULL GROUP BY {DIVISION}, {YEAR}"
        )
        for division, year, count in self._read(lambda connection: connection.rows(statement)):
            counts[division][year] = count
        return counts

    def row_count(self, table: Table) -> int:
        """Count in one query."""
        statement = f"SELECT count(*) FROM {self._engine.dialect.qualified(table.name)} WHERE {DELETED_AT} IS NULL"
        [(count,)] = self._read(lambda connection: connection.rows(statement))
        return int(count)

    def query(self, queries: Sequence[Query]) -> Sequence[QueryRows | None]:
        """Run one statement after the other."""
        if not self._engine.exists:
            return [None] * len(queries)
        return self._sessions.read(lambda connection: [_asked(connection, one) for one in queries])

    def obstacle(self) -> str | None:
        """Return what the engine knows."""
        return self._engine.obstacle()

    def store(self, table: Table, division: int, step: Step, *, expected_seq: int) -> Stored:
        """Store one step."""
        answer = self.store_many(table, [(division, step, expected_seq)])[0]
        if isinstance(answer, Stored):
            return answer
        raise answer

    def store_many(self, table: Table, steps: Sequence[tuple[int, Step, int]]) -> Sequence[Answer]:
        """Store steps one after the other, many small ones at one opening."""
        answers: list[Answer] = []
        for batch in _batches(steps, rows=self.chunk_rows):
            found: list[Answer] = []
            try:
                self._engine.persist(partial(self._store_rest, table, batch, found))
            except WarehouseError as error:
                # Steps before it may be stored: each gets an answer of its own.
                found += [error] * (len(batch) - len(found))
            answers += found
        return answers

    def names_holding(self, divisions: Collection[int], *, names: Collection[str]) -> tuple[str, ...]:
        """Look into each table at one opening."""
        if not self._engine.exists:
            return ()
        return self._sessions.read(lambda connection: purge.names_holding(connection, divisions, names=names))

    def purge(self, name: str, divisions: Collection[int]) -> int:
        """Delete in one transaction."""
        return self._sessions.change(
            lambda connection: purge.purge_table(connection, name, divisions), divisions=divisions
        )

    def grant_reader(self, role: str) -> None:
        """Let a role read what people ask of."""
        self._engine.grant_reader(role, schemas=READ_SCHEMAS)

    def _store_rest(self, table: Table, batch: Sequence[tuple[int, Step, int]], answers: list[Answer]) -> None:
        """Store the steps of a batch that have no answer yet, at one opening; each adds its answer."""
        steps = batch[len(answers) :]
        with self._engine.connection() as connection:
            arrived = [_arrived(connection, table, step, number) for number, step in enumerate(steps)]
            if not any(isinstance(one, Arrived) for one in arrived):
                answers += [one for one in arrived if not isinstance(one, Arrived)]
                return
            with connection.opened(is_read_only=False):
                for number, one in enumerate(arrived):
                    answers.append(self._stored(connection, one) if isinstance(one, Arrived) else one)
                    leave(connection, number)

    def _stored(self, connection: Connection, arrived: Arrived) -> Answer:
        try:
            with connection.about(f"{arrived.table.name} of division {arrived.division}"):
                return store(connection, arrived, is_soft=self._is_soft, now=self._now())
        except RetryError:
            raise
        except WarehouseError as error:
            return error

    def _read(self, work: Callable[[Connection], list[_Row]]) -> list[_Row]:
        """Read from a table; nothing, where it is not there, or lacks a column that is asked for."""
        if not self._engine.exists:
            return []

        def read(connection: Connection) -> list[_Row]:
            try:
                return work(connection)
            except UnknownNameError:
                return []

        return self._sessions.read(read)


def _arrived(
    connection: Connection, table: Table, step: tuple[int, Step, int], number: int
) -> Arrived | WarehouseError | ValueRangeError:
    division, value, expected_seq = step
    try:
        with connection.about(f"{table.name} of division {division}"), connection.staging():
            return arrive(connection, table, division, value, expected_seq=expected_seq, number=number)
    except RetryError:
        raise
    except (WarehouseError, ValueRangeError) as error:
        return error


def _asked(connection: Connection, query: Query) -> QueryRows | None:
    for name, rows in query.relations.items():
        connection.stage(name, rows, types={})
    try:
        with connection.savepoint():
            return connection.named_rows(query.statement)
    except UnknownTableError:
        return None
    finally:
        connection.unstage(query.relations)


def _batches(steps: Sequence[tuple[int, Step, int]], *, rows: int) -> Iterator[list[tuple[int, Step, int]]]:
    """Join steps until they are as many rows as one chunk of a load, or take as much memory."""
    batch: list[tuple[int, Step, int]] = []
    count = 0
    for one in steps:
        # Rows with long texts count for more.
        its_rows = max(one[1].rows.num_rows, one[1].rows.nbytes // BYTES_PER_ROW)
        if batch and count + its_rows > rows:
            yield batch
            batch, count = [], 0
        batch.append(one)
        count += its_rows
    if batch:
        yield batch
