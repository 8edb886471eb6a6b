"""The two resources that all assets share: the way to Exact Online, and the warehouse.

Resources hold typed configuration and build plain objects; the work is theirs. Tokens, quota and leases are
shared by all processes through the control store, so any number of runs may use these at once.
"""

import asyncio
from collections.abc import Mapping

import dagster as dg
from pydantic import SecretStr

from exact_assets.catalogue.table import Table
from exact_assets.control.open import Control
from exact_assets.replicate import Outcome, Request, replicate
from exact_assets.settings import Settings
from exact_assets.warehouse.open import open_warehouse
from exact_assets.warehouse.protocol import Warehouse


class WarehouseResource(dg.ConfigurableResource[Warehouse]):
    """The warehouse that holds the copy."""

    url: str

    def open(self) -> Warehouse:
        """Give the warehouse; nothing is opened or locked until it is used."""
        return open_warehouse(self.url)


class ExactResource(dg.ConfigurableResource[None]):
    """Exact Online, through the app registration whose calls and tokens all runs share."""

    client_id: str
    client_secret: str

    def settings(self) -> Settings:
        """Read the settings, with this resource's app registration."""
        return Settings(client_id=self.client_id, client_secret=SecretStr(self.client_secret))

    def replicate(
        self, table: Table, requests: Mapping[int, Request], *, warehouse: Warehouse
    ) -> Mapping[int, Outcome]:
        """Bring a table's streams up to date."""
        return asyncio.run(self._replicate(table, requests, warehouse))

    async def _replicate(
        self, table: Table, requests: Mapping[int, Request], warehouse: Warehouse
    ) -> Mapping[int, Outcome]:
        settings = self.settings()
        control = Control.open(settings)
        async with control.client() as client:
            return await replicate(table, requests, client=client, warehouse=warehouse, leases=control)
