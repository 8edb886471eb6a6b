"""Taking away what Exact no longer has, within the transaction of the step that tells of it.

That is: rows that the deletion log names, rows whose key a sweep did not find, and the lines of headers that went.
Rows go for good, or get a `deleted_at` (soft). A row that is newer than its deletion stays: it was made again.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property

from exact_assets.catalogue.deletions import LOG
from exact_assets.catalogue.table import Table
from exact_assets.catalogue.tables import tables
from exact_assets.stream import Changes
from exact_assets.warehouse.bound import check
from exact_assets.warehouse.connection import Connection
from exact_assets.warehouse.present import present_tables
from exact_assets.warehouse.sql import merge
from exact_assets.warehouse.sql.dialect import Dialect
from exact_assets.warehouse.sql.names import DELETED_AT, DIVISION, LOADED_AT, one_of
from exact_assets.warehouse.sql.types import SqlType
from exact_assets.warehouse.states import read_state, read_states

TIMESTAMP = "timestamp"
LOGGED = "logged"
_DOOMED = "doomed_"
LONG_BEFORE = timedelta(days=1)
"""More than any page takes to be stored, and than clocks and zones are mistaken by."""
_HEADER_LINE = "line_number = 0"


class Deletes:
    """The deletes of one transaction, of one division."""

    def __init__(self, connection: Connection, *, division: int, is_soft: bool, at: datetime) -> None:
        self._connection = connection
        self._dialect = connection.dialect
        self._division = division
        self._is_soft = is_soft
        self._at = at
        self._began: datetime | None = None
        self._doomed: dict[str, Table] = {}
        """Tables that lose rows, by the relation of their rows' addresses."""
        self.changes: dict[str, Changes] = {}
        """What went, by table."""
        self.unnamed = 0
        """Rows that a sweep took away, and that the deletion log should have named and did not."""

    def by_log(self, source: str, *, generation: str | None) -> None:
        """Take away what rows of the deletion log name, in all tables; `generation` is the log's."""
        logged = self._connection.derive(
            LOGGED,
            "SELECT entity_type AS type, entity_key AS key, max(timestamp) AS timestamp, "
            f"max(deleted_date) AS deleted_at FROM {source} AS s WHERE entity_key IS NOT NULL "
            "GROUP BY entity_type, entity_key",
        )
        types = {row[0] for row in self._connection.rows(f"SELECT DISTINCT type FROM {logged}")}
        generations = self._generations()
        for table in self._present.values():
            if not is_other_generation(generations.get(table.name), generation):
                for named, column in named_by(table):
                    if named & types:
                        self._take(table, self._logged(table, named, column))
        self._remove()

    def by_sweep(self, table: Table, keys: str, *, names: Sequence[str], began: datetime, is_bounded: bool) -> None:
        """Take away rows whose key is not in a relation of keys, and which were there when the sweep began.

        The relation has the columns `names`, which tell a row, or a line's header.

        Raises:
            RemovalBoundError: they are more than one answer may take away, and it `is_bounded`.
        """
        self._began = began
        quoted = self._dialect.quoted
        same = " AND ".join(f"k.{quoted(name)} = t.{quoted(name)}" for name in names)
        self._take(table, self._without_key(table, keys, same))
        for lines in lines_of(table, self._present):
            header = lines.header
            # These lines have their header's year, so that the keys of all their headers are here. Some may have
            # gone before, as when the headers of a year were replaced.
            if lines.parent and header and [header.header_column] == list(names):
                same = f"k.{quoted(header.header_column)} = t.{quoted(header.column)}"
                self._take(lines, self._without_key(lines, keys, same))
        if is_bounded:
            self._check()
        self.unnamed = self._count_unnamed(table)
        self._remove()

    def _count_unnamed(self, table: Table) -> int:
        """Count the rows that go and are not in the log, where that is read."""
        doomed, named = self._dialect.working(f"{_DOOMED}{table.name}"), list(named_by(table))
        log = read_state(self._connection, LOG, self._division) if doomed in self._doomed and named else None
        if log is None or not log.is_loaded or LOG not in self._present:
            return 0
        quoted, qualified = self._dialect.quoted, self._dialect.qualified
        is_named = " OR ".join(
            f"(d.entity_type IN {one_of(sorted(types))} AND d.entity_key = t.{quoted(column)})"
            for types, column in named
        )
        return self._count(
            f"{qualified(table.name)} AS t JOIN {doomed} AS v ON v.id = t.{self._dialect.address} "
            f"WHERE NOT EXISTS (SELECT 1 FROM {qualified(LOG)} AS d "
            f"WHERE d.{DIVISION} = {self._division} AND ({is_named}))"
        )

    @cached_property
    def _present(self) -> dict[str, Table]:
        """Tables that the warehouse has."""
        return present_tables(self._connection)

    def _generations(self) -> dict[str, str | None]:
        return {name: state.generation for _, name, state in read_states(self._connection, [self._division])}

    def _without_key(self, table: Table, keys: str, same: str) -> str:
        """Select rows that have no counterpart among keys."""
        unknown = self._dialect.cast("NULL", SqlType.BIGINT)
        return (
            f"SELECT t.{self._dialect.address} AS id, {unknown} AS timestamp "
            f"FROM {self._dialect.qualified(table.name)} AS t "
            f"WHERE {self._is_there()} AND NOT EXISTS (SELECT 1 FROM {keys} AS k WHERE {same})"
        )

    def _logged(self, table: Table, types: frozenset[int], column: str) -> str:
        address, quoted = self._dialect.address, self._dialect.quoted
        return (
            f"SELECT t.{address} AS id, max(g.timestamp) AS timestamp "
            f"FROM {self._dialect.qualified(table.name)} AS t "
            f"JOIN {self._dialect.working(LOGGED)} AS g ON t.{quoted(column)} = g.key "
            f"WHERE {self._is_there()} AND g.type IN {one_of(sorted(types))} "
            f"AND {is_older(self._dialect, table, 't', log='g')} GROUP BY t.{address}"
        )

    def _take(self, table: Table, victims: str, *, level: int = 0) -> None:
        """Mark rows (`id`, `timestamp` of their deletion) and the lines that hang below them as those that go."""
        relation = self._connection.derive(f"victim_{level}", victims)
        if not self._count(relation):
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
        is_victim = f"SELECT 1 FROM {victims} AS v WHERE v.id = t.{self._dialect.address}"
        is_line = f" AND NOT EXISTS ({is_victim})" if is_header else ""
        guard = f" AND (g.timestamp IS NULL OR t.{TIMESTAMP} <= g.timestamp)" if lines.version == TIMESTAMP else ""
        address, qualified, quoted = self._dialect.address, self._dialect.qualified, self._dialect.quoted
        gone = (
            f"SELECT h.{quoted(header.header_column)} AS key, v.timestamp FROM {qualified(headers.name)} AS h "
            f"JOIN {victims} AS v ON h.{address} = v.id{is_header}"
        )
        return (
            f"SELECT t.{address} AS id, max(g.timestamp) AS timestamp FROM {qualified(lines.name)} AS t "
            f"JOIN ({gone}) AS g ON t.{quoted(header.column)} = g.key "
            f"WHERE {self._is_there()}{guard}{is_line} GROUP BY t.{address}"
        )

    def _is_there(self) -> str:
        condition = f"t.{DIVISION} = {self._division} AND t.{DELETED_AT} IS NULL"
        if self._began is not None:
            condition += f" AND t.{LOADED_AT} <= {self._dialect.moment(self._began)}"
        return condition

    def _doom(self, table: Table, victims: str) -> None:
        """Note which rows go; nothing goes before all is known."""
        name = f"{_DOOMED}{table.name}"
        relation = self._dialect.working(name)
        if relation in self._doomed:
            self._connection.run(
                f"INSERT INTO {relation} SELECT id FROM {victims} AS v EXCEPT SELECT id FROM {relation} AS d"
            )
        else:
            self._connection.derive(name, f"SELECT DISTINCT id FROM {victims} AS v")
            self._doomed[relation] = table

    def _check(self) -> None:
        """Compare what goes with what is there.

        Raises:
            RemovalBoundError: it is more than one answer may take away.
        """
        for relation, table in self._doomed.items():
            lost = self._count(relation)
            check(
                table.name,
                self._division,
                lost,
                of=self._count(f"{self._dialect.qualified(table.name)} AS t WHERE {self._is_there()}"),
            )

    def _remove(self) -> None:
        at = self._dialect.moment(self._at)
        for relation, table in self._doomed.items():
            is_victim = f"t.{self._dialect.address} IN (SELECT id FROM {relation} AS d)"
            counted = merge.count_rows(self._dialect.qualified(table.name), alias="t", condition=is_victim)
            years = dict(self._connection.rows(counted))
            self._connection.run(merge.remove(self._dialect, table, is_victim, is_soft=self._is_soft, at=at))
            gone = Changes(deleted=sum(years.values()), years=years)
            self.changes[table.name] = self.changes.get(table.name, Changes()) + gone
        self._connection.unstage(f"{_DOOMED}{table.name}" for table in self._doomed.values())
        self._doomed.clear()

    def _count(self, source: str) -> int:
        return int(self._connection.rows(f"SELECT count(*) FROM {source}")[0][0])


