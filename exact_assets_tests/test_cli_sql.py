"""`exact-assets sql`: what is read comes as it is asked for, and nothing can be written."""

import csv
import io
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result
from pyarrow import parquet

from exact_assets.cli import main
from exact_assets_tests.small_warehouse import made_of

NAME = 'Bakkerij één, "x"'
FIRST = "00000000-0000-0000-0000-000000000001"
ROWS = (
    "CREATE SCHEMA exact",
    "CREATE TABLE exact.crm_accounts (division INTEGER, id UUID, name VARCHAR, amount DECIMAL(38, 10))",
    f"INSERT INTO exact.crm_accounts VALUES (7, '{FIRST}', '{NAME}', 0.1)",
    f"INSERT INTO exact.crm_accounts VALUES (7, '{FIRST[:-1]}2', NULL, 12345678901234.5)",
)
ALL = "SELECT name, amount FROM exact.crm_accounts ORDER BY id"
Ask = Callable[..., Result]


@pytest.fixture(params=["duckdb", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return made_of(ROWS, request=request, folder=tmp_path)


@pytest.fixture
def ask(url: str) -> Ask:
    def run(*arguments: str, stdin: str | None = None) -> Result:
        return CliRunner(env={"EXACT_WAREHOUSE_URL": url}).invoke(main, ["sql", *arguments], input=stdin)

    return run


def test_people_read_a_table(ask: Ask) -> None:
    done = ask(ALL)
    assert (done.exit_code, "Bakkerij één" in done.output, "name" in done.output) == (0, True, True)


def test_programs_read_csv_and_json_to_the_last_digit(ask: Ask) -> None:
    rows = list(csv.reader(io.StringIO(ask(ALL, "--csv").stdout)))
    assert rows == [["name", "amount"], [NAME, "0.1000000000"], ["", "12345678901234.5000000000"]]
    assert json.loads(ask(ALL, "--json").stdout)[1] == {"name": None, "amount": "12345678901234.5000000000"}


def test_parquet_is_written_whole_with_exact_amounts(ask: Ask, tmp_path: Path) -> None:
    file = tmp_path / "out.parquet"
    assert ask("SELECT * FROM exact.crm_accounts ORDER BY id", "--parquet", str(file)).exit_code == 0
    table = parquet.read_table(file)
    assert table.column("amount").to_pylist() == [Decimal("0.1"), Decimal("12345678901234.5")]
    assert table.column("id").to_pylist()[0] == FIRST
    assert list(tmp_path.glob(".*")) == []
    refused = ask(ALL, "--parquet", str(tmp_path / "no" / "out.parquet"))
    assert (refused.exit_code, "cannot be written" in refused.output) == (1, True)


def test_a_statement_comes_from_standard_input_too(ask: Ask) -> None:
    assert ask("--csv", stdin="SELECT 1 AS one").stdout.split() == ["one", "1"]
    assert "Give a statement" in ask("", stdin="").output


def test_columns_of_one_name_are_told_apart(ask: Ask) -> None:
    assert json.loads(ask("SELECT 1 AS a, 2 AS a", "--json").stdout) == [{"a": 1, "a:1": 2}]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM exact.crm_accounts",
        "INSERT INTO exact.crm_accounts (division) VALUES (8)",
        "DROP TABLE exact.crm_accounts",
        "CREATE TABLE exact.mine (a INTEGER)",
        "SELECT 1; DELETE FROM exact.crm_accounts",
        "COMMIT; DELETE FROM exact.crm_accounts",
        "ROLLBACK; BEGIN; DELETE FROM exact.crm_accounts; COMMIT",
    ],
)
def test_what_would_write_is_refused(ask: Ask, statement: str) -> None:
    done = ask(statement)
    assert done.exit_code == 1
    assert done.output.startswith("exact-assets: ")
    assert ask("SELECT count(*) AS rows FROM exact.crm_accounts", "--csv").stdout.split() == ["rows", "2"]


def test_a_mistake_is_told_in_the_engines_words(ask: Ask) -> None:
    done = ask("SELECT nothing FROM exact.crm_accounts")
    assert done.exit_code == 1
    assert "nothing" in done.output
    assert done.output.startswith("exact-assets: ")


def test_other_data_are_read_beside_the_copy(ask: Ask, url: str, tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "other.duckdb")) as connection:
        connection.execute("CREATE TABLE regions AS SELECT 7 AS division, 'north' AS region")
    (tmp_path / "prices.csv").write_text("division,price\n7,3.50\n")
    statement = (
        "SELECT region, price, count(*) AS rows FROM exact.crm_accounts JOIN o.main.regions USING (division) "
        "JOIN prices USING (division) GROUP BY ALL"
    )
    attached = ("--attach", f"o={tmp_path / 'other.duckdb'}", "--attach", str(tmp_path / "prices.csv"))
    done = ask(statement, "--csv", *attached)
    if url.startswith("duckdb"):
        assert done.stdout.split() == ["region,price,rows", "north,3.5,2"]
        assert ask("DELETE FROM o.main.regions", *attached).exit_code == 1
    else:
        assert "a warehouse on PostgreSQL reads no files" in done.output
    missing = ask("SELECT 1", "--attach", str(tmp_path / "none.csv"))
    assert (missing.exit_code, "there is no file" in missing.output) == (2, True)


def test_where_there_is_no_warehouse_yet_that_is_said(tmp_path: Path) -> None:
    runner = CliRunner(env={"EXACT_WAREHOUSE_URL": f"duckdb:///{tmp_path / 'none.duckdb'}"})
    done = runner.invoke(main, ["sql", "SELECT 1"])
    assert (done.exit_code, "There is no warehouse yet" in done.output) == (1, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [["sql", "--csv", "SELECT 1 AS one"], ["export", "out"]])
def test_commands_work_with_what_a_components_yaml_names(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They asked the environment alone, and answered of another warehouse, or of none."""
    monkeypatch.chdir(tmp_path)
    with duckdb.connect(str(tmp_path / "named.duckdb")) as connection:
        connection.execute("CREATE SCHEMA exact; CREATE TABLE exact.crm_accounts AS SELECT 1 AS division")
    defs = tmp_path / "defs.yaml"
    attributes = f"  warehouse_url: duckdb:///{tmp_path / 'named.duckdb'}"
    defs.write_text(f"type: exact_assets.ExactOnlineComponent\nattributes:\n{attributes}\n")
    done = CliRunner().invoke(main, ["--defs", str(defs), *command])
    assert done.exit_code == 0, done.output
