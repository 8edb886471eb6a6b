"""A load within its share, over HTTP: it stops at the call, keeps what it read, and goes on there."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from exact_assets.catalogue import select
from exact_assets.catalogue.table import Table
from exact_assets.control.open import Control
from exact_assets.errors import QuotaShareError
from exact_assets.planning.shares import Share
from exact_assets.replicate import replicate
from exact_assets.request import Mode, Outcome, Request
from exact_assets.warehouse.open import open_warehouse
from exact_assets_tests.comparison import differences
from exact_assets_tests.installation import YEARS_BACK, Installation, installation

DIVISION = 100001
LEDGER, ACCOUNTS, ENTRY_LINES, PERIODS = (
    select(name)[0]
    for name in (
        "transaction_lines",
        "crm_accounts",
        "purchaseentry_purchase_entry_lines",
        "vat_vat_codes",
    )
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("bounded"), divisions=1, rows=300) as made:
        made.simulator.control.set(page_size_cap=5, minute_limit=10_000, expanded_page_size=1)
        yield made


def bring(place: Installation, path: Path, table: Table, share: Share | None, *, mode: Mode = Mode.AUTO) -> Outcome:
    settings = place.config
    control = Control.open(settings)
    years = tuple(range(settings.start_year, settings.start_year + YEARS_BACK + 1))
    request = Request(start_year=settings.start_year, years=years, mode=mode)

    async def work() -> Mapping[int, Outcome]:
        async with control.client() as client:
            await client.get("/api/v1/{division}/vat/VATCodes", {"$top": "1", "$select": "ID"}, division=DIVISION)
            return await replicate(
                table,
                {DIVISION: request},
                client=client,
                warehouse=open_warehouse(f"duckdb:///{path}"),
                leases=control,
                shares={} if share is None else {DIVISION: share},
            )

    return asyncio.run(work())[DIVISION]


def found(place: Installation, path: Path, table: Table) -> list[str]:
    return differences(
        path,
        table,
        DIVISION,
        place.truth(table, DIVISION),
        start_year=place.config.start_year,
        headers=place.headers(table, DIVISION),
    )


def small(calls: int) -> Share:
    """A share of about so many of the simulator's 5,000 calls."""
    return Share(loads=-(-4000 // calls))


@pytest.mark.long
@pytest.mark.parametrize("table", [LEDGER, ACCOUNTS], ids=lambda table: table.name)
def test_a_load_stops_at_its_share_and_goes_on_there(place: Installation, tmp_path: Path, table: Table) -> None:
    path = tmp_path / "warehouse.duckdb"
    calls = []
    for _ in range(200):
        outcome = bring(place, path, table, small(4))
        calls.append(outcome.calls)
        assert isinstance(outcome.error, QuotaShareError | None)
        if outcome.error is None:
            break
        assert outcome.calls <= 6
        assert sum(outcome.row_counts.values()) > 0
        assert outcome.waits_until is not None
    assert len(calls) > 1
    assert found(place, path, table) == []


def test_lines_that_a_header_came_without_belong_to_its_page(place: Installation, tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    for _ in range(200):
        outcome = bring(place, path, ENTRY_LINES, small(2))
        if outcome.error is None:
            break
    assert outcome.error is None
    assert found(place, path, ENTRY_LINES) == []


def test_a_catch_up_is_not_bounded(place: Installation, tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    assert bring(place, path, ACCOUNTS, None).error is None
    caught_up = bring(place, path, ACCOUNTS, small(1))
    assert caught_up.error is None
    assert caught_up.calls > 2


def test_a_reload_is_bounded_and_what_was_there_stays_until_it_has_ended(
    place: Installation, tmp_path: Path
) -> None:
    path = tmp_path / "warehouse.duckdb"
    bring(place, path, ACCOUNTS, None)
    cut = bring(place, path, ACCOUNTS, small(3), mode=Mode.RELOAD)
    assert isinstance(cut.error, QuotaShareError)
    assert found(place, path, ACCOUNTS) == []


def test_without_shares_nothing_is_bounded(place: Installation, tmp_path: Path) -> None:
    assert bring(place, tmp_path / "warehouse.duckdb", LEDGER, None).error is None
