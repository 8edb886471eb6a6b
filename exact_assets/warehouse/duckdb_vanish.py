"""Taking away what Exact no longer has, within the transaction of the step that tells of it.

That is: rows that the deletion log names, rows whose key a sweep did not find, and the lines of headers that went.
Rows go for good, or get a `deleted_at` (soft). A row that is newer than its deletion stays: it was made again.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property

from duckdb import DuckDBPyConnection

from exact_assets.catalogue.deletions import LOG
from exact_assets.catalogue.table import Table
from exact_assets.catalogue.tables import tables
from exact_assets.stream import Changes, decode_state
from exact_assets.warehouse.bound import check
from exact_assets.warehouse.duckdb_clock import literal
from exact_assets.warehouse.naming import DELETED_AT, DIVISION, LOADED_AT, SCHEMA, STREAMS, YEAR, qualified, quoted

TIMESTAMP = "timestamp"
_HEADER_LINE = "line_number = 0"


class Vanishing:
    """What vanishes in one transaction, of one division."""

    def __init__(self, connection: DuckDBPyConnection, *, division: int, is_soft: bool, at: datetime) -> None:
        self._connection = connection
        self._division = division
        self._is_soft = is_soft
        self._at = at
        self._began: datetime | None = None
        self._doomed: dict[str, Table] = {}
        """Tables that lose rows, by the relation of their `rowid`s."""
        self.changes: dict[str, Changes] = {}
        """What went, by table."""

    def by_log(self, source: str, *, epoch: str | None) -> None:
        """Take away what rows of the deletion log name, in all tables; `epoch` is the log's."""
        self._connection.execute(
            "CREATE OR REPLACE TEMP TABLE logged AS SELECT entity_type AS type, entity_key AS key, "
            f"max(timestamp) AS timestamp, max(deleted_date) AS deleted_at FROM {source} "
            "WHERE entity_key IS NOT NULL GROUP BY ALL"
        )
        types = {row[0] for row in self._connection.execute("SELECT DISTINCT type FROM temp.logged").fetchall()}
        epochs = self._epochs()
        for table in self._present.values():
            if not is_other_epoch(epochs.get(table.name), epoch):
                for named, column in named_by(table):
                    if named & types:
                        self._take(table, self._logged(table, named, column))
        self._remove()

    def by_sweep(self, table: Table, keys: str, *, began: datetime, is_bounded: bool) -> None:
        """Take away rows whose key is not in a relation of keys, and which were there when the sweep began.

        Raises:
            RemovalBoundError: they are more than one answer may take away, and it `is_bounded`.
        """
        self._began = began
        # A relation of keys has the columns that tell a row, or a line's header.
        names = [row[0] for row in self._connection.execute(f"DESCRIBE {keys}").fetchall()]
        same = " AND ".join(f"k.{quoted(name)} = t.{quoted(name)}" for name in names)
        self._take(
            table,
            f"SELECT t.rowid AS id, NULL::BIGINT AS timestamp FROM {qualified(table.name)} AS t "
            f"WHERE {self._is_there()} AND NOT EXISTS (FROM {keys} AS k WHERE {same})",
        )
        for lines in lines_of(table, self._present):
            header = lines.header
            # These lines have their header's year, so that the keys of all their headers are here. Some may have
            # gone before, as when the headers of a year were replaced.
            if lines.parent and header and [header.header_column] == names:
                self._take(
                    lines,
                    f"SELECT t.rowid AS id, NULL::BIGINT AS timestamp FROM {qualified(lines.name)} AS t "
                    f"WHERE {self._is_there()} AND NOT EXISTS "
                    f"(FROM {keys} AS k WHERE k.{quoted(header.header_column)} = t.{quoted(header.column)})",
                )
        if is_bounded:
            self._check()
        self._remove()

    @cached_property
    def _present(self) -> dict[str, Table]:
        """Tables that the warehouse has."""
        return present(self._connection)

    def _epochs(self) -> dict[str, str | None]:
        found = self._connection.execute(
            f"SELECT table_name, state FROM {qualified(STREAMS)} WHERE division = $division",
            {"division": self._division},
        ).fetchall()
        return {name: decode_state(state).generation for name, state in found}

    def _logged(self, table: Table, types: frozenset[int], column: str) -> str:
        listed = ", ".join(map(str, sorted(types)))
        return (
            f"SELECT t.rowid AS id, max(g.timestamp) AS timestamp FROM {qualified(table.name)} AS t "
            f"JOIN temp.logged AS g ON t.{quoted(column)} = g.key "
            f"WHERE {self._is_there()} AND g.type IN ({listed}) AND {is_older(table, 't', log='g')} "
            "GROUP BY t.rowid"
        )

    def _take(self, table: Table, victims: str, *, level: int = 0) -> None:
        """Mark rows (`id`, `timestamp` of their deletion) and the lines that hang below them as those that go."""
        relation = f"temp.victim_{level}"
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE victim_{level} AS {victims}")
        if self._connection.execute(f"SELECT count(*) FROM {relation}").fetchall() == [(0,)]:
            return
        for lines in lines_of(table, self._present):
            if not (level and lines.name == table.name):
                self._take(lines, self._lines(lines, table, relation), level=level + 1)
        self._doom(table, relation)

    def _lines(self, lines: Table, headers: Table, victims: str) -> str:
        """Select the lines of headers that go."""
        header = lines.header
        if header is None:
            raise ValueError(f"{lines.name} has no headers")
        is_header = f" AND h.{_HEADER_LINE}" if lines.name == headers.name else ""
        is_line = f" AND NOT EXISTS (FROM {victims} AS v WHERE v.id = t.rowid)" if is_header else ""
        guard = f" AND (g.timestamp IS NULL OR t.{TIMESTAMP} <= g.timestamp)" if lines.version == TIMESTAMP else ""
        return (
            f"SELECT t.rowid AS id, max(g.timestamp) AS timestamp FROM {qualified(lines.name)} AS t JOIN ("
            f"SELECT h.{quoted(header.header_column)} AS key, v.timestamp FROM {qualified(headers.name)} AS h "
            f"JOIN {victims} AS v ON h.rowid = v.id{is_header}) AS g ON t.{quoted(header.column)} = g.key "
            f"WHERE {self._is_there()}{guard}{is_line} GROUP BY t.rowid"
        )

    def _is_there(self) -> str:
        condition = f"t.{DIVISION} = {self._division} AND t.{DELETED_AT} IS NULL"
        if self._began is not None:
            condition += f" AND t.{LOADED_AT} <= {literal(self._began)}"
        return condition

    def _doom(self, table: Table, victims: str) -> None:
        """Note which rows go; nothing goes before all is known."""
        relation = f"temp.{quoted(f'doomed_{table.name}')}"
        if relation not in self._doomed:
            self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {quoted(f'doomed_{table.name}')} (id BIGINT)")
            self._doomed[relation] = table
        self._connection.execute(
            f"INSERT INTO {relation} SELECT id FROM {victims} EXCEPT SELECT id FROM {relation}"
        )

    def _check(self) -> None:
        """Compare what goes with what is there.

        Raises:
            RemovalBoundError: it is more than one answer may take away.
        """
        for relation, table in self._doomed.items():
            lost = self._count(f"FROM {relation}")
            check(
                table.name,
                self._division,
                lost,
                of=self._count(f"FROM {qualified(table.name)} AS t WHERE {self._is_there()}"),
            )

    def _remove(self) -> None:
        for relation, table in self._doomed.items():
            is_victim = f"t.rowid IN (SELECT id FROM {relation})"
            counted = f"SELECT {YEAR}, count(*) FROM {qualified(table.name)} AS t WHERE {is_victim} GROUP BY {YEAR}"
            years = dict(self._connection.execute(counted).fetchall())
            self._connection.execute(removal(table, is_victim, is_soft=self._is_soft, at=literal(self._at)))
            self._connection.execute(f"DROP TABLE {relation}")
            gone = Changes(deleted=sum(years.values()), years=years)
            self.changes[table.name] = self.changes.get(table.name, Changes()) + gone
        self._doomed.clear()

    def _count(self, source: str) -> int:
        return int(self._connection.execute(f"SELECT count(*) {source}").fetchall()[0][0])


