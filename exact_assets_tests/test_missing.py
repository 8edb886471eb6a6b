"""Rows that showed up too late for any read to bring them, or that were lost here: a sweep finds and reads them."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import duckdb
import msgspec
import pytest

from exact_assets.catalogue.tables import tables
from exact_assets.request import Mode
from exact_assets.stream import StreamState, decode_state
from exact_assets_tests.installation import Installation, installation, path_of
from exact_assets_tests.one_warehouse import attempt, bring, problems

UNLIMITED = {"minute_limit": 1_000_000, "day_limit": 1_000_000, "filterable": "any"}
OPPORTUNITIES = "crm_opportunities"
ENTRIES, LINES = "purchaseentry_purchase_entries", "purchaseentry_purchase_entry_lines"
ACCOUNTS = "crm_accounts"
HOURS = 3_600


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("place"), divisions=1, rows=300, settings=UNLIMITED) as made:
        made.simulator.control.insert(path_of(tables()[OPPORTUNITIES].endpoint), made.divisions[0], count=250)
        # A catch-up reads what is younger again.
        made.simulator.control.advance(30 * HOURS)
        yield made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "warehouse.duckdb"


def surfaced_late(place: Installation, file: Path, name: str, *, count: int, hours: float, names: str) -> None:
    """Let rows show up so many hours after their Modified, when newer ones have been read."""
    control, division, path = place.simulator.control, place.divisions[0], path_of(tables()[name].endpoint)
    ticket = control.mutate("surface_late", endpoint=path, division=division, count=count)
    control.advance(hours * HOURS)
    control.insert(path, division, count=1)
    bring(place, names, file=file)
    control.mutate("release_late", ticket=ticket)


def state_of(file: Path, name: str) -> StreamState:
    with duckdb.connect(str(file), read_only=True) as connection:
        [(text,)] = connection.execute("SELECT state FROM exact._streams WHERE table_name = ?", [name]).fetchall()
    return decode_state(text)


def asked_by_key(place: Installation, name: str) -> list[str]:
    calls = place.simulator.control.calls(path=path_of(tables()[name].endpoint))
    found = [unquote(call["query"]) for call in calls]
    return [query for query in found if " eq guid'" in query or "Timestamp eq " in query]


@pytest.mark.long
@pytest.mark.parametrize("name", [OPPORTUNITIES, ENTRIES])
def test_a_sweep_reads_the_rows_that_showed_up_hours_late_and_their_lines(
    place: Installation, file: Path, name: str
) -> None:
    names = f"{LINES},{name}" if name == ENTRIES else name
    bring(place, names, file=file)
    surfaced_late(place, file, name, count=3, hours=5, names=names)
    bring(place, names, file=file)
    assert problems(place, names, file=file) != {}, "no read brings them"
    place.simulator.control.forget_calls()
    bring(place, name, file=file, mode=Mode.SWEEP)
    assert len(asked_by_key(place, name)) == 1
    bring(place, names, file=file)
    assert problems(place, names, file=file) == {}
    place.simulator.control.forget_calls()
    bring(place, names, file=file)
    bring(place, name, file=file, mode=Mode.SWEEP)
    assert asked_by_key(place, name) == [], "each is asked for once"
    assert state_of(file, name).missing == ()


def test_a_sweep_reads_what_is_older_here_than_at_exact(place: Installation, file: Path) -> None:
    """As of a change that was made in a long transaction."""
    names = f"{LINES},{ENTRIES}"
    bring(place, names, file=file)
    with duckdb.connect(str(file)) as connection:
        connection.execute(
            f"UPDATE exact.{ENTRIES} SET modified = modified - INTERVAL 1 DAY, description = 'old' "
            f"WHERE entry_id IN (SELECT entry_id FROM exact.{ENTRIES} ORDER BY modified LIMIT 2)"
        )
    bring(place, names, file=file, mode=Mode.SWEEP)
    assert problems(place, names, file=file) == {}


def test_a_sweep_of_a_sync_feed_asks_by_the_timestamp_alone(place: Installation, file: Path) -> None:
    bring(place, ACCOUNTS, file=file)
    # Of these and more, what comes next brings the newest again: 500.
    place.simulator.control.insert(path_of(tables()[ACCOUNTS].endpoint), place.divisions[0], count=600)
    bring(place, ACCOUNTS, file=file)
    with duckdb.connect(str(file)) as connection:
        connection.execute(
            f"DELETE FROM exact.{ACCOUNTS} WHERE id IN (SELECT id FROM exact.{ACCOUNTS} ORDER BY timestamp LIMIT 3)"
        )
        connection.execute(
            f"UPDATE exact.{ACCOUNTS} SET timestamp = timestamp - 1, name = 'old' "
            f"WHERE id IN (SELECT id FROM exact.{ACCOUNTS} ORDER BY timestamp LIMIT 3)"
        )
    place.simulator.control.set(filterable="stated")
    try:
        place.simulator.control.forget_calls()
        bring(place, ACCOUNTS, file=file, mode=Mode.SWEEP)
        [query] = asked_by_key(place, ACCOUNTS)
    finally:
        place.simulator.control.set(filterable="any")
    assert query.count("Timestamp eq ") == 6
    assert problems(place, ACCOUNTS, file=file) == {}


def test_what_is_missing_is_asked_for_once_whenever_the_run_is_killed(place: Installation, file: Path) -> None:
    control, path = place.simulator.control, path_of(tables()[OPPORTUNITIES].endpoint)
    bring(place, OPPORTUNITIES, file=file)
    lose(file, OPPORTUNITIES, rows=120)
    control.forget_calls()
    for failing in range(3):
        # The sweep's own pages come first, then so many questions, then nothing more.
        control.fault("status", path=rf"{path}.*eq%20guid", times=None, after=1, value=403)
        try:
            attempt(place, OPPORTUNITIES, file=file, mode=Mode.SWEEP if failing == 0 else Mode.AUTO)
        finally:
            control.clear_faults()
        assert len(state_of(file, OPPORTUNITIES).missing) == max(0, 120 - 50 * (failing + 1))
    assert problems(place, OPPORTUNITIES, file=file) == {}
    answered = [call for call in control.calls(path=path) if "eq%20guid" in call["query"] and call["status"] == 200]
    assert len(answered) == 3
    assert state_of(file, OPPORTUNITIES).missing == ()


def test_a_damaged_table_is_read_again_as_a_whole_where_that_costs_less(place: Installation, file: Path) -> None:
    bring(place, OPPORTUNITIES, file=file)
    lose(file, OPPORTUNITIES, rows=250)
    place.simulator.control.forget_calls()
    bring(place, OPPORTUNITIES, file=file, mode=Mode.SWEEP)
    assert asked_by_key(place, OPPORTUNITIES) == []
    assert problems(place, OPPORTUNITIES, file=file) == {}


def test_where_exact_takes_no_filter_on_the_key_all_is_read_again(place: Installation, file: Path) -> None:
    control, path = place.simulator.control, path_of(tables()[OPPORTUNITIES].endpoint)
    bring(place, OPPORTUNITIES, file=file)
    for missed in (2, 3):
        lose(file, OPPORTUNITIES, rows=missed)
        control.forget_calls()
        control.fault("status", path=rf"{path}.*eq%20guid", times=None, value=400)
        try:
            bring(place, OPPORTUNITIES, file=file, mode=Mode.SWEEP)
        finally:
            control.clear_faults()
        assert problems(place, OPPORTUNITIES, file=file) == {}
        assert len(asked_by_key(place, OPPORTUNITIES)) == (missed == 2), "a refusal is remembered"


def test_years_that_were_never_loaded_are_not_missing(place: Installation, file: Path) -> None:
    last = place.config.start_year + 4
    attempt(place, ENTRIES, file=file, years=(last,))
    place.simulator.control.forget_calls()
    attempt(place, ENTRIES, file=file, years=(last,), mode=Mode.SWEEP)
    assert asked_by_key(place, ENTRIES) == []


def test_a_sweep_that_an_older_version_began_goes_on(place: Installation, file: Path) -> None:
    """Of its keys nobody knows which rows should be here."""
    control, path = place.simulator.control, path_of(tables()[OPPORTUNITIES].endpoint)
    bring(place, OPPORTUNITIES, file=file)
    control.set(page_size_cap=20)
    control.fault("status", path=f"{path}.*skiptoken", times=None, after=1, value=403)
    try:
        attempt(place, OPPORTUNITIES, file=file, mode=Mode.SWEEP)
        control.clear_faults()
        aside = f"exact._sweep_{OPPORTUNITIES}_{place.divisions[0]}"
        with duckdb.connect(str(file)) as connection:
            connection.execute(f"ALTER TABLE {aside} DROP COLUMN _is_due; ALTER TABLE {aside} DROP COLUMN _version")
        bring(place, OPPORTUNITIES, file=file)
    finally:
        control.clear_faults()
        control.set(page_size_cap=None)
    assert state_of(file, OPPORTUNITIES).sweep is None
    assert problems(place, OPPORTUNITIES, file=file) == {}


def lose(file: Path, name: str, *, rows: int) -> None:
    """Lose rows that were read long ago, as by damage."""
    with duckdb.connect(str(file)) as connection:
        connection.execute(
            f"DELETE FROM exact.{name} WHERE id IN (SELECT id FROM exact.{name} ORDER BY modified LIMIT {rows})"
        )


def test_what_is_missing_survives_as_it_is_stored() -> None:
    state = StreamState(missing=("a", "b"))
    assert decode_state(msgspec.json.encode(state)) == state


def test_rows_that_are_newer_here_than_at_exact_have_all_read_again(place: Installation, file: Path) -> None:
    """A backup was put back there: what changes from then on would be thrown away as older."""
    names = f"{LINES},{ENTRIES}"
    bring(place, names, file=file)
    with duckdb.connect(str(file)) as connection:
        connection.execute(
            f"UPDATE exact.{ENTRIES} SET modified = modified + INTERVAL 1 YEAR, description = 'taken back' "
            f"WHERE entry_id IN (SELECT entry_id FROM exact.{ENTRIES} ORDER BY modified LIMIT 2)"
        )
        connection.execute(f"UPDATE exact.{LINES} SET description = 'taken back'")
    bring(place, ENTRIES, file=file, mode=Mode.SWEEP)
    bring(place, names, file=file)
    assert problems(place, names, file=file) == {}
    steps = state_of(file, ENTRIES).load_seq
    bring(place, ENTRIES, file=file)
    assert state_of(file, ENTRIES).load_seq == steps
