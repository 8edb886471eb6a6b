"""One process that brings a few tables up to date through the product's own parts, to be killed at any moment.

`python -m exact_assets_tests.trials.load TABLES DIVISIONS [reload-id]` takes settings from the environment. Dagster
is left out: its start alone takes longer than a load, and kills would fall there.
"""

import asyncio
import sys

from exact_assets.warehouse.open import open_warehouse

from exact_assets.catalogue import select
from exact_assets.control.open import Control
from exact_assets.replicate import Mode, Request, replicate
from exact_assets.settings import Settings


async def main(names: str, divisions: list[int], reload_id: str | None) -> None:
    """Bring each table up to date in all divisions; fail with the first error."""
    settings = Settings()
    warehouse = open_warehouse(settings.warehouse_url)
    years = tuple(range(settings.start_year, settings.start_year + 5))
    request = Request(
        start_year=settings.start_year,
        years=years,
        mode=Mode.RELOAD if reload_id else Mode.AUTO,
        backfill_id=reload_id,
    )
    control = Control.open(settings)
    async with control.client() as client:
        for table in select(names):
            requests = dict.fromkeys(divisions, request)
            outcomes = await replicate(table, requests, client=client, warehouse=warehouse, leases=control)
            for outcome in outcomes.values():
                if outcome.error is not None:
                    raise outcome.error


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], [int(d) for d in sys.argv[2].split(",")], sys.argv[3] if sys.argv[3:] else None))
