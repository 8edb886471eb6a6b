"""A warehouse is copied, and a control store moved, to another database; both go on there as before."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import psycopg
import pytest
from click.testing import CliRunner

from exact_assets.catalogue import select
from exact_assets.cli import main
from exact_assets.control.database import database_at
from exact_assets.control.migrate import MOVED
from exact_assets.control.open import Control
from exact_assets.control.run_locks import RunLocks
from exact_assets.errors import ReconnectError, WarehouseError
from exact_assets.stream import Chain, decode_state, encode_state
from exact_assets.warehouse.migrate import migrate_warehouse
from exact_assets.warehouse.open import open_configured, open_engine
from exact_assets_tests import postgresql
from exact_assets_tests.checks.conftest import load
from exact_assets_tests.comparison import differences, doubled_keys
from exact_assets_tests.installation import CHECKOUT, SECRET_KEY, Installation, installation

TABLES = (
    "crm_accounts,purchaseentry_purchase_entries,purchaseentry_purchase_entry_lines,vat_vat_codes,logistics_units"
)
COPY = "import sys; from exact_assets.cli import main; main(sys.argv[1:])"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("migrate"), divisions=2, rows=120) as place:
        place.enable(*place.divisions)
        load(place, open_configured(place.config), select(TABLES), start_year=place.config.start_year)
        yield place


@pytest.fixture
def place(made: Installation, tmp_path: Path) -> Installation:
    """Return the installation with a copy of its files, which a test may change."""
    for name in ("warehouse.duckdb", "secret.key", "dagster.yaml"):
        (tmp_path / name).write_bytes((made.folder / name).read_bytes())
    # By another process: closing a file of SQLite's would end the locks that this one has on it.
    backup = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).backup(sqlite3.connect(sys.argv[2]))"
    names = [str(folder / "control.sqlite") for folder in (made.folder, tmp_path)]
    subprocess.run([sys.executable, "-c", backup, *names], check=True)
    return replace(made, folder=tmp_path)


@pytest.fixture
def url() -> Iterator[str]:
    with postgresql.database() as found:
        yield found


def run(place: Installation, *arguments: str, **environment: str) -> str:
    done = CliRunner(env={**place.environment, **environment}).invoke(main, list(arguments))
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def problems(place: Installation, readable: Path | str) -> list[str]:
    found: list[str] = []
    for table in select(TABLES):
        found += doubled_keys(readable, table)
        for division in place.divisions:
            truth, headers = place.truth(table, division), place.headers(table, division)
            found += differences(
                readable, table, division, truth, start_year=place.config.start_year, headers=headers
            )
    return found


def test_a_copy_on_a_server_is_equal_and_goes_on_with_what_is_new(place: Installation, url: str) -> None:
    said = run(place, "migrate", f"duckdb:///{place.warehouse}", url)
    assert "counts and sums of each are those of the source" in said
    assert problems(place, url) == problems(place, place.warehouse)
    moved = replace(place, database_url=url)
    assert run(moved, "divisions", "list", "--json") == run(place, "divisions", "list", "--json")
    place.simulator.control.insert("crm/Accounts", place.divisions[0], count=3)
    place.simulator.control.forget_calls()
    load(moved, open_configured(moved.config), select(TABLES), start_year=place.config.start_year)
    assert problems(place, url) == []
    assert len(place.simulator.control.calls(path="/api/v1/")) <= len(select(TABLES)) * 2 * len(place.divisions)


def test_there_and_back_is_the_same_to_the_row(place: Installation, url: str, tmp_path: Path) -> None:
    with duckdb.connect(str(place.warehouse)) as connection:
        connection.execute(
            "UPDATE exact.crm_accounts SET deleted_at = '2026-01-02 03:04:05.678901+00' WHERE code < 'M'"
        )
        connection.execute("UPDATE exact.crm_accounts SET name = '', email = 'a,\"b\"\n\\N' WHERE code >= 'M'")
        before = connection.execute("SELECT * FROM exact.crm_accounts ORDER BY ALL").fetchall()
        states = connection.execute("SELECT * FROM exact._streams ORDER BY ALL").fetchall()
    back = tmp_path / "back.duckdb"
    run(place, "migrate", f"duckdb:///{place.warehouse}", url)
    run(place, "migrate", url, f"duckdb:///{back}")
    with duckdb.connect(str(back), read_only=True) as connection:
        assert connection.execute("SELECT * FROM exact.crm_accounts ORDER BY ALL").fetchall() == before
        assert connection.execute("SELECT * FROM exact._streams ORDER BY ALL").fetchall() == states


@pytest.mark.long
def test_a_copy_that_was_killed_goes_on_where_it_was(place: Installation, url: str) -> None:
    """Killed at ten moments; no stream is half there at any of them."""
    arguments = [sys.executable, "-c", COPY, "migrate", f"duckdb:///{place.warehouse}", url]
    environment = {**os.environ, **place.environment, "PYTHONPATH": str(CHECKOUT)}
    began = time.monotonic()
    subprocess.run(arguments, env=environment, check=True, capture_output=True)
    whole_seconds = time.monotonic() - began
    with postgresql.database() as other:
        arguments[-1] = other
        for number in range(10):
            process = subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL)
            time.sleep(whole_seconds * (number + 1) / 11)
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert "were there before" in run(place, "migrate", f"duckdb:///{place.warehouse}", other)
        assert problems(place, other) == problems(place, place.warehouse)


def test_rows_of_the_outbox_go_along_and_a_users_own_tables_are_named(place: Installation, url: str) -> None:
    open_configured(place.config).prepare_outbox()
    row = "INSERT INTO exact.document_outbox (id, division, operation, status) VALUES (?, 1, 'create', ?)"
    with duckdb.connect(str(place.warehouse)) as connection:
        connection.executemany(row, [("inv-1", "waiting"), ("inv-2", "done")])
        connection.execute("CREATE TABLE exact.my_budget AS SELECT 1 AS a")
    for _ in range(2):
        said = run(place, "migrate", f"duckdb:///{place.warehouse}", url)
    assert "Not copied, as nothing here makes them: my_budget." in said
    with psycopg.connect(url) as server:
        found = server.execute("SELECT id, status FROM exact.document_outbox ORDER BY id").fetchall()
    assert found == [("inv-1", "waiting"), ("inv-2", "done")]


def test_a_reload_and_a_sweep_that_are_under_way_begin_anew(place: Installation, url: str) -> None:
    division = place.divisions[0]
    is_it = f"division = {division} AND table_name = 'crm_accounts'"
    with duckdb.connect(str(place.warehouse)) as connection:
        [(text,)] = connection.execute(f"SELECT state FROM exact._streams WHERE {is_it}").fetchall()
        state = decode_state(text)
        under_way = type(state)(
            load_seq=state.load_seq,
            cursor=state.cursor,
            start_year=state.start_year,
            chain=Chain(reload=True, link="x"),
            sweep=Chain(link="y"),
            sweep_began="2026-01-01T00:00:00+00:00",
        )
        connection.execute(f"UPDATE exact._streams SET state = ? WHERE {is_it}", [encode_state(under_way)])
    list(migrate_warehouse(open_engine(f"duckdb:///{place.warehouse}"), open_engine(url), is_soft=False))
    with psycopg.connect(url) as server:
        [(text,)] = server.execute(f"SELECT state FROM exact._streams WHERE {is_it}").fetchall()
    found = decode_state(text)
    assert (found.chain, found.sweep, found.cursor) == (None, None, state.cursor)


def test_what_was_loaded_in_the_target_since_is_not_overwritten(place: Installation, url: str) -> None:
    source = f"duckdb:///{place.warehouse}"
    run(place, "migrate", source, url)
    place.simulator.control.insert("crm/Accounts", place.divisions[0], count=1)
    moved = replace(place, database_url=url)
    load(moved, open_configured(moved.config), select("crm_accounts"), start_year=place.config.start_year)
    with pytest.raises(WarehouseError, match="was loaded in the target since"):
        list(migrate_warehouse(open_engine(source), open_engine(url), is_soft=False))
    assert [one for one in problems(place, url) if "crm_accounts" in one] == []


def test_a_copy_that_differs_is_not_kept(place: Installation, url: str) -> None:
    """A trigger of somebody's at the target changes an amount on its way in."""
    source = f"duckdb:///{place.warehouse}"
    run(place, "migrate", source, url)
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("DELETE FROM exact._streams; DELETE FROM exact.purchaseentry_purchase_entries")
        server.execute(
            "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN NEW.amount_dc = NEW.amount_dc + 0.01; RETURN NEW; END'"
        )
        server.execute(
            "CREATE TRIGGER lose BEFORE INSERT ON exact.purchaseentry_purchase_entries "
            "FOR EACH ROW EXECUTE FUNCTION lose()"
        )
        with pytest.raises(WarehouseError, match="other rows or sums"):
            list(migrate_warehouse(open_engine(source), open_engine(url), is_soft=False))
        assert server.execute("SELECT count(*) FROM exact.purchaseentry_purchase_entries").fetchall() == [(0,)]


