"""Columns of a page to Arrow arrays: all of a kind at once where they are as promised, one by one where not."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
import pyarrow as pa

from exact_assets.exact import coerce, vectorized
from exact_assets.exact.vectorized import Kind, Values, kind_of

LISTS: dict[Kind | None, msgspec.json.Decoder[Any]] = {
    Kind.TEXT: msgspec.json.Decoder(list[str | None], strict=False),
    Kind.GUID: msgspec.json.Decoder(list[str | None], strict=False),
    Kind.INTEGER: msgspec.json.Decoder(list[int | float | None], strict=False),
    Kind.FLAG: msgspec.json.Decoder(list[bool | None], strict=False),
    Kind.WALL: msgspec.json.Decoder(list[str | None], strict=False),
    Kind.INSTANT: msgspec.json.Decoder(list[str | None], strict=False),
}


class InexactColumnError(ValueError):
    """A column of whole numbers came with floats, which may have lost digits: its JSON text is needed."""

    def __init__(self, name: str) -> None:
        """Keep which."""
        super().__init__(f"{name} holds floats")
        self.name = name


def to_arrays(
    schema: pa.Schema, values: Mapping[str, Values], *, loose: frozenset[str], zone: str
) -> dict[str, coerce.Coerced]:
    """Convert the columns of a page. Columns in `loose` hold JSON texts.

    Raises:
        InexactColumnError: a column must be decoded anew, as JSON text.
    """
    coerced: dict[str, coerce.Coerced] = {}
    groups: dict[Kind, list[pa.Field]] = {}
    for item in schema:
        groups.setdefault(kind_of(item), []).append(item)
    for kind, fields in groups.items():
        quick = [item for item in fields if item.name not in loose]
        arrays = _quickly(quick, [values[item.name] for item in quick], kind, zone=zone)
        coerced |= {name: coerce.Coerced(array=array, unfit={}) for name, array in arrays.items()}
        for item in fields:
            if item.name not in coerced:
                coerced[item.name] = _slowly(item, values[item.name], kind, zone=zone)
    return coerced


def is_as_promised(texts: Sequence[msgspec.Raw], kind: Kind | None) -> bool:
    """Return whether a column of JSON texts can be decoded at once as what its kind is written as."""
    if kind not in LISTS:
        return True
    try:
        LISTS[kind].decode(b"[" + b",".join(texts) + b"]")
    except msgspec.ValidationError:
        return False
    return True


def _quickly(fields: Sequence[pa.Field], group: Sequence[Values], kind: Kind, *, zone: str) -> dict[str, pa.Array]:
    """Convert what can be; what is missing in the answer is for the slow way, which names what does not fit."""
    names = [item.name for item in fields]
    converters: dict[Kind, Callable[[Sequence[Values]], list[pa.Array]]] = {
        Kind.TEXT: vectorized.texts,
        Kind.GUID: vectorized.guids,
        Kind.DECIMAL: vectorized.decimals,
        Kind.WALL: vectorized.walls,
        Kind.INSTANT: partial(vectorized.instants, zone=zone),
        Kind.INTEGER: partial(vectorized.integers, kinds=[item.type for item in fields]),
    }
    try:
        if kind in converters:
            return dict(zip(names, converters[kind](group), strict=True))
        return {item.name: pa.array(column, item.type) for item, column in zip(fields, group, strict=True)}
    except (pa.ArrowInvalid, OverflowError):
        if len(fields) == 1:
            return {}
    found: dict[str, pa.Array] = {}
    for item, column in zip(fields, group, strict=True):
        found |= _quickly([item], [column], kind, zone=zone)
    return found


def _slowly(item: pa.Field, column: Values, kind: Kind, *, zone: str) -> coerce.Coerced:
    if kind is Kind.INTEGER and any(isinstance(value, float) for value in column):
        raise InexactColumnError(item.name)
    return coerce.coerce_column(column, kind, item.type, zone=zone)
