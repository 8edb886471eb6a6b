"""Rows of one schema to an Arrow table, learning from each page what the next will look like. Knows no links."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import pyarrow as pa

from exact_assets.errors import AnswerError, ValueRangeError
from exact_assets.exact.arrays import InexactColumnError, UnfitColumnError, is_as_promised, to_arrays
from exact_assets.exact.coerce import shorten
from exact_assets.exact.shapes import Row, Shape, shape_of
from exact_assets.exact.vectorized import Kind, kind_of

Taken = TypeVar("Taken")


@dataclass(slots=True, kw_only=True)
class RowReader:
    """Reads rows of one schema.

    Args:
        schema: Exact's property names with their Arrow types.
        endpoint: for messages.
        zone: the site's zone, for instants.
        key: properties that name a row in messages.
        kept: properties of which the JSON text is kept, for the caller.
    """

    schema: pa.Schema
    endpoint: str
    zone: str
    key: Sequence[str] = ()
    kept: Sequence[str] = ()
    _kinds: dict[str, Kind | None] = field(init=False)
    _loose: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Note each property's kind, once."""
        self._kinds = {item.name: kind_of(item.type) for item in self.schema} | dict.fromkeys(self.kept)

    def order(self, seen: Sequence[str]) -> tuple[str, ...]:
        """Return the properties in the order in which they were seen, those unseen last."""
        first = [name for name in seen if name in self._kinds]
        return (*first, *(name for name in self._kinds if name not in first))

    def unknown(self, seen: Sequence[str]) -> frozenset[str]:
        """Return the properties that were seen without being asked for."""
        return frozenset(name for name in seen if name not in self._kinds and not name.startswith("__"))

    def read(
        self, order: tuple[str, ...], take: Callable[[Shape], Taken], rows_in: Callable[[Taken], Sequence[Row]]
    ) -> tuple[Taken, pa.Table]:
        """Decode what `take` makes with a shape for `order`, and convert the rows in it.

        Raises:
            msgspec.DecodeError: not JSON.
            AnswerError: JSON of another shape.
            ValueRangeError: a value that its type cannot hold.
        """
        while True:
            taken = self._take(order, take, rows_in)
            try:
                return taken, self._table(order, rows_in(taken))
            except InexactColumnError as error:
                self._loose = self._loose.union({error.name})

    def _take(
        self, order: tuple[str, ...], take: Callable[[Shape], Taken], rows_in: Callable[[Taken], Sequence[Row]]
    ) -> Taken:
        """Decode with the shape for `order`; columns that are not as promised stay JSON text from then on."""
        try:
            return take(self._shape(order, self._loose))
        except msgspec.ValidationError:
            pass
        try:
            rows = rows_in(take(self._shape(order, frozenset(order))))
            odd = [
                name
                for name, column in zip(order, zip(*rows, strict=True), strict=False)
                if not is_as_promised(column, self._kinds[name])
            ]
            self._loose = self._loose.union(odd)
            return take(self._shape(order, self._loose))
        except msgspec.ValidationError as error:
            raise AnswerError(
                f"{self.endpoint}: the answer is JSON of an unknown shape: {error}", endpoint=self.endpoint
            ) from error

    def _table(self, order: tuple[str, ...], rows: Sequence[Row]) -> pa.Table:
        """Convert rows, their values in `order`."""
        if not rows:
            return self.schema.empty_table()
        values = dict(zip(order, zip(*rows, strict=True), strict=True))
        try:
            arrays = to_arrays(self.schema, values, loose=self._loose, zone=self.zone)
        except UnfitColumnError as error:
            names = [f"{name} {_plain(values[name][error.place])}" for name in self.key if name in values]
            where = " and ".join(names) or f"number {error.place + 1} on the page"
            raise ValueRangeError(
                f"{self.endpoint}: {error.name} of the row with {where}: {error}. "
                "Nothing of this page was kept; correct the row in Exact Online and load again.",
                endpoint=self.endpoint,
            ) from error
        return pa.Table.from_arrays(arrays, schema=self.schema)

    def _shape(self, order: tuple[str, ...], loose: frozenset[str]) -> Shape:
        return shape_of(tuple((name, None if name in loose else self._kinds[name]) for name in order))


def _plain(value: Any) -> str:
    text = bytes(value).decode(errors="replace") if isinstance(value, msgspec.Raw) else str(value)
    return shorten(text.strip('" '))
