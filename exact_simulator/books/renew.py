"""New Timestamps: for rows that changed, for a division that moved, for HR data that was linked anew."""

from collections.abc import Iterable

from exact_simulator.books import divisions, human, store
from exact_simulator.books.context import Context
from exact_simulator.books.draft import PARENTS
from exact_simulator.books.family import (
    LINES_PER_HEADER,
    has_modified,
    header_of,
    lines_of,
    references_to,
)
from exact_simulator.books.generate import TIMESTAMPS_PER_ROW
from exact_simulator.books.shape import Shape, base
from exact_simulator.books.sql import guid

_LOW = 0xFFFFFFFF


def line_range(header_number: int) -> tuple[int, int]:
    """First and last row number that lines of a header can have."""
    first = (header_number >> 32 << 32) + (header_number & _LOW) * LINES_PER_HEADER
    return first, first + LINES_PER_HEADER - 1


def header_number(line_number: int) -> int:
    """Row number of a line's header."""
    return (line_number >> 32 << 32) + (line_number & _LOW) // LINES_PER_HEADER


def renew(context: Context, shape: Shape, numbers: Iterable[int]) -> None:
    """Give rows new Timestamps and Modified: of documents the header and all its lines.

    Lines that do not tell when they changed also renew the record that holds them.
    """
    header = header_of(context.plan, shape)
    wanted = sorted({header_number(item) for item in numbers} if header is not shape else set(numbers))
    if not wanted:
        return
    start = store.reserve_timestamps(context.connection, TIMESTAMPS_PER_ROW * len(wanted))
    now = context.now_ms()
    stamps = [(start + TIMESTAMPS_PER_ROW * at, number) for at, number in enumerate(wanted)]
    context.connection.executemany(
        f"UPDATE {base(header.name)} SET Timestamp=?, Modified=max(Modified,?) WHERE _n=?",
        ((stamp, now, number) for stamp, number in stamps),
    )
    for lines in lines_of(context.plan, header):
        context.connection.executemany(
            f"UPDATE {base(lines.name)} SET Timestamp=?+1+(_n&7), Modified=max(Modified,?)"
            " WHERE _n BETWEEN ? AND ?",
            ((stamp, now, *line_range(number)) for stamp, number in stamps),
        )
    if not has_modified(header):
        renew_parents(context, header, wanted)


def renew_parents(context: Context, shape: Shape, numbers: Iterable[int]) -> None:
    """Renew the records that hold these rows as their lines."""
    relations = {endpoint.relation for endpoint in shape.endpoints}
    columns = {column for relation, column in PARENTS if relation in relations}
    for column in sorted(columns & set(shape.references)):
        statement = f'SELECT "{column}" FROM {base(shape.name)} WHERE _n=?'
        found = {context.connection.execute(statement, (number,)).fetchone() for number in numbers}
        parents = sorted({row[0] for row in found if row and row[0] is not None})
        parent = context.plan.shapes[shape.references[column].table]
        if parent is not shape:
            renew(context, parent, parents)


def move_division(context: Context, number: int) -> None:
    """Give every row of a division a Timestamp beyond all others, in the same order, and set DivisionMoveDate.

    Numbered anew: with the gaps that they had, a division that is moved again and again would run out of numbers.
    """
    division = context.division(number)
    for shape in context.plan.shapes.values():
        relation, mine = base(shape.name), {"division": division.number}
        (count,) = context.connection.execute(
            f"SELECT count(*) FROM {relation} WHERE _division=:division", mine
        ).fetchone()
        if count:
            first = store.reserve_timestamps(context.connection, count)
            context.connection.execute(
                f"UPDATE {relation} SET Timestamp=:first+place FROM (SELECT _n AS moved,"
                f" dense_rank() OVER (ORDER BY Timestamp)-1 AS place FROM {relation} WHERE _division=:division)"
                " WHERE _n=moved",
                {**mine, "first": first},
            )
    _note(context, "moved", number)


def hr_link(context: Context, number: int) -> None:
    """Give the HR records of a division new Timestamps and IDs, and set DivisionHRLinkUnlinkDate.

    What refers to them from outside HR shows the new IDs, and is renewed.
    """
    division = context.division(number)
    times = store.reserve(context.connection, f"linked.{number}", 1, initial=1)
    g3, g4 = division.guid_parts(context.generator.seed)
    bound = {"seed": context.generator.seed, "g3": g3, "g4": g4, "division": division.number}
    shapes = [item for name, item in context.plan.shapes.items() if name.startswith(human.SERVICES)]
    for shape in shapes:
        count = context.connection.execute(
            f"SELECT COALESCE(max(_n&{_LOW}),0)+1 FROM {base(shape.name)} WHERE _division=?", (division.number,)
        ).fetchone()[0]
        values = {**bound, "ts": store.reserve_timestamps(context.connection, count)}
        fresh = ""
        if shape.identity:
            fresh = f', "{shape.identity}"={guid(shape.number, number=f"((_n&{_LOW})+{times}*16777216)")}'
        context.connection.execute(
            f"UPDATE {base(shape.name)} SET Timestamp=:ts+(_n&{_LOW}){fresh} WHERE _division=:division", values
        )
    for shape in shapes:
        for other, column in references_to(context.plan, shape):
            if not other.name.startswith(human.SERVICES):
                rows = context.connection.execute(
                    f'SELECT _n FROM {base(other.name)} WHERE _division=? AND "{column}" IS NOT NULL',
                    (division.number,),
                )
                renew(context, other, [row[0] for row in rows.fetchall()])
    _note(context, "linked", number)


def _note(context: Context, column: str, number: int) -> None:
    context.connection.execute(
        f"UPDATE {divisions.TABLE} SET {column}=? WHERE division=?", (context.now_ms(), number)
    )
