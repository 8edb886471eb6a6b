"""The account of calls, with several processes at it."""

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from exact_assets.control.database import open_database, transaction
from exact_assets.control.ledger import QuotaLedger
from exact_assets.control.tables import CLOCKS, QUOTAS, REFUSALS, STORMS
from exact_assets.errors import ControlError, SettingsError
from exact_assets.exact.limits import Quota, Window
from exact_assets_tests.control.conftest import ON_SQLITE
from exact_assets_tests.control.processes import output_of, start

NOW = datetime(2026, 11, 22, 12, 0, 20, tzinfo=UTC)
MINUTE_END = datetime(2026, 11, 22, 12, 1, tzinfo=UTC)

BOOK = """
import sys
from datetime import datetime
from exact_assets.control.database import open_database, transaction
from exact_assets.control.tables import QUOTAS
from exact_assets.control.ledger import QuotaLedger
ledger = QuotaLedger(open_database(sys.argv[1], is_durable=False), site="s", client="c")
now = datetime.fromisoformat(sys.argv[2])
print(sum(ledger.book(7, "sync/CRM/Accounts", now=now).is_booked for _ in range(60)))
"""


@pytest.fixture
def url(control_url: str) -> str:
    return control_url


def open_ledger(url: str, *, client: str = "c") -> QuotaLedger:
    return QuotaLedger(open_database(url, is_durable=False), site="s", client=client)


def told(ledger: QuotaLedger, *, remaining: int = 100, status: int = 200) -> None:
    news = Quota(minute=Window(limit=100, remaining=remaining, resets_at=MINUTE_END))
    ledger.settle(7, "sync/CRM/Accounts", news=news, status=status, now=NOW)


def test_processes_together_use_every_allowed_call_and_no_more(url: str) -> None:
    ledger = open_ledger(url)
    ledger.book(7, "sync/CRM/Accounts", now=NOW)
    told(ledger, remaining=99)
    racers = [start(BOOK, url, NOW.isoformat()) for _ in range(3)]
    assert sum(int(output_of(process)) for process in racers) == 99
    assert not open_ledger(url).book(7, "sync/CRM/Accounts", now=NOW).is_booked


def test_all_calls_are_back_after_the_reset(url: str) -> None:
    ledger = open_ledger(url)
    told(ledger, remaining=0, status=429)
    assert not ledger.book(7, "x", now=MINUTE_END - timedelta(milliseconds=1)).is_booked
    assert ledger.book(7, "x", now=MINUTE_END).is_booked


def test_divisions_and_apps_have_accounts_of_their_own(url: str) -> None:
    told(open_ledger(url), remaining=0, status=429)
    assert open_ledger(url).book(8, "x", now=NOW).is_booked
    assert open_ledger(url, client="other").book(7, "x", now=NOW).is_booked


def test_an_unanswered_call_is_given_back(url: str) -> None:
    ledger = open_ledger(url)
    told(ledger, remaining=50)
    before = ledger.quota(7).at(NOW)
    ledger.book(7, "x", now=NOW)
    assert ledger.quota(7).at(NOW) != before
    ledger.unsent(7)
    assert ledger.quota(7).at(NOW) == before


@pytest.mark.parametrize("division", [7, None])
def test_an_endpoint_is_held_back_before_exact_blocks_the_key(url: str, division: int | None) -> None:
    """Exact blocks after more than ten: the tenth may still go out, the eleventh not."""
    ledger = open_ledger(url)
    for second in range(10):
        assert ledger.book(division, "crm/Accounts", now=NOW).is_booked
        at = NOW + timedelta(seconds=second)
        ledger.settle(division, "crm/Accounts", news=Quota(), status=400, now=at)
    assert ledger.book(division, "crm/Accounts", now=NOW).held_until == NOW + timedelta(hours=1)
    assert ledger.book(division, "crm/Contacts", now=NOW).is_booked
    assert ledger.book(division, "crm/Accounts", now=NOW + timedelta(hours=1, seconds=1)).is_booked


def test_answers_that_exact_does_not_count_hold_nothing_back(url: str) -> None:
    ledger = open_ledger(url)
    for status in [200, 408, 429, 500] * 10:
        ledger.settle(7, "crm/Accounts", news=Quota(), status=status, now=NOW)
    assert ledger.book(7, "crm/Accounts", now=NOW).is_booked


def test_the_servers_clock_is_kept_for_the_next_process(url: str) -> None:
    open_ledger(url).keep_skew(timedelta(seconds=-5.25))
    assert open_ledger(url, client="other").skew() == timedelta(seconds=-5.25)


