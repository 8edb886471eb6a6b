"""A control store in a PostgreSQL database: what it needs and shows, and what becomes of it without the server."""

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from pydantic import SecretStr

from exact_assets.config import ExactConfig
from exact_assets.control.database import database_at, open_database, transaction
from exact_assets.control.open import Control
from exact_assets.control.postgresql import CONTROL_SCHEMA
from exact_assets.control.refresh import settled
from exact_assets.control.tables import CLOCKS, METADATA
from exact_assets.errors import ControlError, SettingsError
from exact_assets_tests.control.conftest import ON_POSTGRESQL, connect
from exact_assets_tests.control.processes import next_line, output_of, start
from exact_assets_tests.control.test_locks import HOLD
from exact_assets_tests.control.test_refresh import ASK, age, ask_me
from exact_simulator.process import Simulator

pytestmark = ON_POSTGRESQL

SETTINGS_OF_A_TRANSACTION = ("transaction_isolation", "synchronous_commit")
OPEN = """
import sys
from exact_assets.control.database import open_database
open_database(sys.argv[1], is_durable=True)
print("opened")
"""


def end_sessions(url: str) -> int:
    """Let the server end all sessions in a database but our own, as it does when it is started anew."""
    with psycopg.connect(url, autocommit=True) as server:
        ended = server.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
    assert ended is not None
    return int(ended[0])


def wait_until(condition: Callable[[], bool], *, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_without_a_key_of_the_users_nothing_is_stored(config: ExactConfig) -> None:
    """A key that one host makes is none of the others'."""
    with pytest.raises(SettingsError, match=r"EXACT_SECRET_KEY: expected the key .* the same on each host"):
        Control.open(config.model_copy(update={"secret_key": None}))


def test_with_another_key_the_tokens_are_said_to_be_unreadable_and_stay(
    connected: Control, config: ExactConfig
) -> None:
    other = Control.open(config.model_copy(update={"secret_key": SecretStr("another host's")}))
    with pytest.raises(ControlError, match="encrypted with another key than that of EXACT_SECRET_KEY"):
        other.tokens.read()
    assert asyncio.run(ask_me(connected)) == 100001


def test_it_is_beside_a_warehouse_on_postgresql_unless_something_else_is_said(control_url: str) -> None:
    assert ExactConfig(warehouse_url=control_url).control_url == control_url
    assert ExactConfig(warehouse_url="duckdb:///w.duckdb").control_url.startswith("sqlite:///")


def test_processes_that_open_it_first_together_all_find_it_whole(control_url: str) -> None:
    assert {output_of(process) for process in [start(OPEN, control_url) for _ in range(6)]} == {"opened\n"}
    with psycopg.connect(control_url) as server:
        found = server.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [CONTROL_SCHEMA]).fetchall()
    assert {name for (name,) in found} == {*METADATA.tables, "format", "noted_locks"}


def test_a_table_or_a_column_that_a_newer_version_has_is_added(control_url: str) -> None:
    with psycopg.connect(control_url, autocommit=True) as server:
        output_of(start(OPEN, control_url))
        server.execute(f"ALTER TABLE {CONTROL_SCHEMA}.visits DROP COLUMN error")
        server.execute(f"DROP TABLE {CONTROL_SCHEMA}.purges")
        server.execute(f"UPDATE {CONTROL_SCHEMA}.format SET layout = 'of a former version'")
        output_of(start(OPEN, control_url))
        assert server.execute(f"SELECT error FROM {CONTROL_SCHEMA}.visits").fetchall() == []
        assert server.execute(f"SELECT * FROM {CONTROL_SCHEMA}.purges").fetchall() == []


def test_a_store_of_a_newer_version_is_left_alone(control_url: str) -> None:
    with psycopg.connect(control_url, autocommit=True) as server:
        output_of(start(OPEN, control_url))
        server.execute(f"UPDATE {CONTROL_SCHEMA}.format SET version = 99")
        with pytest.raises(ControlError, match=r"newer version \(format 99\): upgrade exact-assets"):
            open_database(control_url, is_durable=True)
        assert server.execute(f"SELECT version FROM {CONTROL_SCHEMA}.format").fetchall() == [(99,)]


