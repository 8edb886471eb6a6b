"""Checks of what is kept, which ask nobody but the warehouse: one opening for all of a table's checks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from exact_assets.catalogue.checks import Check, is_of_one_division
from exact_assets.catalogue.table import Feed, YearKind
from exact_assets.feeds.wall_clock import new_year_shift
from exact_assets.stream import StreamState
from exact_assets.verify.subject import Subject, unsettled
from exact_assets.verify.verdict import Verdict, never_loaded, of_violations
from exact_assets.warehouse.probes import (
    DoubleKeys,
    ForeignRows,
    HeaderYears,
    LostLines,
    Probe,
    Unbalanced,
    WrongYears,
)

SETTLED = timedelta(hours=1)
"""Lines that changed so long before their headers were read are no news to those."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inspection:
    """A probe, and the divisions that it is not put to, with the reason."""

    probe: Probe
    skipped: Mapping[int, str] = field(default_factory=dict)
    outside: Mapping[int, str] = field(default_factory=dict)
    """Those to which it cannot be put, as they are loaded: no load to come will change that by itself."""


def inspect(subject: Subject, checks: Sequence[Check]) -> list[Verdict]:
    """Look at a table's rows."""
    inspections = [_inspection(check, subject) for check in checks]
    answers = subject.warehouse.find_violations([one.probe for one in inspections]) if checks else []
    return [
        never_loaded(check)
        if found is None or not (subject.streams or found.tallies)
        else of_violations(
            check,
            found,
            checked=len(subject.streams.keys() - one.skipped.keys() - one.outside.keys()),
            skipped=one.skipped,
            outside=one.outside,
        )
        for check, one, found in zip(checks, inspections, answers, strict=True)
    ]


def _inspection(check: Check, subject: Subject) -> _Inspection:
    match check:
        case Check.KEYS_UNIQUE:
            return _Inspection(probe=DoubleKeys(table=subject.table))
        case Check.OWN_DIVISION:
            is_of_one = is_of_one_division(subject.table)
            return _Inspection(probe=ForeignRows(table=subject.table, is_of_one_division=is_of_one))
        case Check.YEAR_IN_PARTITION:
            return _Inspection(probe=_wrong_years(subject))
        case Check.HAS_HEADER:
            return _lost_lines(subject)
        case Check.DEBITS_EQUAL_CREDITS:
            return _Inspection(
                probe=Unbalanced(
                    table=subject.table,
                    first_years=subject.first_years,
                    unsettled=frozenset(subject.unsettled),
                )
            )
        case _:
            raise ValueError(f"{check} asks Exact")


def _wrong_years(subject: Subject) -> WrongYears:
    header = subject.header if subject.table.feed is Feed.PARENT and subject.header_streams else None
    return WrongYears(
        table=subject.table,
        first_years=subject.first_years,
        new_year_shift=new_year_shift(subject.zone),
        header=header.table if header else None,
        header_key=header.key if header else "",
        foreign_key=header.foreign_key if header else "",
    )


def _lost_lines(subject: Subject) -> _Inspection:
    header = subject.header
    if header is None:
        raise ValueError(f"{subject.table.name}: no headers of its lines are kept")
    divisions: dict[int, HeaderYears] = {}
    skipped: dict[int, str] = {}
    outside: dict[int, str] = {}
    for division in subject.streams:
        state, stored_at = subject.header_streams.get(division, (StreamState(), None))
        why = unsettled(state)
        if why is not None or stored_at is None:
            skipped[division] = f"{header.table.name}: {why}"
        elif (years := _header_years(subject, state)) is None:
            outside[division] = f"{header.table.name} is loaded for some years only"
        else:
            after_year, only = years
            divisions[division] = HeaderYears(after_year=after_year, years=only, settled_at=stored_at - SETTLED)
    probe = LostLines(
        table=subject.table,
        header=header.table,
        key=header.key,
        foreign_key=header.foreign_key,
        number=header.number,
        divisions=divisions,
    )
    return _Inspection(probe=probe, skipped=skipped, outside=outside)


def _header_years(subject: Subject, header: StreamState) -> tuple[int | None, tuple[int, ...]] | None:
    """Tell of which lines the headers are kept: those after a year, or of some years; None: that cannot be told."""
    if subject.table.feed is Feed.PARENT:
        # A line is in the year of its header.
        return (header.start_year - 1 if header.start_year is not None else None), header.years
    is_whole = not header.years or (
        header.years == tuple(range(header.years[0], header.years[-1] + 1))
        and header.years[0] <= subject.start_year
        and header.years[-1] >= datetime.now(UTC).year
    )
    if not is_whole:
        return None
    if subject.header is not None and subject.header.table.year_kind is YearKind.BUSINESS:
        # A header may be of an earlier year than its lines, and then be left out.
        return (header.years[0] if header.years else header.start_year), ()
    return None, ()
