"""The sync feed."""

import asyncio
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exact_assets.cursors import SyncCursor
from exact_assets.errors import PagingError, UnavailableError
from exact_assets.feeds import ReadRequest
from exact_assets.stream import Verb
from exact_assets_tests.feeds.model import Model
from exact_assets_tests.feeds.tables import SYNC
from exact_assets_tests.feeds.vendor import Row, Vendor


def row(number: int, *, stamp: int | None = None, year: int | None = 2024, amount: int = 0) -> Row:
    stamp = 1000 + number if stamp is None else stamp
    return {"ID": f"{number:04}", "Timestamp": stamp, "FinancialYear": year, "Amount": amount}


def request(vendor: Vendor, **wishes: Any) -> ReadRequest:
    return ReadRequest(start_year=wishes.pop("start_year", 2022), now=vendor.now, **wishes)


def bring(model: Model, vendor: Vendor, **wishes: Any) -> None:
    asyncio.run(model.bring(vendor, request(vendor, **wishes)))


def by_stamp(one: Row) -> Any:
    return one["Timestamp"]


def shuffled(one: Row) -> Any:
    """An order that is neither that of keys nor of Timestamps."""
    return (one["Timestamp"] * 7919) % 10007, one["ID"]


def truth(vendor: Vendor, start_year: int = 2022) -> dict[Any, Any]:
    return {(r["ID"],): r["Amount"] for r in vendor.rows if (r["FinancialYear"] or start_year) >= start_year}


def test_a_first_load_starts_at_timestamp_1_and_names_every_column() -> None:
    vendor = Vendor([row(n) for n in range(7)], order=by_stamp)
    model = Model(SYNC)
    bring(model, vendor)
    assert vendor.calls[0]["$filter"] == "Timestamp gt 1L"
    assert vendor.calls[0]["$select"] == "ID,Timestamp,FinancialYear,Amount"
    assert model.values("amount") == truth(vendor)


def test_a_stream_in_which_nothing_changed_costs_one_call_and_no_step() -> None:
    vendor = Vendor([row(n) for n in range(2500)], page_size=1000, order=by_stamp)
    model = Model(SYNC)
    bring(model, vendor)
    steps, calls = len(model.steps), len(vendor.calls)
    bring(model, vendor)
    assert (len(model.steps), len(vendor.calls)) == (steps, calls + 1)


def test_an_empty_stream_costs_one_call_and_no_step_after_its_first_load() -> None:
    model, vendor = Model(SYNC), Vendor([])
    bring(model, vendor)
    assert model.state.is_loaded
    bring(model, vendor)
    assert (len(model.steps), len(vendor.calls)) == (1, 2)


def test_the_next_read_starts_at_the_500th_highest_timestamp() -> None:
    vendor = Vendor([row(n) for n in range(2500)], page_size=1000, order=by_stamp)
    model = Model(SYNC)
    bring(model, vendor)
    assert model.state.cursor == SyncCursor(timestamp=3499, floor=3000)


def test_a_row_that_surfaces_late_with_a_lower_timestamp_is_read() -> None:
    """A long transaction commits after a higher rowversion was read; reading on from the highest would miss it."""
    vendor = Vendor([row(n, stamp=1000 + 2 * n) for n in range(600)], page_size=1000, order=by_stamp)
    model = Model(SYNC)
    bring(model, vendor)
    vendor.rows.append(row(9999, stamp=1301))
    bring(model, vendor)
    assert ("9999",) in model.values("amount")


def test_rows_of_business_years_before_the_starting_year_are_left_out() -> None:
    vendor = Vendor([row(0, year=2021), row(1, year=2022), row(2, year=None)])
    model = Model(SYNC)
    bring(model, vendor)
    assert model.values("_year") == {("0001",): 2022, ("0002",): 2022}


def test_an_earlier_starting_year_reads_the_stream_anew() -> None:
    vendor = Vendor([row(0, year=2021), row(1, year=2022)])
    model = Model(SYNC)
    bring(model, vendor)
    bring(model, vendor, start_year=2020)
    assert vendor.calls[-1]["$filter"] == "Timestamp gt 1L"
    assert model.values("_year") == {("0000",): 2021, ("0001",): 2022}
    assert model.state.start_year == 2020


