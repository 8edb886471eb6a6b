"""One step in one transaction: the fence, the rows, the state.

The policy of every engine: words that one may say otherwise stand in `sql`.
"""

from datetime import datetime

from exact_assets.catalogue.deletions import LOG
from exact_assets.catalogue.table import Feed, Table
from exact_assets.errors import DivisionDisabledError
from exact_assets.next_state import kept_state
from exact_assets.stream import Changes, Stored, StreamState, Sweep, Verb
from exact_assets.warehouse import aside, selection
from exact_assets.warehouse.bound import Bound
from exact_assets.warehouse.clock import next_moment
from exact_assets.warehouse.connection import Connection
from exact_assets.warehouse.deletes import Deletes, drop_logged, lines_of
from exact_assets.warehouse.missing import find_missing, tell_lines
from exact_assets.warehouse.present import present_tables
from exact_assets.warehouse.sql import ddl, merge
from exact_assets.warehouse.sql.names import DELETED_AT, DIVISION, YEAR, stage_name, sweep_name
from exact_assets.warehouse.sql.types import stored_names
from exact_assets.warehouse.staging import Arrived, StagedRows, foreign_key, keep_newest
from exact_assets.warehouse.states import correct_state, raise_fence, read_state

MANY_VANISHED = 20
"""So many of the newest rows are not deleted between one read and the next; their Timestamps are others by now."""


