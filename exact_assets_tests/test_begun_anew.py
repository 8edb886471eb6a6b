"""Timestamps that begin anew at Exact without a date that says so, as where a backup was put back there."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import msgspec
import pytest

from exact_assets.catalogue.deletions import LOG
from exact_assets_tests.installation import Installation, installation
from exact_assets_tests.one_warehouse import bring, problems

UNLIMITED = {"minute_limit": 1_000_000, "day_limit": 1_000_000}
ACCOUNTS = "crm_accounts"
LATER = 10**12
"""By so much the Timestamps here are higher than those that Exact has now."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("place"), divisions=1, rows=300, settings=UNLIMITED) as made:
        made.simulator.control.insert("crm/Accounts", made.divisions[0], count=100)
        yield made


def put_back(file: Path, name: str, *, floor_too: bool) -> None:
    """Make all that is here of a table newer than what Exact has; its next read starts there too, or below."""
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"UPDATE exact.{name} SET timestamp = timestamp + {LATER}")
        [(text,)] = connection.execute("SELECT state FROM exact._streams WHERE table_name = ?", [name]).fetchall()
        state = msgspec.json.decode(text)
        state["cursor"]["timestamp"] += LATER
        if floor_too:
            state["cursor"]["floor"] += LATER
        state.pop("fingerprint", None)
        connection.execute(
            "UPDATE exact._streams SET state = ? WHERE table_name = ?", [msgspec.json.encode(state).decode(), name]
        )


def calls(place: Installation, path: str) -> int:
    return len(place.simulator.control.calls(path=path))


@pytest.mark.parametrize("floor_too", [False, True])
def test_a_sync_feed_is_read_anew_once_and_says_so(place: Installation, tmp_path: Path, floor_too: bool) -> None:
    """Its rows come, and are older than those here; or none comes of those that were read last."""
    control, division, file = place.simulator.control, place.divisions[0], tmp_path / "warehouse.duckdb"
    bring(place, ACCOUNTS, file=file)
    put_back(file, ACCOUNTS, floor_too=floor_too)
    control.update("crm/Accounts", division, count=3)
    outcome = bring(place, ACCOUNTS, file=file)[ACCOUNTS][division]
    assert problems(place, ACCOUNTS, file=file) == {}
    assert any("as after a backup was put back" in words for words in outcome.warnings)
    control.forget_calls()
    assert bring(place, ACCOUNTS, file=file)[ACCOUNTS][division].warnings == ()
    assert calls(place, "sync/CRM/Accounts") == 1


def test_rows_that_were_deleted_before_and_are_there_again_come_back(place: Installation, tmp_path: Path) -> None:
    """The log's entries have higher Timestamps than the rows have now; they say nothing of them any more."""
    control, division, file = place.simulator.control, place.divisions[0], tmp_path / "warehouse.duckdb"
    bring(place, f"{LOG},{ACCOUNTS}", file=file)
    put_back(file, ACCOUNTS, floor_too=False)
    with duckdb.connect(str(file)) as connection:
        connection.execute(
            "INSERT INTO exact.sync_deleted (division, id, timestamp, entity_type, entity_key, deleted_date) "
            f"SELECT division, uuid(), {2 * LATER}, 2, id, now() - INTERVAL 3 DAY FROM exact.{ACCOUNTS} LIMIT 2"
        )
        connection.execute(f"DELETE FROM exact.{ACCOUNTS} WHERE id IN (SELECT entity_key FROM exact.sync_deleted)")
    control.update("crm/Accounts", division, count=3)
    bring(place, ACCOUNTS, file=file)
    assert problems(place, ACCOUNTS, file=file) == {}


def test_that_the_newest_rows_were_deleted_is_no_such_thing(place: Installation, tmp_path: Path) -> None:
    control, division, file = place.simulator.control, place.divisions[0], tmp_path / "warehouse.duckdb"
    bring(place, f"{LOG},{ACCOUNTS}", file=file)
    keys = control.insert("crm/Accounts", division, count=30)
    bring(place, ACCOUNTS, file=file)
    control.delete("crm/Accounts", division, keys=keys)
    control.forget_calls()
    assert bring(place, ACCOUNTS, file=file)[ACCOUNTS][division].warnings == ()
    assert calls(place, "sync/CRM/Accounts") == 1
    bring(place, f"{LOG},{ACCOUNTS}", file=file)
    assert problems(place, ACCOUNTS, file=file) == {}
