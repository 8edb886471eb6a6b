"""Turns parsed filters, sort orders and skip tokens into SQL over an endpoint's relation. Values are bound."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from exact_simulator.facts import Endpoint
from exact_simulator.odata.lexer import QueryError, Value
from exact_simulator.odata.parse import Call, Compare, Expression, Junction, Name, Not

_OPERATORS = {"eq": "=", "ne": "<>", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_NUMERIC = {
    "Edm.Byte",
    "Edm.Int16",
    "Edm.Int32",
    "Edm.Int64",
    "Edm.Double",
    "Edm.Decimal",
    "Edm.Single",
}


@dataclass(frozen=True, slots=True)
class Clause:
    """SQL text and the values bound in it."""

    sql: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class SortColumn:
    """One column of a sort order."""

    sql: str
    """An SQL expression over the relation."""
    edm_type: str
    descending: bool = False


def quoted(name: str) -> str:
    """Quote a column."""
    return f'"{name}"'


def condition(expression: Expression, endpoint: Endpoint) -> Clause:
    """Compile a filter.

    Raises:
        QueryError: a name is unknown, or types do not go together.
    """
    match expression:
        case Junction(word, left, right):
            one, other = condition(left, endpoint), condition(right, endpoint)
            return Clause(f"({one.sql} {word.upper()} {other.sql})", one.values + other.values)
        case Not(operand):
            inner = condition(operand, endpoint)
            return Clause(f"(NOT {inner.sql})", inner.values)
        case Compare():
            return _comparison(expression, endpoint)
        case _:
            clause, edm_type = _operand(expression, endpoint)
            if edm_type != "Edm.Boolean":
                raise QueryError
            return clause


def names(expression: Expression) -> frozenset[str]:
    """Collect the properties that a filter uses."""
    match expression:
        case Name(name):
            return frozenset((name,))
        case Junction(_, left, right) | Compare(_, left, right):
            return names(left) | names(right)
        case Not(operand):
            return names(operand)
        case Call(_, arguments):
            return frozenset().union(*map(names, arguments))
        case _:
            return frozenset()


def _comparison(compare: Compare, endpoint: Endpoint) -> Clause:
    left, left_type = _operand(compare.left, endpoint)
    right, right_type = _operand(compare.right, endpoint)
    if left_type is None or right_type is None:
        return _null_comparison(compare, left if right_type is None else right)
    if left_type != right_type and not {left_type, right_type} <= _NUMERIC:
        raise QueryError
    return Clause(f"{left.sql} {_OPERATORS[compare.comparator]} {right.sql}", left.values + right.values)


def _null_comparison(compare: Compare, other: Clause) -> Clause:
    if compare.comparator == "eq":
        return Clause(f"{other.sql} IS NULL", other.values)
    if compare.comparator == "ne":
        return Clause(f"{other.sql} IS NOT NULL", other.values)
    raise QueryError


def _operand(expression: Expression, endpoint: Endpoint) -> tuple[Clause, str | None]:
    match expression:
        case Value(value, edm_type):
            return Clause("?", (value,)), edm_type
        case Name(name):
            found = endpoint.by_name.get(name)
            if found is None or not found.edm_type.startswith("Edm.") or found.edm_type == "Edm.Binary":
                raise QueryError
            return Clause(quoted(name)), found.edm_type
        case Call():
            return _call(expression, endpoint)
        case _:
            return condition(expression, endpoint), "Edm.Boolean"


def _call(call: Call, endpoint: Endpoint) -> tuple[Clause, str]:
    operands = [_operand(argument, endpoint) for argument in call.arguments]
    if any(edm_type != "Edm.String" for _, edm_type in operands):
        raise QueryError
    first, *rest = (clause for clause, _ in operands)
    if call.function == "trim":
        return Clause(f"trim({first.sql})", first.values), "Edm.String"
    part, whole = (first, rest[0]) if call.function == "substringof" else (rest[0], first)
    # The order of the placeholders is that of the text: whole first.
    position = Clause(f"instr(lower({whole.sql}), lower({part.sql}))", whole.values + part.values)
    sign = "= 1" if call.function == "startswith" else "> 0"
    return Clause(f"({position.sql} {sign})", position.values), "Edm.Boolean"


def order_by(columns: Sequence[SortColumn]) -> str:
    """Write an ORDER BY list."""
    return ", ".join(f"{column.sql}{' DESC' if column.descending else ''}" for column in columns)


def after(columns: Sequence[SortColumn], token: Sequence[Value]) -> Clause:
    """Compile a skip token: the rows behind the one with these values.

    Nulls sort first, as SQL Server and SQLite agree. The leading column is bounded by itself as well, so that an
    index on it can be walked from there.

    Raises:
        QueryError: the token does not fit the order.
    """
    if len(token) != len(columns):
        raise QueryError
    for column, value in zip(columns, token, strict=True):
        if value.edm_type not in {None, column.edm_type} and not {value.edm_type, column.edm_type} <= _NUMERIC:
            raise QueryError
    bound = [value.value for value in token]
    if not any(column.descending for column in columns) and None not in bound:
        left = ", ".join(column.sql for column in columns)
        marks = ", ".join("?" * len(columns))
        return Clause(f"(({left}) > ({marks}))" if len(columns) > 1 else f"({left} > ?)", tuple(bound))
    return _behind(columns, bound)


def _behind(columns: Sequence[SortColumn], bound: Sequence[Any]) -> Clause:
    """Compile the general case: later in the first column, or equal there and behind in the others."""
    first, value = columns[0], bound[0]
    if value is None:
        later = Clause("0" if first.descending else f"{first.sql} IS NOT NULL")
    elif first.descending:
        later = Clause(f"({first.sql} < ? OR {first.sql} IS NULL)", (value,))
    else:
        later = Clause(f"{first.sql} > ?", (value,))
    if len(columns) == 1:
        return later
    rest = _behind(columns[1:], bound[1:])
    return Clause(
        f"({later.sql} OR ({first.sql} IS ? AND {rest.sql}))",
        (*later.values, value, *rest.values),
    )
