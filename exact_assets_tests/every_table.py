"""Brings many tables up to date through the product's own path, in this process, and compares them all.

Each of Exact's services has a warehouse file of its own here: a file with all 273 tables takes ten times as long to
open, which a test does thousands of times.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import closing
from itertools import groupby
from pathlib import Path

from exact_assets.catalogue.table import Table
from exact_assets.control.open import Control
from exact_assets.replicate import replicate
from exact_assets.request import Outcome, Request
from exact_assets.warehouse.open import open_warehouse
from exact_assets_tests.comparison import compare, opened
from exact_assets_tests.installation import Installation

SERVICES_AT_ONCE = 3

Outcomes = Mapping[str, Mapping[int, Outcome]]
"""By table name and division."""


def bring(place: Installation, tables: Iterable[Table], request: Request, *, folder: Path) -> Outcomes:
    """Bring tables up to date in all divisions; `folder` holds the warehouse files."""
    return asyncio.run(_bring(place, _by_service(tables), request, folder))


def problems(place: Installation, tables: Iterable[Table], *, start_year: int, folder: Path) -> dict[str, str]:
    """Compare tables with the simulator; the first difference of each that has one, by table and division."""
    found: dict[str, str] = {}
    for service, its_tables in _by_service(tables).items():
        with closing(opened(_file(folder, service))) as connection:
            for table in its_tables:
                for division in place.divisions:
                    truth, headers = place.truth(table, division), place.headers(table, division)
                    wrong = compare(connection, table, division, truth, start_year=start_year, headers=headers)
                    if wrong:
                        found[f"{table.name} {division}"] = f"{len(wrong)} rows, such as {wrong[0]}"
    return found


async def _bring(
    place: Installation, services: Mapping[str, list[Table]], request: Request, folder: Path
) -> Outcomes:
    control = Control.open(place.config)
    outcomes: dict[str, Mapping[int, Outcome]] = {}
    places = asyncio.Semaphore(SERVICES_AT_ONCE)

    async def one(service: str, tables: list[Table]) -> None:
        warehouse = open_warehouse(f"duckdb:///{_file(folder, service)}")
        requests = dict.fromkeys(place.divisions, request)
        async with places:
            for table in tables:
                outcomes[table.name] = await replicate(
                    table, requests, client=client, warehouse=warehouse, leases=control
                )

    async with control.client() as client, asyncio.TaskGroup() as tasks:
        for service, tables in services.items():
            tasks.create_task(one(service, tables))
    return outcomes


def _by_service(tables: Iterable[Table]) -> dict[str, list[Table]]:
    ordered = sorted(tables, key=lambda table: table.group)
    return {service: list(found) for service, found in groupby(ordered, key=lambda table: table.group)}


def _file(folder: Path, service: str) -> Path:
    return folder / f"{service}.duckdb"
