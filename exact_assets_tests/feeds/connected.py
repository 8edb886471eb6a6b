"""A simulator and a connected client of it, for tests that read over HTTP."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from exact_assets.catalogue.table import Table
from exact_assets.config import ExactConfig
from exact_assets.control.connect import begin, finish, look_around
from exact_assets.control.open import Control
from exact_assets.feeds import ReadRequest
from exact_assets_tests.feeds.model import Model
from exact_simulator.process import Simulator, start

DIVISION = 123456
FIRST_YEAR = 2024
UNLIMITED: Mapping[str, Any] = {"minute_limit": 100_000, "day_limit": 1_000_000}


@dataclass(frozen=True, eq=False)
class Connected:
    """A running simulator and the way to it."""

    simulator: Simulator
    control: Control

    async def bring(self, models: Mapping[str, Model], *, start_year: int = FIRST_YEAR, **wishes: Any) -> None:
        """Bring streams up to date, one after the other, until nothing is under way."""
        async with self.control.client() as client:
            request = ReadRequest(start_year=start_year, now=client.server_now, **wishes)
            for model in models.values():
                await model.bring(client, request, division=DIVISION)

    def load(self, model: Model, **wishes: Any) -> None:
        """Bring one stream up to date."""
        asyncio.run(self.bring({"": model}, **wishes))

    def truth(self, table: Table) -> list[dict[str, Any]]:
        """What the simulator holds of a table."""
        return self.simulator.control.rows(table.endpoint.removeprefix("/api/v1/{division}/"), DIVISION)

    def calls(self) -> int:
        """Count the calls for the division."""
        return len(self.simulator.control.calls(division=DIVISION))


@contextmanager
def connected(folder: Path, *, rows: int, **options: Any) -> Iterator[Connected]:
    """Start a simulator and connect to it."""
    years = (FIRST_YEAR - 1, 2026)
    with start(divisions=(DIVISION,), years=years, rows=rows, **options) as simulator:
        config = ExactConfig(
            base_url=simulator.base_url,
            client_id=simulator.client_id,
            client_secret=SecretStr(simulator.client_secret),
            redirect_uri=simulator.redirect_uri,
            control_url=f"sqlite:///{folder / 'control.sqlite'}",
        )
        control = Control.open(config)
        simulator.control.set(**UNLIMITED)
        finish(control, httpx.get(begin(control), follow_redirects=False).headers["location"])
        asyncio.run(look_around(control))
        yield Connected(simulator, control)
