"""Rows of one schema to an Arrow table, learning from each page what the next will look like. Knows no links."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec
import pyarrow as pa

from exact_assets.errors import AnswerError
from exact_assets.exact.arrays import InexactColumnError, is_as_promised, to_arrays
from exact_assets.exact.coerce import Coerced, shorten
from exact_assets.exact.page import UnfitValue
from exact_assets.exact.shapes import ABSENT, NULL, UNSEEN, Row, Shape, shape_of
from exact_assets.exact.vectorized import Kind, Values, kind_of

Taken = TypeVar("Taken")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRows(Generic[Taken]):
    """What came of some rows."""

    taken: Taken
    """What was made of the answer."""
    table: pa.Table
    order: tuple[str, ...]
    """In which the values of a row stand."""
    kept: Sequence[int] | None = None
    """Which of the rows are in the table, by place; None: all."""
    unfit: tuple[UnfitValue, ...] = ()
    absent: frozenset[str] = frozenset()
    """Properties that came in none of the rows."""


@dataclass(slots=True, kw_only=True)
class RowReader:
    """Reads rows of one schema.

    Args:
        schema: Exact's property names with their Arrow types.
        endpoint: for messages.
        zone: the site's zone, for instants.
        key: properties that name a row in messages.
        kept: properties of which the JSON text is kept, for the caller.
        required: as `Question.required`.
        indispensable: as `Question.indispensable`.
        vital: properties that may be null, but not hold what cannot be read: a row that does is set aside.
    """

    schema: pa.Schema
    endpoint: str
    zone: str
    key: Sequence[str] = ()
    kept: Sequence[str] = ()
    required: Sequence[str] = ()
    indispensable: Sequence[str] = ()
    vital: Sequence[str] = ()
    _kinds: dict[str, Kind | None] = field(init=False)
    _loose: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Note each property's kind, once."""
        self._kinds = {item.name: kind_of(item) for item in self.schema} | dict.fromkeys(self.kept)

    def order(self, seen: Sequence[str]) -> tuple[str, ...]:
        """Return the properties in the order in which they were seen, those unseen last."""
        first = [name for name in seen if name in self._kinds]
        return (*first, *(name for name in self._kinds if name not in first))

    def unknown(self, seen: Sequence[str]) -> frozenset[str]:
        """Return the properties that were seen without being asked for."""
        return frozenset(name for name in seen if name not in self._kinds and not name.startswith("__"))

    def read(
        self, seen: Sequence[str], take: Callable[[Shape], Taken], rows_in: Callable[[Taken], Sequence[Row]]
    ) -> ReadRows[Taken]:
        """Decode what `take` makes with a shape for the properties that were seen, and convert the rows in it.

        Raises:
            msgspec.DecodeError: not JSON.
            AnswerError: JSON of another shape, or a property that cannot be done without came in no row.
        """
        order = self.order(seen)
        unseen = frozenset(order).difference(seen, self.kept)
        while True:
            taken = self._take(order, unseen, take, rows_in)
            try:
                return self._converted(order, unseen, taken, rows_in(taken))
            except InexactColumnError as error:
                self._loose = self._loose.union({error.name})

    def _take(
        self,
        order: tuple[str, ...],
        unseen: frozenset[str],
        take: Callable[[Shape], Taken],
        rows_in: Callable[[Taken], Sequence[Row]],
    ) -> Taken:
        """Decode with the shape for `order`; columns that are not as promised stay JSON text from then on."""
        try:
            return take(self._shape(order, self._loose, unseen))
        except msgspec.ValidationError:
            pass
        try:
            rows = rows_in(take(self._shape(order, frozenset(order), unseen)))
            odd = [
                name
                for name, column in zip(order, zip(*rows, strict=True), strict=False)
                if name not in unseen and not is_as_promised(column, self._kinds[name])
            ]
            self._loose = self._loose.union(odd)
            return take(self._shape(order, self._loose, unseen))
        except msgspec.ValidationError as error:
            raise AnswerError(
                f"{self.endpoint}: the answer is JSON of an unknown shape: {error}", endpoint=self.endpoint
            ) from error

    def _converted(
        self, order: tuple[str, ...], unseen: frozenset[str], taken: Taken, rows: Sequence[Row]
    ) -> ReadRows[Taken]:
        """Convert rows, their values in `order`."""
        if not rows:
            return ReadRows(taken=taken, table=self.schema.empty_table(), order=order)
        values: dict[str, Values] = dict(zip(order, zip(*rows, strict=True), strict=True))
        absent = frozenset(name for name in unseen if all(bytes(value) == ABSENT for value in values[name]))
        self._require(absent)
        for name in unseen:
            values[name] = [NULL if bytes(value) == ABSENT else value for value in values[name]]
        coerced = to_arrays(self.schema, values, loose=self._loose | unseen, zone=self.zone)
        table = pa.Table.from_arrays([coerced[name].array for name in self.schema.names], schema=self.schema)
        lacking = self._lacking(table, coerced)
        unfit = (
            UnfitValue(
                property=name,
                row=self._row_name(place, table if place not in lacking else values),
                value=text,
                is_set_aside=place in lacking,
            )
            for name, place, text in self._told(coerced, lacking, values)
        )
        kept = [place for place in range(len(rows)) if place not in lacking] if lacking else None
        return ReadRows(
            taken=taken,
            table=table if kept is None else table.take(kept),
            order=order,
            kept=kept,
            unfit=tuple(unfit),
            absent=absent,
        )

    def _require(self, absent: frozenset[str]) -> None:
        lacking = [name for name in (*self.required, *self.indispensable) if name in absent]
        if lacking:
            raise AnswerError(
                f"{self.endpoint}: {', '.join(dict.fromkeys(lacking))} was asked for and came in none of the rows. "
                "Without it they cannot be kept as they are, so nothing of this answer was. Look in Exact's "
                "reference whether it was renamed, and for a newer version of exact-assets; else leave the table "
                "out.",
                endpoint=self.endpoint,
            )

    def _lacking(self, table: pa.Table, coerced: Mapping[str, Coerced]) -> frozenset[int]:
        """Return the places of rows that cannot be kept: without what is required, or of an unknown division."""
        found = {place for name in self.vital for place in coerced[name].unfit}
        for name in self.required:
            column = table.column(name)
            if column.null_count:
                found |= {place for place, value in enumerate(column.to_pylist()) if value is None}
        return frozenset(found)

    def _told(
        self, coerced: Mapping[str, Coerced], lacking: frozenset[int], values: Mapping[str, Values]
    ) -> Iterator[tuple[str, int, str]]:
        """Yield what did not fit; of a row that is set aside, why."""
        for name, column in coerced.items():
            is_required = name in self.required or name in self.vital
            for place, text in column.unfit.items():
                if is_required or place not in lacking:
                    yield name, place, text
            if name in self.required and lacking:
                nulls = {place for place in lacking if not column.array[place].is_valid} - column.unfit.keys()
                for place in sorted(nulls):
                    yield name, place, _plain(values[name][place])

    def _row_name(self, place: int, values: pa.Table | Mapping[str, Values]) -> str:
        if isinstance(values, pa.Table):
            return row_name({name: values.column(name)[place].as_py() for name in self.key}) or _numbered(place)
        return row_name({name: _plain(values[name][place]) for name in self.key}) or _numbered(place)

    def _shape(self, order: tuple[str, ...], loose: frozenset[str], unseen: frozenset[str]) -> Shape:
        return shape_of(
            tuple(
                (name, UNSEEN if name in unseen else None if name in loose else self._kinds[name]) for name in order
            )
        )


def row_name(key: Mapping[str, object]) -> str:
    """Name a row by its key; empty: it has none."""
    return ", ".join(f"{name} {value}" for name, value in key.items())


def _numbered(place: int) -> str:
    return f"number {place + 1} on the page"


def _plain(value: Any) -> str:
    text = bytes(value).decode(errors="replace") if isinstance(value, msgspec.Raw) else str(value)
    return shorten(text.strip('" '))
