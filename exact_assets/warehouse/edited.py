"""Reads the division selection as people leave it: other column types, texts, nulls, duplicates. Pure functions.

The table is edited by hand, and made anew by hand (`CREATE TABLE ... AS`, a spreadsheet, a restored backup). All
columns with choices come here as text, because every type can be cast to text. Statements are not known here.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from exact_assets.warehouse.divisions import TABLE, DivisionChoice, Selection

WHOLE_NUMBER = re.compile(r"\s*([+-]?\d{1,12})(?:\.0*)?\s*", re.ASCII)
SMALLEST, LARGEST = -(2**31), 2**31 - 1
"""What a division number may be: Exact's are 32 bits."""
TRUTHS: Mapping[str, bool] = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1", "1.0"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0", "0.0", ""), False),
}
SHOWN_EXAMPLES = 3
LONGEST_EXAMPLE = 40
CORRECT = "correct them, or run `exact-assets divisions restore`. Until then no partition is removed"


def selection(rows: Iterable[Sequence[Any]]) -> Selection:
    """Read rows: division, sync_enabled, start_year and sync_now as text, then the columns that are shown.

    A row without a readable choice is left out and named. What is read twice is enabled if either says so: nothing
    that a person chose is lost by it.
    """
    found, problems = [], Problems()
    for row in rows:
        one = choice(row, problems)
        if one is not None:
            found.append(one)
    times = Counter(one.division for one in found)
    twice = frozenset(division for division, count in times.items() if count > 1)
    merged = {one.division: one for one in found if one.division not in twice}
    for one in found:
        if one.division in twice:
            merged[one.division] = _merged(merged.get(one.division), one)
    choices = tuple(merged[division] for division in sorted(merged))
    return Selection(choices=choices, problems=tuple(problems.sentences(twice)), twice=twice)


class Problems:
    """Collects what cannot be read, to name it once."""

    def __init__(self) -> None:
        self.without_number = 0
        self.divisions: list[str] = []
        self.enabled: list[str] = []
        self.years: list[str] = []

    def sentences(self, twice: Iterable[int]) -> Iterable[str]:
        """Return a sentence for each kind."""
        if self.without_number:
            yield f"{TABLE} has {self.without_number} rows whose division is null: {CORRECT}."
        if self.divisions:
            yield f"{TABLE} has {_some(self.divisions)} for a division, which is no division number: {CORRECT}."
        if self.enabled:
            yield f"{TABLE} has {_some(self.enabled)} for sync_enabled or sync_now, not true or false: {CORRECT}."
        if self.years:
            yield f"{TABLE} has {_some(self.years)} for start_year, which is no year: {CORRECT}."
        if listed := [str(division) for division in sorted(twice)]:
            yield f"{TABLE} has more than one row of division {_some(listed)}: {CORRECT}."


def choice(row: Sequence[Any], problems: Problems) -> DivisionChoice | None:
    """Read one row; None: whose choice it is, or what it is, cannot be told."""
    number, enabled, year, now, name, last_sync, status, calls_today, moved_at, hr_linked_at = row
    if number is None:
        problems.without_number += 1
        return None
    division = whole_number(number)
    if division is None:
        problems.divisions.append(number)
        return None
    sync_enabled, sync_now = truth(enabled), truth(now)
    if sync_enabled is None or sync_now is None:
        problems.enabled.append(enabled if sync_enabled is None else now)
        return None
    start_year = None if year is None else whole_number(year)
    if year is not None and start_year is None:
        problems.years.append(year)
        return None
    return DivisionChoice(
        division=division,
        name=name,
        sync_enabled=sync_enabled,
        start_year=start_year,
        sync_now=sync_now,
        last_sync=last_sync and _utc(last_sync),
        status=status,
        calls_today=calls_today,
        moved_at=moved_at,
        hr_linked_at=hr_linked_at,
    )


def whole_number(text: str) -> int | None:
    """Read a number of 32 bits, also one that a column of decimals or text holds; None: it is none."""
    found = WHOLE_NUMBER.fullmatch(text)
    if found is None or not SMALLEST <= int(found[1]) <= LARGEST:
        return None
    return int(found[1])


def truth(text: str | None) -> bool | None:
    """Read true or false, also where they are kept as text or numbers; None: neither."""
    return False if text is None else TRUTHS.get(text.strip().lower())


def _merged(before: DivisionChoice | None, one: DivisionChoice) -> DivisionChoice:
    """Join rows of the same division; no `sync_now`, which could not be taken back in one row."""
    if before is None:
        return replace(one, sync_now=False)
    start_year = before.start_year if before.start_year == one.start_year else None
    return replace(before, sync_enabled=before.sync_enabled or one.sync_enabled, start_year=start_year)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _some(values: Sequence[str]) -> str:
    shown = [value if len(value) <= LONGEST_EXAMPLE else f"{value[:LONGEST_EXAMPLE]}…" for value in values]
    more = f" and {len(values) - SHOWN_EXAMPLES} more" if len(values) > SHOWN_EXAMPLES else ""
    return ", ".join(shown[:SHOWN_EXAMPLES]) + more
