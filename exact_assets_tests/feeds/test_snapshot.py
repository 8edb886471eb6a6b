"""The snapshot feed."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exact_assets.catalogue.table import Feed, Table
from exact_assets.feeds import ReadRequest
from exact_assets.stream import Chain, Verb
from exact_assets_tests.feeds.model import Model
from exact_assets_tests.feeds.tables import KEYLESS, SYNC, UNITS
from exact_assets_tests.feeds.vendor import Row, Vendor

YEARLY = replace(SYNC, feed=Feed.SNAPSHOT, version=None)


def row(number: int, amount: int = 0, year: int | None = 2024) -> Row:
    return {"ID": f"{number:04}", "Amount": amount, "FinancialYear": year, "Timestamp": number}


def bring(model: Model, vendor: Vendor, stop: Callable[[int], bool] = lambda _: False, **wishes: Any) -> bool:
    request = ReadRequest(start_year=2022, now=vendor.now, **wishes)
    return asyncio.run(model.bring(vendor, request, stop=stop))


def amounts(model: Model) -> list[tuple[str, int]]:
    return sorted((one["id"], one["amount"]) for one in model.rows)


def truth(vendor: Vendor) -> list[tuple[str, int]]:
    return sorted((one["ID"], one["Amount"]) for one in vendor.rows)


@pytest.mark.parametrize("table", [UNITS, KEYLESS])
def test_a_table_that_fits_a_page_is_one_step_and_nothing_where_nothing_changed(table: Table) -> None:
    vendor = Vendor([row(1), row(2)])
    model = Model(table)
    bring(model, vendor)
    bring(model, vendor)
    assert [step.verb for step in model.steps] == [Verb.REPLACE]
    assert (len(vendor.calls), model.state.is_loaded) == (2, True)


def test_deleted_rows_go() -> None:
    vendor = Vendor([row(1), row(2)])
    model = Model(UNITS)
    bring(model, vendor)
    vendor.rows.pop()
    bring(model, vendor)
    assert amounts(model) == truth(vendor)


def test_rows_without_identity_may_be_the_same() -> None:
    vendor = Vendor([row(1), row(1), row(2)], order=lambda one: (one["ID"], id(one)))
    model = Model(KEYLESS)
    bring(model, vendor)
    assert amounts(model) == truth(vendor)


def test_a_snapshot_that_was_begun_a_day_ago_is_begun_anew() -> None:
    vendor = Vendor([row(n) for n in range(90)])
    model = Model(UNITS)
    bring(model, vendor, stop=lambda _: True)
    vendor.clock += timedelta(hours=25)
    vendor.rows = vendor.rows[30:]
    bring(model, vendor)
    assert amounts(model) == truth(vendor)
    assert "link" not in repr(model.state.chain)


def test_a_killed_snapshot_goes_on_within_the_day() -> None:
    vendor = Vendor([row(n) for n in range(90)])
    model = Model(UNITS)
    bring(model, vendor, stop=lambda _: True)
    bring(model, vendor)
    assert (len(vendor.calls), amounts(model)) == (30, truth(vendor))


def test_business_years_before_the_start_are_not_asked_for() -> None:
    vendor = Vendor([row(1, year=2021), row(2, year=2022), row(3, year=None)])
    model = Model(YEARLY)
    bring(model, vendor)
    assert vendor.calls[0]["$filter"] == "(FinancialYear ge 2022) or FinancialYear eq null"
    assert [one["_year"] for one in model.rows] == [2022, 2022]


def test_a_refused_year_is_left_out_here_instead() -> None:
    vendor = Vendor([row(1, year=2021), row(2, year=2022)], refuses=frozenset({"FinancialYear"}))
    model = Model(YEARLY)
    bring(model, vendor)
    bring(model, vendor)
    assert [one["_year"] for one in model.rows] == [2022]
    assert sum("$filter" in call for call in vendor.calls) == 1


def test_a_function_that_takes_no_select_is_asked_without() -> None:
    vendor = Vendor([row(1)], refuses=frozenset({"$select"}))
    model = Model(replace(UNITS, feed=Feed.FUNCTION, filterable=frozenset()))
    bring(model, vendor)
    bring(model, vendor)
    assert amounts(model) == truth(vendor)
    assert sum("$select" in call for call in vendor.calls) == 1


@pytest.mark.parametrize("table", [UNITS, KEYLESS])
def test_a_reload_that_finds_the_same_rows_stores_them_as_some_may_be_lost(table: Table) -> None:
    vendor = Vendor([row(1), row(2)])
    model = Model(table)
    bring(model, vendor)
    model.rows.pop()
    bring(model, vendor, reload=True, reload_id="b1")
    assert (model.steps[-1].verb, model.state.reload_id) == (Verb.REPLACE, "b1")
    assert amounts(model) == truth(vendor)


def test_a_reload_whose_link_was_let_go_stores_what_it_finds_though_a_load_ends_it() -> None:
    vendor = Vendor([row(1), row(2)])
    model = Model(UNITS)
    bring(model, vendor)
    model.rows.pop()
    model.state = msgspec.structs.replace(model.state, chain=Chain(reload=True))
    bring(model, vendor)
    assert amounts(model) == truth(vendor)


def test_a_digest_knows_how_many_rows_are_kept_of_those_that_came() -> None:
    vendor = Vendor([row(1), row(1, amount=2), row(2)], order=lambda one: (one["ID"], one["Amount"]))
    model = Model(UNITS)
    bring(model, vendor)
    assert (model.state.digest_rows, len(model.rows)) == (2, 2)


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(0, 120),
    page_size=st.integers(1, 30),
    kills=st.sets(st.integers(1, 8)),
    lose=st.booleans(),
    keyless=st.booleans(),
)
def test_whatever_the_kills_the_table_is_what_exact_holds(
    count: int, page_size: int, kills: set[int], lose: bool, keyless: bool
) -> None:
    vendor = Vendor([row(n) for n in range(count)], page_size=page_size)
    model = Model(KEYLESS if keyless else UNITS)
    while not bring(model, vendor, stop=lambda n: n in kills):
        if lose:
            vendor.links.clear()
    vendor.rows = vendor.rows[count // 2 :]
    while not bring(model, vendor, stop=lambda n: n - 4 in kills):
        pass
    assert amounts(model) == truth(vendor)
    assert not model.stage
