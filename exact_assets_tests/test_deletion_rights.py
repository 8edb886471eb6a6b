"""A user who may not see deletions gets an empty log, and no error: what is deleted goes all the same."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from exact_assets.catalogue.deletions import LOG
from exact_assets.catalogue.tables import tables
from exact_assets.cursors import SyncCursor
from exact_assets.defs.events import warned
from exact_assets.deletion_rights import has_told, is_due_to_be_swept
from exact_assets.request import Mode, Outcome
from exact_assets.stream import StreamState
from exact_assets_tests.installation import Installation, installation
from exact_assets_tests.one_warehouse import attempt, bring, problems

UNLIMITED = {"minute_limit": 1_000_000, "day_limit": 1_000_000}
ACCOUNTS = "crm_accounts"
NOW = datetime(2026, 11, 26, tzinfo=UTC)
TELLS, SAYS_NOTHING = StreamState(cursor=SyncCursor(timestamp=42)), StreamState(cursor=SyncCursor(timestamp=1))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("place"), divisions=1, rows=200, settings=UNLIMITED) as made:
        yield made


def scheduled(place: Installation, file: Path, names: str) -> Outcome:
    """Sweep as the weekly schedule does; the outcome of the accounts."""
    return attempt(place, names, file=file, mode=Mode.SWEEP, is_scheduled=True)[ACCOUNTS][place.divisions[0]]


def hide_deletions(place: Installation) -> None:
    place.simulator.control.fault("rows_missing", path=r"sync/Deleted\?", times=None)


def test_where_the_log_is_always_empty_the_weekly_sweep_takes_away_what_went_and_says_which_right_is_missing(
    place: Installation, tmp_path: Path
) -> None:
    control, division, file = place.simulator.control, place.divisions[0], tmp_path / "warehouse.duckdb"
    hide_deletions(place)
    try:
        keys = control.insert("crm/Accounts", division, count=3)
        bring(place, f"{LOG},{ACCOUNTS}", file=file)
        control.delete("crm/Accounts", division, keys=keys)
        bring(place, f"{LOG},{ACCOUNTS}", file=file)
        assert problems(place, ACCOUNTS, file=file) != {}
        outcome = scheduled(place, file, f"{LOG},{ACCOUNTS}")
    finally:
        control.clear_faults()
    assert problems(place, ACCOUNTS, file=file) == {}
    [words] = outcome.warnings
    assert "3 rows gone from Exact that its deletion log had not named" in words
    assert '"Organization administration"' in words
    shown = warned(dg.AssetKey(ACCOUNTS), [outcome])
    assert shown is not None
    assert shown.description == words


def test_where_the_log_has_told_of_a_deletion_no_sweep_is_made_and_nothing_is_warned_of(
    place: Installation, tmp_path: Path
) -> None:
    control, division, file = place.simulator.control, place.divisions[0], tmp_path / "warehouse.duckdb"
    keys = control.insert("crm/Accounts", division, count=2)
    bring(place, f"{LOG},{ACCOUNTS}", file=file)
    control.delete("crm/Accounts", division, keys=keys)
    bring(place, LOG, file=file)
    control.forget_calls()
    assert scheduled(place, file, ACCOUNTS).warnings == ()
    assert len(control.calls(path="CRM/Accounts")) == 1, "the catch-up alone"
    assert attempt(place, ACCOUNTS, file=file, mode=Mode.SWEEP)[ACCOUNTS][division].warnings == ()
    assert len(control.calls(path="CRM/Accounts")) == 3, "a person's sweep is made"


def test_a_log_that_was_read_and_has_no_rows_has_told_nothing() -> None:
    assert has_told(TELLS)
    assert not has_told(SAYS_NOTHING)
    assert not has_told(None)
    assert not has_told(StreamState())


@pytest.mark.parametrize(
    ("days", "log", "is_due"),
    [(3, SAYS_NOTHING, True), (3, None, True), (3, TELLS, False), (28, TELLS, True), (-3, TELLS, True)],
)
def test_tables_of_the_log_are_swept_each_week_till_it_tells_and_each_fourth_week_from_then_on(
    days: int, log: StreamState | None, is_due: bool
) -> None:
    state = StreamState(covered_from=(NOW - timedelta(days=days)).isoformat())
    assert is_due_to_be_swept(tables()[ACCOUNTS], state, log, now=NOW) is is_due
    assert is_due_to_be_swept(tables()["crm_opportunities"], state, log, now=NOW)
