"""Who may use which of a day's calls: arithmetic."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from exact_assets.catalogue import select
from exact_assets.cursors import SyncCursor
from exact_assets.exact.limits import Quota, Window
from exact_assets.planning.shares import Share, calls_per_update, guessed_calls, load_calls, shares, unfinished
from exact_assets.stream import Chain, StreamState

LEDGER, ACCOUNTS, CODES, ENTRIES, ENTRY_LINES = TABLES = (
    select("transaction_lines")[0],
    select("crm_accounts")[0],
    select("vat_vat_codes")[0],
    select("purchaseentry_purchase_entries")[0],
    select("purchaseentry_purchase_entry_lines")[0],
)
LOADED = StreamState(cursor=SyncCursor(timestamp=1))
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def quota(remaining: int | None, *, limit: int | None = 5000) -> Quota:
    return Quota(day=Window(limit=limit, remaining=remaining))


def share(
    *,
    loaded: set[str],
    at: datetime = NOON,
    is_reload: bool = False,
    of: object = LEDGER,
) -> Share:
    states = {table.name: LOADED for table in TABLES if table.name in loaded}
    return shares(
        of,  # type: ignore[arg-type]  # a table
        run=TABLES,
        chosen=TABLES,
        states={7: states},
        now=at,
        is_reload=is_reload,
        keeps_reserve=False,
    )[7]


def test_a_load_gets_what_catch_ups_and_the_reserve_leave() -> None:
    assert Share(catch_ups=400).budget(quota(5000)) == 4600
    assert Share(catch_ups=400, keeps_reserve=True).budget(quota(5000)) == 4350


def test_loads_of_a_run_share_what_is_left() -> None:
    assert Share(catch_ups=400, loads=4).budget(quota(5000)) == 1150


def test_a_load_gets_a_floor_when_catch_ups_need_everything() -> None:
    assert Share(catch_ups=9000).budget(quota(5000)) == 500
    assert Share(catch_ups=9000, loads=50).budget(quota(5000)) == 10


def test_while_nothing_is_known_or_left_there_is_nothing_to_share_out() -> None:
    assert Share(catch_ups=400).budget(quota(None, limit=None)) is None
    assert Share().budget(quota(0)) is None
    assert Share(keeps_reserve=True).budget(quota(250)) is None


@given(
    remaining=st.integers(1, 30_000),
    limit=st.integers(1, 30_000),
    catch_ups=st.integers(0, 40_000),
    loads=st.integers(1, 65),
    keeps_reserve=st.booleans(),
)
def test_loads_one_after_the_other_leave_most_to_catch_ups_and_none_starves(
    remaining: int, limit: int, catch_ups: int, loads: int, keeps_reserve: bool
) -> None:
    left = min(remaining, limit)
    reserve = limit * 5 // 100 if keeps_reserve else 0
    room = left - reserve
    for later in range(loads, 0, -1):
        one = Share(catch_ups=catch_ups, loads=later, keeps_reserve=keeps_reserve)
        budget = one.budget(quota(left, limit=limit))
        if left <= reserve:
            assert budget is None
            break
        assert budget is not None
        assert 1 <= budget <= left - reserve
        left -= budget
    if room > 0:
        # Each floor is a tenth of what is left at most, shared as well, and rounded up to a call.
        assert left - reserve >= 0.6 * min(catch_ups, room) - loads


def test_catch_ups_of_loaded_tables_count_until_midnight() -> None:
    # 12 hours: 2 updates of each.
    assert share(loaded={ACCOUNTS.name, CODES.name}).catch_ups == 2 + 2
    late = NOON.replace(hour=23, minute=59)
    assert share(loaded={ACCOUNTS.name, CODES.name}, at=late).catch_ups == 1


def test_a_catch_up_that_comes_later_in_the_run_counts_once_at_least() -> None:
    late = NOON.replace(hour=23, minute=59)
    assert share(loaded={ENTRIES.name, ENTRY_LINES.name}, at=late).catch_ups == 2


def test_loads_that_come_later_in_the_run_count_and_earlier_ones_do_not() -> None:
    # Entries and their lines are guessed to be larger than the ledger; accounts and codes are smaller.
    assert share(loaded=set()).loads == 3
    assert share(loaded={ENTRIES.name}).loads == 2
    assert share(loaded={ENTRIES.name, ENTRY_LINES.name}).loads == 1
    assert share(loaded=set(), of=CODES).loads == 1, "a snapshot is not cut"


def test_a_reload_shares_with_the_other_reloads() -> None:
    assert share(loaded={table.name for table in TABLES}, is_reload=True).loads == 3


def test_small_comes_before_large() -> None:
    assert guessed_calls(CODES) < guessed_calls(ACCOUNTS) < guessed_calls(LEDGER) < guessed_calls(ENTRY_LINES)


def test_what_an_update_costs_follows_the_feed() -> None:
    assert calls_per_update(LEDGER, 1_000_000) == 1
    assert calls_per_update(ENTRIES, 10_000, changed_rows=61) == 2
    assert calls_per_update(CODES, 121) == 3
    assert calls_per_update(ENTRIES, 601, is_whole=True) == 11
    assert load_calls(ACCOUNTS, 0) == 1


def test_what_is_not_loaded_or_under_way_is_unfinished() -> None:
    states = {
        1: {table.name: LOADED for table in TABLES},
        2: {ACCOUNTS.name: LOADED, CODES.name: StreamState(cursor=SyncCursor(timestamp=1), chain=Chain(link="…"))},
    }
    assert unfinished((ACCOUNTS, CODES), states) == {2: (CODES.name,)}
    assert unfinished((ACCOUNTS,), {3: {}}) == {3: (ACCOUNTS.name,)}


def test_a_table_that_comes_more_often_keeps_more_calls_free() -> None:
    often = replace(ACCOUNTS, frequency_minutes=15)
    found = shares(
        LEDGER,
        run=[LEDGER],
        chosen=[LEDGER, often],
        states={7: {often.name: LOADED}},
        now=NOON,
        is_reload=False,
        keeps_reserve=False,
    )
    assert found[7].catch_ups == 48
