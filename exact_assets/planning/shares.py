"""What catch-ups and loads cost in calls, and which of a day's calls a load may use: arithmetic, without I/O.

Fresh and small goes before old and large. A catch-up takes what it needs; a load takes what today's catch-ups of
the other streams leave, shared with the loads that come after it in the run.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil

from exact_assets.catalogue.exceptions import SMALL
from exact_assets.catalogue.frequencies import DAY, HOUR
from exact_assets.catalogue.table import Feed, Table, YearKind
from exact_assets.exact.limits import Quota, reserve_of
from exact_assets.next_state import columns_to_fill
from exact_assets.stream import StreamState

FLOOR_PERCENT = 10
"""Of what is left of a day's calls: as much is for loads, together and in each run, where catch-ups need it all."""
WHOLE = frozenset({Feed.SNAPSHOT, Feed.FUNCTION})
"""Read whole each time. Their loads are not cut into shares: first pages of one day do not go with last ones of
another."""
NEVER_STORED = StreamState()

States = Mapping[str, StreamState]
"""A division's streams by table name; those never stored are missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What a load may use of a division's calls today."""

    catch_ups: int = 0
    """Calls that other streams' catch-ups need until midnight."""
    loads: int = 1
    """Loads that share what is left, this one included."""
    keeps_reserve: bool = False

    def budget(self, quota: Quota) -> int | None:
        """Return how many calls the load may use now; None: as many as there are.

        At least one as long as any is left, so that no table starves.
        """
        if quota.day.remaining is None:
            return None
        room = quota.day.remaining - (reserve_of(quota.day) if self.keeps_reserve else 0)
        if room <= 0:
            # Nothing is left to share; the refusal says so, and until when.
            return None
        free = max(room - self.catch_ups, ceil(room * FLOOR_PERCENT / 100))
        return ceil(free / self.loads)


def is_unfinished(state: StreamState) -> bool:
    """Whether a stream is not loaded, or something long is under way in it."""
    return not state.is_loaded or state.chain is not None


def unfinished(tables: Iterable[Table], states: Mapping[int, States]) -> Mapping[int, tuple[str, ...]]:
    """Return the names of the tables with work left, for each division that has any."""
    names = [table.name for table in tables]
    left = {
        division: tuple(name for name in names if _has_work(known.get(name, NEVER_STORED)))
        for division, known in states.items()
    }
    return {division: found for division, found in left.items() if found}


def _has_work(state: StreamState) -> bool:
    return is_unfinished(state) or bool(columns_to_fill(state, now=datetime.now(UTC)))


def shares(
    table: Table,
    *,
    run: Collection[Table],
    chosen: Iterable[Table],
    states: Mapping[int, States],
    now: datetime,
    is_reload: bool,
    keeps_reserve: bool,
) -> Mapping[int, Share]:
    """Return the share of one table's load in each division.

    Args:
        table: that is to be loaded now.
        run: the tables of the run; it takes them in the order of `guessed_calls`.
        chosen: all tables that are kept up to date.
        states: the streams of each division.
        now: the server's time, UTC.
        is_reload: whether the run asks for everything again, also where it is there.
        keeps_reserve: whether a part of the day's calls is left to runs that people ask for.
    """
    minutes_left = DAY - now.hour * HOUR - now.minute
    others = [one for one in chosen if one.name != table.name]
    later = {one.name for one in run if one.name != table.name and guessed_calls(one) >= guessed_calls(table)}

    def share(known: States) -> Share:
        loaded = [one for one in others if not is_unfinished(known.get(one.name, NEVER_STORED))]
        catch_ups = sum(
            calls_per_update(one) * max(minutes_left / one.frequency_minutes, one.name in later) for one in loaded
        )
        waiting = sum(is_reload or _has_work(known.get(name, NEVER_STORED)) for name in later)
        return Share(
            catch_ups=ceil(catch_ups),
            loads=1 if table.feed in WHOLE else 1 + waiting,
            keeps_reserve=keeps_reserve,
        )

    return {division: share(known) for division, known in states.items()}


def calls_per_update(
    table: Table, rows: int | None = None, *, changed_rows: float = 0, is_whole: bool = False
) -> int:
    """Return what one update costs, in calls.

    Args:
        table: that is brought up to date.
        rows: that it has, as far as known; None: guessed.
        changed_rows: since the last update, as far as known.
        is_whole: whether it is read whole, though its feed could do better.
    """
    if table.feed in WHOLE or is_whole:
        return guessed_calls(table) if rows is None else load_calls(table, rows)
    return load_calls(table, changed_rows)


def load_calls(table: Table, rows: float) -> int:
    """Return what it costs to read so many rows: the first page always, and for lines at most."""
    return max(1, ceil(rows / table.page_size))


def guessed_calls(table: Table) -> int:
    """Guess what a first load costs before anything is known of the division: enough to put small before large."""
    return load_calls(table, _guessed_rows(table))


def _guessed_rows(table: Table) -> int:
    if table.name in SMALL:
        return 50
    is_fine_grained = any(word in table.entity for word in ("Lines", "Transactions", "Attachments"))
    match table.year_kind:
        case YearKind.BUSINESS:
            return 100_000 if is_fine_grained else 20_000
        case YearKind.CREATED:
            return 50_000 if is_fine_grained else 5_000
    return 1_000
