"""What a run asks of a table's streams, what of it Exact is to be asked for, and how each ends.

Values and decisions only; who carries them out stands in `replicate`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from exact_assets.errors import DayQuotaError, ExactAssetsError
from exact_assets.exact.limits import Quota
from exact_assets.feeds import ReadRequest
from exact_assets.planning.shares import is_unfinished
from exact_assets.stream import Changes, StreamState


class Mode(StrEnum):
    """What a materialisation asks for."""

    AUTO = "auto"
    """Load what is new, catch up on what is there; a backfill reloads what is there."""
    RELOAD = "reload"
    """Ask for the partitions' rows again and replace them."""
    SWEEP = "sweep"
    """Catch up, then ask for all keys and take away the rows that Exact no longer has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked of one stream."""

    start_year: int
    years: tuple[int, ...] = ()
    """Partitions that should be up to date afterwards; empty for undated tables."""
    mode: Mode = Mode.AUTO
    reload_id: str | None = None
    """The backfill (or the run, for an explicit reload) that asks: it asks Exact once, however often it comes."""
    generation: str | None = None
    """What the stream's Timestamps and IDs rest on, as `generations` names it; None: not known."""
    is_scheduled: bool = False
    """A schedule asks: a sweep is made where the deletion log does not do, or has not for long."""
    confirm: bool = False
    """A person said that rows which Exact's answers lack may go, however many they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one stream."""

    division: int
    changes: Changes = field(default_factory=Changes)
    calls: int = 0
    seconds: float = 0.0
    state: StreamState = field(default_factory=StreamState)
    row_counts: Mapping[int | None, int] = field(default_factory=dict)
    """By `_year`."""
    table_rows: int | None = None
    """Of the table, in all divisions; None: not counted."""
    quota: Quota | None = None
    elsewhere: Mapping[str, Changes] = field(default_factory=dict)
    """What changed in other tables, by name: what the deletion log names, and lines whose header is gone."""
    warnings: tuple[str, ...] = ()
    """What somebody should know of it, though it is up to date."""
    error: ExactAssetsError | None = None
    """Why it is not up to date; what was read before is stored all the same."""
    before: StreamState = field(default_factory=StreamState)
    """The state that was found."""

    @property
    def waits_until(self) -> datetime | None:
        """When the day's calls are back, where it is for lack of them that it is not up to date."""
        return self.error.resets_at if isinstance(self.error, DayQuotaError) else None


def read_request_of(state: StreamState, request: Request) -> ReadRequest | None:
    """Decide what to ask Exact for; None: this backfill has already brought all of it.

    A stream that is new is loaded. One that is there is caught up with, or, when a reload or a backfill asks for
    partitions that are already there, asked for again.
    """
    to_read = ReadRequest(
        start_year=request.start_year, years=request.years, reload=False, reload_id=request.reload_id
    )
    if not state.is_loaded or state.chain is not None:
        return to_read
    if request.mode is not Mode.RELOAD and (request.reload_id is None or not _is_there(state, request.years)):
        return to_read
    if request.reload_id is None or state.reload_id != request.reload_id:
        return replace(to_read, reload=True)
    if not state.reload_years:
        return None
    missing = tuple(year for year in request.years if year not in state.reload_years)
    return replace(to_read, reload=True, years=missing) if missing else None


def is_load(state: StreamState, to_read: ReadRequest) -> bool:
    """Return whether more is asked for than what changed: rows that are new or to be replaced, or a cut chain."""
    is_complete = not state.years or set(to_read.years) <= set(state.years)
    return is_unfinished(state) or to_read.reload or not is_complete


def _is_there(state: StreamState, years: tuple[int, ...]) -> bool:
    """Return whether any of the years was loaded; a stream that is not loaded by year has them all."""
    return not state.years or any(year in state.years for year in years)
