"""What commands look like: widths of terminals, data that looks like markup, advice that names the right thing."""

import io
import logging
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from exact_assets.catalogue import select
from exact_assets.cli import main
from exact_assets.cli import show as shown
from exact_assets.cli.show import number_of, show
from exact_assets.config import ExactConfig, misspelt_variables
from exact_assets_tests.installation import installation


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("DAGSTER_HOME", "EXACT_CLIENT_ID", "EXACT_WAREHOUSE_URL", "EXACT_TABLES", "EXACT_FREQUENCIES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> io.StringIO:
    printed = io.StringIO()
    monkeypatch.setattr(shown, "console", lambda: Console(file=printed, width=request.param))
    return printed


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.mark.parametrize("terminal", [100], indirect=True)
def test_tables_fit_a_terminal_a_line_each(terminal: io.StringIO) -> None:
    assert run("tables").exit_code == 0
    lines = terminal.getvalue().splitlines()
    assert max(map(len, lines)) <= 100
    names = {line.split()[0] for line in lines if line.strip()}
    assert {table.name for table in select("all")} <= names


@pytest.mark.parametrize("terminal", [80], indirect=True)
def test_default_tables_can_be_read_on_a_narrow_terminal(terminal: io.StringIO) -> None:
    run("tables", "--select", "default")
    lines = terminal.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert {table.name for table in select(None)} <= {line.split()[0] for line in lines if line.strip()}


def test_keys_and_endpoints_are_shown_when_asked_for() -> None:
    assert "sync/CRM/Accounts" not in run("tables", "--select", "crm_accounts").stdout
    assert "sync/CRM/Accounts" in run("tables", "--wide", "--select", "crm_accounts").stdout


@pytest.mark.parametrize("terminal", [80], indirect=True)
@pytest.mark.parametrize(
    "name",
    ["Acme [/b] BV", "[nl] Holding", "[link=http://x]y[/link]", "Smile :smile: \\[x]", "Tab\tand\x1b[31mred"],
)
def test_data_is_shown_as_it_is(terminal: io.StringIO, name: str) -> None:
    show([{"division": 1, "name": name, "parts": (name,)}], as_json=False)
    plain = "".join(sign if sign.isprintable() else " " for sign in name)
    assert terminal.getvalue().count(plain) == 2
    assert "\x1b" not in terminal.getvalue()


def test_a_wrong_table_is_named_and_not_the_command_that_was_just_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXACT_TABLES", "qqqq")
    result = run("tables", "--select", "crm_accounts")
    assert result.exit_code == 1
    assert "EXACT_TABLES: there is no table, group or pattern 'qqqq'" in result.stderr
    assert "exact-assets tables" not in result.stderr
    assert "crm" in result.stderr


@pytest.mark.parametrize("selection", ["qqqq", "crm_acounts", "crm,-crm"])
def test_a_wrong_option_is_named_by_the_option(selection: str) -> None:
    result = run("tables", "--select", selection)
    assert result.exit_code == 1
    assert "--select" in result.stderr
    assert "EXACT_TABLES" not in result.stderr


def test_one_is_not_many() -> None:
    assert [number_of(0, "row"), number_of(1, "row"), number_of(2000, "row")] == ["0 rows", "1 row", "2,000 rows"]


def test_a_misspelt_variable_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert misspelt_variables(Path(".env")) == []
    monkeypatch.setenv("EXACT_TABELS", "crm")
    (tmp_path / ".env").write_text("EXACT_STARTYEAR=2020\nexact_country=be\n")
    found = misspelt_variables(Path(".env"))
    assert ["EXACT_START_YEAR" in found[0], "EXACT_TABLES" in found[1], len(found)] == [True, True, 2]
    with caplog.at_level(logging.WARNING):
        ExactConfig.from_env()
    assert "EXACT_TABELS" in caplog.text


def test_purge_looks_before_it_asks(tmp_path: Path) -> None:
    with installation(tmp_path / "place", divisions=1, rows=20) as place:
        place.command("divisions", "refresh")
        assert "1 division starts with" in place.command("divisions", "set-start-year", "100001", "2026")
        assert "No rows are kept of 100001" in place.command("divisions", "purge", "100001")
        printed = place.command("status")
        assert str(place.warehouse) in printed
        assert "Tokens and quota: sqlite:///" in printed
