"""Brings tables up to date in one warehouse file, as a run does, and compares them with the simulator."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from exact_assets.catalogue import select
from exact_assets.catalogue.table import Table
from exact_assets.control.open import Control
from exact_assets.planning.shares import Share
from exact_assets.replicate import replicate
from exact_assets.request import Mode, Outcome, Request
from exact_assets.warehouse.duckdb.engine import DuckDBEngine
from exact_assets.warehouse.open import open_warehouse
from exact_assets.warehouse.patience import Patience
from exact_assets.warehouse.protocol import Warehouse
from exact_assets.warehouse.sql_warehouse import SqlWarehouse
from exact_assets_tests.comparison import compare, opened
from exact_assets_tests.installation import YEARS_BACK, Installation

Outcomes = Mapping[str, Mapping[int, Outcome]]
"""By table name and division."""


def bring(
    place: Installation,
    names: str,
    *,
    file: Path | None = None,
    mode: Mode = Mode.AUTO,
    generations: Mapping[str, str | None] | None = None,
    is_soft: bool = False,
    confirm: bool = False,
) -> Outcomes:
    """Bring tables (chosen as `EXACT_TABLES` does) up to date in all divisions.

    Raises:
        ExactAssetsError: the first error of an outcome.
    """
    outcomes = attempt(
        place, names, file=file, mode=mode, generations=generations, is_soft=is_soft, confirm=confirm
    )
    for ones in outcomes.values():
        for one in ones.values():
            if one.error is not None:
                raise one.error
    return outcomes


def attempt(
    place: Installation,
    names: str,
    *,
    file: Path | None = None,
    mode: Mode = Mode.AUTO,
    generations: Mapping[str, str | None] | None = None,
    is_soft: bool = False,
    confirm: bool = False,
    years: tuple[int, ...] = (),
    start_year: int | None = None,
    now: Callable[[], datetime] | None = None,
    is_scheduled: bool = False,
    share: Share | None = None,
) -> Outcomes:
    """As `bring`, but errors stay in their outcomes.

    Args:
        place: the installation.
        names: of the tables.
        file: the warehouse; None: the installation's.
        mode: what is asked for.
        generations: what the streams rest on.
        is_soft: whether rows that are gone are marked.
        confirm: whether rows may go however many they are.
        years: to have; empty: all.
        start_year: None: the setting's.
        now: the computer's clock, as the warehouse reads it.
        is_scheduled: whether a schedule asks.
        share: what loads may use of a division's calls; None: all.
    """
    return asyncio.run(
        _bring(
            place,
            select(names),
            warehouse=_warehouse(file or place.warehouse, is_soft=is_soft, now=now),
            generations=generations or {},
            request=Request(
                start_year=start_year or place.config.start_year,
                years=years or _years(place),
                mode=mode,
                confirm=confirm,
                is_scheduled=is_scheduled,
            ),
            share=share,
        )
    )


def _warehouse(file: Path, *, is_soft: bool, now: Callable[[], datetime] | None) -> Warehouse:
    if now is None:
        return open_warehouse(f"duckdb:///{file}", is_soft=is_soft)
    return SqlWarehouse(DuckDBEngine(file, patience=Patience(60)), is_soft=is_soft, now=now)


def _years(place: Installation) -> tuple[int, ...]:
    first = place.config.start_year
    return tuple(range(first, first + YEARS_BACK + 1))


async def _bring(
    place: Installation,
    tables: Iterable[Table],
    *,
    warehouse: Warehouse,
    generations: Mapping[str, str | None],
    request: Request,
    share: Share | None,
) -> Outcomes:
    control = Control.open(place.config)
    async with control.client() as client:
        return {
            table.name: await replicate(
                table,
                dict.fromkeys(
                    place.divisions,
                    replace(request, generation=generations.get(table.name)),
                ),
                client=client,
                warehouse=warehouse,
                leases=control,
                shares=dict.fromkeys(place.divisions, share) if share else None,
                columns=control.left_out,
            )
            for table in tables
        }


def problems(place: Installation, names: str, *, file: Path | None = None) -> dict[str, str]:
    """Compare tables with the simulator; the first difference of each that has one, by table and division."""
    found = {}
    with closing(opened(file or place.warehouse)) as connection:
        for table in select(names):
            for division in place.divisions:
                truth, headers = place.truth(table, division), place.headers(table, division)
                wrong = compare(
                    connection, table, division, truth, start_year=place.config.start_year, headers=headers
                )
                if wrong:
                    found[f"{table.name} {division}"] = f"{len(wrong)} rows, such as {wrong[0]}"
    return found
