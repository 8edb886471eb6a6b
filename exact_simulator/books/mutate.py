"""Inserts, updates and late arrivals on demand. Documents come and change as a whole, so that the books balance."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from exact_simulator.books import balance, ledger, store
from exact_simulator.books.context import Context, Target
from exact_simulator.books.family import LINES_PER_HEADER, dependents, has_modified, root, shown_elsewhere
from exact_simulator.books.generate import TIMESTAMPS_PER_ROW, Batch
from exact_simulator.books.renew import renew, renew_parents
from exact_simulator.books.shape import base
from exact_simulator.facts import Property

_PREFERRED = ("Notes", "Remarks", "Description", "YourRef", "Comment", "Phone", "Website", "FileName", "Subject")


def insert(context: Context, target: Target, count: int, values: dict[str, object] | None) -> list[object]:
    """Add records; see `Books.insert`."""
    _refuse_full(target)
    if count < 1:
        return []
    batch = Batch(
        first=_next_number(context, target, count),
        last=0,
        timestamp=store.reserve_timestamps(context.connection, _room(context, target, count)),
        now_ms=context.now_ms(),
        kind=target.shape.model.kinds.get(target.endpoint.relation),
    )
    numbers = _make(context, target, replace(batch, last=batch.first + count - 1))
    if values:
        _set(context, target, numbers, values)
    return context.keys(target, numbers)


def update(
    context: Context,
    target: Target,
    count: int,
    keys: Iterable[object] | None,
    values: dict[str, object] | None,
) -> list[object]:
    """Change records; see `Books.update`."""
    numbers = context.some(target, count) if keys is None else context.numbers(target, keys)
    if values:
        _set(context, target, numbers, values)
    else:
        _set_something(context, target, numbers)
    renew(context, target.shape, numbers)
    return context.keys(target, numbers)


def surface_late(context: Context, target: Target, count: int) -> int:
    """Take Timestamps for later, and add one ordinary record above them; see `Books.surface_late`."""
    _refuse_full(target)
    timestamp = store.reserve_timestamps(context.connection, _room(context, target, count))
    ticket = context.connection.execute(
        "INSERT INTO _late (relation, division, count, timestamp, prepared_ms) VALUES (?, ?, ?, ?, ?)",
        (target.endpoint.relation, target.division.number, count, timestamp, context.now_ms()),
    ).lastrowid
    insert(context, target, 1, None)
    return int(ticket or 0)


def release_late(context: Context, ticket: int | None) -> list[object]:
    """Make late records visible; see `Books.release_late`."""
    rows = context.connection.execute(
        "SELECT ticket, relation, division, count, timestamp, prepared_ms FROM _late WHERE ?1 IS NULL OR ticket=?1",
        (ticket,),
    ).fetchall()
    if ticket is not None and not rows:
        raise ValueError(f"there is no late record with ticket {ticket}")
    keys: list[object] = []
    for number, relation, division, count, timestamp, prepared_ms in rows:
        target = context.target(relation, division)
        first = _next_number(context, target, count)
        batch = Batch(
            first=first,
            last=first + count - 1,
            timestamp=timestamp,
            now_ms=prepared_ms,
            kind=target.shape.model.kinds.get(target.endpoint.relation),
        )
        keys += context.keys(target, _make(context, target, batch))
        context.connection.execute("DELETE FROM _late WHERE ticket=?", (number,))
    return keys


def _refuse_full(target: Target) -> None:
    """Keys made of years and periods, or of other records, have no room for more."""
    key = target.endpoint.key
    if target.shape.identity is None and key and (len(key) > 1 or not key[0].edm_type.startswith("Edm.Int")):
        raise ValueError(f"{target.endpoint.path} follows from other records: nothing can be added")


def _next_number(context: Context, target: Target, count: int) -> int:
    name = root(context.plan, target.shape).name
    counter = f"{name}.{target.division.place}"
    return store.reserve(context.connection, counter, count, initial=context.plan.counts[name] + 1)


def _room(context: Context, target: Target, count: int) -> int:
    tables = dependents(context.plan, root(context.plan, target.shape))
    return len(tables) * 2 * count * TIMESTAMPS_PER_ROW


def _make(context: Context, target: Target, batch: Batch) -> list[int]:
    """Make documents and all that follows from them. Returns the row numbers in the target's table."""
    top = root(context.plan, target.shape)
    timestamp = batch.timestamp
    for shape in dependents(context.plan, top):
        context.generator.fill(context.connection, shape, target.division, replace(batch, timestamp=timestamp))
        timestamp += 2 * (batch.last - batch.first + 1) * TIMESTAMPS_PER_ROW
    place = target.division.place << 32
    first, last = place + batch.first, place + batch.last
    if top.name == ledger.ENTRIES:
        balance.add(context.connection, first=first, last=last)
    if target.shape.model.source == "lines":
        first, last = place + batch.first * LINES_PER_HEADER, place + (batch.last + 1) * LINES_PER_HEADER - 1
    rows = context.connection.execute(
        f"SELECT _n FROM {base(target.shape.name)} WHERE _n BETWEEN ? AND ? ORDER BY _n", (first, last)
    )
    numbers = [row[0] for row in rows.fetchall()]
    if not has_modified(target.shape):
        renew_parents(context, target.shape, numbers)
    return numbers


