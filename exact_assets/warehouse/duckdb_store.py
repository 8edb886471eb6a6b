"""One step in one transaction: the fence, the rows, the state. How the statements look stands in `duckdb_merge`."""

from contextlib import suppress
from datetime import datetime
from typing import Any

import duckdb
from duckdb import DuckDBPyConnection

from exact_assets.catalogue.deletions import LOG
from exact_assets.catalogue.table import Table
from exact_assets.errors import DivisionDisabledError, LoadSupersededError
from exact_assets.stream import Changes, Stored, StreamState, Sweep, Verb, decode_state, encode_state, kept_state
from exact_assets.warehouse import duckdb_merge as merge
from exact_assets.warehouse import duckdb_selection
from exact_assets.warehouse.columns import stored_names
from exact_assets.warehouse.ddl import create_table
from exact_assets.warehouse.duckdb_arrive import Arrived, foreign_key
from exact_assets.warehouse.duckdb_bound import Bound
from exact_assets.warehouse.duckdb_clock import literal, next_moment
from exact_assets.warehouse.duckdb_rows import Rows, keep_newest
from exact_assets.warehouse.duckdb_vanish import Vanishing, drop_logged, lines_of, present, removal
from exact_assets.warehouse.naming import (
    DELETED_AT,
    DIVISION,
    SCHEMA,
    STREAMS,
    YEAR,
    listed,
    qualified,
    quoted,
    stage_name,
    sweep_name,
)

_STREAM = f"{qualified(STREAMS)} WHERE division = $division AND table_name = $table"


def store(connection: DuckDBPyConnection, arrived: Arrived, *, is_soft: bool, now: datetime) -> Stored:
    """Store a step in a transaction; where anything fails, nothing of it is stored.

    Args:
        connection: with the file attached for writing.
        arrived: the step.
        is_soft: rows that Exact no longer has are marked, not removed.
        now: by the computer's clock.

    Raises:
        LoadSupersededError: the stream's `load_seq` is not the expected one.
        DivisionDisabledError: nothing is kept of the stream, and its division was disabled.
        RemovalBoundError: more rows would go than one answer may take away.
    """
    if arrived.expected_seq == 0 and _is_disabled(connection, arrived.division):
        # Else a run that was asked for before would bring back what was purged since.
        raise DivisionDisabledError(
            f"{arrived.table.name} of division {arrived.division} is not begun: it was disabled meanwhile."
        )
    connection.execute("BEGIN TRANSACTION")
    try:
        stored = _Transaction(connection, arrived, is_soft=is_soft, now=now).run()
        connection.execute("COMMIT")
    except BaseException:
        # Where COMMIT itself fails, DuckDB has rolled back already.
        with suppress(duckdb.TransactionException):
            connection.execute("ROLLBACK")
        raise
    return stored


def _is_disabled(connection: DuckDBPyConnection, division: int) -> bool:
    """Return whether the selection says so; one that cannot be read says nothing."""
    selection = duckdb_selection.read(connection)
    return any(one.division == division and not one.sync_enabled for one in (selection and selection.choices) or ())