def store(connection: Connection, arrived: Arrived, *, is_soft: bool, now: datetime) -> Stored:
    """Store a step in a transaction; where anything fails, nothing of it is stored.

    Args:
        connection: opened for writing.
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
    if not connection.dialect.has_transactional_ddl:
        _make_room(connection, arrived)
    with connection.transaction(divisions=[arrived.division]):
        return _Transaction(connection, arrived, is_soft=is_soft, now=now).run()


def _is_disabled(connection: Connection, division: int) -> bool:
    """Return whether the selection says so; one that cannot be read says nothing."""
    found = selection.read_selection(connection)
    return any(one.division == division and not one.sync_enabled for one in (found and found.choices) or ())


def _make_room(connection: Connection, arrived: Arrived) -> None:
    """Make the tables that keep aside what the step brings."""
    if arrived.step.verb is Verb.STAGE:
        _make_stage(connection, arrived)
    sweep = arrived.step.sweep
    if sweep is not None and not sweep.begins and not (sweep.is_first and sweep.is_last):
        _make_sweep(connection, arrived)


def _make_stage(connection: Connection, arrived: Arrived) -> None:
    name = stage_name(arrived.table.name, arrived.division)
    aside.make(connection, name, ddl.create_table(connection.dialect, arrived.table, aside=name))


def _make_sweep(connection: Connection, arrived: Arrived) -> None:
    name = sweep_name(arrived.table.name, arrived.division)
    kept = connection.dialect.qualified(name)
    aside.make(connection, name, f"CREATE TABLE {kept} AS SELECT * FROM {arrived.keys} AS k WHERE 1 = 0")


class _Transaction:
    """The statements of one step, in their order."""

    def __init__(self, connection: Connection, arrived: Arrived, *, is_soft: bool, now: datetime) -> None:
        self._connection = connection
        self._dialect = connection.dialect
        self._table = arrived.table
        self._division = arrived.division
        self._step = arrived.step
        self._arrived = arrived
        self._stage = stage_name(arrived.table.name, arrived.division)
        self._changes = Changes()
        # Rows without a key cannot be told from one another when they come back.
        self._is_soft = is_soft and bool(arrived.table.key)
        self._at = next_moment(connection, arrived.division, now=now, after=self._may_be_newer())
        self._moment = connection.dialect.moment(self._at)
        self._deletes = Deletes(connection, division=arrived.division, is_soft=is_soft, at=self._at)
        self._before = read_state(connection, arrived.table.name, arrived.division) or StreamState()
        self._lost = self._before.lost
        self._older = 0
        self._found: StreamState | None = None
        """The state after a sweep has ended, with what it found missing."""
        self._bound = Bound(connection, arrived.table, arrived.division, arrived.step, at=self._at)

    def run(self) -> Stored:
        load_seq = self._raise_fence()
        if self._step.verb is Verb.UPSERT or self._before.chain is None:
            # Nothing that is under way has rows here: they are left over from something that was given up.
            aside.clear(self._connection, self._stage)
        if self._before.sweep is not None and self._step.state.sweep is None and self._step.sweep is None:
            aside.clear(self._connection, sweep_name(self._table.name, self._division))
        match self._step.verb:
            case Verb.UPSERT:
                self._upsert()
            case Verb.STAGE:
                self._keep_aside()
            case Verb.REPLACE:
                self._replace()
        if self._step.sweep is not None and self._arrived.keys is not None:
            self._sweep(self._step.sweep, self._arrived.keys)
        self._note_found()
        self._tell_lines()
        elsewhere = self._deletes.changes
        own = elsewhere.pop(self._table.name, Changes())
        return Stored(
            load_seq=load_seq,
            changes=self._changes + own,
            elsewhere=elsewhere,
            state=self._found,
            unnamed=self._deletes.unnamed,
            older=self._older,
        )

    def _may_be_newer(self) -> tuple[Table, ...]:
        """Return the tables that a sweep which begins is about."""
        if self._step.sweep is None or not self._step.sweep.begins:
            return ()
        lines = (
            one for one in lines_of(self._table, present_tables(self._connection)) if one.name != self._table.name
        )
        return (self._table, *lines)

    def _next_state(self) -> StreamState:
        load_seq = self._arrived.expected_seq + 1
        return kept_state(self._step, self._before, load_seq=load_seq, at=self._at, lost=self._lost)

    def _note_found(self) -> None:
        """Correct the state for what this step took, and for what it found missing."""
        state = self._found or self._next_state()
        if state != self._noted:
            correct_state(self._connection, self._table, self._division, state)

    def _tell_lines(self) -> None:
        """Note with the streams of lines which headers come only now, or that all do.

        What is sought of a sync feed is no header's key; no lines are read through such headers.
        """
        if self._table.feed is Feed.SYNC:
            return
        after = self._found or self._step.state
        is_anew = self._before.chain is None and after.chain is not None and after.chain.reload
        sought = set(self._before.missing) - set(after.missing)
        # A reload that somebody asked for says nothing of lines: it keeps the cursor.
        is_anew = is_anew and (self._found is not None or (self._before.is_loaded and not after.is_loaded))
        if sought or is_anew:
            keys = None if is_anew else sought
            tell_lines(self._connection, self._table, self._division, keys, at=self._at)

    def _raise_fence(self) -> int:
        state = self._noted = self._next_state()
        expected = self._arrived.expected_seq
        raise_fence(self._connection, self._table, self._division, state, expected_seq=expected, at=self._at)
        return state.load_seq

    def _upsert(self) -> None:
        source = self._arrived.rows
        if self._step.holds_above is not None:
            self._older = self._count_vanished(self._step.holds_above, source)
        self._drop_left(source.relation)
        self._drop_logged(source)
        if self._table.key:
            if not source.is_empty:
                self._match(source, slice_condition=None)
            if self._arrived.parents and not self._step.is_partial:
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
            left = merge.has_left(self._dialect, self._table, self._arrived.gone, alias="t")
            self._delete(f"t.{DIVISION} = {self._division} AND {left}", is_matched=False, is_soft=False)
        self._apply_log(source)

    def _count_lost(self, source: StagedRows, *, is_matched: bool) -> None:
        self._lost = self._bound.lost_lines(
            self._of_parents(), source.relation, is_matched=is_matched, before=self._lost
        )

    def _drop_logged(self, source: StagedRows) -> None:
        asked = self._step.asked if self._step.verb is Verb.REPLACE else None
        if not source.is_empty:
            drop_logged(
                self._connection,
                self._table,
                source.relation,
                division=self._division,
                generation=self._step.state.generation,
                asked_at=datetime.fromisoformat(asked.chain.started) if asked and asked.chain.started else None,
            )

    def _apply_log(self, source: StagedRows) -> None:
        """Where the rows are those of the deletion log, what they name goes."""
        if self._table.name == LOG and not source.is_empty:
            self._deletes.by_log(source.relation, generation=self._step.state.generation)

    def _sweep(self, sweep: Sweep, keys: str) -> None:
        """Keep the keys aside until the last have come; then take away the rows that have none of them."""
        name = sweep_name(self._table.name, self._division)
        kept = self._dialect.qualified(name)
        if sweep.is_first:
            aside.clear(self._connection, name)
        if sweep.begins:
            return
        if not (sweep.is_first and sweep.is_last):
            if self._dialect.has_transactional_ddl:
                _make_sweep(self._connection, self._arrived)
            names = self._dialect.listed(sweep.keys.column_names)
            self._run(f"INSERT INTO {kept} ({names}) SELECT {names} FROM {keys} AS k")
            keys = kept
        if sweep.is_last:
            began = self._at
            if self._before.sweep_began is not None:
                began = datetime.fromisoformat(self._before.sweep_began)
            if not self._step.is_partial:
                self._deletes.by_sweep(
                    self._table,
                    keys,
                    names=sweep.names,
                    began=began,
                    is_bounded=not self._step.is_confirmed,
                )
            self._found = find_missing(
                self._connection,
                self._table,
                self._division,
                keys=keys,
                sweep=sweep,
                began=began,
                state=self._next_state(),
            )
            aside.clear(self._connection, name)

    def _drop_left(self, relation: str) -> None:
        """Drop rows that a newer version in the same chain has taken out of the table's years."""
        if self._arrived.gone:
            has_left = merge.has_left(self._dialect, self._table, self._arrived.gone, alias="s")
            self._run(self._dialect.delete.format(table=relation, alias="s", condition=has_left))

    def _of_parents(self) -> str:
        column = self._dialect.quoted(foreign_key(self._table).name)
        return f"t.{DIVISION} = {self._division} AND t.{column} IN (SELECT key FROM {self._arrived.parents})"

    def _keep_aside(self) -> None:
        if self._dialect.has_transactional_ddl:
            _make_stage(self._connection, self._arrived)
        self._add_to_stage()

    def _add_to_stage(self) -> None:
        names, stage = self._dialect.listed(stored_names(self._table)), self._dialect.qualified(self._stage)
        self._run(f"INSERT INTO {stage} ({names}) SELECT {names} FROM {self._arrived.rows.relation} AS s")
        self._drop_left(stage)

    def _replace(self) -> None:
        source = self._arrived.rows
        if is_staged := aside.is_kept(self._connection, self._stage):
            self._add_to_stage()
            source = StagedRows(self._dialect.qualified(self._stage), is_empty=False)
            keep_newest(self._connection, self._table, source.relation)
        else:
            self._drop_left(source.relation)
        if not self._step.is_partial:
            self._bound.check_slice(self._slice(), source.relation)
        self._drop_logged(source)
        if self._table.key:
            self._match(source, slice_condition=self._slice())
            if not self._step.is_partial:
                self._delete(self._slice(), is_matched=True)
            self._write(source)
        elif self._differs(source):
            self._delete(self._slice(), is_matched=False)
            self._insert(source, condition=None)
        self._apply_log(source)
        if is_staged:
            aside.clear(self._connection, self._stage)

    def _slice(self) -> str:
        if self._step.years is None:
            return f"t.{DIVISION} = {self._division}"
        first, last = self._step.years
        return f"(t.{DIVISION} = {self._division} AND t.{YEAR} BETWEEN {first} AND {last})"

    def _differs(self, source: StagedRows) -> bool:
        """Return whether rows without a key are others than those of the slice."""
        condition = self._slice()
        return bool(
            self._connection.rows(
                merge.find_difference(
                    self._dialect, self._table, source.relation, condition=condition, unread=self._step.unread
                )
            )
        )

    def _match(self, source: StagedRows, *, slice_condition: str | None) -> None:
        pairs = merge.match_rows(
            self._dialect, self._table, source.relation, division=self._division, slice_condition=slice_condition
        )
        self._connection.derive(merge.HIT, pairs)

    def _write(self, source: StagedRows) -> None:
        """Update and insert by what `hit` says."""
        hits, to_compare, older = self._connection.rows(merge.count_hits(self._dialect))[0]
        if older:
            self._note_older(source, older)
        if hits:
            chosen = merge.choose_changed(
                self._dialect,
                self._table,
                source.relation,
                compare=to_compare > 0,
                unread=self._step.unread,
            )
            changed = self._connection.derive(merge.CHANGED, chosen)
            updated = self._connection.rows(f"SELECT count(*) FROM {changed}")[0][0]
            if updated:
                years = dict(self._connection.rows(merge.count_changed(self._dialect)))
                self._changes += Changes(updated=updated, years=years)
                self._run(
                    merge.update_changed(
                        self._dialect,
                        self._table,
                        source.relation,
                        at=self._moment,
                        unread=self._step.unread,
                    )
                )
        self._insert(source, condition=merge.is_new(self._dialect) if hits else None)

    def _note_older(self, source: StagedRows, older: int) -> None:
        """Note that rows which came first in a chain are older than those stored before: that cannot be.

        A Modified may be put back on one row or another; of Timestamps that is known of none.
        """
        if self._step.verb is not Verb.UPSERT or self._before.chain is not None:
            return
        if not merge.is_rowversion(self._table):
            [(came,)] = self._connection.rows(f"SELECT count(*) FROM {source.relation} AS s")
            older = older if older == came else 0
        self._older = older

    def _count_vanished(self, above: int, source: StagedRows) -> int:
        """Count the rows stored above a Timestamp, where an answer that should hold them has none of them."""
        if not self._table.key or self._table.version is None:
            return 0
        statement = merge.count_above(self._dialect, self._table, source.relation, self._division, above=above)
        [(stored, came)] = self._connection.rows(statement)
        return int(stored) if came == 0 and stored >= MANY_VANISHED else 0

    def _insert(self, source: StagedRows, *, condition: str | None) -> None:
        years = dict(self._connection.rows(merge.count_rows(source.relation, alias="s", condition=condition)))
        if years:
            self._changes += Changes(inserted=sum(years.values()), years=years)
            self._run(
                merge.insert_rows(self._dialect, self._table, source.relation, condition=condition, at=self._moment)
            )

    def _delete(self, condition: str, *, is_matched: bool, is_soft: bool | None = None) -> None:
        """Delete rows, or mark them; `is_matched`: but for those that come again, which are in `hit`."""
        is_soft = self._is_soft if is_soft is None else is_soft
        if is_matched:
            condition += f" AND {merge.is_not_hit(self._dialect)}"
        if is_soft:
            condition += f" AND t.{DELETED_AT} IS NULL"
        name = self._dialect.qualified(self._table.name)
        years = dict(self._connection.rows(merge.count_rows(name, alias="t", condition=condition)))
        if years:
            self._changes += Changes(deleted=sum(years.values()), years=years)
            self._run(merge.remove(self._dialect, self._table, condition, is_soft=is_soft, at=self._moment))

    def _run(self, statement: str) -> None:
        self._connection.run(statement)