def lines_of(table: Table, among: Mapping[str, Table]) -> tuple[Table, ...]:
    """Return the tables whose headers are in a table; the table itself, where it holds both."""
    return tuple(one for one in among.values() if one.header is not None and one.header.table == table.name)


def drop_logged(
    connection: Connection,
    table: Table,
    relation: str,
    *,
    division: int,
    generation: str | None,
    asked_at: datetime | None,
) -> None:
    """Drop rows on their way in that the deletion log names already.

    A page may have been read before its row was deleted, and be stored after the deletion was. Not so where all
    rows were asked for long after: such a row is there again, as after a backup was put back, whatever its version.

    Args:
        connection: within the step's transaction.
        table: of the rows.
        relation: that has them.
        division: whose they are.
        generation: what their Timestamps rest on.
        asked_at: when Exact was asked for all of them; None: for some only.
    """
    conditions = list(named_by(table))
    if not conditions:
        return
    dialect = connection.dialect
    is_recent = ""
    if asked_at is not None:
        is_recent = f" AND NOT coalesce(d.deleted_date < {dialect.moment(asked_at - LONG_BEFORE)}, false)"
    state = read_state(connection, LOG, division)
    if state is None or is_other_generation(state.generation, generation):
        return
    for types, column in conditions:
        named = (
            f"EXISTS (SELECT 1 FROM {dialect.qualified(LOG)} AS d WHERE d.{DIVISION} = {division} "
            f"AND d.entity_type IN {one_of(sorted(types))} AND d.entity_key = s.{dialect.quoted(column)} "
            f"AND {is_older(dialect, table, 's', log='d', deleted_at='deleted_date')}{is_recent})"
        )
        connection.run(dialect.delete.format(table=relation, alias="s", condition=named))


def named_by(table: Table) -> Iterator[tuple[frozenset[int], str]]:
    """Yield the entity types that name a table's rows or their headers, with the column that holds the key.

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


def is_older(dialect: Dialect, table: Table, alias: str, *, log: str, deleted_at: str = "deleted_at") -> str:
    """Return the condition that a row is no newer than its deletion."""
    if table.version == TIMESTAMP:
        return f"{alias}.{TIMESTAMP} <= {log}.timestamp"
    return f"{alias}.{dialect.quoted(str(table.version))} <= {log}.{deleted_at}"


def is_other_generation(one: str | None, other: str | None) -> bool:
    """Return whether Timestamps cannot be compared, because a division was moved in between.

    That is the first part of a generation. Of HR tables it has another, of which the log knows nothing: when HR is
    linked anew, IDs are too, so that entries of before name none of the new rows.
    """
    return one is not None and other is not None and one.split(", ")[0] != other.split(", ")[0]
