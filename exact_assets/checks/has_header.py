"""Each line has its header."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from exact_assets.catalogue.table import Feed, Table, YearKind
from exact_assets.checks.check import RowCheck, Search
from exact_assets.checks.headers import LineHeader, line_header_of
from exact_assets.checks.sql import key_columns, values
from exact_assets.checks.subject import Subject, unsettled
from exact_assets.stream import StreamState
from exact_assets.warehouse.sql.names import DIVISION, LOADED_AT, YEAR, quoted

_SETTLED = timedelta(hours=1)
"""Lines that changed so long before their headers were read are no news to those."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _HeaderYears:
    """Of which lines a division's headers must be there."""

    after_year: int | None
    """Lines of later years, and created in later ones; None: of all."""
    years: tuple[int, ...]
    """Lines of these years only; empty: of all."""
    settled_at: datetime
    """Lines that changed later than this may be newer than what was read of their headers."""


def _is_offered(table: Table, *, kept: Collection[Table]) -> bool:
    header = line_header_of(table)
    return header is not None and header.table.name in {one.name for one in kept}


def _search(subject: Subject) -> Search:
    header = subject.header
    if header is None:
        raise ValueError(f"{subject.table.name}: no headers of its lines are kept")
    divisions: dict[int, _HeaderYears] = {}
    skipped: dict[int, str] = {}
    outside: dict[int, str] = {}
    for division in subject.streams:
        state, stored_at = subject.header_streams.get(division, (StreamState(), None))
        why = unsettled(state)
        if why is not None or stored_at is None:
            skipped[division] = f"{header.table.name}: {why}"
        elif (years := _header_years(subject, header, state)) is None:
            outside[division] = f"{header.table.name} is loaded for some years only"
        else:
            after_year, only = years
            divisions[division] = _HeaderYears(after_year=after_year, years=only, settled_at=stored_at - _SETTLED)
    statement = _lines_without_header(subject, header, divisions)
    return Search(statement=statement, skipped=skipped, outside=outside)


def _header_years(
    subject: Subject, header: LineHeader, state: StreamState
) -> tuple[int | None, tuple[int, ...]] | None:
    """Return of which lines the headers are kept: those after a year, or of some years; None: that is not known."""
    if subject.table.feed is Feed.PARENT:
        # A line is in the year of its header.
        return (state.start_year - 1 if state.start_year is not None else None), state.years
    is_whole = not state.years or (
        state.years == tuple(range(state.years[0], state.years[-1] + 1))
        and state.years[0] <= subject.start_year
        and state.years[-1] >= datetime.now(UTC).year
    )
    if not is_whole:
        return None
    if header.table.year_kind is YearKind.BUSINESS:
        # A header may be of an earlier year than its lines, and then be left out.
        return (state.years[0] if state.years else state.start_year), ()
    return None, ()


def _lines_without_header(subject: Subject, header: LineHeader, divisions: Mapping[int, _HeaderYears]) -> str:
    table, headers = subject.table, subject.live(header.table)
    foreign = f"r.{quoted(header.foreign_key)}"
    after, highest = f"r.{YEAR} > f.after_year", ""
    if header.number is not None:
        # Lines may be dated later than their headers: those count that were created after the year too, and whose
        # number is above those of that year's headers.
        number = quoted(header.number)
        after = f"({after} AND extract(year FROM r.created) > f.after_year AND r.{number} > n.highest)"
        highest = f"""
LEFT JOIN (
    SELECT {DIVISION}, {YEAR}, max({number}) AS highest FROM {headers} AS q GROUP BY {DIVISION}, {YEAR}
) AS n ON n.{DIVISION} = f.division AND n.{YEAR} = f.after_year"""
    return f"""
SELECT r.{DIVISION}, coalesce(r.{LOADED_AT} < f.settled_at, FALSE) AS is_certain,
    {foreign} AS header, r.{YEAR}, r.{LOADED_AT}{key_columns(table, of="r")}
FROM {subject.live(table)} AS r
JOIN {_facts(divisions)} AS f ON f.division = r.{DIVISION} AND (f.year IS NULL OR r.{YEAR} = f.year){highest}
LEFT JOIN {headers} AS h ON h.{DIVISION} = r.{DIVISION} AND h.{quoted(header.key)} = {foreign}
WHERE {foreign} IS NOT NULL AND h.{DIVISION} IS NULL AND (f.after_year IS NULL OR {after})
"""


def _facts(divisions: Mapping[int, _HeaderYears]) -> str:
    rows: Iterable[tuple[object, ...]] = (
        (division, of.after_year, year, of.settled_at)
        for division, of in divisions.items()
        for year in of.years or (None,)
    )
    types = {"settled_at": "TIMESTAMP WITH TIME ZONE"}
    return values(("division", "after_year", "year", "settled_at"), rows, types=types)


HAS_HEADER = RowCheck(
    name="has_header",
    description="Each line has its header.",
    advice="Load the table of the headers, then this one; if the lines are still there, reload it.",
    is_offered=_is_offered,
    search=_search,
)
