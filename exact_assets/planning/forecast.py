"""Whether tables, frequencies and sizes fit a division's calls, and what to change: arithmetic, without I/O.

What is not known stays unknown here: sums say that they are at least so much, and why.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from exact_assets.catalogue.deletions import LOG, with_log, without_log
from exact_assets.catalogue.frequencies import DAY, HOUR, MINUTES, WEEK, label
from exact_assets.catalogue.table import Table
from exact_assets.checks.registry import calls_per_division
from exact_assets.deletion_rights import SWEPT_EVERY, has_told
from exact_assets.exact.limits import Quota, reserve_of
from exact_assets.planning.shares import (
    FLOOR_PERCENT,
    NEVER_STORED,
    WHOLE,
    States,
    calls_per_update,
    is_unfinished,
    load_calls,
)
from exact_assets.stream import StreamState

PUBLISHED_DAY_LIMIT = 5_000
PUBLISHED_MINUTE_LIMIT = 60
"""What Exact's page on API limits says; taken only while no answer has said more."""
MOST_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class TableForecast:
    """What a table costs in one division."""

    table: str
    feed: str
    frequency: str
    state: str
    """`loaded`, `under way` or `not loaded`."""
    rows: int | None
    """None: unknown."""
    calls_per_update: int
    """At least, where `is_update_unknown`."""
    calls_a_day: float
    is_update_unknown: bool
    """It is read whole, and how large it is nobody knows yet."""
    load_calls: int | None
    """What its load still needs; 0: it is loaded; None: unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DivisionForecast:
    """What a division's tables cost, against what it has."""

    division: int
    name: str | None
    day_limit: int
    minute_limit: int
    is_limit_assumed: bool
    """No answer has said the limits yet: they are Exact's published ones."""
    used_today: int | None
    reserve: int
    """Of a day's calls, for runs that people ask for."""
    calls_a_day: int
    """Of all catch-ups, and of upkeep: the weekly sweeps of keys and the daily counts of the checks. At least,
    where `unknown_updates` has names."""
    fits: bool
    load_calls: int
    """What loads still need; at least, where `unknown_loads` has names."""
    loaded_by: datetime | None
    """When loads will be done, UTC, going by what is known; None: there are none."""
    unknown_updates: tuple[str, ...]
    unknown_loads: tuple[str, ...]
    advice: tuple[str, ...]
    tables: tuple[TableForecast, ...]


