"""The two resources that all assets share: the way to Exact Online, and the warehouse.

Resources hold typed configuration and build plain objects; the work is theirs. Tokens, quota and leases are
shared by all processes through the control store, so any number of runs may use these at once.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass

import dagster as dg
from pydantic import PrivateAttr, SecretStr

from exact_assets.catalogue.table import Table
from exact_assets.control.open import DEFAULT_ZONE, Control
from exact_assets.errors import NotConnectedError
from exact_assets.exact.client import ExactClient
from exact_assets.replicate import Outcome, Request, replicate
from exact_assets.settings import Settings
from exact_assets.verify import Order, Verdict, verify
from exact_assets.warehouse.open import open_warehouse
from exact_assets.warehouse.protocol import Warehouse


class WarehouseResource(dg.ConfigurableResource[Warehouse]):
    """The warehouse that holds the copy."""

    url: str

    def open(self) -> Warehouse:
        """Give the warehouse; nothing is opened or locked until it is used."""
        return open_warehouse(self.url)


@dataclass(frozen=True, slots=True)
class _WayToExact:
    """What checks need; there may be no connection yet, which those that ask nothing do not mind."""

    control: Control

    @property
    def zone(self) -> str:
        try:
            return self.control.tokens.read().zone or DEFAULT_ZONE
        except NotConnectedError:
            return DEFAULT_ZONE

    def client(self) -> AbstractAsyncContextManager[ExactClient]:
        return self.control.client()


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
        self, table: Table, requests: Mapping[int, Request], *, warehouse: Warehouse
    ) -> Mapping[int, Outcome]:
        """Bring a table's streams up to date. Connections stay open for the tables that follow."""
        self._runner = self._runner or asyncio.Runner()
        return self._runner.run(self._replicate(table, requests, warehouse))

    def verify(self, order: Order, *, warehouse: Warehouse) -> Sequence[Verdict]:
        """Check a table. Exact is asked only by checks that compare with it."""
        self._runner = self._runner or asyncio.Runner()
        return self._runner.run(
            verify(order, exact=_WayToExact(Control.open(self.settings())), warehouse=warehouse)
        )

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:  # noqa: ARG002 - Dagster gives it
        """Close what the run's tables shared."""
        if self._runner is not None:
            self._runner.run(self._open.aclose())
            self._runner.close()

    async def _replicate(
        self, table: Table, requests: Mapping[int, Request], warehouse: Warehouse
    ) -> Mapping[int, Outcome]:
        if self._shared is None:
            control = Control.open(self.settings())
            self._shared = control, await self._open.enter_async_context(control.client())
        control, client = self._shared
        return await replicate(table, requests, client=client, warehouse=warehouse, leases=control)
