"""Reads a URL's query string into options. Whether an endpoint allows them is checked where it is served."""

from dataclasses import dataclass
from urllib.parse import unquote, unquote_plus

from exact_simulator.odata.lexer import QueryError, Value, values
from exact_simulator.odata.parse import Expression, parse_filter

_OPTIONS = frozenset(
    ("$select", "$filter", "$orderby", "$top", "$skip", "$skiptoken", "$inlinecount", "$expand", "$format")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """The options of one request. None: not given."""

    pairs: tuple[tuple[str, str], ...]
    """Names and values as they came, decoded, in their order."""
    select: tuple[str, ...] | None = None
    filter: Expression | None = None
    """Also None where it was given and is empty."""
    orderby: tuple[tuple[str, bool], ...] = ()
    """Property and whether it is descending."""
    top: int | None = None
    skip: int | None = None
    skiptoken: tuple[Value, ...] | None = None
    with_count: bool = False
    has_empty_filter: bool = False
    expand: tuple[str, ...] = ()
    arguments: tuple[tuple[str, str], ...] = ()
    """What does not start with `$`: parameters of functions."""


def parse_query(query_string: str) -> Query:
    """Read a query string.

    Raises:
        QueryError: an option is unknown, given twice, or malformed.
    """
    pairs = _pairs(query_string)
    options = {name: value for name, value in pairs if name.startswith("$")}
    if len(options) != sum(name.startswith("$") for name, _ in pairs) or not options.keys() <= _OPTIONS:
        raise QueryError
    return Query(
        pairs=pairs,
        select=_names(options["$select"]) if "$select" in options else None,
        filter=parse_filter(options["$filter"]) if options.get("$filter", "").strip() else None,
        orderby=_orderby(options["$orderby"]) if "$orderby" in options else (),
        top=_count(options.get("$top")),
        skip=_count(options.get("$skip")),
        skiptoken=values(options["$skiptoken"]) if "$skiptoken" in options else None,
        has_empty_filter="$filter" in options and not options["$filter"].strip(),
        with_count=_inline_count(options.get("$inlinecount", "none")),
        expand=_names(options["$expand"]) if "$expand" in options else (),
        arguments=tuple((name, value) for name, value in pairs if not name.startswith("$")),
    )


def _pairs(query_string: str) -> tuple[tuple[str, str], ...]:
    pieces = [piece.partition("=") for piece in query_string.split("&") if piece]
    return tuple((unquote(name), unquote_plus(value)) for name, _, value in pieces)


def _names(text: str) -> tuple[str, ...]:
    found = tuple(name.strip() for name in text.split(","))
    if not all(found):
        raise QueryError
    return found


def _orderby(text: str) -> tuple[tuple[str, bool], ...]:
    found = []
    for item in text.split(","):
        name, *direction = item.split() or [""]
        if not name or direction not in ([], ["asc"], ["desc"]):
            raise QueryError
        found.append((name, direction == ["desc"]))
    return tuple(found)


def _count(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 10:
        raise QueryError
    return int(text)


def _inline_count(text: str) -> bool:
    if text not in {"none", "allpages"}:
        raise QueryError
    return text == "allpages"
