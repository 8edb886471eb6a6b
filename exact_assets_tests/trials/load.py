"""One process that brings a few tables up to date through the product's own parts, to be killed at any moment.

Dagster is left out: its start alone takes longer than a load, and kills would fall there. For the same reason the
processes come from a server that has the modules already.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess

from exact_assets.catalogue import select
from exact_assets.config import ExactConfig
from exact_assets.control.open import Control
from exact_assets.replicate import replicate
from exact_assets.request import Mode, Request
from exact_assets.warehouse.open import open_configured

_FORKS = get_context("forkserver")
_FORKS.set_forkserver_preload([__name__])


def start(
    environment: Mapping[str, str], tables: str, divisions: Sequence[int], *, reload_id: str | None = None
) -> ForkServerProcess:
    """Start a load with settings from an environment; its exit code is 0 when all tables are up to date."""
    process = _FORKS.Process(target=_run, args=(dict(environment), tables, list(divisions), reload_id), daemon=True)
    process.start()
    return process


def _run(environment: Mapping[str, str], tables: str, divisions: Sequence[int], reload_id: str | None) -> None:
    os.environ.update(environment)
    asyncio.run(_load(tables, divisions, reload_id))


async def _load(tables: str, divisions: Sequence[int], reload_id: str | None) -> None:
    """Bring each table up to date in all divisions; fail with the first error."""
    config = ExactConfig.from_env()
    warehouse = open_configured(config)
    years = tuple(range(config.start_year, config.start_year + 5))
    request = Request(
        start_year=config.start_year,
        years=years,
        mode=Mode.RELOAD if reload_id else Mode.AUTO,
        reload_id=reload_id,
    )
    control = Control.open(config)
    async with control.client() as client:
        for table in select(tables):
            requests = dict.fromkeys(divisions, request)
            outcomes = await replicate(table, requests, client=client, warehouse=warehouse, leases=control)
            for outcome in outcomes.values():
                if outcome.error is not None:
                    raise outcome.error
