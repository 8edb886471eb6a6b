"""Parses `$filter`: or, and, not, comparisons, parentheses, and the three functions known to work.

What a name means, and whether it may be filtered on, is checked in `sql`.
"""

from dataclasses import dataclass
from typing import Literal, Union

from exact_simulator.odata.lexer import QueryError, Token, Value, tokens

Comparator = Literal["eq", "ne", "gt", "ge", "lt", "le"]


@dataclass(frozen=True, slots=True)
class Name:
    """A property."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function: `substringof`, `startswith` or `trim`."""

    function: str
    arguments: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """A comparison."""

    comparator: Comparator
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Junction:
    """`and` or `or` between two conditions."""

    word: Literal["and", "or"]
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Not:
    """The negation of a condition."""

    operand: "Expression"


Expression = Union[Name, Value, Call, Compare, Junction, Not]  # noqa: UP007 - the names inside are forward references

_COMPARATORS = ("eq", "ne", "gt", "ge", "lt", "le")
_FUNCTIONS = {"substringof": 2, "startswith": 2, "trim": 1}
_DEEPEST = 100


def parse_filter(text: str) -> Expression:
    """Parse a `$filter`.

    Raises:
        QueryError: it is no expression.
    """
    parser = _Parser(list(tokens(text)))
    expression = parser.disjunction(0)
    if parser.peek() is not None:
        raise QueryError
    return expression


class _Parser:
    """Recursive descent, one method for each level of binding."""

    def __init__(self, pieces: list[Token]) -> None:
        self._pieces = pieces
        self._next = 0

    def peek(self) -> Token | None:
        return self._pieces[self._next] if self._next < len(self._pieces) else None

    def _take(self, kind: str) -> Token:
        token = self.peek()
        if token is None or token.kind != kind:
            raise QueryError
        self._next += 1
        return token

    def _accept(self, *words: str) -> str | None:
        token = self.peek()
        if token is not None and token.kind == "name" and token.text in words:
            self._next += 1
            return token.text
        return None

    def disjunction(self, depth: int) -> Expression:
        if depth > _DEEPEST:
            raise QueryError
        left = self._conjunction(depth)
        while self._accept("or"):
            left = Junction("or", left, self._conjunction(depth))
        return left

    def _conjunction(self, depth: int) -> Expression:
        left = self._negation(depth)
        while self._accept("and"):
            left = Junction("and", left, self._negation(depth))
        return left

    def _negation(self, depth: int) -> Expression:
        if depth > _DEEPEST:
            raise QueryError
        if self._accept("not"):
            return Not(self._negation(depth + 1))
        return self._comparison(depth)

    def _comparison(self, depth: int) -> Expression:
        left = self._primary(depth)
        for word in _COMPARATORS:
            if self._accept(word):
                return Compare(word, left, self._primary(depth))  # type: ignore[arg-type]  # word is one of them
        return left

    def _primary(self, depth: int) -> Expression:
        token = self.peek()
        if token is None:
            raise QueryError
        if token.kind == "(":
            self._next += 1
            inner = self.disjunction(depth + 1)
            self._take(")")
            return inner
        self._next += 1
        if token.value is not None:
            return token.value
        if token.kind != "name" or token.text in {"and", "or", "not", *_COMPARATORS}:
            raise QueryError
        following = self.peek()
        if following is not None and following.kind == "(":
            return self._call(token.text, depth)
        return Name(token.text)

    def _call(self, function: str, depth: int) -> Expression:
        self._take("(")
        arguments = [self.disjunction(depth + 1)]
        while (token := self.peek()) is not None and token.kind == ",":
            self._next += 1
            arguments.append(self.disjunction(depth + 1))
        self._take(")")
        if _FUNCTIONS.get(function) != len(arguments):
            raise QueryError
        return Call(function, tuple(arguments))
