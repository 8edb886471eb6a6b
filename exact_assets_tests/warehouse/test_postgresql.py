"""What only PostgreSQL knows: sessions side by side, its errors, its names and its rights."""

import logging
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from exact_assets.catalogue.tables import tables as catalogue
from exact_assets.demo.database import make_cluster, serving, url_of_server
from exact_assets.errors import (
    EngineLostError,
    LoadSupersededError,
    SettingsError,
    WarehouseBusyError,
    WarehouseError,
)
from exact_assets.stream import Step, Stored, Verb
from exact_assets.warehouse.open import open_warehouse
from exact_assets.warehouse.postgresql.dialect import DIALECT
from exact_assets.warehouse.postgresql.engine import PostgreSQLEngine
from exact_assets.warehouse.protocol import Warehouse
from exact_assets.warehouse.query import Query
from exact_assets.warehouse.sql_warehouse import SqlWarehouse
from exact_assets_tests import postgresql
from exact_assets_tests.warehouse.conftest import Stream, Streams
from exact_assets_tests.warehouse.engines import PostgreSQLPlace
from exact_assets_tests.warehouse.tables import (
    ALL,
    BY_CODE,
    DIVISION,
    LINES,
    STRING,
    SYNC,
    guid,
    rows,
    step,
    table,
)

SECRET = "s3cr3t/w@rd"
MANY = 8


@pytest.fixture
def make_place() -> Callable[[Path], PostgreSQLPlace]:
    return PostgreSQLPlace


@pytest.fixture
def session(place: PostgreSQLPlace) -> Iterator["psycopg.Connection[Any]"]:
    """Another session, as a person's at work in the database."""
    with psycopg.connect(place.url) as connection:
        yield connection


def patient(place: PostgreSQLPlace, *, seconds: float) -> SqlWarehouse:
    return SqlWarehouse(PostgreSQLEngine(place.url, lock_timeout_seconds=seconds))


def at_once(work: Callable[[int], Any], times: int = MANY) -> list[Any]:
    """Do work in as many threads, each with sessions of its own, all beginning at the same moment."""
    ready = threading.Barrier(times)

    def one(number: int) -> Any:
        ready.wait()
        return work(number)

    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(one, range(times)))


def test_many_that_create_the_same_at_once_make_it_once(place: PostgreSQLPlace) -> None:
    at_once(lambda _: place.open().prepare(ALL))
    assert set(place.tables()) == {*(one.name for one in ALL), "_streams", "divisions"}


def test_a_step_that_two_store_at_once_is_stored_once(place: PostgreSQLPlace) -> None:
    place.open().prepare([SYNC])
    one = step(Verb.UPSERT, rows(SYNC, {"id": guid(1), "timestamp": 1}))
    found = at_once(lambda _: place.open().store_many(SYNC, [(DIVISION, one, 0)])[0])
    assert [isinstance(answer, Stored) for answer in found].count(True) == 1
    assert {type(answer) for answer in found} == {Stored, LoadSupersededError}
    assert place.query("SELECT count(*) FROM exact.crm_accounts") == [(1,)]


def store_next(warehouse: Warehouse, division: int, one: Step) -> None:
    """Store a step; a column that came new meanwhile supersedes whoever read the state before."""
    while True:
        seq = warehouse.states(SYNC, [division])[division].load_seq
        with suppress(LoadSupersededError):
            warehouse.store(SYNC, division, one, expected_seq=seq)
            return


def test_divisions_are_stored_side_by_side_while_columns_are_added(place: PostgreSQLPlace) -> None:
    place.open().prepare([SYNC])

    def work(number: int) -> int:
        warehouse = place.open()
        if number == 0:
            for more in range(3):
                columns = {f"extra_{one}": (f"Extra{one}", STRING) for one in range(more + 1)}
                known = {c.name: (c.property, (c.edm_type, c.type)) for c in SYNC.columns}
                warehouse.prepare([table(SYNC.name, known | columns, version="timestamp")])
            return 0
        for seq in range(5):
            arrived = rows(SYNC, {"id": guid(seq), "timestamp": seq}, division=number)
            store_next(warehouse, number, step(Verb.UPSERT, arrived))
        return 5

    assert sum(at_once(work)) == 5 * (MANY - 1)
    found = place.query("SELECT division, count(*) FROM exact.crm_accounts GROUP BY division ORDER BY division")
    assert found == [(number, 5) for number in range(1, MANY)]
    assert {"extra_0", "extra_1", "extra_2"} <= {name for name, *_ in place.columns(SYNC.name)}


