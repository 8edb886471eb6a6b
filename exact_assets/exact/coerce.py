"""JSON values of an unexpected type, one at a time: what converts exactly is taken, the rest is null and named.

Exact's reference has types wrong here and there, and flags of type Byte come as booleans. The quick way is in
`vectorized`; this is the slow one for the few columns where it does not hold. Both must make the same of a value:
which way a column goes depends on the other rows of its page.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pyarrow as pa

from exact_assets.exact.numbers import read_number, to_amount, to_integer
from exact_assets.exact.vectorized import FIRST_WALL, GUID, LAST_WALL, MICROSECONDS, Kind, to_utc

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall clocks have no zone
DATE = re.compile(r"/Date\((-?[0-9]{1,20})\)/")
NULLS = ("", "null")
ANY_GUID = re.compile(rf"(?:{GUID}|\{{{GUID}\}}|[0-9a-fA-F]{{32}})")
"""Other ways to write one."""
FLAGS = {"0": False, "1": True, "false": False, "true": True}
MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
LONGEST_QUOTED = 60


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number as it was written, to the digit."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Coerced:
    """A column, and the values that its type cannot hold: they are null in it."""

    array: pa.Array
    unfit: Mapping[int, str]
    """As they came, by their place in the column."""


def coerce_column(column: Sequence[object], kind: Kind, arrow_type: pa.DataType, *, zone: str) -> Coerced:
    """Coerce a column of JSON texts (Raw) or plain values one by one; an empty text that is no text is null."""
    values: list[Any] = []
    unfit: dict[int, str] = {}
    for place, item in enumerate(column):
        try:
            values.append(_read(item, kind))
        except (ValueError, msgspec.MsgspecError, RecursionError):
            values.append(None)
            unfit[place] = _shown(item)
    if kind is Kind.INSTANT:
        array, beyond = _to_instants(values, zone=zone)
    else:
        array, beyond = _to_array(values, MICROSECONDS if kind is Kind.WALL else arrow_type)
    return Coerced(array=array, unfit={**unfit, **{place: _shown(column[place]) for place in beyond}})


def _read(item: object, kind: Kind) -> object:
    value = _plain(item) if isinstance(item, msgspec.Raw) else item
    if value is None or (kind is not Kind.TEXT and isinstance(value, str) and value.strip().lower() in NULLS):
        return None
    return READERS[kind](value)


def _to_array(values: Sequence[Any], arrow_type: pa.DataType) -> tuple[pa.Array, Collection[int]]:
    """Make an array, with the places of values that do not fit."""
    try:
        return pa.array(values, arrow_type), ()
    except (pa.ArrowInvalid, OverflowError):
        beyond = {place for place, value in enumerate(values) if not _is_held(value, arrow_type)}
    return pa.array(_without(values, beyond), arrow_type), beyond


def _is_held(value: object, arrow_type: pa.DataType) -> bool:
    try:
        pa.scalar(value, arrow_type)
    except (pa.ArrowInvalid, OverflowError):
        return False
    return True


def _to_instants(values: Sequence[Any], *, zone: str) -> tuple[pa.Array, Collection[int]]:
    """Convert to UTC, with the places of values that leave the years 1 to 9999 by it."""
    walls = pa.array(values, MICROSECONDS)
    try:
        return to_utc(walls, zone=zone), ()
    except pa.ArrowInvalid:
        beyond = {place for place in range(len(walls)) if not _is_instant(walls[place : place + 1], zone=zone)}
    return to_utc(pa.array(_without(values, beyond), MICROSECONDS), zone=zone), beyond


def _is_instant(wall: pa.Array, *, zone: str) -> bool:
    try:
        to_utc(wall, zone=zone)
    except pa.ArrowInvalid:
        return False
    return True


def _without(values: Sequence[Any], places: Collection[int]) -> list[Any]:
    return [None if place in places else value for place, value in enumerate(values)]


def _plain(item: msgspec.Raw) -> object:
    """Decode a JSON text, numbers as they are written, objects no deeper than their members."""
    text = bytes(item)
    if text[:1] in b"-0123456789":
        return Number(text.decode())
    return MEMBERS.decode(text) if text[:1] == b"{" else msgspec.json.decode(text)


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value.strip(" ")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Number):
        return value.text
    if isinstance(value, dict) and "__deferred" in value:
        return None
    raise ValueError


def _guid(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not ANY_GUID.fullmatch(text):
        raise ValueError
    return str(UUID(text))


def _integer(value: object) -> int:
    return int(value) if isinstance(value, int) else to_integer(_number(value))


def _flag(value: object) -> bool:
    number = to_integer(_number(value)) if isinstance(value, Number) else value
    word = str(number).strip().lower() if isinstance(number, int | str) else ""
    if word not in FLAGS:
        raise ValueError
    return FLAGS[word]


def _decimal(value: object) -> Decimal:
    return Decimal(value) if isinstance(value, bool) else to_amount(_number(value))


def _wall(value: object) -> datetime:
    if isinstance(value, Number):
        return _moment(to_integer(_number(value)))
    if not isinstance(value, str) or not value.isascii():
        raise ValueError
    written = DATE.fullmatch(value)
    if written:
        return _moment(int(written[1]))
    moment = datetime.fromisoformat(value.strip())
    if moment.tzinfo:
        raise ValueError
    return moment


def _moment(milliseconds: int) -> datetime:
    if not FIRST_WALL <= milliseconds <= LAST_WALL:
        raise ValueError
    return EPOCH + timedelta(milliseconds=milliseconds)


def _number(value: object) -> Decimal:
    if isinstance(value, Number | str):
        return read_number(value if isinstance(value, str) else value.text)
    raise ValueError


def _shown(item: object) -> str:
    if isinstance(item, msgspec.Raw):
        return shorten(bytes(item)[: 8 * LONGEST_QUOTED].decode(errors="replace").strip('"'))
    return shorten(str(item))


def shorten(text: str) -> str:
    """Cut a text that came from outside to what a message can hold."""
    return text if len(text) <= LONGEST_QUOTED else f"{text[:LONGEST_QUOTED]}…"


READERS: dict[Kind, Callable[[Any], object]] = {
    Kind.TEXT: _text,
    Kind.GUID: _guid,
    Kind.INTEGER: _integer,
    Kind.FLAG: _flag,
    Kind.DECIMAL: _decimal,
    Kind.WALL: _wall,
    Kind.INSTANT: _wall,
}
