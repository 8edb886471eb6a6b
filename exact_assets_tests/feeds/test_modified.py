"""The modified feed."""

# ruff: noqa: DTZ001 - Exact writes wall clocks, which have no zone

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exact_assets.errors import RequestRefusedError
from exact_assets.feeds import ReadRequest
from exact_assets.stream import Verb
from exact_assets_tests.feeds.model import Model
from exact_assets_tests.feeds.tables import ACCOUNTS, INVOICES
from exact_assets_tests.feeds.vendor import Row, Vendor

LONG_AGO = datetime(2026, 5, 1, 12)


def row(
    number: int, *, year: int | None = 2024, created: int = 2024, modified: datetime = LONG_AGO, amount: int = 0
) -> Row:
    return {
        "ID": f"{number:04}",
        "InvoiceDate": None if year is None else datetime(year, 3, 1),
        "Created": datetime(created, 2, 1),
        "Modified": modified,
        "Amount": amount,
    }


def bring(model: Model, vendor: Vendor, stop: Callable[[int], bool] = lambda _: False, **wishes: Any) -> bool:
    request = ReadRequest(start_year=wishes.pop("start_year", 2022), now=vendor.now, **wishes)
    return asyncio.run(model.bring(vendor, request, stop=stop))


def change(vendor: Vendor, number: int, **values: Any) -> None:
    found = next(one for one in vendor.rows if one["ID"] == f"{number:04}")
    found |= {"Modified": vendor.wall(), "Amount": found["Amount"] + 1, **values}


def truth(vendor: Vendor) -> dict[Any, Any]:
    return {(one["ID"],): one["Amount"] for one in vendor.rows}


def test_a_first_load_asks_for_the_years_since_the_start_as_one_span_and_for_undated_rows() -> None:
    vendor = Vendor([row(1, year=2021), row(2, year=2022), row(3, year=None, created=2023)])
    model = Model(INVOICES)
    bring(model, vendor)
    assert vendor.calls[0]["$filter"] == ("(InvoiceDate ge datetime'2022-01-01T00:00:00') or InvoiceDate eq null")
    assert model.values("_year") == {("0002",): 2022, ("0003",): 2023}
    assert model.state.years == (2022, 2023, 2024, 2025, 2026)


def test_only_the_wanted_years_are_asked_for_neighbours_together() -> None:
    vendor = Vendor([row(n, year=2020 + n) for n in range(7)])
    model = Model(INVOICES)
    bring(model, vendor, years=(2022, 2023, 2025), start_year=2020)
    inside = "(InvoiceDate ge datetime'{}-01-01T00:00:00' and InvoiceDate lt datetime'{}-01-01T00:00:00')"
    assert [call["$filter"] for call in vendor.calls] == [
        f"{inside.format(2022, 2024)} or InvoiceDate eq null",
        f"{inside.format(2025, 2026)} or InvoiceDate eq null",
    ]
    assert sorted(model.values("_year").values()) == [2022, 2023, 2025]


def test_rows_dated_ahead_come_with_the_current_year() -> None:
    vendor = Vendor([row(1, year=2027)])
    model = Model(INVOICES)
    bring(model, vendor, years=(2026,))
    assert model.values("_year") == {("0001",): 2027}


def test_the_first_year_of_master_data_holds_all_earlier_rows() -> None:
    vendor = Vendor([row(1, created=2009), row(2, created=2022), row(3, created=2024)])
    model = Model(ACCOUNTS)
    bring(model, vendor, years=(2022,))
    assert vendor.calls[0]["$filter"] == "(Created lt datetime'2023-01-01T00:00:00') or Created eq null"
    assert model.values("_year") == {("0001",): 2009, ("0002",): 2022}


def test_all_years_of_master_data_are_asked_for_without_a_filter() -> None:
    vendor = Vendor([row(1, created=2009)])
    bring(Model(ACCOUNTS), vendor)
    assert "$filter" not in vendor.calls[0]


def test_a_catch_up_in_which_nothing_changed_costs_one_call_and_no_step() -> None:
    vendor = Vendor([row(n) for n in range(10)])
    model = Model(INVOICES)
    bring(model, vendor)
    bring(model, vendor)
    steps, calls = len(model.steps), len(vendor.calls)
    vendor.clock += timedelta(days=3)
    bring(model, vendor)
    assert (len(model.steps), len(vendor.calls)) == (steps, calls + 1)


