"""Deletions: what goes with a record, what stands in the way, and the log of it."""

from collections.abc import Iterable, Sequence

from exact_simulator.books import balance, deletions, ledger, store
from exact_simulator.books.context import Context, Target
from exact_simulator.books.family import dependents, has_modified, header_of, is_owned, kept_rows, references_to
from exact_simulator.books.generate import Division
from exact_simulator.books.renew import header_number, line_range, renew, renew_parents
from exact_simulator.books.shape import Shape, base


def delete(context: Context, target: Target, count: int, keys: Iterable[object] | None) -> list[object]:
    """Delete records; see `Books.delete`."""
    if keys is None:
        numbers = _free(context, target, count)
    else:
        numbers = context.numbers(target, keys)
        held = _held(context, target.shape, numbers)
        if held:
            raise ValueError(f"{target.endpoint.relation}: {len(held)} of these records are used by documents")
    gone: list[object] = []
    for number in numbers:
        if _exists(context, target.shape, number):
            gone += _delete_one(context, target, number)
    return gone


def _free(context: Context, target: Target, count: int) -> list[int]:
    """Some records that no document refers to."""
    wanted = count
    while True:
        candidates = context.some(target, wanted)
        held = _held(context, target.shape, candidates)
        free = [number for number in candidates if number not in held]
        if len(free) >= count:
            return free[:count]
        if len(candidates) < wanted:
            raise ValueError(
                f"{target.endpoint.relation} of {target.division.number} has {len(free)} records that no document"
                f" uses, not {count}: insert some first"
            )
        wanted = wanted * 4 + 50


def _held(context: Context, shape: Shape, numbers: Sequence[int]) -> set[int]:
    """Those of the rows that documents other than their own refer to, or will."""
    kept = kept_rows(context.plan, shape)
    held = {number for number in numbers if number & 0xFFFFFFFF <= kept}
    own = {item.name for item in dependents(context.plan, shape)}
    for other, column in references_to(context.plan, shape):
        if _is_needed(other, column) and other.name not in own:
            for at in range(0, len(numbers), 500):
                chunk = numbers[at : at + 500]
                marks = ",".join("?" * len(chunk))
                rows = context.connection.execute(
                    f'SELECT DISTINCT "{column}" FROM {base(other.name)} WHERE "{column}" IN ({marks})', chunk
                )
                held.update(row[0] for row in rows)
    return held


def _is_needed(shape: Shape, column: str) -> bool:
    """Whether documents make no sense without what a column refers to."""
    return shape.model.source != "numbers" and column in shape.model.refers


def _exists(context: Context, shape: Shape, number: int) -> bool:
    return (
        context.connection.execute(f"SELECT 1 FROM {base(shape.name)} WHERE _n=?", (number,)).fetchone() is not None
    )


def _delete_one(context: Context, target: Target, number: int) -> list[object]:
    shape = target.shape
    if shape.model.source != "lines":
        return _delete_rows(context, shape, [number], target)
    if _take_from_document(context, shape, number):
        return _delete_rows(context, shape, [number], target)
    return _delete_rows(context, header_of(context.plan, shape), [header_number(number)], target)


def _take_from_document(context: Context, shape: Shape, number: int) -> bool:
    """Move a detail line's amount to another detail of its document. False: there is no other."""
    first, last = line_range(header_number(number))
    details = context.connection.execute(
        f"SELECT _n, _cents, _vat FROM {base(shape.name)} WHERE _n BETWEEN ? AND ?"
        " AND LineNumber BETWEEN 1 AND 8999",
        (first, last),
    ).fetchall()
    mine = next((row for row in details if row[0] == number), None)
    others = [row[0] for row in details if row[0] != number]
    if mine is None or not others:
        return False
    is_ledger = shape.name == ledger.LINES
    header = header_number(number)
    if is_ledger:
        balance.add(context.connection, first=header, last=header, sign=-1)
    price = "" if is_ledger else ", _price=_cents+?1"
    context.connection.execute(
        f"UPDATE {base(shape.name)} SET _cents=_cents+?1, _vat=_vat+?2, _quantity=1{price} WHERE _n=?3",
        (mine[1], mine[2], others[0]),
    )
    context.connection.execute(f"UPDATE {base(str(shape.model.header))} SET _lines=_lines-1 WHERE _n=?", (header,))
    if is_ledger:
        # The line itself goes next; its amount is with the other line already.
        context.connection.execute(f"UPDATE {base(shape.name)} SET _cents=0, _vat=0 WHERE _n=?", (number,))
        balance.add(context.connection, first=header, last=header)
        _uncount(context, number)
    renew(context, shape, [number])
    return True


