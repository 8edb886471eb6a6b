"""How a plan looks to a person: a line per division, or a line per table of one. Only text is made here."""

from collections.abc import Iterator, Sequence

from exact_assets.planning.forecast import DivisionForecast, TableForecast

MOST_ADVISED = 5
"""Pieces of advice that are written out; the same for several divisions is one."""
MOST_LISTED = 8


def summary(found: Sequence[DivisionForecast]) -> list[dict[str, str]]:
    """Return a row per division."""
    return [
        {
            "division": str(one.division),
            "name": one.name or "",
            "calls_there_are": f"{one.day_limit:,}{' ?' if one.is_limit_assumed else ''}",
            "used_today": "?" if one.used_today is None else f"{one.used_today:,}",
            "calls_a_day": f"{one.calls_a_day:,}{'+' if one.unknown_updates else ''}",
            "fits": "yes" if one.fits else "NO",
            "tables_loaded": f"{sum(table.state == 'loaded' for table in one.tables)} of {len(one.tables)}",
            "load_calls": _load(one),
            "loaded_by": _by(one),
        }
        for one in found
    ]


def table_rows(one: DivisionForecast) -> list[dict[str, str]]:
    """Return a row per table of a division, the dearest first."""
    return [
        {
            "table": table.table,
            "feed": table.feed,
            "every": table.frequency,
            "calls_a_day": _daily(table),
            "rows": "?" if table.rows is None else f"{table.rows:,}",
            "state": table.state,
            "load_calls": "?" if table.load_calls is None else f"{table.load_calls:,}",
        }
        for table in one.tables
    ]


def notes(found: Sequence[DivisionForecast]) -> Iterator[str]:
    """Yield the lines below: what to change, and what the signs mean."""
    advised: dict[tuple[str, ...], list[int]] = {}
    for one in found:
        if one.advice:
            advised.setdefault(one.advice, []).append(one.division)
    for lines, divisions in list(advised.items())[:MOST_ADVISED]:
        yield f"{_listed(divisions)}:"
        yield from (f"  {line}" for line in lines)
    if len(advised) > MOST_ADVISED:
        rest = [division for divisions in list(advised.values())[MOST_ADVISED:] for division in divisions]
        yield f"There is advice for {_listed(rest)} too: `exact-assets plan --division N` or `--json`."
    if any(one.is_limit_assumed for one in found):
        yield (
            "?: Exact has not told the calls of a day yet, as nothing was asked there. Taken is what it publishes: "
            "5,000 a day, 60 a minute."
        )
    if any(one.unknown_updates or one.unknown_loads for one in found):
        yield "+: at least; some sizes are unknown."
    if found:
        reserves = sorted({one.reserve for one in found})
        kept = f"{reserves[0]:,}" if len(reserves) == 1 else f"{reserves[0]:,} to {reserves[-1]:,}"
        yield f"Of a day's calls schedules leave {kept} to runs that people ask for."


def _listed(divisions: Sequence[int]) -> str:
    named = ", ".join(map(str, divisions[:MOST_LISTED]))
    more = len(divisions) - MOST_LISTED
    return f"{named} and {more} more" if more > 0 else named


def _load(one: DivisionForecast) -> str:
    if one.unknown_loads and not one.load_calls:
        return "?"
    return f"{one.load_calls:,}{'+' if one.unknown_loads else ''}"


def _by(one: DivisionForecast) -> str:
    if one.loaded_by is None:
        return "?" if one.unknown_loads else "done"
    return f"{one.loaded_by:%Y-%m-%d %H:%M} UTC{'+' if one.unknown_loads else ''}"


def _daily(table: TableForecast) -> str:
    calls = round(table.calls_a_day, 1)
    text = f"{calls:,.0f}" if calls == int(calls) else f"{calls:,.1f}"
    return f"{text}{'+' if table.is_update_unknown else ''}"