def _set(context: Context, target: Target, numbers: Sequence[int], values: dict[str, object]) -> None:
    """Store values for properties that a table stores as they are shown."""
    shown = target.shape.shown[target.endpoint.relation]
    for name, value in values.items():
        column = name if shown.get(name, "").startswith(f"@{name}.") else shown.get(name, "").removeprefix("@.")
        if column not in target.shape.columns or name in target.endpoint.identity:
            raise ValueError(f"{target.endpoint.relation}.{name} cannot be set: it is no stored value of its own")
        stored = _number_of(context, target, column, value) if column in target.shape.references else value
        context.connection.executemany(
            f'UPDATE {base(target.shape.name)} SET "{column}"=? WHERE _n=?',
            ((stored, number) for number in numbers),
        )


def _number_of(context: Context, target: Target, column: str, value: object) -> object:
    """Find the row that a reference's value names."""
    if value is None:
        return None
    other = context.plan.shapes[target.shape.references[column].table]
    found = context.connection.execute(
        f'SELECT _n FROM {base(other.name)} WHERE _division=? AND "{other.identity}"=?',
        (target.division.number, str(value).lower()),
    ).fetchone()
    if found is None:
        raise ValueError(f"{target.endpoint.relation}.{column}: there is no {other.name} {value}")
    return found[0]


def _set_something(context: Context, target: Target, numbers: Sequence[int]) -> None:
    """Change a text that no other table shows, else an amount, else nothing but the Timestamp."""
    shown = target.shape.shown[target.endpoint.relation]
    elsewhere = shown_elsewhere(context.plan, target.shape)
    own = [
        item
        for item in target.endpoint.properties
        if shown[item.name] == f"@.{item.name}"
        and item.name in target.shape.columns
        and item.name not in elsewhere
        and not item.is_key
        and item.name not in target.shape.references
    ]
    best = min(own, key=_preference, default=None)
    mark = store.reserve(context.connection, "change", 1, initial=1)
    if best is not None and best.edm_type == "Edm.String":
        _set(context, target, numbers, {best.name: f"Changed ({mark})"})
    elif best is not None and best.edm_type == "Edm.Double":
        _set(context, target, numbers, {best.name: 1000 + mark / 100})


def _preference(item: Property) -> tuple[int, int]:
    kind = {"Edm.String": 0, "Edm.Double": 1}.get(item.edm_type, 2)
    return kind, _PREFERRED.index(item.name) if item.name in _PREFERRED else len(_PREFERRED)
