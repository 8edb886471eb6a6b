"""A warehouse with a few tables of two divisions, loaded once; each test gets a copy of its own to damage."""

import asyncio
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from exact_assets.catalogue import select
from exact_assets.catalogue.table import Table
from exact_assets.checks.check import Check
from exact_assets.checks.ledger import LEDGER
from exact_assets.checks.registry import checks_of
from exact_assets.checks.result import CheckResult, CheckRun, CheckStatus
from exact_assets.checks.run import CheckRequest, run_checks
from exact_assets.checks.summary import not_run, summarise
from exact_assets.control.open import DEFAULT_ZONE, Control
from exact_assets.replicate import replicate
from exact_assets.request import Request
from exact_assets.warehouse.open import open_configured, open_warehouse
from exact_assets.warehouse.protocol import Warehouse
from exact_assets_tests.installation import Installation, installation

ACCOUNTS, ORDERS, ORDER_LINES = "crm_accounts", "salesorder_sales_orders", "salesorder_sales_order_lines"
ENTRY_LINES, UNITS = "salesentry_sales_entry_lines", "logistics_units"
DIVISION, OTHER = 100_001, 100_002
THIS_YEAR = datetime.now(UTC).year
START_YEAR = THIS_YEAR - 3
"""A year later than the simulator's first: rows before it are left out."""
UNLIMITED = {"minute_limit": 1_000_000, "day_limit": 1_000_000}
TABLES = select(
    "crm_accounts,vat_vat_codes,logistics_units,sales_entries,sales_entry_lines,"
    "salesorder_sales_orders,salesorder_sales_order_lines,documents,document_attachments,"
    "salesinvoice_sales_invoices,transaction_lines,reporting_balance"
)


@dataclass(frozen=True)
class Way:
    """The way to Exact that a check gets."""

    control: Control
    zone: str = DEFAULT_ZONE

    def client(self) -> Any:
        return self.control.client()


def load(
    place: Installation, warehouse: Warehouse, tables: Iterable[Table], *, start_year: int = START_YEAR
) -> None:
    """Bring tables up to date in all divisions."""

    async def run() -> None:
        control = Control.open(place.config)
        request = Request(start_year=start_year, years=tuple(range(start_year, THIS_YEAR + 1)))
        requests = dict.fromkeys(place.divisions, request)
        async with control.client() as client:
            for table in tables:
                done = await replicate(table, requests, client=client, warehouse=warehouse, leases=control)
                assert [one.error for one in done.values()] == [None] * len(done)

    asyncio.run(run())


def shown(run: CheckRun, *, advice: str | None) -> CheckResult:
    """Return what a run of a check in all divisions says by itself."""
    if run.obstacle is not None:
        return not_run(run.check, run.obstacle)
    return summarise(run.check, run.divisions, advice=advice, calls=run.calls)


@dataclass(frozen=True)
class Copy:
    """A warehouse that may be damaged."""

    place: Installation
    path: Path

    @property
    def warehouse(self) -> Warehouse:
        return open_warehouse(f"duckdb:///{self.path}", lock_timeout_seconds=0.5)

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run plain SQL; the rows of the last statement."""
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            found: list[tuple[Any, ...]] = []
            for statement in statements:
                found = connection.execute(statement).fetchall()
        return found

    def load(self, tables: str) -> None:
        load(self.place, self.warehouse, select(tables))

    def results(
        self,
        tables: Iterable[Table] = TABLES,
        *,
        kept: tuple[Table, ...] = TABLES,
        divisions: Collection[int] | None = None,
        warehouse: Warehouse | None = None,
    ) -> dict[str, CheckResult]:
        """Check tables; results by table and check."""
        way = Way(Control.open(self.place.config))
        found: dict[str, CheckResult] = {}
        for table in tables:
            request = CheckRequest(
                table=table,
                kept=kept,
                checks=checks_of(table, kept=kept),
                divisions=None,
                enabled=self.place.divisions if divisions is None else divisions,
                start_year=START_YEAR,
            )
            advice = {check.name: check.advice for check in request.checks}
            for run in asyncio.run(run_checks(request, exact=way, warehouse=warehouse or self.warehouse)):
                found[f"{table.name} {run.check}"] = shown(run, advice=advice[run.check])
        return found

    def failures(self, tables: Iterable[Table] = TABLES) -> dict[str, CheckStatus]:
        """Give what did not pass."""
        return {
            name: one.status for name, one in self.results(tables).items() if one.status is not CheckStatus.PASSED
        }

    def result(self, table: str, check: Check) -> CheckResult:
        return self.results(select(table))[f"{select(table)[0].name} {check.name}"]


def key_of(copy: Copy, table: str, condition: str = "true") -> str:
    """Return the key of a row of the first division."""
    found = copy.run(f"SELECT id FROM exact.{table} WHERE division = {DIVISION} AND {condition} ORDER BY id")
    return str(found[0][0])


def ledger_line(copy: Copy) -> tuple[str, int, int]:
    """Return a line of the current year: its ID, its entry's number and its period."""
    return copy.run(
        f"SELECT id, entry_number, financial_period FROM exact.{LEDGER} WHERE division = {DIVISION} "
        f"AND financial_year = {THIS_YEAR} AND status >= 20 ORDER BY id"
    )[0]


def age_ledger(copy: Copy) -> None:
    """Let the ledger be older than the balances that were read."""
    copy.run(f"UPDATE exact.{LEDGER} SET _loaded_at = _loaded_at - INTERVAL 1 DAY")


@contextmanager
def new_place(folders: pytest.TempPathFactory) -> Iterator[Installation]:
    """Play an Exact with two divisions; for a module of its own where that changes what Exact has."""
    with installation(folders.mktemp("checks"), divisions=2, rows=200, settings=UNLIMITED) as made:
        made.enable(*made.divisions)
        yield made


def load_all(place: Installation) -> Path:
    """Load all tables; the warehouse's file."""
    load(place, open_configured(place.config), TABLES)
    return place.warehouse


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An Exact that no test may change: modules that do override this and `loaded`."""
    with new_place(tmp_path_factory) as made:
        yield made


@pytest.fixture(scope="session")
def loaded(place: Installation) -> Path:
    return load_all(place)


@pytest.fixture
def copy(place: Installation, loaded: Path, tmp_path: Path) -> Copy:
    path = tmp_path / "warehouse.duckdb"
    shutil.copy(loaded, path)
    return Copy(place, path)
