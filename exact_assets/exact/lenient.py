"""JSON values of an unexpected type, one at a time: what converts exactly is taken, the rest is named.

Exact's reference has types wrong here and there, and flags of type Byte come as booleans. The quick way is in
`columns`; this is the slow one for the few columns where it does not hold.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

import msgspec
import pyarrow as pa

from exact_assets.exact.columns import FIRST_WALL, LAST_WALL, MICROSECONDS, Kind, to_utc

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall clocks have no zone
TENTH_DIGIT = Decimal("1e-10")
WIDE = Context(prec=400)
EXACTLY = msgspec.json.Decoder(float_hook=Decimal)
FLAGS = {"0": False, "1": True, "false": False, "true": True}
LARGEST_EXPONENT = 400
"""Doubles end before this; a longer exponent is an attack on memory."""


class UnfitValueError(ValueError):
    """A value that its type cannot hold; `place` is its index in the column."""

    def __init__(self, place: int, value: object, kind: pa.DataType) -> None:
        """Keep where it stands."""
        super().__init__(f"{_shorten(value)} does not fit {kind}")
        self.place = place


def convert(column: Sequence[object], kind: Kind, arrow_type: pa.DataType, *, zone: str) -> pa.Array:
    """Convert a column of JSON texts (Raw) or plain values one by one; an empty text that is no text is null.

    Raises:
        UnfitValueError: the first value that its type cannot hold.
    """
    read = READERS[kind]
    values = []
    for place, item in enumerate(column):
        value = EXACTLY.decode(item) if isinstance(item, msgspec.Raw) else item
        is_null = value is None or (value == "" and kind is not Kind.TEXT)
        try:
            values.append(None if is_null else read(value))
        except (ValueError, ArithmeticError) as error:
            raise UnfitValueError(place, value, arrow_type) from error
    if kind is Kind.INSTANT:
        return to_utc(pa.array(values, MICROSECONDS), zone=zone)
    return to_array(values, MICROSECONDS if kind is Kind.WALL else arrow_type)


def to_array(values: Sequence[Any], arrow_type: pa.DataType) -> pa.Array:
    """Make an array, naming the value that does not fit.

    Raises:
        UnfitValueError: the first value that its type cannot hold.
    """
    try:
        return pa.array(values, arrow_type)
    except (pa.ArrowInvalid, OverflowError) as error:
        for place, value in enumerate(values):
            try:
                pa.scalar(value, arrow_type)
            except (pa.ArrowInvalid, OverflowError):
                raise UnfitValueError(place, value, arrow_type) from error
        raise


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value.strip(" ")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, dict) and "__deferred" in value:
        return None
    raise ValueError


def _integer(value: object) -> int:
    number = _decimal_of(value)
    if number != number.to_integral_value(context=WIDE):
        raise ValueError
    return int(number)


def _flag(value: object) -> bool:
    word = str(value).strip().lower()
    return FLAGS[word] if word in FLAGS else _refuse()


def _decimal(value: object) -> Decimal:
    return _decimal_of(value).quantize(TENTH_DIGIT, ROUND_HALF_EVEN, WIDE)


def _wall(value: object) -> datetime:
    if isinstance(value, str) and value.startswith("/Date(") and value.endswith(")/"):
        value = int(value[6:-2])
    if isinstance(value, int) and not isinstance(value, bool):
        return EPOCH + timedelta(milliseconds=value) if FIRST_WALL <= value <= LAST_WALL else _refuse()
    moment = datetime.fromisoformat(value.strip() if isinstance(value, str) else "")
    return _refuse() if moment.tzinfo else moment


def _decimal_of(value: object) -> Decimal:
    if isinstance(value, str | int | Decimal):
        number = Decimal(value.strip() if isinstance(value, str) else value)
        if number.is_finite() and abs(number.adjusted()) < LARGEST_EXPONENT:
            return number
    raise ValueError


def _refuse() -> Any:
    raise ValueError


def _shorten(value: object, length: int = 60) -> str:
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= length else f"{text[:length]}…"


READERS: dict[Kind, Callable[[object], object]] = {
    Kind.TEXT: _text,
    Kind.INTEGER: _integer,
    Kind.FLAG: _flag,
    Kind.DECIMAL: _decimal,
    Kind.WALL: _wall,
    Kind.INSTANT: _wall,
}
