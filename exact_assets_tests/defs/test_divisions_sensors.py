"""The sensors of the selection, tick by tick, over a real simulator, warehouse and control store."""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData

from exact_assets.build import build_defs
from exact_assets.config import ExactConfig
from exact_assets.control.open import Control
from exact_assets.control.run_locks import RunLocks
from exact_assets.defs import location
from exact_assets.defs.lost_runs import LostRuns
from exact_assets.defs.own_runs import OF_JOBS
from exact_assets.errors import NotConnectedError, UserBlockedError
from exact_assets.warehouse.divisions import DivisionChoice
from exact_assets.warehouse.open import open_warehouse
from exact_assets.warehouse.protocol import Warehouse
from exact_assets_tests.installation import CHECKOUT, Installation, installation
from exact_assets_tests.warehouse.duckdb.plain import query
from exact_assets_tests.warehouse.duckdb.plain import run as run_sql

LEDGER = "financialtransaction_transaction_lines"
TABLES = "crm_accounts,logistics_units"
FIRST, SECOND, THIRD = 100_001, 100_002, 100_003


class Ticking:
    """Ticks the sensors as the daemon does: each goes on from its own cursor."""

    def __init__(self, place: Installation, instance: dg.DagsterInstance) -> None:
        self.place, self.instance = place, instance
        self.cursors: dict[str, str | None] = {}
        self.defs = build_defs()

    def tick(self, name: str, *, keeps_cursor: bool = True) -> SensorExecutionData:
        repository = self.defs.get_repository_def()
        with dg.build_sensor_context(
            instance=self.instance,
            repository_def=repository,
            cursor=self.cursors.get(name),
        ) as context:
            data = repository.get_sensor_def(name).evaluate_tick(context)
        if keeps_cursor:
            self.cursors[name] = data.cursor
        for request in data.dynamic_partitions_requests or ():
            if isinstance(request, dg.AddDynamicPartitionsRequest):
                self.instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
            else:
                for key in request.partition_keys:
                    self.instance.delete_dynamic_partition(request.partitions_def_name, key)
        return data

    def run(self, data: SensorExecutionData) -> None:
        """Run what a tick asked for."""
        repository = self.defs.get_repository_def()
        for request in data.run_requests or ():
            repository.get_job(str(request.job_name)).execute_in_process(
                instance=self.instance,
                tags={**request.tags, "dagster/run_key": str(request.run_key)},
                raise_on_error=False,
            )

    @property
    def partitions(self) -> set[str]:
        return set(self.instance.get_dynamic_partitions("exact_divisions"))

    @property
    def warehouse(self) -> Warehouse:
        return open_warehouse(self.place.environment["EXACT_WAREHOUSE_URL"])

    def choice(self, division: int) -> DivisionChoice:
        return next(one for one in self.warehouse.list_divisions() or () if one.division == division)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("sensors"), divisions=3, rows=60) as made:
        yield made


@pytest.fixture
def ticking(simulated: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ticking]:
    """Give a new folder, connected, with the selection that Exact's list makes."""
    simulated.simulator.control.reset()
    place = Installation(tmp_path, simulated.simulator, simulated.divisions)
    for name in os.environ:
        if name.startswith(("EXACT_", "DAGSTER_")):
            monkeypatch.delenv(name)
    for name, value in {**place.environment, "EXACT_TABLES": TABLES}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(location, "BRIEF_LOCK_TIMEOUT_SECONDS", 0.3)
    with dg.DagsterInstance.ephemeral() as instance:
        made = Ticking(place, instance)
        made.tick("exact_divisions")
        yield made


@pytest.fixture
def chosen(ticking: Ticking) -> Ticking:
    ticking.place.connect()
    ticking.tick("exact_divisions_refresh")
    ticking.warehouse.set_enabled([FIRST, SECOND], True)
    ticking.tick("exact_divisions")
    return ticking


@contextmanager
def held(place: Installation) -> Iterator[None]:
    """Hold the file as a query tool does."""
    with duckdb.connect(str(place.warehouse)):
        yield


def test_without_a_connection_the_selection_waits_and_says_what_to_do(ticking: Ticking) -> None:
    assert "exact-assets connect" in (ticking.tick("exact_divisions_refresh").skip_message or "")
    assert "exact-assets connect" in (ticking.tick("exact_divisions").skip_message or "")
    assert ticking.place.simulator.control.calls() == []


