"""Cuts OData expressions into tokens and reads literals. Grammar belongs in `parse`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from exact_simulator import texts


class QueryError(Exception):
    """The query cannot be served; its text goes into a 400."""

    def __init__(self, text: str = texts.QUERY_SYNTAX) -> None:
        """Keep the text of the answer."""
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class Value:
    """A literal: a value as the books hold it, and its Edm type (None: null)."""

    value: Any
    edm_type: str | None


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of an expression."""

    kind: str
    """`name`, `value`, or the mark itself."""
    text: str
    value: Value | None = None


_TOKEN = re.compile(
    r"""\s*(?:
    (?P<typed>(?:guid|datetime)'[^']*')
  | (?P<string>'(?:[^']|'')*')
  | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?[LlMmDdFf]?)(?![\w.])
  | (?P<name>[A-Za-z_]\w*(?:/[A-Za-z_]\w*)*)
  | (?P<mark>[(),])
    )""",
    re.VERBOSE,
)
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,7}))?)?)?")
_WORDS = {"true": Value(1, "Edm.Boolean"), "false": Value(0, "Edm.Boolean"), "null": Value(None, None)}
_NUMBERS = {"L": "Edm.Int64", "M": "Edm.Decimal", "D": "Edm.Double", "F": "Edm.Single"}


def tokens(text: str) -> Iterator[Token]:
    """Cut an expression.

    Raises:
        QueryError: a piece is no token, or a literal is malformed.
    """
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise QueryError
        kind = str(match.lastgroup)
        piece = match[kind]
        position = match.end()
        if kind == "mark":
            yield Token(piece, piece)
        elif kind == "name":
            word = _WORDS.get(piece)
            yield Token("name", piece) if word is None else Token("value", piece, word)
        else:
            yield Token("value", piece, _literal(kind, piece, match.start(kind)))


def _literal(kind: str, piece: str, position: int) -> Value:
    if kind == "string":
        return Value(piece[1:-1].replace("''", "'"), "Edm.String")
    if kind == "number":
        return _number(piece)
    if piece.startswith("guid"):
        if _GUID.fullmatch(piece[5:-1]) is None:
            raise _unrecognized("Edm.Guid", piece, position)
        return Value(piece[5:-1].lower(), "Edm.Guid")
    return Value(_moment(piece, position), "Edm.DateTime")


def _number(piece: str) -> Value:
    suffix = piece[-1].upper()
    edm_type = _NUMBERS.get(suffix)
    digits = piece if edm_type is None else piece[:-1]
    if digits.lstrip("-").isdigit() and edm_type in {None, "Edm.Int64"}:
        number = int(digits)
        if not -(2**63) <= number < 2**63:
            raise QueryError
        return Value(number, edm_type or ("Edm.Int32" if -(2**31) <= number < 2**31 else "Edm.Int64"))
    return Value(float(digits), edm_type or "Edm.Double")


def _moment(piece: str, position: int) -> int | float:
    """Read a wall clock as milliseconds since 1970, as if it were UTC."""
    match = _MOMENT.fullmatch(piece[9:-1])
    if match is None:
        raise _unrecognized("Edm.DateTime", piece, position)
    day, minute, second, fraction = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{minute or '00:00'}:{second or '00'}+00:00")
    except ValueError:
        raise _unrecognized("Edm.DateTime", piece, position) from None
    ms = round(moment.timestamp()) * 1000
    parts = int((fraction or "0").ljust(7, "0"))
    return ms + parts // 10000 if parts % 10000 == 0 else ms + parts / 10000


def _unrecognized(edm_type: str, literal: str, position: int) -> QueryError:
    return QueryError(texts.UNRECOGNIZED_LITERAL.format(edm_type=edm_type, literal=literal, position=position))


def values(text: str) -> tuple[Value, ...]:
    """Read literals with commas between them, as in a skip token."""
    found: list[Value] = []
    for index, token in enumerate(tokens(text)):
        if index % 2 == 0 and token.value is not None:
            found.append(token.value)
        elif index % 2 == 0 or token.kind != ",":
            raise QueryError
    if not found:
        raise QueryError
    return tuple(found)