def present(connection: DuckDBPyConnection) -> dict[str, Table]:
    """Return the tables that the warehouse has, by name."""
    found = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() "
        "AND lower(schema_name) = $schema",
        {"schema": SCHEMA},
    ).fetchall()
    names = {row[0] for row in found}
    return {name: table for name, table in tables().items() if name in names}


def lines_of(table: Table, among: Mapping[str, Table]) -> tuple[Table, ...]:
    """Return the tables whose headers are in a table; the table itself, where it holds both."""
    return tuple(one for one in among.values() if one.header is not None and one.header.table == table.name)


def removal(table: Table, condition: str, *, is_soft: bool, at: str) -> str:
    """Remove rows `t`, or mark them as gone; `at` is SQL."""
    if is_soft:
        return (
            f"UPDATE {qualified(table.name)} AS t SET {DELETED_AT} = {at}, {LOADED_AT} = {at} "
            f"WHERE {condition} AND t.{DELETED_AT} IS NULL"
        )
    return f"DELETE FROM {qualified(table.name)} AS t WHERE {condition}"


def drop_logged(
    connection: DuckDBPyConnection, table: Table, relation: str, *, division: int, epoch: str | None
) -> None:
    """Drop rows on their way in that the deletion log names already.

    A page may have been read before its row was deleted, and be stored after the deletion was.
    """
    conditions = list(named_by(table))
    if not conditions:
        return
    log = f"{qualified(LOG)} AS d WHERE d.{DIVISION} = {division}"
    state = connection.execute(
        f"SELECT state FROM {qualified(STREAMS)} WHERE division = $division AND table_name = $log",
        {"division": division, "log": LOG},
    ).fetchall()
    if not state or is_other_epoch(decode_state(state[0][0]).generation, epoch):
        return
    for types, column in conditions:
        listed = ", ".join(map(str, sorted(types)))
        connection.execute(
            f"DELETE FROM {relation} AS s WHERE EXISTS (FROM {log} AND d.entity_type IN ({listed}) "
            f"AND d.entity_key = s.{quoted(column)} AND {is_older(table, 's', log='d', deleted_at='deleted_date')})"
        )


def named_by(table: Table) -> Iterator[tuple[frozenset[int], str]]:
    """Give the entity types that name a table's rows or their headers, with the column that holds the key.

    Lines without a version are not among the latter: only the header can tell whether it was made again.
    """
    if table.entity_types and len(table.key) == 1:
        yield table.entity_types, table.key[0]
    if table.header is not None and table.version is not None:
        types = (
            table.entity_types if table.header.table == table.name else tables()[table.header.table].entity_types
        )
        if types:
            yield types, table.header.column


def is_older(table: Table, alias: str, *, log: str, deleted_at: str = "deleted_at") -> str:
    """Say that a row is no newer than its deletion."""
    if table.version == TIMESTAMP:
        return f"{alias}.{TIMESTAMP} <= {log}.timestamp"
    return f"{alias}.{quoted(str(table.version))} <= {log}.{deleted_at}"


def is_other_epoch(one: str | None, other: str | None) -> bool:
    """Tell whether Timestamps cannot be compared, because a division was moved in between.

    That is the first part of an epoch. Of HR tables it has another, of which the log knows nothing: when HR is
    linked anew, IDs are too, so that entries of before name none of the new rows.
    """
    return one is not None and other is not None and one.split(", ")[0] != other.split(", ")[0]