def test_no_password_is_shown(control_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in a repr nor in an error, whether the server answers or not."""
    secret = "s3cret-of-the-server"
    url = f"postgresql://somebody:{secret}@127.0.0.1:1/nowhere"
    with pytest.raises(ControlError, match=r"PostgreSQL database nowhere at 127\.0\.0\.1 as somebody") as caught:
        open_database(url, is_durable=True)
    shown = [str(caught.value), repr(caught.value), repr(database_at(url)), str(database_at(url)), caplog.text]
    separator = "&" if "?" in control_url else "?"
    engine = open_database(f"{control_url}{separator}password={secret}", is_durable=True)
    shown += [repr(engine), str(engine.url), repr(engine.get_execution_options())]
    assert not [one for one in shown if secret in one]


def test_a_lock_is_taken_again_when_the_server_is_back(control_url: str) -> None:
    """The server forgot the session; another process is kept out all the same, but for a moment."""
    open_database(control_url, is_durable=True)
    holder = start(HOLD, control_url, "a run")
    assert next_line(holder) == "held"
    assert end_sessions(control_url)

    def is_kept_out() -> bool:
        with database_at(control_url).locks.hold("a run", wait=False) as held:
            return not held

    wait_until(is_kept_out)
    holder.kill()
    holder.communicate()
    with database_at(control_url).locks.hold("a run", wait=True, timeout_seconds=5) as held:
        assert held


def test_what_is_written_after_the_server_ended_our_sessions_is_kept(control_url: str) -> None:
    engine = open_database(control_url, is_durable=False)
    for number in range(3):
        assert end_sessions(control_url)
        with transaction(engine) as connection:
            connection.execute(CLOCKS.insert().values(site=f"{number}", ahead_seconds=0))
    with transaction(engine) as connection:
        assert len(connection.execute(CLOCKS.select()).all()) == 3


def test_a_transaction_that_is_cut_says_so_and_leaves_nothing(control_url: str) -> None:
    engine = open_database(control_url, is_durable=True)

    def write_cut() -> None:
        with transaction(engine) as connection:
            connection.execute(CLOCKS.insert().values(site="lost", ahead_seconds=0))
            end_sessions(control_url)
            connection.execute(CLOCKS.insert().values(site="lost too", ahead_seconds=0))

    with pytest.raises(ControlError, match=r"cannot be used: .*terminat"):
        write_cut()
    with transaction(engine) as connection:
        assert connection.execute(CLOCKS.select()).all() == []


@pytest.mark.usefixtures("environment")
def test_a_refresh_that_loses_its_lock_is_waited_for(connected: Control, simulator: Simulator) -> None:
    """Its lock went with the server's sessions; it lives, and Exact's answer is on its way: none asks beside it."""
    simulator.control.advance(575)
    age(connected)
    simulator.control.fault("slow", path="oauth2/token", value=3)
    simulator.control.forget_calls()
    first = start(ASK, "1", "0")
    wait_until(lambda: connected.tokens.read().attempted_at is not None)
    second = start(ASK, "1", "0")
    ended = threading.Timer(1, end_sessions, [connected.config.control_url])
    ended.start()
    assert [output_of(one).split() for one in (first, second)] == [["100001"]] * 2
    ended.join()
    assert [call["status"] for call in simulator.control.calls(path="/oauth2/token")] == [200]
    assert asyncio.run(ask_me(connected)) == 100001


def test_a_refresh_that_was_killed_is_waited_for_some_seconds_only(
    connected: Control, simulator: Simulator
) -> None:
    simulator.control.advance(575)
    age(connected)
    connected.tokens.note_attempt(datetime.now(UTC))
    began = time.monotonic()
    assert asyncio.run(ask_me(connected)) == 100001
    assert time.monotonic() - began < 30
    assert connected.tokens.read().attempted_at is None


@pytest.mark.parametrize("ahead", [timedelta(seconds=20), -timedelta(minutes=5)])
def test_a_refresh_of_a_host_whose_clock_differs_is_waited_for_all_the_same(
    connected: Control, ahead: timedelta
) -> None:
    """By the age of its sign it looked silent, and the refresh token was sent twice."""
    connected.tokens.note_attempt(datetime.now(UTC))
    ended = threading.Timer(2, connected.tokens.note_attempt, [None])
    ended.start()
    began = time.monotonic()
    assert settled(connected.tokens, now=lambda: datetime.now(UTC) + ahead).attempted_at is None
    assert time.monotonic() - began > 1.5
    ended.join()


def test_what_a_database_has_as_its_defaults_changes_nothing(control_url: str) -> None:
    """A snapshot that is older than the lock hid what the one before had committed."""
    with psycopg.connect(control_url, autocommit=True) as server:
        for setting in ("default_transaction_isolation = 'repeatable read'", "synchronous_commit = off"):
            name = server.info.dbname
            server.execute(f'ALTER DATABASE "{name}" SET {setting}'.encode())
    for is_durable, expected in ((True, "on"), (False, "off")):
        with transaction(open_database(control_url, is_durable=is_durable)) as connection:
            shown = [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in SETTINGS_OF_A_TRANSACTION]
        assert shown == ["read committed", expected]


def test_a_lock_of_which_nobody_knows_whether_it_was_let_go_is_free_again(control_url: str) -> None:
    open_database(control_url, is_durable=True)
    locks = database_at(control_url).locks
    with locks.hold("a lease", wait=True):
        end_sessions(control_url)
    for _ in range(2):
        with locks.hold("a lease", wait=True, timeout_seconds=5) as held:
            assert held
    waiting = start(HOLD, control_url, "a lease")
    assert next_line(waiting) == "held"
    waiting.kill()
    waiting.communicate()


def test_a_server_that_only_reads_is_an_obstacle(control_url: str) -> None:
    assert database_at(control_url).obstacle() is None
    separator = "&" if "?" in control_url else "?"
    reading = f"{control_url}{separator}options=-c%20default_transaction_read_only%3Don"
    assert "only reads" in (database_at(reading).obstacle() or "")


def test_connecting_again_ends_no_other_connection(connected: Control, config: ExactConfig) -> None:
    other = Control.open(config.model_copy(update={"base_url": "http://localhost:1"}))
    other.tokens.keep(connected.tokens.read().token)
    connect(connected)
    assert other.tokens.read().token.generation == 1
