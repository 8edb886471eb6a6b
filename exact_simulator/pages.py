"""Runs plans against the books: rows as JSON texts, in their envelope, with the link to the next page."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from exact_simulator.facts import Endpoint, Property, endpoint_by_path
from exact_simulator.odata.lexer import QueryError
from exact_simulator.odata.link import next_link, token_text
from exact_simulator.odata.query import Query
from exact_simulator.odata.sql import Clause, SortColumn, order_by, quoted
from exact_simulator.plan import Expansion, Plan, as_served
from exact_simulator.render import envelope, row_sql
from exact_simulator.settings import Settings
from exact_simulator.walk import Hints, Walk, fetch


class Relations(Protocol):
    """What pages need of the books."""

    def relation(self, endpoint: Endpoint) -> str:
        """Name the table or view with the endpoint's rows."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page as it is sent."""

    body: bytes
    """JSON."""
    next_link: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the rows are and how they are addressed."""

    connection: sqlite3.Connection
    relations: Relations
    settings: Settings
    base: str
    """Scheme, host and port of the addresses in answers."""
    division: int | None
    hints: Hints = field(default_factory=Hints)

    def address(self, endpoint: Endpoint) -> str:
        """Give the address of an endpoint's collection."""
        return self.base + endpoint.path.replace("{division}", str(self.division))

    def division_clause(self) -> Clause:
        """Bound the rows to the division asked for."""
        return Clause("1") if self.division is None else Clause("_division = ?", (self.division,))


def read_page(place: Place, plan: Plan, query: Query, *, url: str, within: Clause | None = None) -> Page:
    """Read one page; `url` is the address asked, `within` bounds it to the rows of one parent."""
    where = _all_of(place.division_clause(), plan.where, within)
    keys = [column.sql for column in plan.token]
    owners = [quoted(str(item.navigation.own_key)) for item in plan.expanded if item.navigation.target]
    relation = quoted(place.relations.relation(plan.endpoint))
    walk = Walk(
        relation=relation,
        columns=", ".join([_row(place, plan), *keys, *owners]),
        bounds=_all_of(place.division_clause(), within),
        filter=plan.where,
        behind=plan.behind or Clause("1"),
        order=order_by(plan.sort),
        limit=None if plan.limit is None else plan.limit + 1,
        offset=plan.offset,
    )
    rows = fetch(place.connection, walk, place.hints)
    has_more = plan.limit is not None and len(rows) > plan.limit - place.settings.full_page_has_next
    rows = rows[: plan.limit]
    texts = _with_expansions(place, plan, rows) if plan.expanded else [row[0] + b"}" for row in rows]
    count = None
    if plan.with_count:
        (count,) = place.connection.execute(
            f"SELECT count(*) FROM {relation} WHERE {where.sql}", where.values
        ).fetchone()
    link = _link(place, plan, query, rows, url) if has_more and not plan.bare and rows else None
    body = envelope(texts, bare=plan.bare, count=count, next_link=link)
    return Page(body=body, next_link=link)


def read_one(place: Place, plan: Plan, key: Clause) -> bytes | None:
    """Read the row with a key as JSON text; None: there is none."""
    where = _all_of(place.division_clause(), key)
    owners = [quoted(str(item.navigation.own_key)) for item in plan.expanded if item.navigation.target]
    select = ", ".join([_row(place, plan), *owners])
    relation = quoted(place.relations.relation(plan.endpoint))
    rows = place.connection.execute(f"SELECT {select} FROM {relation} WHERE {where.sql} LIMIT 1", where.values)
    found = rows.fetchall()
    texts = _with_expansions(place, plan, found, owners_at=1)
    return texts[0] if texts else None


def count_rows(place: Place, endpoint: Endpoint, where: Clause) -> int:
    """Count rows, for `$count`."""
    clause = _all_of(place.division_clause(), where)
    relation = quoted(place.relations.relation(endpoint))
    (count,) = place.connection.execute(
        f"SELECT count(*) FROM {relation} WHERE {clause.sql}", clause.values
    ).fetchone()
    return int(count)