def test_a_reload_replaces_the_stream_so_that_vanished_rows_go() -> None:
    vendor = Vendor([row(n) for n in range(60)], page_size=2, order=by_stamp)
    model = Model(SYNC)
    bring(model, vendor)
    del vendor.rows[10:20]
    bring(model, vendor, reload=True, reload_id="b1")
    assert [step.verb for step in model.steps[-2:]] == [Verb.STAGE, Verb.REPLACE]
    assert model.values("amount") == truth(vendor)
    assert (model.state.reload_id, model.state.reload_years) == ("b1", ())


def test_a_first_load_counts_as_the_load_of_the_backfill_that_asked() -> None:
    vendor = Vendor([row(1)])
    model = Model(SYNC)
    bring(model, vendor, reload_id="b1")
    assert model.state.reload_id == "b1"


def test_a_killed_load_goes_on_at_the_page_where_it_stopped() -> None:
    vendor = Vendor([row(n) for n in range(100)], page_size=2, order=by_stamp)
    model = Model(SYNC)
    asyncio.run(model.bring(vendor, request(vendor), stop=lambda _: True))
    calls = len(vendor.calls)
    bring(model, vendor)
    assert (calls, len(vendor.calls)) == (20, 50)
    assert model.values("amount") == truth(vendor)


def test_a_link_that_exact_no_longer_takes_starts_the_chain_anew() -> None:
    vendor = Vendor([row(n) for n in range(100)], page_size=2, order=by_stamp)
    model = Model(SYNC)
    asyncio.run(model.bring(vendor, request(vendor), stop=lambda _: True))
    vendor.links.clear()
    bring(model, vendor)
    assert model.values("amount") == truth(vendor)


def test_a_reload_whose_link_is_lost_forgets_what_it_had_staged() -> None:
    vendor = Vendor([row(n) for n in range(100)], page_size=2, order=by_stamp)
    model = Model(SYNC)
    bring(model, vendor)
    asyncio.run(model.bring(vendor, request(vendor, reload=True), stop=lambda n: n > 4))
    assert model.stage
    vendor.links.clear()
    vendor.rows = vendor.rows[50:]
    bring(model, vendor)
    assert model.values("amount") == truth(vendor)


def test_what_was_read_before_an_error_is_stored() -> None:
    vendor = Vendor([row(n) for n in range(30)], page_size=2, order=by_stamp)
    vendor.fail = lambda v: UnavailableError("down", status=503) if len(v.calls) == 6 else None
    model = Model(SYNC)
    with pytest.raises(UnavailableError):
        bring(model, vendor)
    assert len(model.rows) == 10
    bring(model, vendor)
    assert model.values("amount") == truth(vendor)


def test_a_link_that_leads_astray_is_asked_for_again() -> None:
    vendor = Vendor([row(n) for n in range(30)], page_size=2, order=by_stamp)
    vendor.fail = lambda v: PagingError("round and round") if len(v.calls) == 6 else None
    model = Model(SYNC)
    with pytest.raises(PagingError):
        bring(model, vendor)
    bring(model, vendor)
    assert model.values("amount") == truth(vendor)


@pytest.mark.parametrize(("chunk_rows", "stored"), [(6, [6, 6, 6, 6, 6]), (8, [8, 8, 8, 6]), (1_000, [30])])
def test_as_many_rows_are_stored_at_once_as_the_warehouse_says(chunk_rows: int, stored: list[int]) -> None:
    vendor = Vendor([row(n) for n in range(30)], page_size=2, order=by_stamp)
    model = Model(SYNC)
    bring(model, vendor, chunk_rows=chunk_rows)
    assert [step.rows.num_rows for step in model.steps] == stored


def test_a_chunk_of_rows_with_long_texts_is_stored_sooner() -> None:
    """Pages of 20 MB in 8 divisions took 2.8 GB."""
    vendor = Vendor([row(n) | {"ID": f"{n:04}{'x' * 4_000}"} for n in range(30)], page_size=2, order=by_stamp)
    model = Model(SYNC)
    bring(model, vendor, chunk_rows=10)
    assert [step.rows.num_rows for step in model.steps] == [6] * 5


