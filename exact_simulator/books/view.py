"""The relation of each endpoint as a view over its base table and those it refers to. SQL text only."""

from collections.abc import Iterator

from exact_simulator.books.draft import PARENTS
from exact_simulator.books.plan import Plan
from exact_simulator.books.shape import Shape, alias, base, resolve, tokens
from exact_simulator.facts import Endpoint


def views(plan: Plan) -> Iterator[str]:
    """Statements that create the relations."""
    for shape in plan.shapes.values():
        for endpoint in shape.endpoints:
            yield _view(plan, shape, endpoint)


def _view(plan: Plan, shape: Shape, endpoint: Endpoint) -> str:
    shown = shape.shown[endpoint.relation]
    where = shape.where(endpoint.relation)
    paths = {path for value in [*shown.values(), where or ""] for path in tokens(value) if path}
    columns = [f'{resolve(value)} AS "{name}"' for name, value in shown.items()]
    if "{division}" in endpoint.path:
        conditions, division = ([resolve(where)] if where else []), "b._division"
    else:
        conditions, division = ["b._n<1<<32"], "0"
    columns = [f"{division} AS _division", "b._n AS _n", *columns]
    is_expanded = any(relation == endpoint.relation for relation, _ in PARENTS)
    joins = " ".join(_joins(plan, shape, paths, is_expanded=is_expanded))
    text = f'CREATE VIEW "{endpoint.relation}" AS SELECT {", ".join(columns)} FROM {base(shape.name)} b {joins}'
    return f"{text} WHERE {' AND '.join(conditions)}" if conditions else text


def _joins(plan: Plan, shape: Shape, paths: set[str], *, is_expanded: bool) -> Iterator[str]:
    """Joins by row number: outer, so that SQLite leaves out those whose columns nobody asks for.

    Where lines are expanded from their headers the join with these is inner (a line always has one): SQLite then
    begins with the headers asked for.
    """
    steps = {tuple(path.split(">")[:at]) for path in paths for at in range(1, path.count(">") + 2)}
    for step in sorted(steps, key=lambda step: (len(step), step)):
        table = shape
        for part in step[:-1]:
            table = plan.shapes[table.references[part].table]
        owner, own = alias(">".join(step[:-1])), alias(">".join(step))
        reference = table.references[step[-1]]
        kind = "JOIN" if is_expanded and step == ("_header",) else "LEFT JOIN"
        yield f'{kind} {base(reference.table)} {own} ON {own}._n={owner}."{step[-1]}"'
