"""The three shapes of an answer's `d`, as msgspec types made for the columns asked for. Values are for `arrays`.

A Struct's fields stand in the order in which the first row has them: in another order decoding takes twice as long.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from exact_assets.errors import AnswerError
from exact_assets.exact.vectorized import Kind

FIRST_ROW = re.compile(rb'"(?:results|d)"\s*:\s*\[\s*(?=\{)')
ENTITY = re.compile(rb'"d"\s*:\s*(?=\{)')
LISTING_HEAD_BYTES = 8_192
ROW_BYTES = 16_384
MOST_SPARSE_VALUES = 1_000_000
LEAST_BYTES_PER_VALUE = 8
"""Exact sends each property that is asked for, by name: less than this is nothing of hers."""
NAMES = json.JSONDecoder(strict=False, parse_int=str, parse_float=str)
"""For a row of which the names count. Numbers stay text: Python refuses to read one of 4,301 digits."""
JSON_TYPES: dict[Kind | None, Any] = {
    Kind.TEXT: str | None,
    Kind.GUID: str | None,
    Kind.INTEGER: int | float | None,  # as an int alone, 9007199254740993.0 becomes another number
    Kind.FLAG: bool | None,
    Kind.DECIMAL: msgspec.Raw,
    Kind.WALL: str | None,
    Kind.INSTANT: str | None,
    None: msgspec.Raw,
}
UNSEEN = "unseen"
"""In the place of a kind: JSON text of a property that the first row lacks."""
ABSENT = b""
"""What stands for such a property in a row that lacks it too."""
NULL = msgspec.Raw(b"null")
RESULTS, LINK, DEFERRED = range(3)
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Decoders for rows of certain properties, in a certain order."""

    answer: msgspec.json.Decoder[Any]
    """A list, or an object with `results` and `__next`."""
    entity: msgspec.json.Decoder[Any]
    """One row by itself."""
    parts: msgspec.json.Decoder[Any]
    """A list of expanded collections: each a list, an object with `results`, `__deferred`, or null."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpandedRows:
    """An expanded collection of one parent, as far as it came; None: it did not come at all."""

    rows: list[Row] | None
    link: str | None


@lru_cache(maxsize=256)
def shape_of(properties: tuple[tuple[str, Kind | str | None], ...]) -> Shape:
    """Make the decoders; a kind of None keeps a property's JSON text, and so does `UNSEEN`."""
    row = _struct("Row", [_field(name, kind) for name, kind in properties])
    rows: Any = list.__class_getitem__(row) | None
    members = {"results": rows, "__next": str | None, "__deferred": dict[str, Any] | None}
    listing = _struct("Listing", [(name, kind, None) for name, kind in members.items()])
    either: Any = rows | listing
    return Shape(
        answer=_decoder(_struct("Answer", [("d", either, None)])),
        entity=_decoder(_struct("Entity", [("d", row, None)])),
        parts=_decoder(list.__class_getitem__(either)),
    )


def require_dense(body: bytes, properties: int, *, endpoint: str, count: Callable[[Shape], int]) -> None:
    """Refuse rows that are almost empty, by the hundred thousand: they take a thousand times their text's memory.

    Args:
        body: what they are in.
        properties: how many are asked for.
        endpoint: for messages.
        count: counts the rows, by decoding them with a shape.

    Raises:
        AnswerError: there are too many.
    """
    if body.count(b"{") * properties <= MOST_SPARSE_VALUES:
        return
    values = count(shape_of(())) * properties
    if values > MOST_SPARSE_VALUES and len(body) < values * LEAST_BYTES_PER_VALUE:
        raise AnswerError(
            f"{endpoint}: the answer holds {values // properties:,} rows in {len(body):,} bytes, too few for the "
            f"{properties} properties that were asked for. Load again later.",
            endpoint=endpoint,
        )


def rows_of(body: bytes, shape: Shape, *, endpoint: str) -> tuple[list[Row], str | None]:
    """Take an answer apart into rows, their values in the shape's order, and the link to the next page.

    Raises:
        msgspec.DecodeError: not JSON; its subclass ValidationError: a value of another type than the shape's.
        AnswerError: none of the three shapes that Exact is known to answer in.
    """
    (held,) = msgspec.structs.astuple(shape.answer.decode(body))
    if isinstance(held, list):
        return _tuples(held), None
    if held is not None:
        listing = msgspec.structs.astuple(held)
        if listing[RESULTS] is not None:
            return _tuples(listing[RESULTS]), listing[LINK] or None
        if first_row(body):
            return _tuples(msgspec.structs.astuple(shape.entity.decode(body))), None
    raise AnswerError(f"{endpoint}: the answer is JSON, but holds no rows.", endpoint=endpoint)


def parts_of(collections: Sequence[msgspec.Raw], shape: Shape) -> list[ExpandedRows]:
    """Take the expanded collections of many parents apart at once."""
    return [_part(held) for held in shape.parts.decode(b"[" + b",".join(collections) + b"]")]


def first_row(body: bytes) -> dict[str, Any]:
    """Return the first row as it stands, to learn its properties and their order; empty where there is none."""
    found = FIRST_ROW.search(body, 0, LISTING_HEAD_BYTES) or ENTITY.search(body, 0, LISTING_HEAD_BYTES)
    if found is None:
        return {}
    for size in (ROW_BYTES, len(body)):
        text = body[found.end() : found.end() + size].decode("utf-8", errors="replace")
        try:
            row, _ = NAMES.raw_decode(text)
        except ValueError:
            continue
        except RecursionError:
            return {}
        is_row = isinstance(row, dict) and not {"results", "__deferred"} & row.keys()
        return row if is_row else {}
    return {}


def _part(held: Any) -> ExpandedRows:
    if held is None or isinstance(held, list):
        return ExpandedRows(rows=None if held is None else _tuples(held), link=None)
    listing = msgspec.structs.astuple(held)
    rows = None if listing[RESULTS] is None else _tuples(listing[RESULTS])
    deferred = (listing[DEFERRED] or {}).get("uri")
    return ExpandedRows(rows=rows, link=listing[LINK] or (deferred if isinstance(deferred, str) else None) or None)


def _tuples(structs: Sequence[msgspec.Struct]) -> list[Row]:
    return list(map(msgspec.structs.astuple, structs))


def _field(name: str, kind: Kind | str | None) -> tuple[str, Any, Any]:
    if kind == UNSEEN:
        return name, msgspec.Raw, msgspec.Raw(ABSENT)
    json_type = JSON_TYPES[kind if isinstance(kind, Kind) else None]
    return name, json_type, NULL if json_type is msgspec.Raw else None


def _struct(name: str, properties: Sequence[tuple[str, Any, Any]]) -> Any:
    fields = [(f"f{place}", kind, default) for place, (_, kind, default) in enumerate(properties)]
    rename = {f"f{place}": exact_name for place, (exact_name, _, _) in enumerate(properties)}
    return msgspec.defstruct(name, fields, rename=rename, gc=False)


def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind, strict=False)
