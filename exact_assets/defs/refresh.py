"""The sensor that keeps the division selection in step with the divisions that Exact lists."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
import msgspec

from exact_assets.control.open import Control
from exact_assets.defs.resources import WarehouseResource
from exact_assets.errors import (
    ControlError,
    ExactAssetsError,
    NotConnectedError,
    ReconnectError,
    SettingsError,
    WarehouseError,
)
from exact_assets.selection.known import take_up_divisions
from exact_assets.settings import Settings
from exact_assets.warehouse.protocol import Warehouse

REFRESH_SECONDS = 60
REFRESH_EVERY = timedelta(hours=6)
RETRY_AFTER = timedelta(hours=1)
"""Exact blocks an app that repeats what it refuses."""
ASK_TIMEOUT_SECONDS = 45
"""Dagster gives a sensor a minute."""
UNREADABLE = "exact.divisions lacks a column that is needed: add it, or drop the table to begin anew."


def refresh_sensor() -> dg.SensorDefinition:
    """Make the sensor that keeps the selection in step with Exact's list."""

    @dg.sensor(
        name="exact_divisions_refresh",
        minimum_interval_seconds=REFRESH_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks Exact every 6 hours which divisions there are; new ones come in, not enabled.",
    )
    def exact_divisions_refresh(context: dg.SensorEvaluationContext, warehouse: WarehouseResource) -> dg.SkipReason:
        opened, now = warehouse.open_briefly(), datetime.now(UTC)
        plan = _plan(context.cursor, now)
        try:
            is_missing = opened.list_divisions() is None
            # Due later than it can have been meant to be: our clock was set back since.
            is_early = now < plan.due <= now + REFRESH_EVERY
            if is_early and (plan.is_retry or not is_missing):
                return dg.SkipReason(f"Asks again at {plan.due:%Y-%m-%d %H:%M} UTC.")
            added = asyncio.run(_ask(Control.open(Settings()), opened))
        except (NotConnectedError, ReconnectError, SettingsError, ControlError, WarehouseError) as error:
            # None of these costs a call: the next tick may try again.
            return dg.SkipReason(str(error))
        except (ExactAssetsError, TimeoutError) as error:
            context.update_cursor(_next(now + RETRY_AFTER, is_retry=True))
            return dg.SkipReason(f"Exact does not list the divisions; asks again in an hour: {error!r}")
        if opened.list_divisions() is None:
            context.update_cursor(_next(now + RETRY_AFTER, is_retry=True))
            return dg.SkipReason(UNREADABLE)
        context.update_cursor(_next(now + REFRESH_EVERY, is_retry=False))
        return dg.SkipReason(f"New divisions: {', '.join(map(str, added)) or 'none'}.")

    return exact_divisions_refresh


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


async def _ask(control: Control, warehouse: Warehouse) -> Sequence[int]:
    async with asyncio.timeout(ASK_TIMEOUT_SECONDS):
        return await take_up_divisions(control, warehouse)
