"""The two resources that all assets share: the way to Exact Online, and the warehouse.

Resources hold typed configuration and build plain objects; the work is theirs. Tokens, quota and leases are
shared by all processes through the control store, so any number of runs may use these at once.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack

import dagster as dg
from pydantic import PrivateAttr, SecretStr

from exact_assets.catalogue.table import Table
from exact_assets.control.open import Control
from exact_assets.exact.client import ExactClient
from exact_assets.planner import Share
from exact_assets.replicate import Outcome, Request, replicate
from exact_assets.settings import Settings
from exact_assets.warehouse.open import open_warehouse
from exact_assets.warehouse.protocol import Warehouse


class WarehouseResource(dg.ConfigurableResource[Warehouse]):
    """The warehouse that holds the copy."""

    url: str
    deletions: str = "hard"
    """`soft`: rows that Exact no longer has are marked, not removed."""

    def open(self) -> Warehouse:
        """Give the warehouse; nothing is opened or locked until it is used."""
        return open_warehouse(self.url, is_soft=self.deletions == "soft")


class ExactResource(dg.ConfigurableResource[None]):
    """Exact Online, through the app registration whose calls and tokens all runs share."""

    client_id: str
    client_secret: str
    _runner: asyncio.Runner | None = PrivateAttr(default=None)
    _open: AsyncExitStack = PrivateAttr(default_factory=AsyncExitStack)
    _shared: tuple[Control, ExactClient] | None = PrivateAttr(default=None)

    def settings(self) -> Settings:
        """Read the settings, with this resource's app registration."""
        return Settings(client_id=self.client_id, client_secret=SecretStr(self.client_secret))

    def replicate(
        self,
        table: Table,
        requests: Mapping[int, Request],
        *,
        warehouse: Warehouse,
        shares: Mapping[int, Share] | None = None,
        is_background: bool = False,
    ) -> Mapping[int, Outcome]:
        """Bring a table's streams up to date. Connections stay open for the tables that follow.

        Args:
            table: of the streams.
            requests: what is asked, per division.
            warehouse: for rows and states.
            shares: what loads may use of a division's calls.
            is_background: whether the run leaves a part of the day's calls to others; the same for all its tables.
        """
        self._runner = self._runner or asyncio.Runner()
        return self._runner.run(self._replicate(table, requests, warehouse, shares, is_background=is_background))

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:  # noqa: ARG002 - Dagster gives it
        """Close what the run's tables shared."""
        if self._runner is not None:
            self._runner.run(self._open.aclose())
            self._runner.close()

    async def _replicate(
        self,
        table: Table,
        requests: Mapping[int, Request],
        warehouse: Warehouse,
        shares: Mapping[int, Share] | None,
        *,
        is_background: bool,
    ) -> Mapping[int, Outcome]:
        if self._shared is None:
            control = Control.open(self.settings())
            self._shared = (
                control,
                await self._open.enter_async_context(control.client(is_background=is_background)),
            )
        control, client = self._shared
        return await replicate(table, requests, client=client, warehouse=warehouse, leases=control, shares=shares)