def test_a_reader_that_stays_does_not_stop_the_storing(stream: Streams, session: "psycopg.Connection[Any]") -> None:
    accounts = stream(SYNC)
    session.execute("SELECT * FROM exact.crm_accounts").fetchall()
    assert accounts.upsert({"id": guid(1), "timestamp": 1}).inserted == 1


def test_a_lock_that_somebody_holds_is_an_error_that_says_so(
    place: PostgreSQLPlace, stream: Streams, session: "psycopg.Connection[Any]"
) -> None:
    stream(SYNC)
    session.execute("LOCK TABLE exact.crm_accounts IN ACCESS EXCLUSIVE MODE")
    warehouse = patient(place, seconds=0.2)
    with pytest.raises(WarehouseBusyError, match="Another session holds it"):
        warehouse.store(SYNC, DIVISION, step(Verb.UPSERT, rows(SYNC, {"id": guid(1)})), expected_seq=0)
    with pytest.raises(WarehouseBusyError, match="Another session holds it"):
        warehouse.prepare([replace(SYNC, description="New.")])
    session.rollback()
    assert stream(SYNC).upsert({"id": guid(1), "timestamp": 1}).inserted == 1


def test_a_session_that_the_server_ends_is_replaced_and_nothing_is_lost(
    place: PostgreSQLPlace, stream: Streams, session: "psycopg.Connection[Any]"
) -> None:
    accounts = stream(SYNC)
    accounts.upsert({"id": guid(1), "timestamp": 1})
    ended = session.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    ).fetchall()
    assert ended
    assert accounts.upsert({"id": guid(2), "timestamp": 2}).inserted == 1
    assert accounts.warehouse.obstacle() is None


def test_a_transaction_that_was_idle_for_too_long_is_done_again(place: PostgreSQLPlace, stream: Streams) -> None:
    accounts = stream(SYNC)
    engine = PostgreSQLEngine(place.url, lock_timeout_seconds=10)
    waits = [0.2, 0.0]

    def work() -> None:
        with engine.connection() as connection:
            connection.run("SET idle_in_transaction_session_timeout = 50")
            with connection.transaction():
                time.sleep(waits.pop(0))
                connection.run("DELETE FROM exact.crm_accounts")

    engine.persist(work)
    assert waits == []
    assert accounts.read("id") == []


