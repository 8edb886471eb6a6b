"""The commands as a user runs them: what they print, and their exit codes."""

import json
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from exact_assets.cli import main
from exact_assets_tests.installation import installation


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("DAGSTER_HOME", "EXACT_CLIENT_ID", "EXACT_WAREHOUSE_URL", "EXACT_TABLES"):
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


def test_an_unknown_division_is_refused_by_its_number(tmp_path: Path) -> None:
    with installation(tmp_path / "place", divisions=1, rows=100) as place:
        place.command("divisions", "refresh")
        with pytest.raises(AssertionError, match="999999"):
            place.command("divisions", "enable", "999999")
