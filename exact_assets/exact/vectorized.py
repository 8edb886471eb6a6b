"""Columns of JSON values to Arrow arrays, many at a time: the quick way, for values as Exact writes them.

A page has some 70 columns of 1,000 rows, and a call into Arrow costs more than a handful of values: so all columns
of a kind are converted as one and cut up afterwards. What this cannot convert raises `pa.ArrowInvalid` and goes to
`coerce`. How a page is taken apart into columns belongs to `decode`.
"""

from collections.abc import Sequence
from enum import StrEnum
from itertools import chain
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from exact_assets.exact.numbers import read_number, to_amount

Values = Sequence[Any]


class Kind(StrEnum):
    """How a property travels in JSON, told by the Arrow type it is to become."""

    TEXT = "text"
    GUID = "guid"
    """A text of one form; an empty one stands for none."""
    INTEGER = "integer"
    FLAG = "flag"
    DECIMAL = "decimal"
    WALL = "wall"
    """A wall clock: milliseconds as if it were UTC."""
    INSTANT = "instant"
    """The site's wall clock, to become UTC."""


DECIMAL = pa.decimal128(38, 10)
WIDE_DECIMAL = pa.decimal256(76, 30)
MICROSECONDS = pa.timestamp("us")
FIRST_WALL = -62_135_596_800_000
"""0001-01-01, .NET's smallest date."""
LAST_WALL = 253_402_300_799_999
"""The last millisecond of 9999."""
DAY = 86_400_000
LONGEST_NUMBER = 28
"""Characters of a number that Arrow may read: with no more digits, neither `DECIMAL` nor `WIDE_DECIMAL` overflows.
Arrow does not notice where they do, and stores another number."""


GUID_FIELD = {b"holds": b"guid"}
"""Metadata of a field of strings that are GUIDs."""
GUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"


def kind_of(item: pa.Field) -> Kind:
    """Return how a property that becomes this field is written.

    Raises:
        TypeError: no property of Exact becomes this type.
    """
    kind = item.type
    if pa.types.is_string(kind):
        return Kind.GUID if item.metadata == GUID_FIELD else Kind.TEXT
    if pa.types.is_integer(kind):
        return Kind.INTEGER
    if pa.types.is_boolean(kind):
        return Kind.FLAG
    if pa.types.is_decimal(kind):
        return Kind.DECIMAL
    if pa.types.is_timestamp(kind):
        return Kind.WALL if kind.tz is None else Kind.INSTANT
    raise TypeError(f"no property of Exact becomes {kind}")


def texts(columns: Sequence[Values]) -> list[pa.Array]:
    """Strings, stripped: Exact pads codes (`Country` is `"NL "`)."""
    return _cut(pc.utf8_trim(pa.array(chain.from_iterable(columns), pa.string()), " "), columns)


def guids(columns: Sequence[Values]) -> list[pa.Array]:
    """GUIDs as they are written."""
    text = pa.array(chain.from_iterable(columns), pa.string())
    if pc.all(pc.match_substring_regex(text, f"^{GUID}$")).as_py() is False:
        raise pa.ArrowInvalid("not all are GUIDs")
    return _cut(text, columns)


def decimals(columns: Sequence[Values]) -> list[pa.Array]:
    """Numbers from their JSON text, never through a float; digits beyond the tenth are rounded half to even.

    Exact's Double carries tails such as 0.30000000000000004, which are no reason to refuse a row.
    """
    raws = list(chain.from_iterable(columns))
    if not raws:
        return [pa.array([], DECIMAL) for _ in columns]
    joined = b"\n".join(raws)
    text = pc.split_pattern(pa.array([joined], pa.string()), "\n").values
    text = pc.if_else(pc.equal(text, "null"), pa.scalar(None, pa.string()), text)
    longest = pc.max(pc.binary_length(text)).as_py() or 0
    if longest > LONGEST_NUMBER or b"e" in joined or b"E" in joined:
        text = _spelt_out(text)
    try:
        numbers = text.cast(DECIMAL)
    except pa.ArrowInvalid:
        numbers = pc.round(text.cast(WIDE_DECIMAL), 10, "half_to_even").cast(DECIMAL)
    return _cut(numbers, columns)