def test_a_catch_up_asks_in_local_time_in_the_order_of_modified() -> None:
    vendor = Vendor([row(1)])
    model = Model(INVOICES)
    bring(model, vendor)
    change(vendor, 1)
    bring(model, vendor)
    vendor.clock += timedelta(hours=1)
    bring(model, vendor)
    # Changed at 10:00:00.1 UTC, which Exact's clock shows as 12:00:00.1; less three hours.
    assert vendor.calls[-1]["$filter"] == "Modified ge datetime'2026-06-01T09:00:00'"
    assert vendor.calls[-1]["$orderby"] == "Modified"
    assert model.values("amount") == truth(vendor)


def test_a_row_that_shows_minutes_after_it_was_modified_is_read() -> None:
    vendor = Vendor([row(1), row(2)])
    model = Model(INVOICES)
    bring(model, vendor)
    change(vendor, 1)
    bring(model, vendor)
    vendor.clock += timedelta(days=1)
    vendor.rows.append(row(3, modified=vendor.rows[0]["Modified"] - timedelta(minutes=4)))
    bring(model, vendor)
    assert ("0003",) in model.values("amount")


def test_what_was_changed_in_the_hour_that_is_shown_twice_is_read() -> None:
    """25 October 2026: 02:00 to 03:00 is shown twice. A change at 02:10 comes after one at 02:50."""
    vendor = Vendor([row(1), row(2)], clock=datetime(2026, 10, 25, 0, 50, tzinfo=UTC))
    model = Model(INVOICES)
    bring(model, vendor)
    change(vendor, 1)
    bring(model, vendor)
    vendor.clock = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)
    change(vendor, 2)
    assert vendor.rows[1]["Modified"] < vendor.rows[0]["Modified"]
    bring(model, vendor)
    assert model.values("amount") == truth(vendor)


def test_a_newly_wanted_year_is_loaded_and_the_cursor_stays() -> None:
    vendor = Vendor([row(n, year=2022 + n) for n in range(4)])
    model = Model(INVOICES)
    bring(model, vendor, years=(2024,))
    cursor = model.state.cursor
    bring(model, vendor, years=(2023, 2024))
    assert model.state.years == (2023, 2024)
    assert model.state.cursor == cursor
    assert sorted(set(model.values("_year").values())) == [2023, 2024]


def test_a_reload_of_a_year_replaces_that_year_alone() -> None:
    vendor = Vendor([row(n, year=2022 + n % 3) for n in range(12)])
    model = Model(INVOICES)
    bring(model, vendor)
    vendor.rows = [one for one in vendor.rows if one["ID"] not in {"0001", "0002"}]
    bring(model, vendor, years=(2023,), reload=True, reload_id="b1")
    replaced = next(step for step in model.steps if step.verb is Verb.REPLACE)
    assert replaced.years == (2023, 2023)
    # 0001 of 2023 is gone, 0002 of 2024 was not asked for.
    assert sorted(set(model.ids()) - {(one["ID"],) for one in vendor.rows}) == [("0002",)]
    assert model.state.reload_years == (2023,)


def test_an_empty_year_empties_it() -> None:
    vendor = Vendor([row(1, year=2022), row(2, year=2023)])
    model = Model(INVOICES)
    bring(model, vendor)
    vendor.rows.pop()
    bring(model, vendor, years=(2023,), reload=True)
    assert model.ids() == [("0001",)]


def test_a_date_that_may_not_be_filtered_on_makes_one_load_of_all_years() -> None:
    table = replace(INVOICES, filterable=frozenset({"Modified"}))
    vendor = Vendor([row(1, year=2021), row(2, year=2023)])
    model = Model(table)
    bring(model, vendor, years=(2023,))
    assert "$filter" not in vendor.calls[0]
    assert (model.ids(), model.state.years) == ([("0002",)], ())


def test_an_earlier_starting_year_reads_anew_what_cannot_be_asked_for_by_year() -> None:
    table = replace(INVOICES, filterable=frozenset({"Modified"}))
    vendor = Vendor([row(1, year=2021), row(2, year=2023)])
    model = Model(table)
    bring(model, vendor)
    bring(model, vendor, start_year=2020)
    assert model.ids() == [("0001",), ("0002",)]


