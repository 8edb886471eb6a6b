"""SQL text for made-up but repeatable values: draws, GUIDs, dates, amounts. Knows nothing of Exact's entities.

Every expression reads the columns of the generator's `row`: `n` (row number in its table and division, from 1), `h`
(31 random-looking bits), `c` (Created, ms), `m` (Modified, ms), `y` (year of `c`), and the bound parameters that
`exact_simulator.books.generate` lists. Pure SQL, so that millions of rows never become Python objects.
"""

import zlib
from datetime import UTC, date, datetime, timedelta

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
YEAR_MS = 365 * DAY_MS


def mixer(text: str) -> int:
    """Return an odd multiplier below 2^30, the same for the same text."""
    return (zlib.crc32(text.encode()) & 0x3FFFFFFF) | 0x10000001


def draw(text: str, modulus: int | str, *, source: str = "h") -> str:
    """SQL for a number from 0 to `modulus` - 1, independent of draws with another text.

    `source` is below 2^31 and the multiplier below 2^30: SQLite turns a larger product into a float.
    """
    return f"((({source}*{mixer(text)})>>21)%{modulus})"


def quoted(text: str) -> str:
    """SQL literal of a string."""
    return "'" + text.replace("'", "''") + "'"


def guid(table: int, *, number: str = "n") -> str:
    """SQL for a GUID that no other table, division or row number has, in no order that would follow any of them."""
    group = (table * 40503) & 0xFFFF
    first = f"({number}*2654435761+:seed*7919)&4294967295"
    last = f"({number}*137438953481+:seed*104729)&281474976710655"
    return f"printf('%08x-{group:04x}-4%s-%s-%012x',{first},:g3,:g4,{last})"


def day(expression: str = "c") -> str:
    """SQL for midnight of the day of an instant in ms."""
    return f"({expression}-{expression}%{DAY_MS})"


def ms(moment: datetime | date) -> int:
    """Milliseconds of a wall clock time, written as if it were UTC."""
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    return round(moment.replace(tzinfo=UTC).timestamp() * 1000)


def year_start(expression: str, first_year: int, last_year: int) -> str:
    """SQL for 1 January, in ms, of a year in the given range; later years count as the one after the last."""
    cases = " ".join(f"WHEN {year} THEN {ms(date(year, 1, 1))}" for year in range(first_year, last_year + 1))
    return f"CASE {expression} {cases} ELSE {ms(date(last_year + 1, 1, 1))} END"


def year_of(expression: str, first_year: int, last_year: int) -> str:
    """SQL for the year of an instant in ms; instants before the first year count as that one."""
    cases = " ".join(
        f"WHEN {expression}<{ms(date(year + 1, 1, 1))} THEN {year}" for year in range(first_year, last_year)
    )
    return f"CASE {cases} ELSE {last_year} END" if cases else str(last_year)


def clock_changes(first_year: int, last_year: int) -> tuple[list[int], list[int]]:
    """Wall clock ms of 02:00 on the last Sundays of March and October: an hour is left out, an hour comes twice."""
    years = range(first_year, last_year + 1)
    return [_last_sunday(year, 3) for year in years], [_last_sunday(year, 10) for year in years]


def _last_sunday(year: int, month: int) -> int:
    last = date(year, month, 31)
    return ms(last - timedelta(days=(last.weekday() + 1) % 7)) + 2 * HOUR_MS


def ms_of_year(year: int) -> int:
    """Milliseconds of 1 January, 00:00."""
    return ms(date(year, 1, 1))
