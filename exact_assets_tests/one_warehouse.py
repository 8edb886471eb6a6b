"""Brings tables up to date in one warehouse file, as a run does, and compares them with the simulator."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

from exact_assets.catalogue import select
from exact_assets.catalogue.table import Table
from exact_assets.control.open import Control
from exact_assets.replicate import Mode, Outcome, Request, replicate
from exact_assets.warehouse.open import open_warehouse
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
    epochs: Mapping[str, str | None] | None = None,
    is_soft: bool = False,
) -> Outcomes:
    """Bring tables (chosen as `EXACT_TABLES` does) up to date in all divisions.

    Raises:
        ExactAssetsError: the first error of an outcome.
    """
    outcomes = asyncio.run(
        _bring(
            place,
            select(names),
            file=file or place.warehouse,
            mode=mode,
            epochs=epochs or {},
            is_soft=is_soft,
        )
    )
    for ones in outcomes.values():
        for one in ones.values():
            if one.error is not None:
                raise one.error
    return outcomes


async def _bring(
    place: Installation,
    tables: Iterable[Table],
    *,
    file: Path,
    mode: Mode,
    epochs: Mapping[str, str | None],
    is_soft: bool,
) -> Outcomes:
    control = Control.open(place.settings)
    warehouse = open_warehouse(f"duckdb:///{file}", is_soft=is_soft)
    start_year = place.settings.start_year
    years = tuple(range(start_year, start_year + YEARS_BACK + 1))
    async with control.client() as client:
        return {
            table.name: await replicate(
                table,
                dict.fromkeys(
                    place.divisions,
                    Request(start_year=start_year, years=years, mode=mode, epoch=epochs.get(table.name)),
                ),
                client=client,
                warehouse=warehouse,
                leases=control,
            )
            for table in tables
        }


def problems(place: Installation, names: str, *, file: Path | None = None) -> dict[str, str]:
    """Compare tables with the simulator; the first difference of each that has one, by table and division."""
    found = {}
    with opened(file or place.warehouse) as connection:
        for table in select(names):
            for division in place.divisions:
                truth, headers = place.truth(table, division), place.headers(table, division)
                wrong = compare(
                    connection, table, division, truth, start_year=place.settings.start_year, headers=headers
                )
                if wrong:
                    found[f"{table.name} {division}"] = f"{len(wrong)} rows, such as {wrong[0]}"
    return found
