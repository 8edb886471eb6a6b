"""The selection when its table was lost or made anew by hand: nothing is removed, the choice comes back."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner, Result

from exact_assets.build import build_defs
from exact_assets.catalogue import select
from exact_assets.cli import main
from exact_assets.config import ExactConfig
from exact_assets.control.open import Control
from exact_assets_tests.defs.test_divisions_sensors import (
    FIRST,
    LEDGER,
    SECOND,
    Ticking,
    chosen,
    simulated,
    ticking,
)
from exact_assets_tests.installation import CHECKOUT
from exact_assets_tests.warehouse.duckdb.plain import query
from exact_assets_tests.warehouse.duckdb.plain import run as run_sql

__all__ = ["chosen", "simulated", "ticking"]
BOTH = {str(FIRST), str(SECOND)}
FEW, MANY = 1_000, 100_000
MOST_MEGABYTES = 700


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def deleted(file: Path) -> None:
    file.unlink()


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def dropped(file: Path) -> None:
    run_sql(file, "DROP TABLE exact.divisions")


def without_rows(file: Path) -> None:
    run_sql(file, "DELETE FROM exact.divisions")


@pytest.mark.parametrize("lose", [deleted, emptied, dropped, without_rows])
@pytest.mark.parametrize("first", ["exact_divisions", "exact_divisions_refresh", "a load", "divisions refresh"])
def test_whatever_comes_first_after_the_selection_was_lost_the_choice_comes_back(
    chosen: Ticking, lose: Callable[[Path], None], first: str
) -> None:
    chosen.warehouse.set_start_year([SECOND], datetime.now(UTC).year - 1)
    chosen.tick("exact_divisions")
    lose(chosen.place.warehouse)
    match first:
        case "a load":
            chosen.warehouse.prepare(select("crm_accounts"))
        case "divisions refresh":
            assert command("divisions", "refresh").exit_code == 0
        case sensor:
            chosen.tick(sensor)
    for _ in range(2):
        chosen.tick("exact_divisions_refresh")
        chosen.tick("exact_divisions")
        assert chosen.partitions == BOTH
    found = {one.division: one.start_year for one in chosen.warehouse.list_divisions() or () if one.sync_enabled}
    assert found == {FIRST: None, SECOND: datetime.now(UTC).year - 1}


def test_the_tick_that_restores_says_so_and_nothing_counts_as_loaded_any_more(chosen: Ticking) -> None:
    chosen.warehouse.set_sync_now([FIRST], True)
    chosen.run(chosen.tick("exact_divisions"))
    chosen.tick("exact_divisions")
    assert chosen.choice(FIRST).status == "up to date"
    chosen.place.warehouse.unlink()
    said = chosen.tick("exact_divisions").skip_message or ""
    assert f"restored: 2 divisions are enabled ({FIRST}, {SECOND})" in said
    assert "the next loads bring all of them anew" in said
    assert chosen.choice(FIRST).status == "waiting for its first load"


def test_without_a_kept_choice_the_partitions_are_one(chosen: Ticking) -> None:
    Control.open(ExactConfig.from_env()).choices.keep({})
    chosen.place.warehouse.unlink()
    chosen.tick("exact_divisions_refresh")
    chosen.tick("exact_divisions")
    assert chosen.partitions == BOTH
    assert [one.sync_enabled for one in chosen.warehouse.list_divisions() or ()] == [True, True, False]


def test_a_load_after_the_file_was_deleted_keeps_to_the_first_year_of_its_division(
    chosen: Ticking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXACT_TABLES", LEDGER)
    chosen.defs = build_defs()
    this_year = datetime.now(UTC).year
    chosen.warehouse.set_start_year([FIRST], this_year - 1)
    chosen.warehouse.set_sync_now([FIRST], True)
    asked = chosen.tick("exact_divisions")
    chosen.place.warehouse.unlink()
    chosen.run(asked)
    assert query(chosen.place.warehouse, f"SELECT min(financial_year) FROM exact.{LEDGER}") == [(this_year - 1,)]


def test_status_says_that_the_selection_is_gone_and_one_command_brings_it_back(chosen: Ticking) -> None:
    chosen.place.warehouse.unlink()
    told = command("status", "--json")
    assert told.exit_code == 1
    assert told.stderr.startswith("exact-assets: The division selection is gone")
    assert "exact-assets divisions restore" in told.stderr
    assert "selection is gone" in command("plan").stderr
    assert "Enabled divisions are not purged" in command("divisions", "purge", str(FIRST), "--yes").stderr
    restored = command("divisions", "restore")
    assert (restored.exit_code, "2 divisions are enabled" in restored.stdout) == (0, True)
    assert command("status").exit_code == 0


REMADE = {
    "bigint": "SELECT * REPLACE (division::BIGINT AS division)",
    "double": "SELECT * REPLACE (division::DOUBLE AS division)",
    "text": "SELECT * REPLACE (division::VARCHAR AS division)",
    "truths as text": "SELECT * REPLACE (if(sync_enabled, 'yes', 'no') AS sync_enabled, '0' AS sync_now)",
    "numbers for truths": "SELECT * REPLACE (sync_enabled::INTEGER AS sync_enabled)",
    "choices alone": "SELECT division, sync_enabled, start_year, sync_now",
    "status as a number": "SELECT * REPLACE (7 AS status)",
}


def remake(file: Path, query_: str) -> None:
    run_sql(file, f"CREATE TABLE exact.made AS {query_} FROM exact.divisions")
    run_sql(file, "DROP TABLE exact.divisions")
    run_sql(file, "ALTER TABLE exact.made RENAME TO divisions")


@pytest.mark.parametrize("kind", REMADE)
def test_a_table_of_other_types_that_says_the_same_is_followed_as_before(chosen: Ticking, kind: str) -> None:
    remake(chosen.place.warehouse, REMADE[kind])
    chosen.tick("exact_divisions")
    assert chosen.partitions == BOTH
    assert command("divisions", "disable", str(FIRST)).exit_code == 0
    assert command("divisions", "refresh").exit_code == 0
    chosen.tick("exact_divisions")
    assert chosen.partitions == {str(SECOND)}
    if kind != "status as a number":
        assert chosen.choice(SECOND).status == "waiting for its first load"
    assert command("status").exit_code == 0


DAMAGED = {
    "null": "SELECT if(division = 100002, NULL, division) AS division, * EXCLUDE (division)",
    "no number": "SELECT if(division = 100002, 'two', division::VARCHAR) AS division, * EXCLUDE (division)",
    "a fraction": "SELECT if(division = 100002, 100002.5, division) AS division, * EXCLUDE (division)",
    "too large": "SELECT if(division = 100002, 1e30::DOUBLE, division) AS division, * EXCLUDE (division)",
    "not a truth": "SELECT * REPLACE (if(division = 100002, 'perhaps', sync_enabled::VARCHAR) AS sync_enabled)",
    "not a year": "SELECT * REPLACE (if(division = 100002, 'last', NULL) AS start_year)",
    "twice": "SELECT unnest(if(division = 100002, [division, division], [division])) AS division, "
    "* EXCLUDE (division)",
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_rows_that_cannot_be_read_are_named_and_remove_nothing(chosen: Ticking, kind: str) -> None:
    remake(chosen.place.warehouse, DAMAGED[kind])
    said = chosen.tick("exact_divisions").skip_message or ""
    assert "exact.divisions" in said.replace('"', "")
    assert "exact-assets divisions restore" in said
    assert chosen.partitions == BOTH
    assert chosen.choice(FIRST).status == "waiting for its first load"
    [event, *_] = chosen.tick("exact_freshness").asset_events
    assert isinstance(event, dg.AssetCheckEvaluation)
    assert not event.passed
    assert "exact-assets divisions restore" in (event.description or "")
    assert command("status").exit_code == 1
    assert command("divisions", "restore").exit_code == 0
    chosen.tick("exact_divisions")
    assert chosen.partitions == BOTH
    assert command("status").exit_code == 0


def test_a_view_in_its_place_is_set_aside_by_a_restore(chosen: Ticking) -> None:
    file = chosen.place.warehouse
    run_sql(file, "ALTER TABLE exact.divisions RENAME TO mine")
    run_sql(file, "CREATE VIEW exact.divisions AS SELECT * EXCLUDE (sync_now) FROM exact.mine")
    assert "sync_now" in (chosen.tick("exact_divisions").skip_message or "")
    assert chosen.partitions == BOTH
    assert "divisions_set_aside_1" in command("divisions", "restore").stdout
    chosen.tick("exact_divisions")
    assert chosen.partitions == BOTH


def is_view(file: Path) -> None:
    run_sql(file, "ALTER TABLE exact.divisions RENAME TO mine; CREATE VIEW exact.divisions AS FROM exact.mine")


def has_a_generated_status(file: Path) -> None:
    run_sql(
        file,
        "CREATE TABLE exact.made (division INTEGER, sync_enabled BOOLEAN, start_year INTEGER, sync_now BOOLEAN, "
        "status VARCHAR AS (division::VARCHAR)); "
        "INSERT INTO exact.made SELECT division, sync_enabled, start_year, sync_now FROM exact.divisions; "
        "DROP TABLE exact.divisions; ALTER TABLE exact.made RENAME TO divisions",
    )


def has_its_own_rowid(file: Path) -> None:
    remake(file, "SELECT *, 'mine' AS rowid")


@pytest.mark.parametrize("make", [is_view, has_its_own_rowid])
def test_a_selection_that_can_be_read_and_not_written_says_what_to_do(
    chosen: Ticking, make: Callable[[Path], None]
) -> None:
    make(chosen.place.warehouse)
    assert "exact-assets divisions restore" in (chosen.tick("exact_divisions").skip_message or "")
    assert chosen.partitions == BOTH
    assert "exact-assets divisions restore" in command("divisions", "disable", str(FIRST)).stderr
    aside = command("divisions", "restore").stdout
    assert make is not is_view or "divisions_set_aside_1" in aside


def test_a_status_that_cannot_be_written_keeps_no_division_from_its_sync(
    chosen: Ticking, caplog: pytest.LogCaptureFixture
) -> None:
    chosen.warehouse.set_sync_now([SECOND], True)
    has_a_generated_status(chosen.place.warehouse)
    assert {one.partition_key for one in chosen.tick("exact_divisions").run_requests or ()}
    assert "exact-assets divisions restore" in caplog.text
    assert chosen.partitions == BOTH
    command("divisions", "restore")
    chosen.tick("exact_divisions")
    assert chosen.choice(FIRST).status == "waiting for its first load"


@pytest.mark.parametrize(
    "edit",
    [
        "last_sync = TIMESTAMPTZ 'infinity'",
        "last_sync = TIMESTAMPTZ '200000-01-01'",
        "last_sync = TIMESTAMPTZ '-infinity', moved_at = TIMESTAMP 'infinity'",
        "hr_linked_at = TIMESTAMP '9999-12-31'",
        "start_year = -32768",
        "start_year = 32767",
        "start_year = 0",
        "calls_today = -2147483648",
        "status = chr(0) || chr(10) || '<b>|</b>' || repeat('x', 100000)",
        "name = NULL, status = ''",
    ],
)
def test_odd_values_in_other_columns_stop_neither_ticks_nor_commands(chosen: Ticking, edit: str) -> None:
    run_sql(chosen.place.warehouse, f"UPDATE exact.divisions SET {edit}")
    for sensor in ("exact_divisions", "exact_freshness", "exact_divisions_refresh", "exact_divisions"):
        chosen.tick(sensor)
    assert chosen.partitions == BOTH
    assert (chosen.choice(FIRST).status or "").startswith("waiting for its first load")
    for arguments in (["status"], ["divisions", "list"], ["divisions", "list", "--json"], ["plan"]):
        done = command(*arguments)
        assert (done.exit_code, done.exception) == (0, None), (arguments, done.output)


@pytest.mark.long
@pytest.mark.parametrize("enabled", ["true", "false"])
def test_ticks_take_no_longer_than_rows_make_them_with_100_000_rows(
    chosen: Ticking, enabled: str, record_property: Callable[[str, object], None]
) -> None:
    few = measured(chosen, enabled, FEW)
    many = measured(chosen, enabled, MANY)
    record_property("few", few)
    record_property("many", many)
    assert set(many["partitions"]) == BOTH
    assert many["seconds"] < few["seconds"] * MANY / FEW, (few, many)
    assert many["megabytes"] < MOST_MEGABYTES
    if enabled == "true":
        told = command("status")
        assert told.exit_code == 1
        assert "enables 100002 divisions" in told.stderr


def measured(chosen: Ticking, enabled: str, rows: int) -> dict[str, Any]:
    """Tick in another process with as many more rows in the selection."""
    values = (
        f"SELECT 200000 + range, {'true' if enabled == 'true' and rows == MANY else 'false'} FROM range({rows})"
    )
    run_sql(chosen.place.warehouse, "DELETE FROM exact.divisions WHERE division >= 200000")
    run_sql(chosen.place.warehouse, f"INSERT INTO exact.divisions (division, sync_enabled) {values}")
    arguments = [sys.executable, "-m", "exact_assets_tests.defs.many_rows", *sorted(BOTH)]
    done = subprocess.run(
        arguments, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(CHECKOUT)}
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