def test_a_refused_filter_on_the_date_is_not_asked_again() -> None:
    vendor = Vendor([row(1, year=2021), row(2, year=2023)], refuses=frozenset({"InvoiceDate"}))
    model = Model(INVOICES)
    bring(model, vendor, years=(2023,))
    assert model.ids() == [("0002",)]
    bring(model, vendor, years=(2023,), reload=True)
    assert model.state.refused == ("InvoiceDate",)
    assert sum("InvoiceDate" in call.get("$filter", "") for call in vendor.calls) == 1


def test_where_modified_is_refused_the_table_is_read_whole_each_time() -> None:
    vendor = Vendor([row(n) for n in range(5)], refuses=frozenset({"Modified", "InvoiceDate"}))
    model = Model(INVOICES)
    bring(model, vendor)
    vendor.rows.pop()
    change(vendor, 1)
    bring(model, vendor)
    assert model.values("amount") == truth(vendor)
    steps = len(model.steps)
    bring(model, vendor)
    assert len(model.steps) == steps
    assert sum("Modified" in call.get("$filter", "") for call in vendor.calls) == 1


def test_where_modified_is_refused_but_years_are_not_nothing_is_stored_when_nothing_changed() -> None:
    vendor = Vendor([row(1), row(2)], page_size=10, refuses=frozenset({"Modified"}))
    model = Model(INVOICES)
    for _ in range(3):
        bring(model, vendor)
    steps, calls = len(model.steps), len(vendor.calls)
    bring(model, vendor)
    assert (len(model.steps), len(vendor.calls)) == (steps, calls + 1)


@pytest.mark.parametrize(
    ("refuses", "asked"),
    [
        ({"no filter"}, "ID ne guid'00000000-0000-0000-0000-000000000000'"),
        ({"no filter", "ID"}, "Modified ge datetime'1900-01-01T00:00:00'"),
    ],
)
def test_where_a_filter_is_mandatory_one_that_every_row_passes_is_given(refuses: set[str], asked: str) -> None:
    table = replace(INVOICES, filterable=frozenset({"Modified"}))
    vendor = Vendor([row(1), row(2)], refuses=frozenset(refuses))
    model = Model(table)
    bring(model, vendor)
    assert vendor.calls[-1]["$filter"] == asked
    assert model.values("amount") == truth(vendor)


def test_a_request_that_is_refused_in_every_form_is_an_error() -> None:
    vendor = Vendor([row(1)], refuses=frozenset({"InvoiceDate", "no filter", "ID", "Modified"}))
    with pytest.raises(RequestRefusedError):
        bring(Model(INVOICES), vendor)
    assert len(vendor.calls) == 4


def test_no_other_filter_is_tried_where_the_refusal_is_about_something_else() -> None:
    vendor = Vendor([row(1)])
    vendor.fail = lambda _: RequestRefusedError(
        "no", status=400, reason="Please add a $select or a $top=1 statement"
    )
    with pytest.raises(RequestRefusedError):
        bring(Model(INVOICES), vendor)
    assert len(vendor.calls) == 1


def test_a_row_that_was_changed_while_pages_were_read_is_read_by_the_next_catch_up() -> None:
    vendor = Vendor([row(n) for n in range(9)])
    model = Model(INVOICES)
    vendor.between = lambda v: change(v, 0)
    bring(model, vendor)
    vendor.between = lambda _: None
    bring(model, vendor)
    assert model.values("amount") == truth(vendor)


def test_a_row_that_was_passed_over_early_in_a_long_load_is_read_by_the_next_catch_up() -> None:
    """Row 0 changes after its page was read, row 8 later, before its page is: the latter is the newest seen."""
    vendor = Vendor([row(n) for n in range(9)], step=timedelta(minutes=30))
    model = Model(INVOICES)
    vendor.between = lambda v: change(v, 8 * (len(v.calls) - 1)) if len(v.calls) in {1, 2} else None
    bring(model, vendor)
    vendor.between = lambda _: None
    bring(model, vendor)
    assert model.values("amount") == truth(vendor)