class _Transaction:
    """The statements of one step, in their order."""

    def __init__(self, connection: DuckDBPyConnection, arrived: Arrived, *, is_soft: bool, now: datetime) -> None:
        self._connection = connection
        self._table = arrived.table
        self._division = arrived.division
        self._step = arrived.step
        self._arrived = arrived
        self._stage = stage_name(arrived.table.name, arrived.division)
        self._changes = Changes()
        # Rows without a key cannot be told from one another when they come back.
        self._is_soft = is_soft and bool(arrived.table.key)
        self._at = next_moment(connection, arrived.division, now=now, after=self._may_be_newer())
        self._vanishing = Vanishing(connection, division=arrived.division, is_soft=is_soft, at=self._at)
        self._before = self._state()
        self._lost = self._before.lost
        self._bound = Bound(connection, arrived.table, arrived.division, arrived.step, at=self._at)

    def run(self) -> Stored:
        load_seq = self._raise_fence()
        if self._step.verb is Verb.UPSERT or self._before.chain is None:
            # Nothing that is under way has rows here: they are left over from something that was given up.
            self._run(f"DROP TABLE IF EXISTS {qualified(self._stage)}")
        if self._before.sweep is not None and self._step.state.sweep is None and self._step.sweep is None:
            self._run(f"DROP TABLE IF EXISTS {qualified(sweep_name(self._table.name, self._division))}")
        match self._step.verb:
            case Verb.UPSERT:
                self._upsert()
            case Verb.STAGE:
                self._keep_aside()
            case Verb.REPLACE:
                self._replace()
        if self._step.sweep is not None and self._arrived.keys is not None:
            self._sweep(self._step.sweep, self._arrived.keys)
        self._note_lost()
        elsewhere = self._vanishing.changes
        own = elsewhere.pop(self._table.name, Changes())
        return Stored(load_seq=load_seq, changes=self._changes + own, elsewhere=elsewhere)

    def _state(self) -> StreamState:
        found = self._rows(f"SELECT state FROM {_STREAM}", division=self._division, table=self._table.name)
        return decode_state(found[0][0]) if found else StreamState()

    def _may_be_newer(self) -> tuple[Table, ...]:
        """Return the tables that a sweep which begins is about."""
        if self._step.sweep is None or not self._step.sweep.begins:
            return ()
        lines = (one for one in lines_of(self._table, present(self._connection)) if one.name != self._table.name)
        return (self._table, *lines)

    def _next_state(self) -> StreamState:
        load_seq = self._arrived.expected_seq + 1
        return kept_state(self._step, self._before, load_seq=load_seq, at=self._at, lost=self._lost)

    def _note_lost(self) -> None:
        """Correct the state for what this step took."""
        state = self._next_state()
        if state.lost != self._noted.lost:
            mine = "division = $division AND table_name = $table"
            self._run(
                f"UPDATE {qualified(STREAMS)} SET state = $state WHERE {mine}",
                state=encode_state(state),
                division=self._division,
                table=self._table.name,
            )

    def _raise_fence(self) -> int:
        expected = self._arrived.expected_seq
        state = self._noted = self._next_state()
        values = {
            "division": self._division,
            "table": self._table.name,
            "seq": state.load_seq,
            "cursor": state.cursor_text,
            "floor": state.floor_text,
            "state": encode_state(state),
            "at": self._at,
        }
        if expected == 0:
            statement = (
                f"INSERT INTO {qualified(STREAMS)} SELECT $division, $table, $seq, $cursor, $floor, $state, $at "
                f"WHERE NOT EXISTS (FROM {_STREAM})"
            )
        else:
            values["expected"] = expected
            statement = (
                f"UPDATE {qualified(STREAMS)} "
                "SET load_seq = $seq, cursor = $cursor, floor = $floor, state = $state, updated_at = $at "
                "WHERE division = $division AND table_name = $table AND load_seq = $expected"
            )
        if self._rows(statement, **values) != [(1,)]:
            raise LoadSupersededError(
                f"{self._table.name} of division {self._division}: another run has stored this stream since step "
                f"{expected}. Nothing was written; read its state again and go on from there."
            )
        return state.load_seq

    def _upsert(self) -> None:
        source = self._arrived.rows
        self._drop_left(source.relation)
        self._drop_logged(source)
        if self._table.key:
            if not source.is_empty:
                self._match(source, slice_condition=None)
            if self._arrived.parents:
                self._count_lost(source, is_matched=not source.is_empty)
                self._delete(self._of_parents(), is_matched=not source.is_empty)
            if not source.is_empty:
                self._write(source)
        else:
            if self._arrived.parents:
                self._count_lost(source, is_matched=False)
                self._delete(self._of_parents(), is_matched=False)
            self._insert(source, condition=None)
        if self._arrived.gone:
            left = merge.has_left(self._table, self._arrived.gone, alias="t")
            self._delete(f"t.{DIVISION} = {self._division} AND {left}", is_matched=False, is_soft=False)
        self._apply_log(source)

    def _count_lost(self, source: Rows, *, is_matched: bool) -> None:
        self._lost = self._bound.lost_lines(
            self._of_parents(), source.relation, is_matched=is_matched, before=self._lost
        )

    def _drop_logged(self, source: Rows) -> None:
        if not source.is_empty:
            drop_logged(
                self._connection,
                self._table,
                source.relation,
                division=self._division,
                epoch=self._step.state.generation,
            )

    def _apply_log(self, source: Rows) -> None:
        """Where the rows are those of the deletion log, what they name goes."""
        if self._table.name == LOG and not source.is_empty:
            self._vanishing.by_log(source.relation, epoch=self._step.state.generation)

    def _sweep(self, sweep: Sweep, keys: str) -> None:
        """Keep the keys aside until the last have come; then take away the rows that have none of them."""
        kept = qualified(sweep_name(self._table.name, self._division))
        if sweep.is_first:
            self._run(f"DROP TABLE IF EXISTS {kept}")
        if sweep.begins:
            return
        if not (sweep.is_first and sweep.is_last):
            self._run(f"CREATE TABLE IF NOT EXISTS {kept} AS FROM {keys} LIMIT 0")
            self._run(f"INSERT INTO {kept} FROM {keys}")
            keys = kept
        if sweep.is_last:
            began = self._before.sweep_began
            self._vanishing.by_sweep(
                self._table,
                keys,
                began=self._at if began is None else datetime.fromisoformat(began),
                is_bounded=not self._step.is_confirmed,
            )
            self._run(f"DROP TABLE IF EXISTS {kept}")

    def _drop_left(self, relation: str) -> None:
        """Drop rows that a newer version in the same chain has taken out of the table's years."""
        if self._arrived.gone:
            self._run(
                f"DELETE FROM {relation} AS s WHERE {merge.has_left(self._table, self._arrived.gone, alias='s')}"
            )

    def _of_parents(self) -> str:
        column = quoted(foreign_key(self._table).name)
        return f"t.{DIVISION} = {self._division} AND t.{column} IN (SELECT key FROM {self._arrived.parents})"

    def _keep_aside(self) -> None:
        if not self._stage_exists():
            self._run(create_table(self._table, name=self._stage))
        self._add_to_stage()

    def _add_to_stage(self) -> None:
        names = listed(stored_names(self._table))
        self._run(
            f"INSERT INTO {qualified(self._stage)} ({names}) SELECT {names} FROM {self._arrived.rows.relation}"
        )
        self._drop_left(qualified(self._stage))

    def _replace(self) -> None:
        source = self._arrived.rows
        if is_staged := self._stage_exists():
            self._add_to_stage()
            source = Rows(qualified(self._stage), is_empty=False)
            keep_newest(self._connection, self._table, source.relation)
        else:
            self._drop_left(source.relation)
        self._bound.check_slice(self._slice(), source.relation)
        self._drop_logged(source)
        if self._table.key:
            self._match(source, slice_condition=self._slice())
            self._delete(self._slice(), is_matched=True)
            self._write(source)
        elif self._rows(merge.count_differences(self._table, source.relation, condition=self._slice())) != [(0,)]:
            self._delete(self._slice(), is_matched=False)
            self._insert(source, condition=None)
        self._apply_log(source)
        if is_staged:
            self._run(f"DROP TABLE {qualified(self._stage)}")

    def _slice(self) -> str:
        if self._step.years is None:
            return f"t.{DIVISION} = {self._division}"
        first, last = self._step.years
        return f"(t.{DIVISION} = {self._division} AND t.{YEAR} BETWEEN {first} AND {last})"

    def _stage_exists(self) -> bool:
        return bool(
            self._rows(
                "SELECT 1 FROM duckdb_tables() WHERE database_name = current_database() "
                "AND lower(schema_name) = $schema AND table_name = $table",
                schema=SCHEMA,
                table=self._stage,
            )
        )

    def _match(self, source: Rows, *, slice_condition: str | None) -> None:
        statement = merge.match_rows(self._table, source.relation, slice_condition=slice_condition)
        self._run(statement, division=self._division)

    def _write(self, source: Rows) -> None:
        """Update and insert by what `hit` says."""
        hits, to_compare = self._rows(merge.COUNT_VERDICTS)[0]
        if hits:
            self._run(merge.choose_changed(self._table, source.relation, compare=to_compare > 0))
            updated = self._rows("SELECT count(*) FROM temp.changed")[0][0]
            if updated:
                self._changes += Changes(updated=updated, years=dict(self._rows(merge.COUNT_CHANGED)))
                self._run(merge.update_changed(self._table, source.relation, at=literal(self._at)))
        self._insert(source, condition=merge.IS_NEW if hits else None)

    def _insert(self, source: Rows, *, condition: str | None) -> None:
        years = dict(self._rows(merge.count_rows(source.relation, alias="s", condition=condition)))
        if years:
            self._changes += Changes(inserted=sum(years.values()), years=years)
            self._run(merge.insert_rows(self._table, source.relation, condition=condition, at=literal(self._at)))

    def _delete(self, condition: str, *, is_matched: bool, is_soft: bool | None = None) -> None:
        """Delete rows, or mark them; `is_matched`: but for those that come again, which are in `hit`."""
        is_soft = self._is_soft if is_soft is None else is_soft
        if is_matched:
            condition += f" AND {merge.IS_NOT_HIT}"
        if is_soft:
            condition += f" AND t.{DELETED_AT} IS NULL"
        years = dict(self._rows(merge.count_rows(qualified(self._table.name), alias="t", condition=condition)))
        if years:
            self._changes += Changes(deleted=sum(years.values()), years=years)
            self._run(removal(self._table, condition, is_soft=is_soft, at=literal(self._at)))

    def _run(self, statement: str, **values: object) -> None:
        self._connection.execute(statement, values or None)

    def _rows(self, statement: str, **values: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement, values or None).fetchall()
