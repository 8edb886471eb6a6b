"""The resource that all assets share: Exact Online, and the warehouse for what it tells.

A run gets a session, which keeps its connections open from table to table. Tokens, quota and leases are shared by
all processes through the control store, so any number of runs may have one at the same time.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from exact_assets.catalogue.table import Table
from exact_assets.checks.result import CheckRun
from exact_assets.checks.run import CheckRequest, run_checks
from exact_assets.control.check_results import CheckResultStore
from exact_assets.control.open import DEFAULT_ZONE, Control
from exact_assets.control.unrecorded import UnrecordedLoads
from exact_assets.defs.location import CodeLocation
from exact_assets.documents.access import Documents
from exact_assets.documents.outbox import OutboxReport, OutboxWork
from exact_assets.errors import ExactAssetsError, NotConnectedError, WarehouseError
from exact_assets.exact.client import ExactClient
from exact_assets.planning.shares import Share
from exact_assets.replicate import replicate
from exact_assets.request import Outcome, Request
from exact_assets.selection.kept import kept_choices
from exact_assets.warehouse.divisions import DivisionChoice
from exact_assets.warehouse.patience import Patience
from exact_assets.warehouse.protocol import Warehouse
from exact_assets.warehouse.query import Query

_log = logging.getLogger(__name__)

RESOURCE = "exact_online"
"""The resource's key."""


def exact_resource(location: CodeLocation) -> dg.ResourceDefinition:
    """Make the resource. Its configuration stays out of the UI: parts of it are secret."""

    @dg.resource(
        description=f"Exact Online at {location.config.site_url}: its quota and tokens are shared by all runs."
    )
    def exact_online(context: dg.InitResourceContext) -> Iterator[ExactSession]:
        run_id = context.run.run_id if context.run else None
        session = ExactSession(location, run_id=run_id, tell=context.log.warning if context.log else _log.warning)
        try:
            yield session
        finally:
            session.close()

    return exact_online


def session_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> "ExactSession":
    """Return the session of the run."""
    session: ExactSession = getattr(context.resources, RESOURCE)
    return session


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


class ExactSession:
    """What one run does with Exact Online."""

    def __init__(
        self, location: CodeLocation, *, run_id: str | None, tell: Callable[[str], object] = _log.warning
    ) -> None:
        """Note for which run this is; nothing is opened until it is used.

        Args:
            location: its configuration.
            run_id: of the run; None: there is none.
            tell: takes what is to be known of the run as a whole, such as whom it waits for.
        """
        self._patience = Patience(location.config.warehouse_wait_seconds, tell=tell)
        self.warehouse: Warehouse = location.warehouse(patience=self._patience)
        self.documents = Documents(location.control, actor=f"run {run_id}" if run_id else None)
        """Documents and attachments in Exact: finds and downloads them; writes them where that is switched on."""
        self._location = location
        self._run_id = run_id
        self._began = datetime.now(UTC)
        self._runner: asyncio.Runner | None = None
        self._open = AsyncExitStack()
        self._shared: tuple[Control, ExactClient] | None = None
        self._choices: Mapping[int, DivisionChoice] | None = None

    def choices(self) -> Mapping[int, DivisionChoice]:
        """Read what users chose for divisions, once per run.

        Of a division that the selection does not tell of, because the table is gone or damaged, the choice counts
        that was known last: its first year among it. Empty where nothing was ever chosen.
        """
        if self._choices is None:
            found = self.warehouse.list_divisions() or ()
            kept = kept_choices(self._control()) if self._location.config.client_id else ()
            self._choices = {one.division: one for one in (*(one for one in kept if one.sync_enabled), *found)}
        return self._choices

    def replicate(
        self,
        table: Table,
        requests: Mapping[int, Request],
        *,
        shares: Mapping[int, Share] | None = None,
        is_background: bool = False,
    ) -> Mapping[int, Outcome]:
        """Bring a table's streams up to date. Connections stay open for the tables that follow.

        Args:
            table: of the streams.
            requests: what is asked, per division.
            shares: what loads may use of a division's calls.
            is_background: whether the run leaves a part of the day's calls to others; the same for all its tables.
        """
        self._runner = self._runner or asyncio.Runner()
        return self._runner.run(self._replicate(table, requests, shares, is_background=is_background))

    @contextmanager
    def noting(self, table: Table, divisions: Iterable[int]) -> Iterator[None]:
        """Note an error that leaves the block as that of each division: nothing of them could be asked."""
        try:
            yield
        except ExactAssetsError as error:
            self._control().attempts.note(table.name, dict.fromkeys(divisions, error), at=datetime.now(UTC))
            raise

    def send_outbox(self) -> OutboxReport:
        """Send the rows of the outbox that are due."""
        return OutboxWork(self.warehouse, self.documents, self._control()).run()

    @property
    def check_results(self) -> CheckResultStore:
        """What checks have found so far."""
        return self._control().check_results

    @property
    def unrecorded(self) -> UnrecordedLoads:
        """Loads of which Dagster may lack events."""
        return self._control().unrecorded

    def read(self, statement: str) -> list[dict[str, Any]]:
        """Run a SELECT on the warehouse, which is held no longer than that takes; return its rows.

        Raises:
            WarehouseError: the warehouse, or a table that is named, is not there; or the statement makes no sense.
        """
        (found,) = self.warehouse.query([Query(statement=statement)])
        if found is None:
            raise WarehouseError("The warehouse has no such table yet: it is made when it is first loaded.")
        return [dict(row) for row in found]

    def run_checks(self, request: CheckRequest) -> Sequence[CheckRun]:
        """Check a table. Exact is asked only by checks that compare with it."""
        self._runner = self._runner or asyncio.Runner()
        way = _WayToExact(self._control())
        return self._runner.run(run_checks(request, exact=way, warehouse=self.warehouse))

    def close(self) -> None:
        """Close what the run's tables shared. A thread that still waits for the warehouse gives up."""
        self._patience.end()
        self.documents.close()
        if self._runner is not None:
            self._runner.run(self._open.aclose())
            self._runner.close()

    async def _replicate(
        self,
        table: Table,
        requests: Mapping[int, Request],
        shares: Mapping[int, Share] | None,
        *,
        is_background: bool,
    ) -> Mapping[int, Outcome]:
        with self.noting(table, requests):
            control = self._control()
            if self._shared is None:
                if self._run_id is not None:
                    # Held by the executor already, unless the job has another one.
                    self._open.enter_context(self._location.run_locks().hold(self._run_id, leaves_trace=False))
                opening = control.client(is_background=is_background)
                self._shared = control, await self._open.enter_async_context(opening)
            client = self._shared[1]
            outcomes = await replicate(
                table,
                requests,
                client=client,
                warehouse=self.warehouse,
                leases=control,
                shares=shares,
                columns=control.left_out,
            )
        ended = {division: outcome.error for division, outcome in outcomes.items()}
        control.attempts.note(table.name, ended, at=datetime.now(UTC))
        return outcomes

    def _control(self) -> Control:
        return self._shared[0] if self._shared else self._location.control(since=self._began)