def _all_of(*clauses: Clause | None) -> Clause:
    given = [clause for clause in clauses if clause is not None]
    values = tuple(value for clause in given for value in clause.values)
    return Clause(" AND ".join(f"({clause.sql})" for clause in given), values)


def _row(place: Place, plan: Plan) -> str:
    return row_sql(
        plan.endpoint,
        plan.properties,
        uri=place.address(plan.endpoint),
        deferred=plan.deferred,
        escaped=place.settings.date_slashes_escaped,
    )


def _link(place: Place, plan: Plan, query: Query, rows: Sequence[tuple[Any, ...]], url: str) -> str | None:
    top = None if plan.top is None else plan.top - len(rows)
    if top is not None and top <= 0:
        return None
    width = len(plan.token)
    if width:
        token = token_text(rows[-1][1 : 1 + width], [column.edm_type for column in plan.token])
    else:
        token = str(plan.offset + len(rows))
    dollar = "%24" if place.settings.next_dollar_encoded else "$"
    return next_link(url, query, token=token, top=top, dollar=dollar)


def _with_expansions(
    place: Place, plan: Plan, rows: Sequence[tuple[Any, ...]], *, owners_at: int | None = None
) -> list[bytes]:
    """Close the rows' texts, with the collections asked for in them."""
    column = 1 + len(plan.token) if owners_at is None else owners_at
    texts: list[bytes] = [row[0] for row in rows]
    for item in plan.expanded:
        children: dict[Any, list[bytes]] = {}
        if item.navigation.target is not None:
            children = _children(place, item, [row[column] for row in rows])
        for index, row in enumerate(rows):
            nested = children.get(row[column], []) if item.navigation.target is not None else []
            texts[index] += b',"%b":%b' % (
                item.navigation.name.encode(),
                _nested(place, item, texts[index], nested),
            )
        column += item.navigation.target is not None
    return [text + b"}" for text in texts]


def _nested(place: Place, item: Expansion, parent: bytes, rows: list[bytes]) -> bytes:
    """Put an expanded collection in `results`, with a link to the rest where that does not come at once."""
    size = place.settings.expanded_page_size
    if size is None or len(rows) <= size:
        return b'{"results":[%b]}' % b",".join(rows)
    address = json.loads(parent + b"}")["__metadata"]["uri"]
    key = json.loads(rows[size - 1])["__metadata"]["uri"].rpartition("(")[2].rstrip(")")
    select = "" if item.select is None else f"$select={','.join(item.select)}&"
    link = json.dumps(f"{address}/{item.navigation.name}?{select}$skiptoken={key}")
    return b'{"results":[%b],"__next":%b}' % (b",".join(rows[:size]), link.encode())


def _children(place: Place, item: Expansion, owners: Sequence[Any]) -> dict[Any, list[bytes]]:
    """Read the rows of a collection for all parents of a page at once, by their parent's key."""
    endpoint = as_served(endpoint_by_path()[str(item.navigation.target)], place.settings)
    properties = _nested_properties(endpoint, item.select)
    deferred = endpoint.navigations if item.select is None else ()
    escaped = place.settings.date_slashes_escaped
    row = row_sql(endpoint, properties, uri=place.address(endpoint), deferred=deferred, escaped=escaped)
    foreign = quoted(str(item.navigation.foreign_key))
    wanted = sorted({owner for owner in owners if owner is not None})
    division = place.division_clause()
    order = order_by([SortColumn(quoted(key.name), key.edm_type) for key in endpoint.key]) or "1"
    sql = (
        f"SELECT {foreign}, {row} FROM {quoted(place.relations.relation(endpoint))} "
        f"WHERE {division.sql} AND {foreign} IN ({', '.join('?' * len(wanted))}) ORDER BY {order}"
    )
    found: dict[Any, list[bytes]] = {}
    for owner, text in place.connection.execute(sql, (*division.values, *wanted)):
        found.setdefault(owner, []).append(text + b"}")
    return found


def _nested_properties(endpoint: Endpoint, select: tuple[str, ...] | None) -> tuple[Property, ...]:
    if select is None or "*" in select:
        return endpoint.properties
    if not endpoint.by_name.keys() >= set(select):
        raise QueryError
    return tuple(item for item in endpoint.properties if item.name in select)
