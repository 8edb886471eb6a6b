"""The parent feed."""

# ruff: noqa: DTZ001 - Exact writes wall clocks, which have no zone

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from exact_assets.feeds import ReadRequest
from exact_assets_tests.feeds.model import Model
from exact_assets_tests.feeds.tables import LINES
from exact_assets_tests.feeds.vendor import Row, Vendor


def header(number: int, *, year: int | None = 2024) -> Row:
    created = datetime(2023, 2, 1)
    modified = datetime(2026, 5, 1, 12)
    return {"ID": f"{number:04}", "FinancialYear": year, "Created": created, "Modified": modified}


def lines(number: int, count: int, amount: int = 0) -> list[Row]:
    return [{"ID": f"{number:04}-{n}", "EntryID": f"{number:04}", "Amount": amount} for n in range(count)]


def vendor_of(count: int, **facts: Any) -> Vendor:
    found = {f"{n:04}": lines(n, n % 4) for n in range(count)}
    return Vendor([header(n, year=2021 + n % 4) for n in range(count)], lines=found, **facts)


def truth(vendor: Vendor, start_year: int = 2022) -> dict[Any, Any]:
    kept = [one["ID"] for one in vendor.rows if (one["FinancialYear"] or 2023) >= start_year]
    return {(line["ID"],): line["Amount"] for key in kept for line in vendor.lines[key]}


def bring(model: Model, vendor: Vendor, stop: Callable[[int], bool] = lambda _: False, **wishes: Any) -> bool:
    request = ReadRequest(start_year=2022, now=vendor.now, **wishes)
    return asyncio.run(model.bring(vendor, request, stop=stop))


def change(vendor: Vendor, number: int, found: list[Row], **values: Any) -> None:
    vendor.rows[number] |= {"Modified": vendor.wall(), **values}
    vendor.lines[f"{number:04}"] = found


def test_lines_come_with_their_headers_and_have_their_year() -> None:
    vendor = vendor_of(8)
    model = Model(LINES)
    bring(model, vendor)
    assert vendor.calls[0]["$expand"] == "ThingLines"
    assert vendor.calls[0]["$select"].endswith("ThingLines/ID,ThingLines/EntryID,ThingLines/Amount")
    assert model.values("amount") == truth(vendor)
    assert model.values("_year")["0006-0",] == 2023


def test_a_line_that_left_a_changed_header_goes() -> None:
    vendor = vendor_of(8)
    model = Model(LINES)
    bring(model, vendor)
    change(vendor, 7, lines(7, 1, amount=5))
    bring(model, vendor)
    assert model.values("amount") == truth(vendor)


def test_the_lines_of_a_header_that_has_none_left_go() -> None:
    vendor = vendor_of(8)
    model = Model(LINES)
    bring(model, vendor)
    change(vendor, 7, [])
    bring(model, vendor)
    assert model.values("amount") == truth(vendor)


def test_the_lines_of_a_header_that_moved_before_the_starting_year_go() -> None:
    vendor = vendor_of(8)
    model = Model(LINES)
    bring(model, vendor)
    change(vendor, 7, lines(7, 3), FinancialYear=2020)
    bring(model, vendor)
    assert model.values("amount") == truth(vendor)


def test_lines_that_come_deferred_are_asked_for_by_their_header() -> None:
    vendor = vendor_of(8, deferred=frozenset({"0003", "0006"}))
    model = Model(LINES)
    bring(model, vendor)
    assert {"EntryID eq guid'0003'", "EntryID eq guid'0006'"} <= {call.get("$filter") for call in vendor.calls}
    assert model.values("amount") == truth(vendor)


def test_where_lines_cannot_be_filtered_they_are_asked_for_below_their_header() -> None:
    vendor = vendor_of(4, deferred=frozenset({"0003"}), refuses=frozenset({"EntryID"}))
    below = "/api/v1/{division}/sales/Things(guid'0003')/ThingLines"
    model = Model(LINES)
    bring(model, vendor)
    assert below in {call["path"] for call in vendor.calls}


def test_nothing_changed_costs_one_call_and_no_step() -> None:
    vendor = vendor_of(8)
    model = Model(LINES)
    bring(model, vendor)
    bring(model, vendor)
    steps, calls = len(model.steps), len(vendor.calls)
    bring(model, vendor)
    assert (len(model.steps), len(vendor.calls)) == (steps, calls + 1)


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(1, 50),
    page_size=st.integers(1, 20),
    changed=st.lists(st.tuples(st.integers(0, 49), st.integers(0, 5)), max_size=30),
    kills=st.sets(st.integers(1, 8)),
    reload=st.sampled_from([(), (2022,), (2023, 2024)]),
    refuses=st.sampled_from([frozenset(), frozenset({"FinancialYear"}), frozenset({"FinancialYear", "Modified"})]),
)
def test_whatever_the_kills_and_the_changes_the_lines_are_those_of_the_headers(
    *,
    count: int,
    page_size: int,
    changed: list[tuple[int, int]],
    kills: set[int],
    reload: tuple[int, ...],
    refuses: frozenset[str],
) -> None:
    vendor = vendor_of(count, page_size=page_size, refuses=refuses)

    def meddle(at: Vendor) -> None:
        if changed:
            number, size = changed.pop()
            change(at, number % count, lines(number % count, size, amount=len(changed)))

    vendor.between = meddle
    model = Model(LINES)
    while not bring(model, vendor, stop=lambda n: n in kills):
        pass
    if reload:
        while not bring(model, vendor, stop=lambda n: n in kills, years=reload, reload=True):
            pass
    vendor.between = lambda _: None
    for _ in range(3):
        bring(model, vendor)
    assert model.values("amount") == truth(vendor)
