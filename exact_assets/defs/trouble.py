"""A warehouse or control store that cannot be used: calm for the first minutes, then ticks fail until it can.

A query of somebody's holds the file for a moment, which is no alarm. Since when it lasts is kept in the sensor's
own cursor, which is Dagster's: neither of the two stores is needed to remember it.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import dagster as dg

from exact_assets.errors import ControlError, SelectionError, WarehouseError

LASTS_AFTER = timedelta(minutes=3)
UNUSABLE = (WarehouseError, ControlError, OSError)
"""What is raised where a store cannot be used."""
_MARK = "!trouble since "
_END = "! "


class StoreUnusableError(Exception):
    """A store could not be used for longer than a query would hold it. Raised to fail a tick."""


def cursor_of(context: dg.SensorEvaluationContext) -> str | None:
    """Return the sensor's own cursor, without what is kept here."""
    return _split(context.cursor)[1]


def since_of(context: dg.SensorEvaluationContext) -> datetime | None:
    """Return since when a store cannot be used; None: the last tick could."""
    return _split(context.cursor)[0]


def marked(cursor: str | None, since: datetime) -> str:
    """Return a cursor that remembers since when a store cannot be used."""
    return f"{_MARK}{since.isoformat()}{_END}{cursor or ''}"


def is_lasting(since: datetime, now: datetime) -> bool:
    """Whether it has lasted too long for a query of somebody's."""
    # A clock that was set back must not make it calm for longer.
    return abs(now - since) >= LASTS_AFTER


def sentence(error: Exception | str, since: datetime | None) -> str:
    """Describe what cannot be used, and since when; None: it was seen just now."""
    moment = f"since {since:%Y-%m-%d %H:%M} UTC " if since else ""
    words = (
        f"{moment}the division selection cannot be followed: {error}"
        if isinstance(error, SelectionError)
        else f"{moment}nothing can be read or written here: {error}"
    )
    return words[0].upper() + words[1:]


def skip_or_fail(context: dg.SensorEvaluationContext, error: Exception) -> dg.SkipReason:
    """Skip the tick that met an error, and remember it.

    Raises:
        StoreUnusableError: it has lasted for minutes.
    """
    now = datetime.now(UTC)
    since, cursor = _split(context.cursor)
    since = since or now
    if is_lasting(since, now):
        raise StoreUnusableError(sentence(error, since)) from error
    context.update_cursor(marked(cursor, since))
    # Nothing is forgotten: the next tick finds all as it is now, and does what this one could not.
    return dg.SkipReason(f"Not this time, and nothing changes: {error}")


def over(context: dg.SensorEvaluationContext, skip: dg.SkipReason) -> dg.SkipReason:
    """Note that the stores can be used, in a tick that asks for nothing else."""
    since, cursor = _split(context.cursor)
    if since is not None:
        context.update_cursor(cursor or "")
    return skip


def patient(
    context: dg.SensorEvaluationContext, work: Callable[[], dg.SensorResult | dg.SkipReason]
) -> dg.SensorResult | dg.SkipReason:
    """Do the work of a tick; skip where a store cannot be used, and fail where that lasts.

    A tick that ends well forgets the trouble: a result brings its own cursor, and a skipped tick gets it back here.
    """
    try:
        done = work()
    except UNUSABLE as error:
        return skip_or_fail(context, error)
    return done if isinstance(done, dg.SensorResult) else over(context, done)


def _split(cursor: str | None) -> tuple[datetime | None, str | None]:
    if not cursor or not cursor.startswith(_MARK):
        return None, cursor
    moment, _, rest = cursor.removeprefix(_MARK).partition(_END)
    try:
        return datetime.fromisoformat(moment), rest or None
    except ValueError:
        return None, None