def test_a_chunk_ends_after_fifteen_seconds() -> None:
    vendor = Vendor([row(n) for n in range(30)], page_size=2, order=by_stamp)
    model = Model(SYNC)
    vendor.step *= 80
    asyncio.run(model.bring(vendor, request(vendor), stop=lambda _: True))
    assert len(vendor.calls) == 2


def test_out_of_order_a_row_that_was_passed_over_while_many_changed_is_read() -> None:
    """In key order, row 0 changes after its page was read; 600 later changes hide it from an overlap of 500."""
    vendor = Vendor([row(n) for n in range(2000)], page_size=1000)

    def meddle(at: Vendor) -> None:
        if len(at.calls) == 1:
            change(at, [0])
            for number in range(1000, 1600):
                change(at, [number])

    vendor.between = meddle
    model = Model(SYNC)
    bring(model, vendor)
    vendor.between = lambda _: None
    bring(model, vendor)
    assert model.values("amount") == truth(vendor)


def change(vendor: Vendor, numbers: list[int]) -> None:
    """Change a row before each answer: it gets the highest Timestamp."""
    if not numbers:
        return
    number = numbers.pop()
    top = max(r["Timestamp"] for r in vendor.rows)
    if number < len(vendor.rows):
        vendor.rows[number] |= {"Timestamp": top + 1, "Amount": vendor.rows[number]["Amount"] + 1}
    else:
        vendor.rows.append(row(number, stamp=top + 1))


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(0, 80),
    page_size=st.integers(1, 30),
    order=st.sampled_from([by_stamp, shuffled, lambda r: r["ID"]]),
    changed=st.lists(st.integers(0, 120), max_size=60, unique=True),
    kills=st.sets(st.integers(1, 12)),
    reload=st.booleans(),
)
def test_whatever_the_order_the_kills_and_the_changes_nothing_is_lost(
    *, count: int, page_size: int, order: Any, changed: list[int], kills: set[int], reload: bool
) -> None:
    vendor = Vendor([row(n) for n in range(max(count, 1))], page_size=page_size, order=order)
    vendor.between = partial(change, numbers=changed)
    model = Model(SYNC)
    stop = lambda n: n in kills  # noqa: E731 - a kill point, read beside its use
    while not asyncio.run(model.bring(vendor, request(vendor), stop=stop)):
        pass
    if reload:
        while not asyncio.run(model.bring(vendor, request(vendor, reload=True), stop=stop)):
            pass
    vendor.between = lambda _: None
    for _ in range(3):
        bring(model, vendor)
    assert model.values("amount") == truth(vendor)
    assert model.state.chain is None


def test_a_row_that_moves_before_the_starting_year_goes() -> None:
    vendor = Vendor([row(n) for n in range(5)], order=by_stamp)
    model = Model(SYNC)
    bring(model, vendor)
    vendor.rows[2] |= {"FinancialYear": 2021, "Timestamp": 2000}
    bring(model, vendor)
    assert model.values("amount") == truth(vendor)
    steps = len(model.steps)
    bring(model, vendor)
    assert len(model.steps) == steps


def test_a_row_that_moves_before_the_starting_year_while_it_is_loaded_or_reloaded_goes() -> None:
    def move(vendor: Vendor) -> None:
        if len(vendor.calls) in (3, 63):
            vendor.rows[len(vendor.calls) // 60] |= {"FinancialYear": 2021, "Timestamp": 2000 + len(vendor.calls)}

    # More pages than one chunk holds.
    vendor = Vendor([row(n) for n in range(150)], order=by_stamp, between=move)
    model = Model(SYNC)
    bring(model, vendor)
    assert model.values("amount") == truth(vendor)
    bring(model, vendor, reload=True)
    assert len(vendor.calls) > 63
    assert model.values("amount") == truth(vendor)


def test_a_new_stream_has_nothing_that_could_go() -> None:
    model = Model(SYNC)
    bring(model, Vendor([row(1, year=2020), row(2)]))
    assert [step.gone for step in model.steps] == [None]
