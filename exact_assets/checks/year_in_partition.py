"""Each row is in the partition of its own year, and none is before the starting year."""

from collections.abc import Collection, Iterable
from datetime import timedelta

import pyarrow as pa

from exact_assets.catalogue.table import Column, Feed, Table, YearKind
from exact_assets.checks.check import RowCheck, Search
from exact_assets.checks.headers import LineHeader
from exact_assets.checks.sql import key_columns, values
from exact_assets.checks.subject import Subject
from exact_assets.feeds.wall_clock import new_year_shift
from exact_assets.warehouse.sql.names import DIVISION, YEAR, quoted


def _is_offered(table: Table, *, kept: Collection[Table]) -> bool:  # noqa: ARG001 - a rule gets both
    return True


def _search(subject: Subject) -> Search:
    is_undated = subject.table.year_kind is YearKind.NONE
    return Search(statement=_dated_rows(subject) if is_undated else _other_years(subject))


def _dated_rows(subject: Subject) -> str:
    table = subject.table
    return f"""
SELECT r.{DIVISION}, TRUE AS is_certain, 'an undated table has no years' AS problem,
    r.{YEAR}{key_columns(table, of="r")}
FROM {subject.live(table)} AS r WHERE r.{YEAR} IS NOT NULL
"""


def _other_years(subject: Subject) -> str:
    """Rows whose `_year` is another than their own columns say, or their header's, or before the first one."""
    table, shift = subject.table, new_year_shift(subject.zone)
    expected, join, is_certain = "NULL", "", "TRUE"
    if table.year:
        expected = _year_told(table, of="r", names=table.year, shift=shift)
    elif (header := _header_read_with_lines(subject)) is not None:
        # The header may have been read after its lines, and its year may have changed in between.
        join = f"LEFT JOIN {subject.live(header.table)} AS h ON h.{DIVISION} = r.{DIVISION} "
        join += f"AND h.{quoted(header.key)} = r.{quoted(header.foreign_key)}"
        expected = _year_told(header.table, of="h", names=header.table.year, shift=shift)
        is_certain = f"r.{YEAR} IS NULL OR coalesce(r.{YEAR} < f.first_year, FALSE)"
    return f"""
SELECT r.{DIVISION}, {is_certain} AS is_certain,
    CASE WHEN r.{YEAR} IS NULL THEN 'the row has no year'
        WHEN r.{YEAR} < f.first_year THEN 'before the starting year'
        ELSE 'in the partition of another year' END AS problem,
    r.{YEAR}, {expected} AS year_of_row{key_columns(table, of="r")}
FROM {subject.live(table)} AS r
LEFT JOIN {values(("division", "first_year"), subject.first_years.items())} AS f ON f.division = r.{DIVISION}
{join}
WHERE r.{YEAR} IS NULL OR r.{YEAR} <> {expected} OR r.{YEAR} < f.first_year
"""


def _header_read_with_lines(subject: Subject) -> LineHeader | None:
    return subject.header if subject.table.feed is Feed.PARENT and subject.header_streams else None


def _year_told(table: Table, *, of: str, names: Iterable[str], shift: timedelta) -> str:
    columns = {column.name: column for column in table.columns}
    told = [_year_of(columns[name], of=of, shift=shift) for name in names]
    return f"coalesce({', '.join(told)})" if told else "NULL"


def _year_of(column: Column, *, of: str, shift: timedelta) -> str:
    """Read the year of a column: a year, a wall clock, or an instant at the site."""
    name = f"{of}.{quoted(column.name)}"
    if pa.types.is_integer(column.type):
        # Whatever no year column could hold is no year.
        return f"CASE WHEN {name} BETWEEN -32768 AND 32767 THEN {name} END"
    if column.type.tz is None:
        return f"extract(year FROM {name})"
    seconds = int(shift.total_seconds())
    return f"extract(year FROM ({name} AT TIME ZONE 'UTC') + INTERVAL '{seconds} seconds')"


YEAR_IN_PARTITION = RowCheck(
    name="year_in_partition",
    description="Each row is in the partition of its own year, and none is before the starting year.",
    advice="Reload the division and year that the row is in, and the year it belongs to.",
    is_offered=_is_offered,
    search=_search,
)
