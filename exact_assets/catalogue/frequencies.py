"""How often tables are due: what `EXACT_FREQUENCIES` says, put into the tables. What a term means, `select` says.

Only frequencies that come round evenly are taken: those that a cron keeps without a short period at its end.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from exact_assets.catalogue.select import matching, select, with_deletion_log
from exact_assets.catalogue.table import Table
from exact_assets.errors import SettingsError

SETTING = "EXACT_FREQUENCIES"
HOUR, DAY, WEEK = 60, 1440, 10080
UNITS: Mapping[str, int] = {"m": 1, "h": HOUR, "d": DAY, "w": WEEK}
ON_TRIAL = (1, 2)
"""Minutes, for trials with a simulator: at Exact they use a table up to 1,440 calls a day."""
MINUTES = (
    *ON_TRIAL,
    *(minutes for minutes in range(5, HOUR) if HOUR % minutes == 0),
    *(hours * HOUR for hours in range(1, 24) if 24 % hours == 0),
    DAY,
    WEEK,
)
"""The frequencies there are, in order."""
_UNIT_WORDS = {
    **UNITS,
    **dict.fromkeys(("min", "mins", "minute", "minutes"), 1),
    **dict.fromkeys(("hr", "hrs", "hour", "hours"), HOUR),
    **dict.fromkeys(("day", "days", "daily"), DAY),
    **dict.fromkeys(("wk", "week", "weeks", "weekly"), WEEK),
}
"""What people write for units; only the letters are taken, the others say which letter was meant."""


def chosen_tables(spec: str | None, frequencies: str | None) -> tuple[Table, ...]:
    """Return the tables that are kept, with their frequencies: those of `EXACT_TABLES`, and the deletion log.

    Raises:
        SettingsError: one of the two names no table, or no frequency.
    """
    return with_frequencies(with_deletion_log(select(spec)), frequencies)


def with_frequencies(chosen: Iterable[Table], spec: str | None) -> tuple[Table, ...]:
    """Return tables with the frequencies that a spec sets; later pairs win, and what it leaves out stays as it is.

    Args:
        chosen: tables.
        spec: `crm/*=1d,transaction_lines=15m`, terms as in `EXACT_TABLES`; or the path of a `.toml` file in which
            each line is such a pair (`"crm/*" = "1d"`). None or empty: nothing is set.

    Raises:
        SettingsError: a pair names no table, or no frequency; the message has the nearest right one.
    """
    minutes: dict[str, int] = {}
    for term, frequency in _pairs((spec or "").strip()):
        due = parse(frequency, term=term)
        minutes |= dict.fromkeys(matching(term.lower(), setting=SETTING), due)
    return tuple(
        replace(table, frequency_minutes=minutes.get(table.name, table.frequency_minutes)) for table in chosen
    )


def parse(frequency: str, *, term: str) -> int:
    """Read `15m`, `6h`, `1d` or `1w` as minutes.

    Raises:
        SettingsError: it is none of the frequencies there are; the message has the nearest.
    """
    found = re.fullmatch(r"(\d{1,6})\s*([a-z]*)", frequency.strip().lower())
    minutes = int(found[1]) * UNITS.get(found[2], 0) if found else 0
    if minutes not in MINUTES:
        raise SettingsError(f"{SETTING}: {term}={frequency}: {_why_not(frequency)}")
    return minutes


def label(minutes: int) -> str:
    """Write minutes as users write a frequency: `15m`, `6h`, `1d`, `1w`."""
    unit = next(unit for unit in ("w", "d", "h", "m") if minutes % UNITS[unit] == 0)
    return f"{minutes // UNITS[unit]}{unit}"


def _pairs(spec: str) -> Iterator[tuple[str, str]]:
    if spec.lower().endswith(".toml") and "=" not in spec:
        yield from _read(Path(spec).expanduser())
        return
    for pair in filter(None, (part.strip() for part in spec.split(","))):
        term, is_pair, frequency = (part.strip() for part in pair.partition("="))
        if not (term and is_pair and frequency):
            raise SettingsError(f"{SETTING}: expected pairs such as crm_accounts=1h, not {pair!r}.")
        yield term, frequency


def _read(path: Path) -> Iterator[tuple[str, str]]:
    try:
        pairs = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{SETTING}: {path} cannot be read: {error}.") from error
    for term, frequency in pairs.items():
        if not isinstance(frequency, str):
            raise SettingsError(f'{SETTING}: {path}: expected lines such as "crm/*" = "1d", not {term!r}.')
        yield term.strip(), frequency


def _why_not(frequency: str) -> str:
    """Describe what is wrong with a frequency, and the nearest that there is."""
    number, unit = re.fullmatch(r"\s*([\d.]*)\s*(.*?)\s*", frequency.lower(), re.DOTALL).groups()  # type: ignore[union-attr]  # both parts may be empty: it always matches
    known = "5m to 30m and 1h to 12h that divide an hour or a day evenly, 1d and 1w"
    near = get_close_matches(unit, _UNIT_WORDS, n=1, cutoff=0.5) if unit else []
    if not near or not re.fullmatch(r"\d{0,6}(\.\d*)?", number):
        fitting = [
            f"{number}{unit}" for unit in UNITS if number.isdecimal() and int(number) * UNITS[unit] in MINUTES
        ]
        examples = " or ".join(fitting or ["15m", "6h", "1d"])
        return f"expected a number and its unit ({', '.join(UNITS)}), such as {examples}."
    minutes = float(number if number.strip(".") else 1) * _UNIT_WORDS[near[0]]
    nearest = min((one for one in MINUTES if one not in ON_TRIAL), key=lambda one: abs(one - minutes))
    return f"there are {known}. Did you mean {label(nearest)!r}?"
