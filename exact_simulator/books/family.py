"""How tables hang together: headers and lines, what follows from what, who refers to whom. The plan only."""

import re
from collections.abc import Iterator

from exact_simulator.books.draft import PARENTS
from exact_simulator.books.plan import Plan
from exact_simulator.books.shape import Shape

_SHOWN_ELSEWHERE = re.compile(r"@([\w>]+)\.(\w+)")
_OWNED = {("documents_DocumentAttachments", "Document")}
"""Tables and columns whose rows go with what they refer to, though that has no navigation property for them."""
LINES_PER_HEADER = 8
"""Row numbers of a header's lines start at eight times its own."""


def root(plan: Plan, shape: Shape) -> Shape:
    """The table that a table is made from in the end, or itself."""
    while shape.model.header is not None:
        shape = plan.shapes[shape.model.header]
    return shape


def header_of(plan: Plan, shape: Shape) -> Shape:
    """The header's table of lines; other tables are their own."""
    return plan.shapes[str(shape.model.header)] if shape.model.source == "lines" else shape


def lines_of(plan: Plan, header: Shape) -> list[Shape]:
    """Tables of a header's lines, which get new Timestamps with it."""
    return [
        item for item in plan.shapes.values() if item.model.header == header.name and item.model.source == "lines"
    ]


def dependents(plan: Plan, shape: Shape) -> list[Shape]:
    """The table and all that is made from it, headers first."""
    found = [shape]
    for item in found:
        found += [other for other in plan.shapes.values() if other.model.header == item.name]
    return found


def references_to(plan: Plan, shape: Shape) -> Iterator[tuple[Shape, str]]:
    """Tables and their columns that refer to a table, other than lines to their header."""
    for other in plan.shapes.values():
        for column, reference in other.references.items():
            if reference.table == shape.name and column != "_header" and column in other.columns:
                yield other, column


def kept_rows(plan: Plan, shape: Shape) -> int:
    """How many of the first rows new documents may refer to by hand-made models, and so cannot be deleted."""
    for other in plan.shapes.values():
        if other.model.source != "numbers" and shape.model.source == "numbers":
            for reference in other.model.refers.values():
                if reference is not None and reference.table == shape.name:
                    return plan.counts[shape.name] if shape.model.kept is None else shape.model.kept
    return 0


def is_owned(shape: Shape, column: str) -> bool:
    """Whether rows cannot be without the row that a column refers to: they are its lines, or keyed by it."""
    if (shape.name, column) in _OWNED:
        return True
    return shape.model.source == "numbers" and any(
        (endpoint.relation, column) in PARENTS or (column in endpoint.by_name and endpoint.by_name[column].is_key)
        for endpoint in shape.endpoints
    )


def has_modified(shape: Shape) -> bool:
    """Whether any of the table's endpoints tells when a row was changed."""
    return any("Modified" in endpoint.by_name for endpoint in shape.endpoints)


def shown_elsewhere(plan: Plan, shape: Shape) -> frozenset[str]:
    """Columns that other tables show: a change would alter rows that get no new Timestamp."""
    return frozenset(column for table, column in _shown_elsewhere(plan) if table == shape.name)


def _shown_elsewhere(plan: Plan) -> Iterator[tuple[str, str]]:
    for shape in plan.shapes.values():
        for values in shape.shown.values():
            for path, column in {found for value in values.values() for found in _SHOWN_ELSEWHERE.findall(value)}:
                table = shape
                for part in path.split(">"):
                    table = plan.shapes[table.references[part].table]
                yield table.name, column