def integers(columns: Sequence[Values], *, kinds: Sequence[pa.DataType]) -> list[pa.Array]:
    """Whole numbers. One that was written with a point or an exponent came as a float, which Arrow would take."""
    as_written = msgspec.json.encode(columns)
    if b"." in as_written or b"e" in as_written:
        raise pa.ArrowInvalid("not all are written as whole numbers")
    return [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]


def walls(columns: Sequence[Values]) -> list[pa.Array]:
    """`/Date(ms)/` as the wall clock that Exact writes as if it were UTC."""
    return _cut(_wall(columns), columns)


def instants(columns: Sequence[Values], *, zone: str) -> list[pa.Array]:
    """`/Date(ms)/`, the site's wall clock, as instants."""
    return _cut(to_utc(_wall(columns), zone=zone), columns)


def to_utc(wall: pa.Array, *, zone: str) -> pa.Array:
    """Convert wall clocks of `zone` (IANA name, or an offset such as `+02:00`) to instants.

    Of the hour that comes twice the first counts; an hour that does not exist becomes its end. .NET's smallest
    date, which stands for no date, stays what it is.

    Raises:
        pa.ArrowInvalid: an instant after the year 9999, which Python cannot hold.
    """
    if zone[:1] in {"+", "-"}:
        sign = -1 if zone[0] == "+" else 1
        offset = sign * (int(zone[1:3]) * 3_600 + int(zone[4:6]) * 60)
        utc = pc.add(wall, pa.scalar(offset * 1_000_000, pa.duration("us")))
    else:
        utc = pc.assume_timezone(wall, zone, ambiguous="earliest", nonexistent="latest")
    utc = utc.cast(pa.timestamp("us", "UTC")) if utc.type.tz else pc.assume_timezone(utc, "UTC")
    earliest = pc.min(wall).cast(pa.int64()).as_py()
    if earliest is not None and earliest < (FIRST_WALL + DAY) * 1000:
        is_smallest = pc.less(wall.cast(pa.int64()), (FIRST_WALL + DAY) * 1000)
        utc = pc.if_else(is_smallest, pc.assume_timezone(wall, "UTC"), utc)
    latest = pc.max(utc).cast(pa.int64()).as_py()
    if latest is not None and latest > LAST_WALL * 1000 + 999:
        raise pa.ArrowInvalid("an instant after the year 9999")
    return utc


def _spelt_out(text: pa.Array) -> pa.Array:
    """Write numbers that are long or have an exponent without either, so that Arrow may read them.

    Raises:
        pa.ArrowInvalid: one of them is no number, or too large.
    """
    odd = pc.fill_null(pc.match_substring_regex(text, f"[eE]|^.{{{LONGEST_NUMBER + 1},}}"), False)
    try:
        plain = [format(to_amount(read_number(number)), "f") for number in text.filter(odd).to_pylist()]
    except ValueError as error:
        raise pa.ArrowInvalid("not all are numbers that fit") from error
    return pc.replace_with_mask(text, odd, pa.array(plain, pa.string()))


def _wall(columns: Sequence[Values]) -> pa.Array:
    text = pa.array(chain.from_iterable(columns), pa.string())
    if b"x" in (letters := bytes(text.buffers()[2] or b"")) or b"X" in letters:
        raise pa.ArrowInvalid("Arrow reads 0x10 as 16")
    if pc.all(pc.and_(pc.starts_with(text, "/Date("), pc.ends_with(text, ")/"))).as_py() is False:
        raise pa.ArrowInvalid("not all dates are written as /Date(ms)/")
    milliseconds = pc.utf8_slice_codeunits(text, 6, -2).cast(pa.int64())
    bounds = pc.min_max(milliseconds).as_py()
    if bounds["min"] is not None and not FIRST_WALL <= bounds["min"] <= bounds["max"] <= LAST_WALL:
        raise pa.ArrowInvalid("a date outside the years 1 to 9999")
    return milliseconds.cast(pa.timestamp("ms")).cast(MICROSECONDS)


def _cut(array: pa.Array, columns: Sequence[Values]) -> list[pa.Array]:
    """Cut one array back into columns, all of one length, without copying."""
    length = len(columns[0]) if columns else 0
    return [array.slice(place * length, length) for place in range(len(columns))]
