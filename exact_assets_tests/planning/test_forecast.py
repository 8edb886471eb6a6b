"""Whether it fits, when it is loaded, and what to change."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exact_assets.catalogue import select
from exact_assets.catalogue.frequencies import DAY, MINUTES, WEEK
from exact_assets.cursors import SyncCursor
from exact_assets.exact.limits import Quota, Window
from exact_assets.planning.forecast import DivisionForecast, forecast, loaded_by, slower
from exact_assets.stream import Chain, StreamState

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 25, tzinfo=UTC)
LEDGER, ACCOUNTS, CODES, ENTRY_LINES = (
    select("transaction_lines")[0],
    select("crm_accounts")[0],
    select("vat_vat_codes")[0],
    select("purchaseentry_purchase_entry_lines")[0],
)
LOADED = StreamState(cursor=SyncCursor(timestamp=1))
QUOTA = Quota(minute=Window(limit=60, remaining=60), day=Window(limit=1000, remaining=900))


def told(*tables: Any, **facts: Any) -> DivisionForecast:
    given_facts: dict[str, Any] = {"states": {}, "rows": {}, "counts": {}, "quota": QUOTA, "name": None}
    return forecast(7, tables, start_year=2022, now=NOON, **{**given_facts, **facts})


def test_catch_ups_and_the_counts_of_the_checks_are_added_up() -> None:
    states = {ACCOUNTS.name: LOADED, CODES.name: LOADED}
    found = told(ACCOUNTS, CODES, states=states, rows={ACCOUNTS.name: 5000, CODES.name: 61})
    # The log has told of no deletion: five pages of keys are swept once a week.
    assert (found.calls_a_day, found.used_today, found.reserve) == (4 + 2 * 4 + 2 + 1, 100, 50)
    assert found.fits
    assert (found.load_calls, found.loaded_by, found.advice) == (0, None, ())


def test_until_exact_has_told_its_limits_the_published_ones_are_taken_and_named_so() -> None:
    found = told(ACCOUNTS, quota=Quota())
    assert (found.day_limit, found.is_limit_assumed, found.used_today) == (5000, True, None)


def test_what_is_not_known_is_said_to_be_unknown() -> None:
    found = told(LEDGER, CODES)
    assert found.unknown_loads == (LEDGER.name, CODES.name)
    assert found.unknown_updates == (CODES.name,)
    assert "--count" in found.advice[-1]


def test_a_count_tells_what_a_load_still_needs() -> None:
    under_way = StreamState(chain=Chain(link="…", pages=30))
    counts = {LEDGER.name: 100_000, ENTRY_LINES.name: 601}
    found = told(LEDGER, ENTRY_LINES, states={LEDGER.name: under_way}, counts=counts)
    by_name = {one.table: one for one in found.tables}
    assert by_name[LEDGER.name].load_calls == 70
    assert by_name[LEDGER.name].state == "under way"
    assert by_name[ENTRY_LINES.name].load_calls == 11, "60 headers a call"
    assert found.loaded_by == NOON + timedelta(minutes=81 / 60)


def test_what_does_not_fit_comes_with_frequencies_that_do() -> None:
    often = replace(ACCOUNTS, frequency_minutes=1), replace(CODES, frequency_minutes=60)
    states = {table.name: LOADED for table in often}
    found = told(*often, states=states, rows={CODES.name: 600})
    assert not found.fits
    assert f"{ACCOUNTS.name} (1,440), {CODES.name} (240)" in found.advice[0]
    pairs = dict(pair.split("=") for pair in found.advice[1].split('"')[1].split(","))
    assert set(pairs) <= {ACCOUNTS.name, CODES.name}
    again = ",".join(f"{name}={frequency}" for name, frequency in pairs.items())
    assert again in found.advice[1]


def test_a_table_that_is_read_whole_and_needs_more_than_a_day_cannot_be_loaded() -> None:
    found = told(CODES, counts={CODES.name: 60_001})
    assert any("its load cannot end" in line for line in found.advice)


@pytest.mark.parametrize(
    ("calls", "ends"),
    [
        (0, None),
        (60, NOON + timedelta(minutes=1)),
        (500, NOON + timedelta(minutes=500 / 60)),
        (501, MIDNIGHT + timedelta(minutes=1 / 60)),
        (500 + 800, MIDNIGHT + timedelta(minutes=800 / 60)),
        (500 + 801, MIDNIGHT + timedelta(days=1, minutes=1 / 60)),
    ],
)
def test_a_load_goes_on_day_by_day(calls: int, ends: datetime | None) -> None:
    assert loaded_by(calls, now=NOON, room_today=500, room_a_day=800, minute_limit=60) == ends


def test_minutes_bound_what_a_day_can_do() -> None:
    found = loaded_by(60 * 1440, now=MIDNIGHT, room_today=10**9, room_a_day=10**9, minute_limit=60)
    assert found == MIDNIGHT + timedelta(days=1)


@given(
    st.dictionaries(
        st.text("abc", min_size=1, max_size=3), st.tuples(st.sampled_from(MINUTES), st.integers(1, 400)), max_size=6
    ),
    st.integers(0, 5000),
)
def test_slower_frequencies_fit_or_none_do(costs: dict[str, tuple[int, float]], usable: int) -> None:
    found = slower(costs, usable=usable)
    if found is None:
        assert sum(calls * DAY / WEEK for _, calls in costs.values()) > usable
        return
    assert all(found[name] in MINUTES and found[name] > costs[name][0] for name in found)
    total = sum(calls * DAY / found.get(name, minutes) for name, (minutes, calls) in costs.items())
    assert total <= usable + 1e-6
    if sum(calls * DAY / minutes for minutes, calls in costs.values()) <= usable:
        assert found == {}
