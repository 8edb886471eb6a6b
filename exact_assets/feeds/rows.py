"""From a page's properties to the rows of a step: names, division and year. Whole columns, no loops over rows."""

from collections.abc import Collection, Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from exact_assets.catalogue.table import Column, Table, YearKind
from exact_assets.exact.vectorized import GUID_FIELD
from exact_assets.feeds.wall_clock import new_year_shift

EARLIEST, LATEST = -32768, 32767
"""The bounds of `_year`, a 16-bit integer."""


def page_schema(columns: Iterable[Column]) -> pa.Schema:
    """Return the schema in which a page is decoded: Exact's names."""
    return pa.schema([_page_field(column) for column in columns])


def select_list(columns: Iterable[Column]) -> str:
    """Name every property for `$select`; never `*`, which wide endpoints refuse."""
    return ",".join(column.property for column in columns)


def as_rows(
    answers: Sequence[pa.Table],
    table: Table,
    *,
    division: int,
    zone: str,
    start_year: int,
    years: pa.ChunkedArray | None = None,
) -> pa.Table:
    """Turn answers (Exact's names) into rows as in `Table.arrow_schema`.

    `years` gives the years of the rows (null: unknown) where they have no columns that tell; `start_year` is the
    year of rows that nothing tells the year of.
    """
    answer = _joined(answers, page_schema(table.columns))
    columns = {column.name: answer.column(column.property) for column in table.columns}
    columns["division"] = _constant(division, pa.int32(), len(answer))
    if table.year_kind is YearKind.NONE:
        columns["_year"] = _constant(None, pa.int16(), len(answer))
    else:
        found = years if years is not None else years_of(answer, _properties(table, table.year), zone=zone)
        columns["_year"] = pc.fill_null(found, pa.scalar(start_year, pa.int16()))
    schema = table.arrow_schema
    return pa.table([columns[name] for name in schema.names], schema=schema)


def years_of(answer: pa.Table, properties: Sequence[str], *, zone: str) -> pa.ChunkedArray:
    """Return each row's year by the first property that is not null: a year, a date, or an instant at the site."""
    if not properties:
        return pa.chunked_array([pa.nulls(len(answer), pa.int16())])
    return pc.coalesce(*(_year_of(answer.column(name), zone=zone) for name in properties))


def between(rows: pa.Table, first: int, last: int) -> pa.Table:
    """Keep rows of years from first to last, inclusive; undated rows stay."""
    year = rows.column("_year")
    if year.null_count == len(rows):
        return rows
    fits = pc.and_(pc.greater_equal(year, first), pc.less_equal(year, last))
    return rows if pc.all(fits).as_py() else rows.filter(fits)


def gone_before(rows: pa.Table, table: Table, first: int) -> pa.Table | None:
    """Return keys and versions of rows of years before one, as in `Step.gone`; None: there are none."""
    year = rows.column("_year")
    if table.version is None or not table.key or year.null_count == len(rows):
        return None
    found = rows.filter(pc.less(year, first))
    return found.select([*table.key, table.version]) if len(found) else None


def column_names(table: Table, properties: Collection[str]) -> frozenset[str]:
    """Return the names of the columns that hold properties."""
    return frozenset(column.name for column in table.columns if column.property in properties)


def first_year_kept(table: Table, start_year: int) -> int:
    """Return the year before which rows are left out: business years only, master data is kept however old."""
    return start_year if table.year_kind is YearKind.BUSINESS else EARLIEST


def empty(table: Table) -> pa.Table:
    """Return no rows."""
    return table.arrow_schema.empty_table()


def _page_field(column: Column) -> pa.Field:
    is_guid = column.edm_type == "Edm.Guid"
    return pa.field(column.property, column.type, metadata=GUID_FIELD if is_guid else None)


def _joined(answers: Sequence[pa.Table], schema: pa.Schema) -> pa.Table:
    return pa.concat_tables(answers) if answers else schema.empty_table()


def _properties(table: Table, names: Sequence[str]) -> tuple[str, ...]:
    by_name = {column.name: column.property for column in table.columns}
    return tuple(by_name[name] for name in names)


def _year_of(column: pa.ChunkedArray, *, zone: str) -> pa.ChunkedArray:
    if pa.types.is_integer(column.type):
        wide = column.cast(pa.int64())
        fits = pc.and_(pc.greater_equal(wide, EARLIEST), pc.less_equal(wide, LATEST))
        return pc.if_else(fits, wide, None).cast(pa.int16())
    if column.type.tz is not None:
        column = pc.add(column.cast(pa.timestamp("us")), pa.scalar(new_year_shift(zone), pa.duration("us")))
    return pc.year(column).cast(pa.int16())


def _constant(value: int | None, kind: pa.DataType, length: int) -> pa.ChunkedArray:
    array = pa.nulls(length, kind) if value is None else pa.repeat(pa.scalar(value, kind), length)
    return pa.chunked_array([array])
