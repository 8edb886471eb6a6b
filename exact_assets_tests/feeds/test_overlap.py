"""How far back a catch-up of a modified table reads again, so that rows which show up late are not missed."""

from datetime import datetime, timedelta

import pytest

from exact_assets_tests.feeds.model import Model
from exact_assets_tests.feeds.tables import INVOICES
from exact_assets_tests.feeds.test_modified import bring, change, row, truth
from exact_assets_tests.feeds.vendor import Vendor


@pytest.mark.parametrize("late", [timedelta(minutes=20), timedelta(hours=1), timedelta(hours=2, minutes=50)])
def test_a_row_that_shows_up_late_is_read_where_pages_are_not_full(late: timedelta) -> None:
    """As at the end of a long transaction: its Modified is from before, and newer rows have been read."""
    vendor = Vendor([row(n) for n in range(5)], page_size=60)
    model = Model(INVOICES)
    bring(model, vendor)
    began = vendor.wall()
    vendor.clock += late
    change(vendor, 1)
    bring(model, vendor)
    vendor.rows.append(row(7, modified=began, amount=7))
    calls = len(vendor.calls)
    bring(model, vendor)
    assert model.values("amount") == truth(vendor)
    assert len(vendor.calls) == calls + 1


def test_what_is_read_again_is_half_a_page_at_most_where_much_changes() -> None:
    vendor = Vendor([row(n) for n in range(200)], page_size=60)
    model = Model(INVOICES)
    bring(model, vendor)
    for number in range(100):
        vendor.clock += timedelta(minutes=1)
        change(vendor, number)
    bring(model, vendor)
    for number in range(100, 103):
        vendor.clock += timedelta(minutes=1)
        change(vendor, number)
    calls = len(vendor.calls)
    bring(model, vendor)
    assert len(vendor.calls) == calls + 1
    bound = vendor.calls[-1]["$filter"].split("'")[1]
    again = [one for one in vendor.rows if one["Modified"] >= datetime.fromisoformat(bound)]
    assert INVOICES.page_size // 2 <= len(again) <= INVOICES.page_size // 2 + 3
    steps = len(model.steps)
    bring(model, vendor)
    bring(model, vendor)
    assert len(model.steps) <= steps + 1, "where nothing changes nothing is stored"


def test_five_minutes_are_read_again_however_many_rows_that_is() -> None:
    vendor = Vendor([row(n) for n in range(200)], page_size=60)
    model = Model(INVOICES)
    bring(model, vendor)
    began = vendor.wall()
    vendor.clock += timedelta(minutes=4)
    for number in range(150):
        change(vendor, number)
    bring(model, vendor)
    vendor.rows.append(row(300, modified=began, amount=3))
    bring(model, vendor)
    assert model.values("amount") == truth(vendor)
