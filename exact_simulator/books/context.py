"""What changes work on: connection, plan, clock; and how a caller's words become tables. Changes no rows."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from exact_simulator.books import balance, deletions, divisions, store
from exact_simulator.books.generate import Division, Generator
from exact_simulator.books.plan import Plan
from exact_simulator.books.shape import Shape, base, resolve
from exact_simulator.facts import Endpoint, load_endpoints


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a caller means by an entity and a division."""

    endpoint: Endpoint
    shape: Shape
    division: Division

    @property
    def identity(self) -> str:
        """Column of the relation that tells its records apart."""
        return self.endpoint.identity[0] if len(self.endpoint.identity) == 1 else "_n"


@dataclass(frozen=True, kw_only=True)
class Context:
    """One set of books. Changes run within a transaction of the caller."""

    connection: sqlite3.Connection
    plan: Plan
    generator: Generator
    divisions: tuple[Division, ...]
    now_ms: Callable[[], int]

    def division(self, number: int) -> Division:
        """A division by its number.

        Raises:
            ValueError: there is no such division.
        """
        for item in self.divisions:
            if item.number == number:
                return item
        raise ValueError(f"division {number} is not in these books")

    def target(self, entity: Endpoint | str, division: int) -> Target:
        """The endpoint, table and division that a caller means.

        Raises:
            ValueError: no such entity or division, or rows that follow from others.
        """
        endpoint = entity if isinstance(entity, Endpoint) else self._endpoint(entity)
        name = self.plan.by_relation.get(endpoint.relation)
        if name is None or name in {balance.TABLE, deletions.LOG}:
            raise ValueError(f"{endpoint.path} cannot be changed on demand: its rows follow from others")
        shape = self.plan.shapes[name]
        if "{division}" not in endpoint.path:
            endpoint = next(item for item in shape.endpoints if "{division}" in item.path)
        return Target(endpoint=endpoint, shape=shape, division=self.division(division))

    def _endpoint(self, entity: str) -> Endpoint:
        relation = entity.removeprefix("/api/v1/").replace("{division}/", "").strip("/").replace("/", "_")
        known = [item for item in load_endpoints() if "GET" in item.methods]
        found = [item for item in known if relation in {item.relation, item.relation.removeprefix("root_")}]
        found = found or [item for item in known if item.entity == entity and item.kind != "bulk"]
        if not found or found[0].relation in divisions.RELATIONS:
            raise ValueError(f"{entity!r} is no entity that can be changed: give a path such as crm/Accounts")
        return min(found, key=lambda item: item.kind != "rest")

    def numbers(self, target: Target, keys: Iterable[object]) -> list[int]:
        """Row numbers (`_n`) of records by identity.

        Raises:
            ValueError: a key that is not there.
        """
        numbers = []
        for key in keys:
            row = self.connection.execute(
                f'SELECT _n FROM "{target.endpoint.relation}" WHERE _division=? AND "{target.identity}"=?',
                (target.division.number, key),
            ).fetchone()
            if row is None:
                raise ValueError(f"{target.endpoint.relation} of {target.division.number} has no record {key}")
            numbers.append(row[0])
        return numbers

    def keys(self, target: Target, numbers: Sequence[int]) -> list[object]:
        """Identities of the records that the entity shows, of those with these row numbers."""
        statement = f'SELECT "{target.identity}" FROM "{target.endpoint.relation}" WHERE _n=?'
        rows = (self.connection.execute(statement, (number,)).fetchone() for number in numbers)
        return [row[0] for row in rows if row is not None]

    def some(self, target: Target, count: int) -> list[int]:
        """Row numbers of `count` records, others at each call; fewer where there are not as many."""
        shape, number = target.shape, target.division.number
        where = shape.where(target.endpoint.relation)
        condition = f"b._division=? AND ({resolve(where) if where else 1})"
        if shape.model.source == "lines":
            condition += " AND LineNumber BETWEEN 1 AND 8999"
        rows_of = f"FROM {base(shape.name)} b WHERE {condition}"
        total = self.connection.execute(f"SELECT count(*) {rows_of}", (number,)).fetchone()[0]
        if not total:
            return []
        offset = store.reserve(self.connection, "pick", count, initial=7) * 7919 % total
        statement = f'SELECT _n {rows_of} ORDER BY "{shape.identity or "_n"}" LIMIT ? OFFSET ?'
        rows = self.connection.execute(statement, (number, count, offset)).fetchall()
        if len(rows) < count:
            rows += self.connection.execute(statement, (number, min(count - len(rows), offset), 0)).fetchall()
        return [row[0] for row in rows]
