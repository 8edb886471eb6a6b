"""A store that cannot be used: calm for some minutes, then red everywhere, and green with the first good tick."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest
from click.testing import CliRunner

from exact_assets.build import build_defs
from exact_assets.cli import main
from exact_assets.defs.trouble import LASTS_AFTER, cursor_of, marked
from exact_assets.disk import obstacle
from exact_assets_tests.defs.test_divisions_sensors import Ticking, chosen, simulated, ticking
from exact_assets_tests.warehouse.duckdb.plain import run as run_sql

__all__ = ["chosen", "simulated", "ticking"]
SENSORS = ("exact_divisions", "exact_divisions_refresh")


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exact_assets.cli.status.STATUS_TIMEOUT_SECONDS", 0.2)


@contextmanager
def swapped(file: Path, put: Callable[[Path], None]) -> Iterator[None]:
    """Put something else in the place of a file, and take it back."""
    aside = file.with_suffix(".aside")
    file.rename(aside)
    put(file)
    yield
    if file.is_dir():
        file.rmdir()
    else:
        file.unlink()
    aside.rename(file)


@contextmanager
def held(file: Path) -> Iterator[None]:
    """Hold the warehouse as another program does."""
    code = f"import duckdb, time; c = duckdb.connect({str(file)!r}); print(1, flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as stranger:
        assert stranger.stdout is not None
        assert stranger.stdout.readline() == b"1\n"
        yield
        stranger.kill()


def garbage(file: Path) -> None:
    file.write_bytes(os.urandom(40_960))


def folder(file: Path) -> None:
    file.mkdir()


def torn(file: Path) -> None:
    file.write_bytes(file.with_suffix(".aside").read_bytes()[:5_000])


TROUBLES = {
    "the warehouse is garbage": lambda place: swapped(place.warehouse, garbage),
    "the warehouse is a folder": lambda place: swapped(place.warehouse, folder),
    "the warehouse is torn": lambda place: swapped(place.warehouse, torn),
    "the warehouse is held": lambda place: held(place.warehouse),
    "the control store is garbage": lambda place: swapped(place.folder / "control.sqlite", garbage),
    "the control store is a folder": lambda place: swapped(place.folder / "control.sqlite", folder),
}


def long_ago(ticking: Ticking, name: str) -> None:
    """Let a trouble that a sensor has met be older than its patience."""
    with dg.build_sensor_context(cursor=ticking.cursors[name]) as context:
        since = datetime.now(UTC) - LASTS_AFTER - timedelta(seconds=1)
        assert context.cursor is not None
        assert context.cursor.startswith("!trouble since ")
        ticking.cursors[name] = marked(cursor_of(context), since)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_store_that_cannot_be_used_is_calm_for_minutes_then_red_and_green_again(
    chosen: Ticking, trouble: str
) -> None:
    for name in ("exact_divisions_refresh", "exact_freshness"):
        chosen.tick(name)
    partitions = chosen.partitions
    with TROUBLES[trouble](chosen.place):
        for name in SENSORS:
            if name == "exact_divisions_refresh" and "control" in trouble:
                continue  # nothing is due, so that nothing of it is read
            assert "nothing changes" in (chosen.tick(name).skip_message or "")
            long_ago(chosen, name)
            with pytest.raises(Exception, match="nothing can be read or written here"):
                chosen.tick(name)
        calm = chosen.tick("exact_freshness").asset_events
        assert not [one for one in calm if isinstance(one, dg.AssetCheckEvaluation) and not one.passed]
        long_ago(chosen, "exact_freshness")
        red = chosen.tick("exact_freshness").asset_events
        assert len(red) == 3
        for one in red:
            assert isinstance(one, dg.AssetCheckEvaluation)
            assert (one.passed, one.severity) == (False, dg.AssetCheckSeverity.ERROR)
            assert "nothing can be read or written here" in (one.description or "")
            assert "No division is enabled" not in (one.description or "")
        told = CliRunner().invoke(main, ["status"])
        assert told.exit_code == 1
        store = "control store" if "control" in trouble else "warehouse"
        assert told.stderr.startswith(f"exact-assets: The {store} cannot be used")
        assert chosen.partitions == partitions
    green = chosen.tick("exact_freshness").asset_events
    assert [one.passed for one in green if isinstance(one, dg.AssetCheckEvaluation)] == [True] * 3
    for name in SENSORS:
        assert "nothing changes" not in (chosen.tick(name).skip_message or "")
        assert not (chosen.cursors[name] or "").startswith("!")
    assert chosen.partitions == partitions
    assert CliRunner().invoke(main, ["status"]).exit_code == 0


def test_the_check_fails_with_the_reason_when_it_is_run_while_the_warehouse_is_garbage(chosen: Ticking) -> None:
    with swapped(chosen.place.warehouse, garbage):
        key = dg.AssetCheckKey(dg.AssetKey(["exact", "crm_accounts"]), "fresh")
        job = chosen.defs.get_repository_def().get_job("__ASSET_JOB")
        result = job.get_subset(asset_check_selection={key}, asset_selection=set()).execute_in_process(
            instance=chosen.instance
        )
    [evaluation] = result.get_asset_check_evaluations()
    assert not evaluation.passed
    assert "can be read or written here" in (evaluation.description or "")


def test_a_short_lock_in_between_begins_the_minutes_anew(chosen: Ticking) -> None:
    with held(chosen.place.warehouse):
        chosen.tick("exact_divisions")
        long_ago(chosen, "exact_divisions")
    chosen.tick("exact_divisions")
    with held(chosen.place.warehouse):
        assert "nothing changes" in (chosen.tick("exact_divisions").skip_message or "")


@pytest.mark.parametrize("name", ["exact_divisions", "exact_freshness"])
def test_a_tick_without_an_app_registration_begins_the_minutes_anew(
    chosen: Ticking, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held(chosen.place.warehouse):
        chosen.tick(name)
        long_ago(chosen, name)
    monkeypatch.setenv("EXACT_CLIENT_ID", "")
    chosen.defs = build_defs()
    assert "EXACT_CLIENT_ID" in (chosen.tick(name).skip_message or "")
    assert not (chosen.cursors[name] or "").startswith("!")


def test_a_selection_that_cannot_be_followed_is_not_said_to_be_a_store_that_cannot_be_read(chosen: Ticking) -> None:
    run_sql(chosen.place.warehouse, "ALTER TABLE exact.divisions DROP COLUMN sync_now")
    chosen.tick("exact_divisions")
    long_ago(chosen, "exact_divisions")
    with pytest.raises(Exception, match=r"the division selection cannot be followed: .*sync_now") as raised:
        chosen.tick("exact_divisions")
    assert "nothing can be read" not in str(raised.value)


def test_a_disk_that_fills_further_is_no_other_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = set()
    for free in (0, 1_000, 100_000):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        said.add(obstacle(tmp_path / "warehouse.duckdb"))
    assert len(said) == 1
    assert None not in said


def test_a_folder_without_rights_is_told_though_all_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "there" / "warehouse.duckdb"
    assert obstacle(file) is None
    # A folder in which nobody may write, not even root; it has no room either.
    assert obstacle(Path("/proc/self/warehouse.duckdb")) is not None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_rights_that_were_taken_away_are_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "may not be written" in (obstacle(tmp_path / "warehouse.duckdb") or "")
    tmp_path.chmod(0o700)