@ON_SQLITE
def test_booking_and_settling_cost_little_more_than_bare_transactions(url: str, tmp_path: Path) -> None:
    ledger = open_ledger(url)
    told(ledger)
    bare = open_database(f"sqlite:///{tmp_path / 'bare.sqlite'}", is_durable=False)
    statement = sa.insert(CLOCKS).prefix_with("OR REPLACE").values(site="x", ahead_seconds=0)

    def transactions() -> None:
        for _ in range(2):
            with transaction(bare) as connection:
                connection.execute(sa.select(CLOCKS)).all()
                connection.execute(statement)

    def calls() -> None:
        ledger.book(8, "x", now=NOW)
        ledger.settle(8, "x", news=Quota(), status=200, now=NOW)

    def cpu_seconds(work: Callable[[], None]) -> float:
        began = time.process_time()
        for _ in range(20):
            work()
        return time.process_time() - began

    ratios = [cpu_seconds(calls) / cpu_seconds(transactions) for _ in range(15)]
    assert statistics.median(ratios) < 4


def test_a_database_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    path = tmp_path / "control.sqlite"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(ControlError, match="EXACT_CONTROL_URL"):
        open_database(f"sqlite:///{path}", is_durable=False)


@pytest.mark.parametrize("url", ["mysql://host/name", "postgresql://host", "sqlite://", "sqlite:///:memory:"])
def test_a_database_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="EXACT_CONTROL_URL"):
        open_database(url, is_durable=False)


def test_background_leaves_a_twentieth_of_the_day_to_people(url: str) -> None:
    ledger = open_ledger(url)
    midnight = datetime(2026, 11, 23, tzinfo=UTC)
    news = Quota(day=Window(limit=1000, remaining=51, resets_at=midnight))
    ledger.settle(7, "x", news=news, status=200, now=NOW)
    background = ledger.for_background()
    assert background.book(7, "x", now=NOW).is_booked
    refused = background.book(7, "x", now=NOW)
    assert (refused.is_booked, refused.reserve, refused.quota.day.remaining) == (False, 50, 0)
    assert background.quota(7).day.remaining == 50
    assert sum(ledger.book(7, "x", now=NOW).is_booked for _ in range(60)) == 50
    assert background.book(7, "x", now=midnight).is_booked


def test_while_no_limit_is_known_nothing_is_kept_back(url: str) -> None:
    assert open_ledger(url).for_background().book(7, "x", now=NOW).is_booked


YEAR = timedelta(days=365)


def storm(url: str, *, times: int, at: datetime = NOW) -> None:
    news = Quota(minute=Window(limit=60, remaining=0, resets_at=at + timedelta(seconds=1)))
    for _ in range(times):
        open_ledger(url).settle(7, "x", news=news, status=429, now=at)


def test_a_storm_of_429s_is_known_to_the_next_process(url: str) -> None:
    storm(url, times=2)
    assert open_ledger(url).book(7, "x", now=NOW + timedelta(seconds=1)).is_booked
    storm(url, times=1)
    assert not open_ledger(url).book(7, "x", now=MINUTE_END - timedelta(seconds=1)).is_booked
    assert open_ledger(url).book(7, "x", now=MINUTE_END).is_booked
    storm(url, times=8)
    later = NOW + timedelta(minutes=2)
    assert not open_ledger(url).book(7, "y", now=later - timedelta(seconds=1)).is_booked
    assert open_ledger(url).quotas()[7].storm.refused == 11
    assert open_ledger(url).book(8, "y", now=NOW).is_booked, "another division is another account"
    assert open_ledger(url).book(7, "y", now=later).is_booked
    told(open_ledger(url))
    assert open_ledger(url).quota(7).storm.refused == 0


@pytest.mark.parametrize("jump", [timedelta(hours=2), YEAR, -timedelta(hours=2), -YEAR])
def test_a_storm_that_a_wrong_clock_stored_holds_nobody_up(url: str, jump: timedelta) -> None:
    storm(url, times=40, at=NOW + jump)
    assert open_ledger(url).quota(7).storm.until is not None
    open_ledger(url).book(7, "x", now=NOW)
    assert open_ledger(url).book(7, "x", now=MINUTE_END).is_booked