def test_a_reload_whose_link_is_lost_forgets_what_it_had_staged() -> None:
    vendor = Vendor([row(n, year=2023) for n in range(90)])
    model = Model(INVOICES)
    bring(model, vendor)
    steps = len(model.steps)
    bring(model, vendor, stop=lambda n: n > steps, years=(2023,), reload=True)
    assert model.stage
    vendor.links.clear()
    vendor.rows = vendor.rows[45:]
    bring(model, vendor)
    assert model.ids() == [(one["ID"],) for one in vendor.rows]


def test_a_reload_that_finds_just_what_the_last_catch_up_found_replaces_all_the_same() -> None:
    table = replace(INVOICES, filterable=frozenset({"Modified"}))
    vendor = Vendor([row(1), row(2)])
    model = Model(table)
    bring(model, vendor)
    vendor.rows.pop()
    change(vendor, 1)
    bring(model, vendor)
    bring(model, vendor, reload=True)
    assert model.ids() == [("0001",)]


@pytest.mark.parametrize("refuses", [frozenset[str](), frozenset({"Modified"})])
def test_a_reload_that_finds_what_the_last_one_found_brings_back_what_was_lost(refuses: frozenset[str]) -> None:
    table = replace(INVOICES, filterable=frozenset({"Modified"}))
    vendor = Vendor([row(1), row(2)], refuses=refuses)
    model = Model(table)
    bring(model, vendor)
    bring(model, vendor)
    bring(model, vendor, reload=True)
    model.rows.pop()
    bring(model, vendor, reload=True)
    assert model.ids() == [("0001",), ("0002",)]


moments = st.integers(0, 4 * 3600)


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 60),
    page_size=st.integers(1, 25),
    changed=st.lists(st.integers(0, 70), max_size=40),
    pauses=st.lists(moments, min_size=1, max_size=6),
    kills=st.sets(st.integers(1, 12)),
    years=st.lists(st.sets(st.integers(2022, 2026), min_size=1), min_size=1, max_size=3),
    refuses=st.sampled_from([frozenset(), frozenset({"InvoiceDate"}), frozenset({"InvoiceDate", "Modified"})]),
    autumn=st.booleans(),
)
def test_whatever_the_kills_and_the_changes_nothing_of_the_wanted_years_is_lost(
    *,
    count: int,
    page_size: int,
    changed: list[int],
    pauses: list[int],
    kills: set[int],
    years: list[set[int]],
    refuses: frozenset[str],
    autumn: bool,
) -> None:
    clock = datetime(2026, 10, 24, 22, 0, tzinfo=UTC) if autumn else datetime(2026, 6, 1, 10, tzinfo=UTC)
    rows = [row(n, year=2022 + n % 5 if n % 7 else None, created=2020 + n % 6) for n in range(count)]
    vendor = Vendor(rows, page_size=page_size, refuses=refuses, clock=clock)

    def meddle(at: Vendor) -> None:
        if changed:
            number = changed.pop()
            if number < count:
                change(at, number)
            else:
                at.rows.append(row(200 + len(at.rows), year=2025, modified=at.wall()))

    model = Model(INVOICES)
    vendor.between = meddle
    for pause, wanted in zip(pauses, years, strict=False):
        while not bring(model, vendor, stop=lambda n: n in kills, years=tuple(sorted(wanted))):
            pass
        vendor.clock += timedelta(seconds=pause)
    vendor.between = lambda _: None
    asked = set().union(*years[: len(pauses)])
    for _ in range(3):
        bring(model, vendor, years=tuple(sorted(asked)))
    year = {
        one["ID"]: one["InvoiceDate"].year if one["InvoiceDate"] else one["Created"].year for one in vendor.rows
    }
    must = {(one["ID"],): one["Amount"] for one in vendor.rows if max(year[one["ID"]], 0) in asked}
    have = model.values("amount")
    assert {key: have.get(key) for key in must} == must


def test_a_row_that_moves_before_the_starting_year_goes() -> None:
    vendor = Vendor([row(n) for n in range(3)], page_size=10)
    model = Model(INVOICES)
    for _ in range(2):
        bring(model, vendor)
    change(vendor, 1, InvoiceDate=datetime(2021, 3, 1))
    bring(model, vendor)
    assert model.ids() == [("0000",), ("0002",)]
    steps = len(model.steps)
    bring(model, vendor)
    assert len(model.steps) == steps
