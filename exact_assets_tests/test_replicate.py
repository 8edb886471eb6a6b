"""Streams of several divisions at once, over HTTP and into DuckDB: who goes when, and what is reported."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from exact_assets.catalogue import select
from exact_assets.catalogue.table import Table
from exact_assets.control.open import Control
from exact_assets.errors import DivisionNotGrantedError, ForbiddenError
from exact_assets.replicate import Leases, replicate
from exact_assets.request import Outcome, Request
from exact_assets.stream import StreamState
from exact_assets.warehouse.open import open_warehouse
from exact_assets_tests.comparison import differences
from exact_assets_tests.installation import YEARS_BACK, Installation, installation

ACCOUNTS, LEDGER = select("crm_accounts")[0], select("financialtransaction_transaction_lines")[0]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("replicate"), divisions=3, rows=300) as made:
        yield made


@pytest.fixture
def warehouse_path(tmp_path: Path) -> Path:
    return tmp_path / "warehouse.duckdb"


class Busy:
    """Leases of which one is held by another for its first few asks."""

    def __init__(self, division: int, *, asks: int) -> None:
        self.division, self.left, self.order = division, asks, list[str]()

    def lease(self, name: str) -> AbstractContextManager[bool]:
        return self._lease(name)

    @contextmanager
    def _lease(self, name: str) -> Iterator[bool]:
        is_held = name.endswith(f"/{self.division}") and self.left > 0
        self.left -= is_held
        if not is_held:
            self.order.append(name.rpartition("/")[2])
        yield not is_held


def run(
    place: Installation, path: Path, table: Table, divisions: list[int], *, leases: Leases | None = None
) -> Mapping[int, Outcome]:
    settings = place.config
    control = Control.open(settings)
    request = Request(start_year=settings.start_year, years=(settings.start_year + YEARS_BACK,))

    async def work() -> Mapping[int, Outcome]:
        async with control.client() as client:
            return await replicate(
                table,
                dict.fromkeys(divisions, request),
                client=client,
                warehouse=open_warehouse(f"duckdb:///{path}"),
                leases=leases or control,
            )

    return asyncio.run(work())


@pytest.mark.long
def test_an_outcome_tells_what_changed_and_what_it_cost(place: Installation, warehouse_path: Path) -> None:
    outcome = run(place, warehouse_path, LEDGER, [100001])[100001]
    rows = len(place.truth(LEDGER, 100001))
    assert outcome.error is None
    assert (outcome.changes.inserted, outcome.calls) == (rows, 1)
    assert sum(outcome.row_counts.values()) == rows
    assert outcome.state.is_loaded
    assert outcome.quota is not None
    assert outcome.quota.day.remaining is not None


def test_a_stream_in_which_nothing_changed_costs_one_call_and_no_write(
    place: Installation, warehouse_path: Path
) -> None:
    first = run(place, warehouse_path, ACCOUNTS, [100001])[100001]
    again = run(place, warehouse_path, ACCOUNTS, [100001])[100001]
    assert again.calls == 1
    assert again.changes.years == {}
    assert again.state.load_seq == first.state.load_seq


def test_a_refused_division_does_not_stop_the_others(place: Installation, warehouse_path: Path) -> None:
    place.simulator.control.set(refused_divisions={100002: "NoDivisionAccess"})
    try:
        outcomes = run(place, warehouse_path, ACCOUNTS, [100001, 100002, 100003])
    finally:
        place.simulator.control.set(refused_divisions={})
    assert isinstance(outcomes[100002].error, DivisionNotGrantedError | ForbiddenError)
    assert outcomes[100002].state == StreamState()
    assert [outcomes[division].error for division in (100001, 100003)] == [None, None]


def test_a_stream_that_another_run_is_busy_with_comes_last(place: Installation, warehouse_path: Path) -> None:
    leases = Busy(100001, asks=3)
    outcomes = run(place, warehouse_path, ACCOUNTS, [100001, 100002, 100003], leases=leases)
    assert leases.order[-1] == "100001"
    assert all(outcome.error is None for outcome in outcomes.values())


def test_runs_side_by_side_on_one_stream_store_it_once(place: Installation, warehouse_path: Path) -> None:
    async def both() -> list[Mapping[int, Outcome]]:
        runs = (asyncio.to_thread(run, place, warehouse_path, LEDGER, [100001, 100002]) for _ in range(2))
        return list(await asyncio.gather(*runs))

    outcomes = asyncio.run(both())
    for division in (100001, 100002):
        inserted = sorted(one[division].changes.inserted for one in outcomes)
        truth = place.truth(LEDGER, division)
        assert inserted == [0, len(truth)]
        start_year = min(int(row["FinancialYear"]) for row in truth)
        assert differences(warehouse_path, LEDGER, division, truth, start_year=start_year) == []
