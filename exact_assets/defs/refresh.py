"""The sensor that keeps the division selection in step with the divisions that Exact lists."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
import msgspec

from exact_assets.control.open import Control
from exact_assets.defs.location import CodeLocation
from exact_assets.defs.partitions import DIVISIONS
from exact_assets.defs.selection import numbers
from exact_assets.defs.trouble import cursor_of, patient
from exact_assets.errors import (
    ControlError,
    ExactAssetsError,
    NotConnectedError,
    ReconnectError,
    SelectionError,
    SettingsError,
    WarehouseError,
)
from exact_assets.selection.discovery import discover_divisions
from exact_assets.warehouse.protocol import Warehouse

REFRESH_SECONDS = 60
REFRESH_EVERY = timedelta(hours=6)
RETRY_AFTER = timedelta(hours=1)
"""Exact blocks an app that repeats what it refuses."""
ASK_TIMEOUT_SECONDS = 45
"""Dagster gives a sensor a minute."""


def refresh_sensor(location: CodeLocation) -> dg.SensorDefinition:
    """Make the sensor that keeps the selection in step with Exact's list."""

    @dg.sensor(
        name="exact_divisions_refresh",
        minimum_interval_seconds=REFRESH_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks Exact every 6 hours which divisions there are; new ones come in, not enabled.",
    )
    def exact_divisions_refresh(
        context: dg.SensorEvaluationContext,
    ) -> dg.SensorResult | dg.SkipReason:
        def work() -> dg.SkipReason:
            return _look(context, location)

        return patient(context, work)

    return exact_divisions_refresh


def _look(context: dg.SensorEvaluationContext, location: CodeLocation) -> dg.SkipReason:
    warehouse = location.warehouse_briefly()
    now = datetime.now(UTC)
    plan = _plan(cursor_of(context), now)
    partitions = numbers(context.instance.get_dynamic_partitions(str(DIVISIONS.name)))
    try:
        is_missing = not warehouse.list_divisions()
        # Due later than it can have been meant to be: our clock was set back since.
        is_early = now < plan.due <= now + REFRESH_EVERY
        if is_early and (plan.is_retry or not is_missing):
            return dg.SkipReason(f"Asks again at {plan.due:%Y-%m-%d %H:%M} UTC.")
        added = asyncio.run(_ask(location.control(), warehouse, partitions))
    except (NotConnectedError, ReconnectError, SettingsError) as error:
        # None of these costs a call: the next tick may try again.
        return dg.SkipReason(str(error))
    except SelectionError as error:
        context.update_cursor(_next(now + RETRY_AFTER, is_retry=True))
        return dg.SkipReason(str(error))
    except (ControlError, WarehouseError):
        # These cost none either, and are not to last.
        raise
    except (ExactAssetsError, TimeoutError) as error:
        context.update_cursor(_next(now + RETRY_AFTER, is_retry=True))
        return dg.SkipReason(f"Exact does not list the divisions; asks again in an hour: {error!r}")
    if not warehouse.list_divisions():
        # A connection that may see no division at all: it is not asked again with every tick.
        context.update_cursor(_next(now + RETRY_AFTER, is_retry=True))
        return dg.SkipReason("Exact lists no division for this connection; asks again in an hour.")
    context.update_cursor(_next(now + REFRESH_EVERY, is_retry=False))
    return dg.SkipReason(f"New divisions: {', '.join(map(str, added)) or 'none'}.")


class _Next(msgspec.Struct, frozen=True, kw_only=True):
    """When to ask again."""

    due: datetime
    is_retry: bool = False
    """Exact refused, or the table cannot be read all the same: it is not asked sooner."""


def _plan(cursor: str | None, now: datetime) -> _Next:
    """Read when to ask again; now, where nothing can be read."""
    try:
        return msgspec.json.decode(cursor or "", type=_Next)
    except msgspec.DecodeError:
        return _Next(due=now)


def _next(due: datetime, *, is_retry: bool) -> str:
    return msgspec.json.encode(_Next(due=due, is_retry=is_retry)).decode()


async def _ask(control: Control, warehouse: Warehouse, partitions: Collection[int]) -> Sequence[int]:
    async with asyncio.timeout(ASK_TIMEOUT_SECONDS):
        return await discover_divisions(control, warehouse, partitions=partitions)