def test_without_an_app_registration_no_sensor_breaks(ticking: Ticking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EXACT_CLIENT_ID")
    ticking.defs = build_defs()
    for name in ("exact_divisions", "exact_divisions_refresh", "exact_freshness"):
        assert "EXACT_CLIENT_ID" in (ticking.tick(name).skip_message or "")


def test_the_selection_is_filled_from_exact_once_and_again_when_its_table_is_gone(ticking: Ticking) -> None:
    ticking.place.connect()
    ticking.place.simulator.control.forget_calls()
    assert "100001, 100002, 100003" in (ticking.tick("exact_divisions_refresh").skip_message or "")
    asked = len(ticking.place.simulator.control.calls())
    ticking.tick("exact_divisions_refresh")
    assert len(ticking.place.simulator.control.calls()) == asked
    assert [one.sync_enabled for one in ticking.warehouse.list_divisions() or ()] == [False, False, False]
    run_sql(ticking.place.warehouse, "DROP TABLE exact.divisions")
    ticking.tick("exact_divisions_refresh")
    assert len(ticking.warehouse.list_divisions() or ()) == 3


def test_an_exact_that_refuses_is_not_asked_again_for_an_hour(ticking: Ticking) -> None:
    ticking.place.connect()
    control = ticking.place.simulator.control
    control.set(refused_divisions={FIRST: "NoDivisionAccess"}, divisions_url_checked=True)
    control.forget_calls()
    assert "again in an hour" in (ticking.tick("exact_divisions_refresh").skip_message or "")
    asked = len(control.calls())
    for _ in range(3):
        ticking.tick("exact_divisions_refresh")
    assert len(control.calls()) == asked


def test_enabled_divisions_become_partitions_and_disabled_ones_go(chosen: Ticking) -> None:
    assert chosen.partitions == {str(FIRST), str(SECOND)}
    run_sql(chosen.place.warehouse, f"UPDATE exact.divisions SET sync_enabled = false WHERE division = {FIRST}")
    chosen.tick("exact_divisions")
    assert chosen.partitions == {str(SECOND)}
    assert chosen.choice(FIRST).status == "disabled"
    assert chosen.choice(SECOND).status == "waiting for its first load"


def test_a_selection_that_cannot_be_read_changes_nothing(chosen: Ticking) -> None:
    with held(chosen.place):
        told = chosen.tick("exact_divisions").skip_message or ""
    assert "nothing changes" in told
    assert chosen.partitions == {str(FIRST), str(SECOND)}
    run_sql(chosen.place.warehouse, "ALTER TABLE exact.divisions DROP COLUMN sync_enabled")
    chosen.tick("exact_divisions")
    assert chosen.partitions == {str(FIRST), str(SECOND)}
    run_sql(chosen.place.warehouse, "DROP TABLE exact.divisions")
    chosen.tick("exact_divisions")
    assert chosen.partitions == {str(FIRST), str(SECOND)}


def test_a_request_is_run_once_and_taken_back_with_what_came_of_it(chosen: Ticking) -> None:
    chosen.warehouse.set_sync_now([FIRST], True)
    asked = chosen.tick("exact_divisions", keeps_cursor=False)
    # The daemon was killed before it kept the cursor: the same runs are asked for again.
    again = chosen.tick("exact_divisions")
    assert [one.run_key for one in again.run_requests or ()] == [one.run_key for one in asked.run_requests or ()]
    assert [one.job_name for one in again.run_requests or ()] == ["exact_all"]
    assert chosen.choice(FIRST).status == "loading: 0 of 3 tables"
    chosen.run(again)
    assert not chosen.tick("exact_divisions").run_requests
    done = chosen.choice(FIRST)
    assert (done.sync_now, done.status) == (False, "up to date")
    assert done.last_sync is not None
    assert (done.calls_today or 0) >= 2
    assert not chosen.tick("exact_divisions").run_requests


def test_a_result_that_cannot_be_written_is_kept_until_it_can(chosen: Ticking) -> None:
    chosen.warehouse.set_sync_now([FIRST], True)
    chosen.run(chosen.tick("exact_divisions"))
    with held(chosen.place):
        chosen.tick("exact_divisions")
    assert not chosen.tick("exact_divisions").run_requests
    assert (chosen.choice(FIRST).sync_now, chosen.choice(FIRST).status) == (False, "up to date")


def test_an_unknown_division_gets_no_partition_and_says_why(chosen: Ticking) -> None:
    for number in (-5, 0, 77):
        run_sql(
            chosen.place.warehouse,
            f"INSERT INTO exact.divisions (division, sync_enabled, sync_now) VALUES ({number}, true, true)",
        )
    assert not chosen.tick("exact_divisions").run_requests
    assert chosen.partitions == {str(FIRST), str(SECOND)}
    for number in (-5, 0, 77):
        assert chosen.choice(number).status == (
            "not found in Exact with this connection: run `exact-assets divisions refresh`, or correct the number"
        )
        assert not chosen.choice(number).sync_now


def test_a_division_that_exact_no_longer_lists_keeps_its_partition(chosen: Ticking) -> None:
    Control.open(ExactConfig.from_env()).listing.keep([FIRST, THIRD])
    chosen.tick("exact_divisions")
    assert chosen.partitions == {str(FIRST), str(SECOND)}


@pytest.mark.long
def test_a_start_year_that_makes_no_sense_is_said_and_the_settings_counts(chosen: Ticking) -> None:
    run_sql(chosen.place.warehouse, f"UPDATE exact.divisions SET start_year = -3 WHERE division = {FIRST}")
    chosen.warehouse.set_sync_now([FIRST], True)
    chosen.run(chosen.tick("exact_divisions"))
    chosen.tick("exact_divisions")
    first_year = chosen.place.config.start_year
    assert (chosen.choice(FIRST).status or "").startswith(
        f"up to date; start_year -3 is not used: expected {first_year}"
    )


def test_a_division_that_is_disabled_after_its_run_was_asked_for_is_left_alone(chosen: Ticking) -> None:
    chosen.warehouse.set_sync_now([FIRST], True)
    asked = chosen.tick("exact_divisions")
    chosen.warehouse.set_enabled([FIRST], False)
    chosen.place.simulator.control.forget_calls()
    chosen.run(asked)
    assert chosen.place.simulator.control.calls(division=FIRST) == []
    chosen.tick("exact_divisions")
    assert not chosen.choice(FIRST).sync_now
    assert (chosen.choice(FIRST).status or "").startswith("disabled")


def test_a_lost_connection_is_noted_for_every_division_and_turns_all_red(chosen: Ticking) -> None:
    chosen.warehouse.set_sync_now([FIRST, SECOND], True)
    asked = chosen.tick("exact_divisions")
    forget_connection(chosen.place)
    chosen.run(asked)
    attempts = Control.open(ExactConfig.from_env()).attempts.read()
    assert {attempts[division]["crm_accounts"].error_kind for division in (FIRST, SECOND)} == {
        NotConnectedError.__name__
    }
    chosen.tick("exact_divisions")
    assert "exact-assets connect" in (chosen.choice(SECOND).status or "")
    [first, *_] = chosen.tick("exact_freshness").asset_events
    assert isinstance(first, dg.AssetCheckEvaluation)
    assert not first.passed
    assert first.severity is dg.AssetCheckSeverity.ERROR
    assert "exact-assets connect" in (first.description or "")


def forget_connection(place: Installation) -> None:
    """Take the tokens away, as a restored backup may."""
    with sqlite3.connect(place.folder / "control.sqlite") as connection:
        connection.execute("DELETE FROM connections")


@pytest.mark.long
def test_a_division_may_have_a_starting_year_of_its_own(chosen: Ticking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXACT_TABLES", LEDGER)
    chosen.defs = build_defs()
    this_year = datetime.now(UTC).year
    chosen.warehouse.set_start_year([FIRST], this_year - 1)
    chosen.warehouse.set_sync_now([FIRST, SECOND], True)
    chosen.run(chosen.tick("exact_divisions"))
    years = f"SELECT division, min(financial_year) FROM exact.{LEDGER} GROUP BY division ORDER BY division"
    assert query(chosen.place.warehouse, years) == [
        (FIRST, this_year - 1),
        (SECOND, chosen.place.config.start_year),
    ]


@pytest.mark.long
def test_a_load_of_the_command_line_that_is_killed_is_found_out(chosen: Ticking) -> None:
    chosen.place.simulator.control.fault("slow", path="Accounts", division=FIRST, value=120)
    chosen.place.simulator.control.forget_calls()
    (chosen.place.folder / "dagster.yaml").write_text((CHECKOUT / "dagster.yaml").read_text())
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions("exact_divisions", [str(FIRST)])
        arguments = ["asset", "materialize", "-m", "exact_assets.definitions", "--select", "key:exact/crm_accounts"]
        partition = f"{FIRST}|{datetime.now(UTC).year}"
        with subprocess.Popen([sys.executable, "-m", "dagster", *arguments, "--partition", partition]) as load:
            wait_for_call(chosen.place, FIRST)
            lost = LostRuns(instance=instance, run_locks=RunLocks(ExactConfig.from_env().control_url))
            now = datetime.now(UTC)
            suspects, failed = lost.look({}, now=now)
            assert (suspects, failed) == ({}, ())
            [run] = instance.get_runs()
            assert {name: run.tags.get(name) for name in OF_JOBS} == OF_JOBS
            load.kill()
        suspects, _ = lost.look({}, now=now)
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.STARTED]
        lost.look(suspects, now=now + timedelta(seconds=30))
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.FAILURE]


def wait_for_call(place: Installation, division: int) -> None:
    deadline = time.monotonic() + 60
    while not place.simulator.control.calls(division=division):
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.long
def test_freshness_is_judged_by_what_was_last_known_while_the_selection_cannot_be_read(chosen: Ticking) -> None:
    chosen.tick("exact_freshness")
    Control.open(ExactConfig.from_env()).attempts.note(
        "crm_accounts", {FIRST: UserBlockedError("Blocked.")}, at=datetime.now(UTC)
    )
    with held(chosen.place):
        [only] = chosen.tick("exact_freshness").asset_events
    assert isinstance(only, dg.AssetCheckEvaluation)
    assert (only.asset_key.path[-1], only.passed) == ("crm_accounts", False)
    assert "1 of 2 divisions are not fresh.\n100001: Blocked." in (only.description or "")