@pytest.mark.parametrize("division", [7, None])
def test_bare_429s_are_known_to_the_next_process(url: str, division: int | None) -> None:
    """They stand for a block, which grows with each call."""
    open_ledger(url).settle(division, "current/Me", news=Quota(), status=429, now=NOW)
    assert open_ledger(url).book(division, "current/Me", now=NOW).is_booked
    open_ledger(url).settle(division, "current/Me", news=Quota(), status=429, now=NOW)
    later = NOW + timedelta(minutes=2)
    assert not open_ledger(url).book(division, "x", now=later - timedelta(seconds=1)).is_booked
    assert open_ledger(url).book(division, "x", now=later).is_booked


@pytest.mark.parametrize("ahead", [timedelta(hours=1), YEAR])
@pytest.mark.parametrize(
    ("window", "opens_at"), [("minute", MINUTE_END), ("day", datetime(2026, 11, 23, tzinfo=UTC))]
)
def test_a_window_stored_by_a_clock_that_was_ahead_ends_by_the_clock_that_reads_it(
    url: str, ahead: timedelta, window: str, opens_at: datetime
) -> None:
    """Its end does not move on with each reading."""
    closed = Window(limit=60, remaining=0)
    news = Quota(minute=closed) if window == "minute" else Quota(day=closed)
    open_ledger(url).settle(7, "x", news=news, status=429, now=NOW + ahead)
    reader = open_ledger(url)
    for share in range(10):
        assert not reader.book(7, "x", now=NOW + (opens_at - NOW) * share / 10).is_booked
    assert reader.book(7, "x", now=opens_at).is_booked


@pytest.mark.parametrize("behind", [timedelta(hours=1), YEAR])
def test_a_window_stored_by_a_clock_that_was_behind_is_over(url: str, behind: timedelta) -> None:
    news = Quota(minute=Window(limit=60, remaining=0), day=Window(limit=5000, remaining=20))
    open_ledger(url).settle(7, "x", news=news, status=429, now=NOW - behind)
    assert open_ledger(url).book(7, "x", now=NOW).is_booked


@pytest.mark.parametrize("ahead", [timedelta(minutes=20), YEAR])
def test_refusals_of_a_clock_that_was_ahead_hold_an_endpoint_back_for_an_hour_at_most(
    url: str, ahead: timedelta
) -> None:
    ledger = open_ledger(url)
    for _ in range(10):
        ledger.settle(7, "x", news=Quota(), status=400, now=NOW + ahead)
    for _ in range(2):
        held_until = ledger.book(7, "x", now=NOW).held_until
        assert held_until is not None
        assert held_until <= NOW + timedelta(hours=1)
    assert ledger.book(7, "x", now=NOW + timedelta(hours=1, seconds=1)).is_booked


@pytest.mark.parametrize("resets_at", [1e300, float("inf"), -1e300, 253402300800.0])
def test_a_stored_reset_that_is_no_time_is_unknown(url: str, resets_at: float) -> None:
    ledger = open_ledger(url)
    told(ledger, remaining=0, status=429)
    with transaction(open_database(url, is_durable=False)) as connection:
        connection.execute(QUOTAS.update().values(minute_resets_at=resets_at))
    assert not ledger.book(7, "x", now=NOW).is_booked
    assert ledger.book(7, "x", now=MINUTE_END).is_booked


@ON_SQLITE
@pytest.mark.parametrize("value", ["soon", b"x", 1e300, float("inf"), -1e300, 0.5, 10**18, ""])
def test_rows_that_somebody_damaged_count_as_unknown_and_hold_nobody_up(url: str, value: object) -> None:
    """SQLite keeps a text in a column of numbers; one such row ended the runs of all divisions."""
    ledger = open_ledger(url)
    told(ledger)
    for _ in range(12):
        ledger.settle(8, "x", news=Quota(), status=400, now=NOW)
    for _ in range(20):
        ledger.settle(8, "y", news=Quota(minute=Window(remaining=0)), status=429, now=NOW)
    ledger.keep_skew(timedelta(seconds=1))
    with transaction(open_database(url, is_durable=False)) as connection:
        for table in (QUOTAS, STORMS, REFUSALS, CLOCKS):
            for column in table.columns:
                is_number = isinstance(column.type, sa.Integer | sa.Float)
                if is_number and not column.primary_key and column.name != "division":
                    connection.exec_driver_sql(f'UPDATE {table.name} SET "{column.name}" = ?', (value,))
    ledger.skew()
    later = NOW + timedelta(days=1)
    # Refusals of which nobody knows when they came hold for an hour from now.
    ledger.book(8, "x", now=later)
    later += timedelta(hours=1, seconds=1)
    assert ledger.book(8, "x", now=later).is_booked
    assert ledger.settle(8, "x", news=Quota(), status=200, now=later) is not None