def test_nothing_is_left_of_a_session_that_is_used_again(place: PostgreSQLPlace, stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.upsert({"id": guid(1), "timestamp": 1})
    engine = PostgreSQLEngine(place.url, lock_timeout_seconds=10)
    warehouse = SqlWarehouse(engine)
    warehouse.store(SYNC, 7, step(Verb.UPSERT, rows(SYNC, {"id": guid(1)}, division=7)), expected_seq=0)
    with engine.connection() as connection:
        assert connection.rows("SELECT relname FROM pg_class WHERE relnamespace = pg_my_temp_schema()") == []
        assert (
            connection.rows("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()") == []
        )


def test_values_are_the_same_on_a_server_that_lacks_the_test_of_input(
    place: PostgreSQLPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exact_assets.warehouse.postgresql.engine.HAS_INPUT_TEST", 10**6)
    engine = PostgreSQLEngine(place.url, lock_timeout_seconds=10)
    with engine.connection() as connection:
        assert "pg_temp.pg_input_is_valid" in connection.dialect.tried("'x'", "integer")
        for value, type_, expected in (("'x'", "integer", None), ("'7'", "integer", 7), ("NULL", "uuid", None)):
            assert connection.rows(f"SELECT {connection.dialect.tried(value, type_)}") == [(expected,)]


def test_what_text_cannot_hold_is_kept_as_its_sign_and_told(
    stream: Streams, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        stream(BY_CODE).upsert({"id": "a", "value": "x\0y\0"}, {"id": "b", "value": "plain"})
    assert stream.place.query("SELECT value FROM exact.mailbox_codes ORDER BY id") == [
        ("x\u2400y\u2400",),
        ("plain",),
    ]
    assert f"mailbox_codes of division {DIVISION}: 1 values of value hold the character NUL" in caplog.text


def test_an_empty_piece_before_the_rows_writes_nothing_of_its_own(stream: Streams) -> None:
    codes = stream(BY_CODE)
    pieces = [codes.rows(), codes.rows({"id": "a", "value": ""}), codes.rows(), codes.rows({"id": "b"})]
    codes.store(
        step(Verb.UPSERT, pieces[0].__class__.from_batches([b for p in pieces for b in p.to_batches() or []]))
    )
    assert codes.read("id, value") == [("a", ""), ("b", None)]


def test_every_name_of_the_catalogue_is_whole() -> None:
    names = {name for one in catalogue().values() for name in (one.name, *(c.name for c in one.columns))}
    assert [name for name in names if DIALECT.fitted(name) != name] == []


LONG = replace(SYNC, name="continuousmonitoring_indicator_deviating_amounts_entered")


def test_rows_kept_aside_of_a_table_with_a_long_name_are_found_and_purged(stream: Streams) -> None:
    assert LONG.name in catalogue()
    long = stream(LONG)
    long.stage({"id": guid(1), "timestamp": 1})
    assert long.warehouse.names_holding([DIVISION], names=[]) == (LONG.name,)
    assert long.replace({"id": guid(2), "timestamp": 1}).inserted == 2
    long.stage({"id": guid(3), "timestamp": 1})
    long.warehouse.purge(LONG.name, [DIVISION])
    assert long.warehouse.names_holding([DIVISION], names=[LONG.name]) == ()


def test_views_gain_columns_at_their_end_and_views_upon_them_stay(place: PostgreSQLPlace) -> None:
    warehouse = place.open(is_soft=True)
    warehouse.prepare([SYNC])
    place.run("CREATE VIEW public.mine AS SELECT id FROM exact_live.crm_accounts")
    known = {c.name: (c.property, (c.edm_type, c.type)) for c in SYNC.columns}
    try:
        warehouse.prepare([table(SYNC.name, {"new": ("New", STRING), **known}, version="timestamp")])
        assert place.query("SELECT new FROM exact_live.crm_accounts") == []
        assert place.query("SELECT id FROM public.mine") == []
    finally:
        place.run("DROP VIEW public.mine")


def test_rows_are_found_by_key_and_by_header_through_an_index(place: PostgreSQLPlace) -> None:
    place.open().prepare([LINES, SYNC])
    found = {name for (name,) in place.query("SELECT indexname::text FROM pg_indexes WHERE schemaname = 'exact'")}
    assert {"crm_accounts_id_index", "purchaseentry_lines_id_index"} <= found


def test_a_query_cannot_write(place: PostgreSQLPlace, stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.upsert({"id": guid(1), "timestamp": 1})
    with pytest.raises(WarehouseError, match="read-only"):
        accounts.warehouse.query([Query(statement="DELETE FROM exact.crm_accounts RETURNING 1 AS one")])
    lacking, there = accounts.warehouse.query(
        [Query(statement="SELECT 1 AS one FROM exact.nothing"), Query(statement="SELECT 1 AS one")]
    )
    assert (lacking, there) == (None, [{"one": 1}])


def secretly(place: PostgreSQLPlace, *, user: str, password: str = SECRET, host: str | None = None) -> str:
    quoted = password.replace("/", "%2F").replace("@", "%40")
    there = host or place.url.partition("?host=")[2]
    return f"postgresql://{user}:{quoted}@/postgres?host={there}"


UNREACHABLE = [
    ("postgresql://exact:{secret}@127.0.0.1:1/db", "refused"),
    ("postgresql://exact:{secret}@host.invalid/db", "host"),
]


@pytest.mark.parametrize(("url", "words"), UNREACHABLE)
def test_a_server_that_is_not_there_is_an_error_without_the_password(url: str, words: str) -> None:
    warehouse = open_warehouse(url.format(secret="s3cr3t%40"), lock_timeout_seconds=5)
    began = time.monotonic()
    with pytest.raises(WarehouseError, match=words) as failed:
        warehouse.list_divisions()
    assert time.monotonic() - began < 4
    assert "cannot be reached" in str(failed.value)
    assert not isinstance(failed.value, EngineLostError)
    for shown in (str(failed.value), repr(failed.value), repr(warehouse), str(warehouse.obstacle())):
        assert "s3cr3t" not in shown


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://", "does not begin"),
        ("postgresql://host", "names no database"),
        ("postgresql://u:s3cr3t@x@y/db", "an @ too many"),
        ("postgresql://u:pass/s3cr3t@host/db", "an @ too many"),
        ("postgresql://u:s3cr3t?x@host/db", "names no database"),
        ("postgresql://u:s3cr3t/db", "port is no number"),
        ("postgresql://u:s3cr3t@h/db?passwrod=s3cr3t", "cannot be read"),
    ],
)
def test_an_address_that_is_none_is_refused_without_the_password(url: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as failed:
        open_warehouse(url)
    assert "s3cr3t" not in str(failed.value)
    assert "EXACT_WAREHOUSE_URL" in str(failed.value)


def test_an_unknown_database_and_a_user_without_rights_are_told_what_to_do(place: PostgreSQLPlace) -> None:
    nowhere = open_warehouse(postgresql.url_of(place.url, "no_such_database"))
    with pytest.raises(WarehouseError, match=r"no_such_database.*CREATE DATABASE"):
        nowhere.list_divisions()
    place.run("DROP ROLE IF EXISTS nobody_much")
    place.run("CREATE ROLE nobody_much LOGIN")
    poor = open_warehouse(place.url.replace("exact@", "nobody_much@"))
    try:
        assert "may not CREATE" in str(poor.obstacle())
        with pytest.raises(WarehouseError, match="lacks a right"):
            poor.prepare([SYNC])
    finally:
        place.run("DROP ROLE nobody_much")


def test_a_database_that_only_reads_is_an_obstacle_and_an_error_that_says_so(place: PostgreSQLPlace) -> None:
    url = f"{place.url}&options=-c%20default_transaction_read_only%3Don"
    warehouse = open_warehouse(url)
    assert "only reads" in str(warehouse.obstacle())
    with pytest.raises(WarehouseError, match="Give the primary's address"):
        warehouse.prepare([SYNC])


def test_a_reader_reads_what_is_there_and_what_comes_and_nothing_else(
    place: PostgreSQLPlace, stream: Streams
) -> None:
    stream(SYNC)
    place.run("DROP TABLE IF EXISTS public.secret; CREATE TABLE public.secret (x int)")
    place.run("DROP ROLE IF EXISTS analyst")
    place.run("CREATE ROLE analyst LOGIN")
    try:
        stream.warehouse.grant_reader("analyst")
        stream.warehouse.grant_reader("analyst")
        Stream(place.open(is_soft=True), place, BY_CODE)
        with psycopg.connect(place.url.replace("exact@", "analyst@"), autocommit=True) as reader:
            for name in (
                "exact.crm_accounts",
                "exact.mailbox_codes",
                "exact_live.mailbox_codes",
                "exact.divisions",
            ):
                assert reader.execute(f"SELECT count(*) FROM {name}".encode()).fetchone() == (0,)
            for refused in (
                "SELECT * FROM public.secret",
                "DELETE FROM exact.crm_accounts",
                "UPDATE exact.divisions SET sync_enabled = true",
                "CREATE TABLE exact.mine (x int)",
                "CREATE TABLE exact_bi.mine (x int)",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    reader.execute(refused.encode())
    finally:
        place.run("DROP OWNED BY analyst; DROP ROLE analyst; DROP TABLE public.secret")


def test_a_role_that_is_not_there_or_reads_everything_anyway_is_refused(place: PostgreSQLPlace) -> None:
    with pytest.raises(WarehouseError, match=r'no role a"b: .*CREATE ROLE "a""b"'):
        place.open().grant_reader('a"b')
    with pytest.raises(WarehouseError, match="superuser"):
        place.open().grant_reader("exact")


def test_a_server_that_is_restarted_under_load_is_waited_for() -> None:
    with tempfile.TemporaryDirectory(prefix="exact-pg-") as name:
        folder = Path(name)
        make_cluster(folder)
        warehouse = SqlWarehouse(PostgreSQLEngine(url_of_server(folder), lock_timeout_seconds=30))
        with serving(folder, **postgresql.SETTINGS):
            warehouse.prepare([SYNC])
        with ThreadPoolExecutor(1) as thread:
            one = step(Verb.UPSERT, rows(SYNC, {"id": guid(1), "timestamp": 1}))
            storing = thread.submit(warehouse.store, SYNC, DIVISION, one, expected_seq=0)
            time.sleep(0.3)
            assert not storing.done()
            with serving(folder, **postgresql.SETTINGS):
                assert storing.result().changes.inserted == 1
