"""The commands as a user runs them: what they print, and their exit codes."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from exact_assets.catalogue import select
from exact_assets.cli import COMMANDS, main
from exact_assets.control.open import Control
from exact_assets_tests.installation import CHECKOUT, Installation, installation


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("DAGSTER_HOME", "EXACT_CLIENT_ID", "EXACT_WAREHOUSE_URL", "EXACT_TABLES", "EXACT_FREQUENCIES"):
        monkeypatch.delenv(name, raising=False)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_all_tables_are_listed_with_what_they_cost() -> None:
    listed = json.loads(run("tables", "--json").output)
    assert len(listed) >= 260
    accounts = next(table for table in listed if table["name"] == "crm_accounts")
    assert (accounts["feed"], accounts["key"], accounts["calls_per_thousand_rows"]) == ("sync", ["id"], 1)


def test_tables_are_listed_for_people_without_being_cut() -> None:
    printed = run("tables", "--select", "default").output
    assert "purchaseorder_purchase_orders_with_lines" in printed


def test_an_unknown_table_fails_and_names_the_nearest() -> None:
    result = run("tables", "--select", "crm_acounts")
    assert result.exit_code == 1
    assert "crm_accounts" in result.stderr


def test_tables_that_are_kept_are_listed_with_their_frequencies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXACT_TABLES", "crm_accounts,transaction_lines")
    monkeypatch.setenv("EXACT_FREQUENCIES", "crm/*=1d")
    kept = {one["name"]: one["frequency"] for one in json.loads(run("tables", "--json").output) if one["frequency"]}
    assert kept == {"crm_accounts": "1d", "financialtransaction_transaction_lines": "6h", "sync_deleted": "1h"}


def test_a_wrong_setting_is_told_below_the_list_of_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXACT_FREQUENCIES", "nonsense=1d")
    result = run("tables")
    assert result.exit_code == 1
    assert "crm_accounts" in result.stdout
    assert "nonsense" in result.stderr


def test_a_wrong_option_is_wrong_usage() -> None:
    assert run("tables", "--colour").exit_code == 2


def test_divisions_are_refreshed_before_they_are_listed() -> None:
    result = run("divisions", "list")
    assert result.exit_code == 1
    assert "divisions refresh" in result.stderr


def test_a_setting_that_makes_no_sense_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXACT_COUNTRY", "netherlands")
    result = run("divisions", "list")
    assert result.exit_code == 1
    assert "EXACT_COUNTRY" in result.stderr


@pytest.mark.long
def test_divisions_are_listed_enabled_and_disabled(tmp_path: Path) -> None:
    with installation(tmp_path / "place", divisions=3, rows=100) as place:
        place.command("divisions", "refresh")
        place.command("divisions", "enable", "100001", "100003")
        place.command("divisions", "disable", "100003")
        listed = json.loads(place.command("divisions", "list", "--json"))
        assert {one["division"]: one["sync_enabled"] for one in listed} == {
            100001: True,
            100002: False,
            100003: False,
        }
        with duckdb.connect(str(place.warehouse), read_only=True) as connection:
            enabled = connection.execute("SELECT division FROM exact.divisions WHERE sync_enabled").fetchall()
        assert enabled == [(100001,)]


@pytest.mark.long
def test_choices_are_made_asked_for_and_shown(tmp_path: Path) -> None:
    year = datetime.now(UTC).year
    with installation(tmp_path / "place", divisions=3, rows=100) as place:
        place.command("divisions", "refresh")
        assert "divisions sync-now 100001 100002" in place.command("divisions", "enable", "100001", "100002")
        place.command("divisions", "set-start-year", "100001", "100002", str(year - 1))
        place.command("divisions", "set-start-year", "--default", "100002")
        place.command("divisions", "sync-now", "100001")
        listed = {one["division"]: one for one in json.loads(place.command("divisions", "list", "--json"))}
        assert [(one["sync_now"], one["start_year"]) for one in listed.values()] == [
            (True, year - 1),
            (False, None),
            (False, None),
        ]
        shown = json.loads(place.command("status", "--json", EXACT_TABLES="crm_accounts"))
        assert [(one["division"], one["status"], one["oldest_table"], one["oldest_at"]) for one in shown] == [
            (100001, "waiting for its first load", "crm_accounts", None),
            (100002, "waiting for its first load", "crm_accounts", None),
        ]
        for wrong in (["set-start-year", "100001", "-4"], ["sync-now", "100003"], ["sync-now", "999999"]):
            with pytest.raises(AssertionError, match=r"expected|enable 100003|no division 999999|No such option"):
                place.command("divisions", *wrong)


@pytest.mark.long
def test_a_division_is_purged_after_it_is_disabled_and_nobody_reads_it(tmp_path: Path) -> None:
    with installation(tmp_path / "place", divisions=2, rows=100) as place:
        place.enable(*place.divisions)
        accounts, year = select("crm_accounts")[0], datetime.now(UTC).year
        load = ("asset", "materialize", "-m", "exact_assets.definitions", "--select", 'key:"exact/crm_accounts"')
        place.command(*load, "--partition-range", f"100001|{year}...100002|{year}", module="dagster")
        rows = {division: len(place.truth(accounts, division)) for division in place.divisions}
        with pytest.raises(AssertionError, match="divisions disable 100001"):
            place.command("divisions", "purge", "--yes", "100001")
        place.command("divisions", "disable", "100001")
        with (
            Control.open(place.config).lease("stream/crm_accounts/100001"),
            pytest.raises(AssertionError, match="A run is reading crm_accounts of division 100001"),
        ):
            place.command("divisions", "purge", "--yes", "100001")
        with pytest.raises(AssertionError, match="Aborted"):
            place.command("divisions", "purge", "100001")
        assert count(place) == rows
        printed = place.command("divisions", "purge", "--yes", "100001")
        assert f"{rows[100001]} rows deleted from 1 table" in printed
        assert count(place) == {100002: rows[100002]}
        assert set(Control.open(place.config).attempts.read()) == {100002}


def count(place: Installation) -> dict[int, int]:
    with duckdb.connect(str(place.warehouse), read_only=True) as connection:
        found = connection.execute("SELECT division, count(*) FROM exact.crm_accounts GROUP BY division")
        return dict(found.fetchall())


@pytest.mark.long
def test_an_unknown_division_is_refused_by_its_number(tmp_path: Path) -> None:
    with installation(tmp_path / "place", divisions=1, rows=100) as place:
        place.command("divisions", "refresh")
        with pytest.raises(AssertionError, match="999999"):
            place.command("divisions", "enable", "999999")


WITHOUT_LIBRARIES = """
import sys
from exact_assets.cli import COMMANDS, main
try:
    main(["--help"])
finally:
    assert not {"dagster", "duckdb", "httpx", "pyarrow", "pydantic"} & set(sys.modules)
"""


def test_the_help_names_every_command_and_waits_for_no_library() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_LIBRARIES], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert all(f"  {name} " in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_even_where_a_setting_is_wrong(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXACT_COUNTRY", "nowhere")
    explained = run(name, "--help")
    assert (explained.exit_code, explained.stderr) == (0, "")
    assert "Usage:" in explained.stdout


def test_a_warehouse_without_roles_has_no_readers_to_grant(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EXACT_WAREHOUSE_URL", f"duckdb:///{tmp_path / 'w.duckdb'}")
    result = run("grant-reader", "bi")
    assert result.exit_code == 1
    assert "DuckDB has no roles" in result.stderr


def test_a_role_may_be_let_read_a_database(monkeypatch: pytest.MonkeyPatch, postgresql_url: str) -> None:
    monkeypatch.setenv("EXACT_WAREHOUSE_URL", postgresql_url)
    result = run("grant-reader", "no_such_role")
    assert result.exit_code == 1
    assert "CREATE ROLE" in result.stderr
