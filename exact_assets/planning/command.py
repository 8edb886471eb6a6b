"""What `exact-assets plan` gathers: selection, states, sizes and quota. What follows from them, `forecast` says."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from exact_assets.catalogue import chosen_tables
from exact_assets.catalogue.table import Table
from exact_assets.config import NO_APP, ExactConfig
from exact_assets.control.open import Control
from exact_assets.errors import (
    DayQuotaError,
    ExactError,
    KeyBlockedError,
    NotConnectedError,
    ReconnectError,
    SelectionError,
    SettingsError,
    UnreachableError,
)
from exact_assets.exact.client import ExactClient
from exact_assets.exact.limits import Quota
from exact_assets.planning.forecast import DivisionForecast, forecast
from exact_assets.planning.shares import NEVER_STORED, States, is_unfinished
from exact_assets.selection.kept import NO_LIST, is_gone, kept_choices, problems, require_usable
from exact_assets.selection.status import start_year_of
from exact_assets.warehouse.divisions import DivisionChoice
from exact_assets.warehouse.open import open_configured
from exact_assets.warehouse.protocol import Warehouse

COUNTED_AT_ONCE = 8
NOT_THE_TABLES = (DayQuotaError, KeyBlockedError, NotConnectedError, ReconnectError, UnreachableError)
"""Errors that the next table would meet as well."""


def gather(config: ExactConfig, *, division: int | None, counts: bool) -> tuple[DivisionForecast, ...]:
    """Forecast the enabled divisions, or one that is named, enabled or not.

    Args:
        config: what is chosen.
        division: the one; None: all that are enabled.
        counts: whether to ask Exact how large tables are that are not loaded, a call for each.

    Raises:
        SettingsError: there is no list of divisions, or the named one is not in it.
        ExactError: Exact cannot be asked for counts.
    """
    tables = chosen_tables(config.tables, config.frequencies)
    warehouse = open_configured(config)
    control = Control.open(config) if config.client_id else None
    choices = _chosen(warehouse, control, division)
    numbers = [choice.division for choice in choices]
    states = warehouse.states_of(numbers)
    rows = _rows(warehouse, tables, numbers)
    counted = asyncio.run(_count(control, tables, states)) if counts and control is not None else {}
    if counts and control is None:
        raise SettingsError(NO_APP)
    now = datetime.now(UTC)
    return tuple(
        forecast(
            choice.division,
            tables,
            name=choice.name,
            states=states[choice.division],
            rows=rows[choice.division],
            counts=counted.get(choice.division, {}),
            quota=control.ledger.quota(choice.division).at(now) if control else Quota(),
            start_year=start_year_of(choice, setting=config.start_year, this_year=now.year),
            now=now,
        )
        for choice in choices
    )


def _chosen(warehouse: Warehouse, control: Control | None, division: int | None) -> Sequence[DivisionChoice]:
    selection = warehouse.selection()
    kept = kept_choices(control) if control else ()
    if is_gone(selection, kept):
        raise SelectionError(" ".join(problems(selection, kept)))
    if selection is None:
        raise SettingsError(NO_LIST)
    choices = require_usable(selection)
    if division is None:
        return [choice for choice in choices if choice.sync_enabled]
    found = [choice for choice in choices if choice.division == division]
    if not found:
        raise SettingsError(f"There is no division {division} in the list: see `exact-assets divisions list`.")
    return found


def _rows(warehouse: Warehouse, tables: Sequence[Table], divisions: Sequence[int]) -> Mapping[int, dict[str, int]]:
    rows: dict[int, dict[str, int]] = {division: {} for division in divisions}
    for table in tables:
        for division, years in warehouse.row_counts(table, divisions).items():
            rows[division][table.name] = sum(years.values())
    return rows


async def _count(
    control: Control, tables: Sequence[Table], states: Mapping[int, States]
) -> Mapping[int, Mapping[str, int]]:
    """Ask for the sizes of tables that are not loaded, several divisions at once."""
    turns = asyncio.Semaphore(COUNTED_AT_ONCE)
    counted: dict[int, dict[str, int]] = {division: {} for division in states}

    async with control.client() as client:

        async def count(division: int) -> None:
            left = [one for one in tables if is_unfinished(states[division].get(one.name, NEVER_STORED))]
            async with turns:
                for table in left:
                    size = await _size(client, table, division)
                    if size is not None:
                        counted[division][table.name] = size

        await asyncio.gather(*(count(division) for division in states))
    return counted


async def _size(client: ExactClient, table: Table, division: int) -> int | None:
    """Ask how many rows a table has, or its headers where it is read through them; None: Exact does not say."""
    path, key = table.endpoint, table.columns[0].property
    if table.parent is not None:
        path, key = table.parent.endpoint, table.parent.key
    try:
        return await client.count(division, path, {"$select": key})
    except NOT_THE_TABLES:
        raise
    except ExactError:
        return None
