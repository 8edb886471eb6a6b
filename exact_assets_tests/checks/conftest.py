"""A warehouse with a few tables of two divisions, loaded once; each test gets a copy of its own to damage."""

import asyncio
import shutil
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from exact_assets.catalogue import select
from exact_assets.catalogue.checks import Check, checks_of
from exact_assets.catalogue.table import Table
from exact_assets.control.open import DEFAULT_ZONE, Control
from exact_assets.replicate import Request, replicate
from exact_assets.verify import Order, Result, Verdict, verify
from exact_assets.warehouse.open import open_warehouse
from exact_assets.warehouse.protocol import Warehouse
from exact_assets_tests.installation import Installation, installation

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
        control = Control.open(place.settings)
        request = Request(start_year=start_year, years=tuple(range(start_year, THIS_YEAR + 1)))
        requests = dict.fromkeys(place.divisions, request)
        async with control.client() as client:
            for table in tables:
                done = await replicate(table, requests, client=client, warehouse=warehouse, leases=control)
                assert [one.error for one in done.values()] == [None] * len(done)

    asyncio.run(run())


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

    def verdicts(
        self,
        tables: Iterable[Table] = TABLES,
        *,
        kept: tuple[Table, ...] = TABLES,
        divisions: Collection[int] | None = None,
    ) -> dict[str, Verdict]:
        """Check tables; verdicts by table and check."""
        way = Way(Control.open(self.place.settings))
        found: dict[str, Verdict] = {}
        for table in tables:
            order = Order(
                table=table,
                kept=kept,
                checks=checks_of(table, kept=kept),
                divisions=self.place.divisions if divisions is None else divisions,
                start_year=START_YEAR,
            )
            for verdict in asyncio.run(verify(order, exact=way, warehouse=self.warehouse)):
                found[f"{table.name} {verdict.check}"] = verdict
        return found

    def failures(self, tables: Iterable[Table] = TABLES) -> dict[str, Result]:
        """Give what did not pass."""
        return {name: one.result for name, one in self.verdicts(tables).items() if one.result is not Result.PASSED}

    def verdict(self, table: str, check: Check) -> Verdict:
        return self.verdicts(select(table))[f"{select(table)[0].name} {check}"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("checks"), divisions=2, rows=200, settings=UNLIMITED) as made:
        made.enable(*made.divisions)
        yield made


@pytest.fixture(scope="module")
def loaded(place: Installation) -> Path:
    load(place, open_warehouse(place.settings.warehouse_url), TABLES)
    return place.warehouse


@pytest.fixture
def copy(place: Installation, loaded: Path, tmp_path: Path) -> Copy:
    path = tmp_path / "warehouse.duckdb"
    shutil.copy(loaded, path)
    return Copy(place, path)