def forecast(
    division: int,
    tables: Iterable[Table],
    *,
    name: str | None,
    states: States,
    rows: Mapping[str, int],
    counts: Mapping[str, int],
    quota: Quota,
    start_year: int,
    now: datetime,
) -> DivisionForecast:
    """Forecast a division.

    Args:
        division: its number.
        tables: that are kept up to date, with their frequencies.
        name: of the division.
        states: its streams.
        rows: that the warehouse has, per table.
        counts: that Exact has just told, per table: rows, or headers of tables that are read through these.
        quota: as last reported, at `now`.
        start_year: the first business year.
        now: UTC.
    """
    days = max((now - now.replace(year=start_year, month=1, day=1)).days, 1)
    costs = {
        table: _cost(
            table, states.get(table.name, NEVER_STORED), rows.get(table.name), counts.get(table.name), days
        )
        for table in tables
    }
    found = tuple(costs.values())
    day_limit = quota.day.limit or PUBLISHED_DAY_LIMIT
    minute_limit = quota.minute.limit or PUBLISHED_MINUTE_LIMIT
    reserve = reserve_of(quota.day) or day_limit // 20
    upkeep = _upkeep(costs, states.get(LOG))
    calls_a_day = ceil(sum(one.calls_a_day for one in found)) + upkeep
    left = sum(one.load_calls or 0 for one in found)
    unknown_loads = tuple(one.table for one in found if one.load_calls is None)
    usable = day_limit - reserve
    used = _used(quota)
    return DivisionForecast(
        division=division,
        name=name,
        day_limit=day_limit,
        minute_limit=minute_limit,
        is_limit_assumed=quota.day.limit is None,
        used_today=used,
        reserve=reserve,
        calls_a_day=calls_a_day,
        fits=calls_a_day <= usable,
        load_calls=left,
        loaded_by=loaded_by(
            left,
            now=now,
            room_today=usable - (used or 0) - ceil(calls_a_day * _rest_of_the_day(now)),
            room_a_day=max(usable - calls_a_day, usable * FLOOR_PERCENT // 100, 1),
            minute_limit=minute_limit,
        ),
        unknown_updates=tuple(one.table for one in found if one.is_update_unknown),
        unknown_loads=unknown_loads,
        advice=tuple(_advice(costs, usable=usable - upkeep, unknown_loads=unknown_loads)),
        tables=tuple(sorted(found, key=lambda one: (-one.calls_a_day, -(one.load_calls or 0), one.table))),
    )


def loaded_by(calls: int, *, now: datetime, room_today: int, room_a_day: int, minute_limit: int) -> datetime | None:
    """Return when so many calls will have been sent: today what fits, then day by day; None: there are none."""
    if calls <= 0:
        return None
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    today = min(max(room_today, 0), int((midnight - now).total_seconds() // 60) * minute_limit)
    if calls <= today:
        return now + timedelta(minutes=calls / minute_limit)
    room_a_day = min(room_a_day, DAY * minute_limit)
    days, rest = divmod(calls - today - 1, room_a_day)
    return midnight + timedelta(days=days, minutes=(rest + 1) / minute_limit)


def slower(costs: Mapping[str, tuple[int, float]], *, usable: int) -> Mapping[str, int] | None:
    """Find frequencies that fit: again and again those that cost most a day, alike, come one step less often.

    Args:
        costs: frequency in minutes and calls per update, per table.
        usable: calls a day for them.

    Returns:
        The minutes of the tables that change; None: not even once a week fits.
    """
    minutes = {name: frequency for name, (frequency, _) in costs.items()}

    def a_day(name: str) -> float:
        return costs[name][1] * DAY / minutes[name]

    while sum(map(a_day, costs)) > usable:
        can_wait = [name for name in costs if minutes[name] < WEEK]
        if not can_wait:
            return None
        most = max(map(a_day, can_wait))
        for name in can_wait:
            if a_day(name) == most:
                minutes[name] = next(step for step in MINUTES if step > minutes[name] and step >= HOUR)
    return {name: minutes[name] for name in costs if minutes[name] != costs[name][0]}


def _cost(table: Table, state: StreamState, rows: int | None, count: int | None, days: int) -> TableForecast:
    is_whole = table.feed in WHOLE or "Modified" in state.refused
    is_left = is_unfinished(state)
    known = rows if not is_left else count if table.parent is None else None
    # Rows are taken to have come evenly since the starting year.
    updates_a_day = DAY / table.frequency_minutes
    changed = 0 if known is None else known / days / updates_a_day
    is_unknown = is_whole and known is None
    calls = 1 if is_unknown else calls_per_update(table, known, changed_rows=changed, is_whole=is_whole)
    read = state.chain.pages if state.chain is not None else 0
    left = None if count is None else max(load_calls(table, count) - read, 1)
    return TableForecast(
        table=table.name,
        feed=table.feed.value,
        frequency=label(table.frequency_minutes),
        state="under way" if state.chain is not None else "not loaded" if is_left else "loaded",
        rows=known,
        calls_per_update=calls,
        calls_a_day=calls * updates_a_day,
        is_update_unknown=is_unknown,
        load_calls=left if is_left else 0,
    )


def _upkeep(costs: Mapping[Table, TableForecast], log: StreamState | None) -> int:
    """Return the calls a day of what is not an update: keys swept once a week, checks that ask Exact once a day."""
    swept = sum(load_calls(table, costs[table].rows or 0) for table in without_log(costs)) / (WEEK / DAY)
    every = SWEPT_EVERY // timedelta(days=1) if has_told(log) else WEEK / DAY
    swept += sum(load_calls(table, costs[table].rows or 0) for table in with_log(costs)) / every
    return ceil(swept) + calls_per_division(costs)


def _advice(costs: Mapping[Table, TableForecast], *, usable: int, unknown_loads: Sequence[str]) -> Iterator[str]:
    """Yield what to change where it does not fit, and what is not known yet."""
    over = ceil(sum(one.calls_a_day for one in costs.values())) - usable
    if over > 0:
        dearest = sorted(costs.values(), key=lambda one: -one.calls_a_day)[:MOST_NAMED]
        named = ", ".join(f"{one.table} ({ceil(one.calls_a_day):,})" for one in dearest)
        yield f"It costs {over:,} calls a day more than there are. These cost most: {named}."
        changes = slower(
            {table.name: (table.frequency_minutes, one.calls_per_update) for table, one in costs.items()},
            usable=usable,
        )
        if changes is None:
            yield f"Not even once a week fits: leave tables out of EXACT_TABLES, {dearest[0].table} first."
        else:
            before = {table.name: table.frequency_minutes for table in costs}
            yield f'It fits with these added at the end of EXACT_FREQUENCIES: "{_pairs(before, changes)}".'
    for table, one in costs.items():
        if table.feed in WHOLE and (one.load_calls or 0) > usable:
            yield (
                f"{table.name} is read whole and needs {one.load_calls:,} calls, more than a day has: "
                "its load cannot end. Leave it out of EXACT_TABLES."
            )
    if unknown_loads:
        yield f"The sizes of {len(unknown_loads)} tables are unknown: `exact-assets plan --count` asks Exact."


def _pairs(before: Mapping[str, int], changes: Mapping[str, int]) -> str:
    """Write changes as short as they can be: one by one, or as `all` with exceptions."""
    after = {**before, **changes}
    usual = Counter(after.values()).most_common(1)[0][0]
    exceptions = {name: minutes for name, minutes in after.items() if minutes != usual}
    chosen = changes if len(changes) <= len(exceptions) + 1 else {"all": usual, **exceptions}
    return ",".join(f"{name}={label(minutes)}" for name, minutes in chosen.items())


def _used(quota: Quota) -> int | None:
    day = quota.day
    return None if day.limit is None or day.remaining is None else day.limit - day.remaining


def _rest_of_the_day(now: datetime) -> float:
    return 1 - (now.hour * HOUR + now.minute) / DAY