def _uncount(context: Context, number: int) -> None:
    """Take a line without an amount off the count of its balance."""
    context.connection.execute(
        f"UPDATE {base(balance.TABLE)} SET Count=Count-1 WHERE _n=(SELECT (_n>>32<<32)"
        f"+(GLAccount&4294967295)*100000+(FinancialYear-2000)*100+FinancialPeriod"
        f" FROM {base(ledger.LINES)} WHERE _n=?)",
        (number,),
    )
    context.connection.execute(f"DELETE FROM {base(balance.TABLE)} WHERE Count=0")


def _delete_rows(context: Context, shape: Shape, numbers: list[int], target: Target | None) -> list[object]:
    """Delete rows and all that is made from them or cannot be without them; others lose their reference."""
    gone: list[object] = []
    if shape.name == ledger.ENTRIES:
        for number in numbers:
            balance.add(context.connection, first=number, last=number, sign=-1)
    for item in reversed(dependents(context.plan, shape)):
        rows = _rows(context, item, shape, numbers)
        if target is not None and item is target.shape:
            gone += context.keys(target, rows)
        _cut_references(context, item, rows, target)
        if not has_modified(item):
            renew_parents(context, item, rows)
        _log(context, item, rows)
        context.connection.executemany(f"DELETE FROM {base(item.name)} WHERE _n=?", ((row,) for row in rows))
    return gone


def _rows(context: Context, item: Shape, shape: Shape, numbers: list[int]) -> list[int]:
    """Row numbers, in a table made from another, that belong to rows of that other."""
    if item is shape:
        return numbers
    ranges = [line_range(number) if item.model.source == "lines" else (number, number) for number in numbers]
    rows: list[int] = []
    for pair in ranges:
        found = context.connection.execute(f"SELECT _n FROM {base(item.name)} WHERE _n BETWEEN ? AND ?", pair)
        rows += [row[0] for row in found]
    return rows


def _cut_references(context: Context, shape: Shape, numbers: list[int], target: Target | None) -> None:
    for other, column in references_to(context.plan, shape):
        if _is_needed(other, column):
            continue
        found: list[int] = []
        for number in numbers:
            rows = context.connection.execute(
                f'SELECT _n FROM {base(other.name)} WHERE _division=? AND "{column}"=?',
                (context.divisions[number >> 32].number, number),
            )
            found += [row[0] for row in rows]
        if not found:
            continue
        if is_owned(other, column) and other is not shape:
            _delete_rows(context, other, found, target if target and target.shape is other else None)
        else:
            context.connection.executemany(
                f'UPDATE {base(other.name)} SET "{column}"=NULL WHERE _n=?', ((row,) for row in found)
            )
            renew(context, other, found)


def _log(context: Context, shape: Shape, numbers: list[int]) -> None:
    types = deletions.ENTITY_TYPES.get(shape.name, ())
    if not types or not numbers or shape.identity is None:
        return
    division = context.divisions[numbers[0] >> 32]
    keys = [
        context.connection.execute(
            f'SELECT "{shape.identity}" FROM {base(shape.name)} WHERE _n=?', (row,)
        ).fetchone()[0]
        for row in numbers
    ]
    for entity_type in types:
        deletions.log(
            context.connection,
            table_number=context.plan.shapes[deletions.LOG].number,
            bound=_bound(context, division, len(keys)),
            keys=keys,
            entity_type=entity_type,
        )


def _bound(context: Context, division: Division, count: int) -> deletions.Bound:
    g3, g4 = division.guid_parts(context.generator.seed)
    log = context.plan.shapes[deletions.LOG]
    return deletions.Bound(
        place=division.place,
        division=division.number,
        seed=context.generator.seed,
        g3=g3,
        g4=g4,
        now_ms=context.now_ms(),
        first=store.reserve(
            context.connection, f"{log.name}.{division.place}", count, initial=context.plan.counts[log.name] + 1
        ),
        timestamp=store.reserve_timestamps(context.connection, count),
    )