def test_a_control_store_is_moved_and_the_former_one_says_where(place: Installation, url: str) -> None:
    before = Control.open(place.config).tokens.read().token
    former = f"sqlite:///{place.folder / 'control.sqlite'}"
    run(place, "migrate", former, url, EXACT_SECRET_KEY=SECRET_KEY)
    moved = replace(place, control_database_url=url)
    assert Control.open(moved.config).tokens.read().token == before
    assert asyncio.run(_division(Control.open(moved.config))) == place.divisions[0]
    dead = Control.open(place.config).tokens.read().dead
    assert isinstance(dead, ReconnectError)
    assert str(dead).startswith(f"{MOVED}, PostgreSQL database ")
    again = CliRunner(env={**place.environment, "EXACT_SECRET_KEY": SECRET_KEY}).invoke(
        main, ["migrate", former, url]
    )
    assert again.exit_code == 1
    assert "was moved before" in again.output


def test_numbers_go_on_behind_those_that_were_moved(place: Installation, url: str) -> None:
    former = database_at(f"sqlite:///{place.folder / 'control.sqlite'}")
    _note(Control.open(place.config), "first")
    _note(Control.open(place.config), "second")
    run(place, "migrate", f"sqlite:///{former}", url, EXACT_SECRET_KEY=SECRET_KEY)
    moved = Control.open(replace(place, control_database_url=url).config)
    _note(moved, "third")
    assert [one.key for one in moved.document_writes.log(limit=9)] == ["third", "second", "first"]


