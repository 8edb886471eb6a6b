"""The `$filter` and `$orderby` of a job, and what they rely on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from exact_assets.catalogue.table import Table
from exact_assets.feeds.jobs import Job, Kind, Span
from exact_assets.feeds.wall_clock import literal, reread_from
from exact_assets.stream import StreamState

MODIFIED = "Modified"
UNFILTERED = "no filter"
"""In `StreamState.refused`: an endpoint with mandatory filtering."""
_EVER = datetime(1900, 1, 1)  # noqa: DTZ001 - a wall clock


@dataclass(frozen=True, slots=True, kw_only=True)
class YearProperty:
    """The property that tells a row's year first of all."""

    name: str
    is_number: bool
    """A year; else a date."""

    def is_usable(self, table: Table, refused: tuple[str, ...]) -> bool:
        """Tell whether it can be filtered on."""
        return self.name in table.filterable and self.name not in refused

    def within(self, span: Span) -> str:
        """Write the filter for rows of a span; empty: all rows are.

        Rows without this property are asked for too, and kept or left out by what else tells their year.
        """
        bounds = [
            None if span.is_open_below else f"{self.name} ge {self._first_of(span.first)}",
            None if span.is_open_above else f"{self.name} lt {self._first_of(span.last + 1)}",
        ]
        inside = " and ".join(bound for bound in bounds if bound)
        return f"({inside}) or {self.name} eq null" if inside else ""

    def _first_of(self, year: int) -> str:
        return str(year) if self.is_number else literal(datetime(year, 1, 1))  # noqa: DTZ001 - a wall clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a job is asked for."""

    filters: Mapping[str, str]
    """`$filter` and `$orderby`, where there are."""
    relies_on: str | None
    """What Exact might refuse, as in `StreamState.refused`; None: there is no other way."""

    @property
    def is_unfiltered(self) -> bool:
        """Whether everything is asked for."""
        return not self.filters


def plan(job: Job, table: Table, year: YearProperty | None, state: StreamState, *, zone: str) -> Plan:
    """Choose the filters of a job."""
    if job.kind is Kind.CATCH_UP and MODIFIED not in state.refused:
        return _since(state, zone=zone)
    inside = year.within(job.span) if year is not None and job.span is not None else ""
    if year is not None and inside:
        return Plan(filters={"$filter": inside}, relies_on=year.name)
    by_modified = MODIFIED in table.filterable and MODIFIED not in state.refused
    if UNFILTERED in state.refused and by_modified:
        return Plan(filters={"$filter": f"{MODIFIED} ge {literal(_EVER)}"}, relies_on=None)
    return Plan(filters={}, relies_on=UNFILTERED if by_modified else None)


def _since(state: StreamState, *, zone: str) -> Plan:
    bound = reread_from(datetime.fromisoformat(state.floor or state.cursor or _EVER.isoformat()), zone)
    return Plan(filters={"$filter": f"{MODIFIED} ge {literal(bound)}", "$orderby": MODIFIED}, relies_on=MODIFIED)
