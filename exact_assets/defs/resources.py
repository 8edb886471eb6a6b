"""The two resources that all assets share: the way to Exact Online, and the warehouse.

Resources hold typed configuration and build plain objects; the work is theirs. Tokens, quota and leases are
shared by all processes through the control store, so any number of runs may use these at once.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg
from pydantic import PrivateAttr, SecretStr

from exact_assets.catalogue.table import Table
from exact_assets.checks.result import CheckResult
from exact_assets.checks.run import CheckRequest, run_checks
from exact_assets.control.open import DEFAULT_ZONE, Control
from exact_assets.control.run_locks import RunLocks
from exact_assets.errors import ExactAssetsError, NotConnectedError
from exact_assets.exact.client import ExactClient
from exact_assets.planning.shares import Share
from exact_assets.replicate import Outcome, Request, replicate
from exact_assets.selection.kept import kept_choices
from exact_assets.settings import Settings
from exact_assets.warehouse.divisions import DivisionChoice
from exact_assets.warehouse.open import open_warehouse
from exact_assets.warehouse.protocol import Warehouse

BRIEF_LOCK_TIMEOUT_SECONDS = 5.0


class WarehouseResource(dg.ConfigurableResource[Warehouse]):
    """The warehouse that holds the copy."""

    url: str
    deletions: str = "hard"
    """`soft`: rows that Exact no longer has are marked, not removed."""

    def open(self) -> Warehouse:
        """Give the warehouse; nothing is opened or locked until it is used."""
        return open_warehouse(self.url, is_soft=self.deletions == "soft")

    def open_briefly(self) -> Warehouse:
        """Give the warehouse for a sensor, which comes again soon and does not wait long for its turn."""
        is_soft = self.deletions == "soft"
        return open_warehouse(self.url, is_soft=is_soft, lock_timeout_seconds=BRIEF_LOCK_TIMEOUT_SECONDS)


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
    _run_id: str | None = PrivateAttr(default=None)
    _choices: Mapping[int, DivisionChoice] | None = PrivateAttr(default=None)

    def settings(self) -> Settings:
        """Read the settings, with this resource's app registration."""
        return Settings(client_id=self.client_id, client_secret=SecretStr(self.client_secret))

    def choices(self, warehouse: Warehouse) -> Mapping[int, DivisionChoice]:
        """Read what users chose for divisions, once per run.

        Of a division that the selection does not tell of, because the table is gone or damaged, the choice counts
        that was known last: its first year among it. Empty where nothing was ever chosen.
        """
        if self._choices is None:
            found = warehouse.list_divisions() or ()
            kept = kept_choices(self._control()) if self.client_id else ()
            self._choices = {one.division: one for one in (*(one for one in kept if one.sync_enabled), *found)}
        return self._choices

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

    @contextmanager
    def noting(self, table: Table, divisions: Iterable[int]) -> Iterator[None]:
        """Note an error that leaves the block as that of each division: nothing of them could be asked."""
        try:
            yield
        except ExactAssetsError as error:
            self._control().visits.note(table.name, dict.fromkeys(divisions, error), at=datetime.now(UTC))
            raise

    def run_checks(self, request: CheckRequest, *, warehouse: Warehouse) -> Sequence[CheckResult]:
        """Check a table. Exact is asked only by checks that compare with it."""
        self._runner = self._runner or asyncio.Runner()
        return self._runner.run(
            run_checks(request, exact=_WayToExact(Control.open(self.settings())), warehouse=warehouse)
        )

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Note for which run this is."""
        self._run_id = context.run.run_id if context.run else None

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
        with self.noting(table, requests):
            control = self._control()
            if self._shared is None:
                if self._run_id is not None:
                    run_locks = RunLocks(control.settings.control_url)
                    # Held by the executor already, unless the job has another one.
                    self._open.enter_context(run_locks.hold(self._run_id, leaves_trace=False))
                opening = control.client(is_background=is_background)
                self._shared = control, await self._open.enter_async_context(opening)
            client = self._shared[1]
            outcomes = await replicate(
                table, requests, client=client, warehouse=warehouse, leases=control, shares=shares
            )
        ended = {division: outcome.error for division, outcome in outcomes.items()}
        control.visits.note(table.name, ended, at=datetime.now(UTC))
        return outcomes

    def _control(self) -> Control:
        return self._shared[0] if self._shared else Control.open(self.settings())