def test_nothing_is_moved_while_a_run_is_at_work(place: Installation, url: str) -> None:
    run_id = "0f8b2c1e-5a54-4f0f-9f2b-6f3f6f3a1c11"
    with RunLocks(place.config.control_url).hold(run_id, leaves_trace=False):
        done = CliRunner(env=place.environment).invoke(main, ["migrate", f"duckdb:///{place.warehouse}", url])
    assert done.exit_code == 1
    assert "1 runs are at work (0f8b2c1e): stop Dagster's daemon" in " ".join(done.output.split())


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ("sqlite:///a", "duckdb:///b", "SQLite keeps the control store and no warehouse"),
        ("postgresql://a/b", "postgresql://a/c", "--what warehouse"),
        ("duckdb:///a", "oracle://b", "no warehouse of kind 'oracle'"),
    ],
)
def test_urls_that_do_not_go_together_are_told(place: Installation, source: str, target: str, words: str) -> None:
    done = CliRunner(env=place.environment).invoke(main, ["migrate", source, target])
    assert done.exit_code in {1, 2}
    assert words in " ".join(done.output.split())


async def _division(control: Control) -> int:
    async with control.client() as client:
        return (await client.me()).current_division


def _note(control: Control, key: str) -> None:
    from datetime import UTC, datetime

    from exact_assets.control.document_writes import Action

    control.document_writes.note(
        1,
        Action.CREATE,
        key=key,
        actor="a test",
        subject="x",
        digest="d",
        sent_at=datetime.now(UTC),
        is_sure_of_time=True,
    )
