"""What is written to files is what the warehouse has; a file is whole or it is not there."""

import csv
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import fsspec
import openpyxl
import pytest
from click.testing import CliRunner, Result
from pyarrow import parquet

from exact_assets.cli import main
from exact_assets.errors import SettingsError
from exact_assets.export import workbook
from exact_assets.export.files import Destination
from exact_assets_tests.small_warehouse import change, made_of

KEY = "00000000-0000-0000-0000-00000000000{}"
COLUMNS = (
    "division INTEGER, id UUID, name VARCHAR, amount DECIMAL(38, 10), version BIGINT, on_day DATE, "
    "began TIMESTAMP, loaded TIMESTAMP WITH TIME ZONE, is_on BOOLEAN, share DOUBLE PRECISION"
)
MOMENT = "2026-01-02 03:04:05"
VALUES = (
    f"(7, '{KEY.format(1)}', 'Één, \"x\"', 0.1, 10000000000000001, '2026-01-02', '{MOMENT}', '{MOMENT}+00', "
    "true, 0.5), "
    f"(7, '{KEY.format(2)}', '=1+1', 12345678901234.5, 1, NULL, NULL, NULL, false, NULL)"
)
ROWS = (
    "CREATE SCHEMA exact",
    "CREATE TABLE exact._streams (division INTEGER)",
    f"CREATE TABLE exact.crm_accounts ({COLUMNS})",
    f"INSERT INTO exact.crm_accounts VALUES {VALUES}",
    "CREATE TABLE exact.vat_vat_codes (division INTEGER, code VARCHAR)",
)
FIRST = (
    7,
    KEY.format(1),
    'Één, "x"',
    Decimal("0.1"),
    10000000000000001,
    date(2026, 1, 2),
    datetime(2026, 1, 2, 3, 4, 5),  # noqa: DTZ001 - a wall clock has no zone
    datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    True,
    0.5,
)
Export = Callable[..., Result]


@pytest.fixture(params=["duckdb", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return made_of(ROWS, request=request, folder=tmp_path)


@pytest.fixture
def export(url: str) -> Export:
    def run(*arguments: str) -> Result:
        return CliRunner(env={"EXACT_WAREHOUSE_URL": url}).invoke(main, ["export", *arguments])

    return run


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_parquet_has_the_rows_and_types_of_the_warehouse(export: Export, tmp_path: Path) -> None:
    done = export(str(tmp_path / "out"))
    assert (done.exit_code, done.stdout) == (0, f"2 files and 2 rows in {tmp_path / 'out'}\n")
    assert names(tmp_path / "out") == ["crm_accounts.parquet", "vat_vat_codes.parquet"]
    table = parquet.read_table(tmp_path / "out" / "crm_accounts.parquet")
    assert tuple(table.slice(0, 1).to_pylist()[0].values()) == FIRST
    assert parquet.read_table(tmp_path / "out" / "vat_vat_codes.parquet").num_rows == 0


def test_csv_is_read_back_as_it_was(export: Export, tmp_path: Path) -> None:
    assert export(str(tmp_path / "out"), "--format", "csv", "--select", "crm_*").exit_code == 0
    assert names(tmp_path / "out") == ["crm_accounts.csv"]
    with (tmp_path / "out" / "crm_accounts.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert (rows[0]["name"], rows[0]["amount"], rows[0]["version"]) == (
        'Één, "x"',
        "0.1000000000",
        "10000000000000001",
    )
    assert rows[1]["on_day"] == ""


def test_a_workbook_has_a_sheet_for_each_with_amounts_dates_and_texts_as_such(
    export: Export, tmp_path: Path
) -> None:
    assert export(str(tmp_path), "--format", "xlsx").exit_code == 0
    book = openpyxl.load_workbook(tmp_path / "exact.xlsx")
    assert book.sheetnames == ["crm_accounts", "vat_vat_codes"]
    sheet = book["crm_accounts"]
    header, first, second = ([cell.value for cell in row] for row in sheet.iter_rows())
    assert header[:4] == ["division", "id", "name", "amount"]
    assert first[3:8] == [0.1, "10000000000000001", *[datetime(2026, 1, 2), *[datetime(2026, 1, 2, 3, 4, 5)] * 2]]  # noqa: DTZ001
    assert (second[2], sheet["C3"].data_type) == ("=1+1", "s"), "a name is never a formula"
    assert (sheet["D2"].number_format, sheet["F2"].number_format) == ("#,##0.00", "yyyy-mm-dd")
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:J3")


def test_what_a_sheet_cannot_hold_is_refused_and_the_former_workbook_stays(
    export: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert export(str(tmp_path), "--format", "xlsx").exit_code == 0
    before = (tmp_path / "exact.xlsx").read_bytes()
    monkeypatch.setattr(workbook, "SHEET_ROWS", 2)
    done = export(str(tmp_path), "--format", "xlsx")
    assert done.exit_code == 1
    assert "crm_accounts has 2 rows, and a sheet of Excel 1" in done.output
    assert (tmp_path / "exact.xlsx").read_bytes() == before
    assert not list(tmp_path.glob(".*"))


def test_a_file_that_is_not_written_to_its_end_is_not_there(tmp_path: Path) -> None:
    place = Destination.at(str(tmp_path / "out"))
    with place.writing("a.csv") as file:
        file.write(b"whole")

    def break_off() -> None:
        with place.writing("a.csv") as other:
            other.write(b"ha")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert names(tmp_path / "out") == ["a.csv"]
    assert (tmp_path / "out" / "a.csv").read_bytes() == b"whole"


def test_an_address_of_a_store_is_written_to_as_a_folder_is(export: Export) -> None:
    assert export("memory://exports/exact", "--select", "crm_accounts").exit_code == 0
    with fsspec.open("memory://exports/exact/crm_accounts.parquet") as file:
        assert parquet.read_table(file).num_rows == 2


ODD = (
    "CREATE TABLE exact.financialtransaction_transactions AS SELECT 1 AS a",
    "CREATE TABLE exact.financialtransaction_transaction_lines AS SELECT 2 AS a",
    """CREATE TABLE exact.my_budget AS SELECT CAST(1.5 AS NUMERIC(5, 1)) AS a,
       CAST('NaN' AS DOUBLE PRECISION) AS b, CAST('12:30' AS TIME) AS c""",
    "CREATE VIEW exact.a_view AS SELECT division, name FROM exact.crm_accounts",
    'ALTER TABLE exact.crm_accounts ADD COLUMN "MyNote" VARCHAR',
)


@pytest.mark.parametrize("form", ["parquet", "csv", "xlsx"])
def test_tables_columns_and_views_of_users_own_are_written_too(
    export: Export, url: str, tmp_path: Path, form: str
) -> None:
    """Two names that are alike in Excel's 31 characters, another type, NaN, a column in capitals, a view."""
    change(url, *ODD)
    done = export(str(tmp_path / "out"), "--format", form)
    assert done.exit_code == 0, done.output
    if form == "xlsx":
        sheets = openpyxl.load_workbook(tmp_path / "out" / "exact.xlsx").sheetnames
        assert [name for name in sheets if name.startswith("financial")] == [
            "financialtransaction_transactio",
            "financialtransaction_transact~2",
        ]
    else:
        assert {f"{name}.{form}" for name in ("a_view", "crm_accounts", "my_budget")} <= set(
            names(tmp_path / "out")
        )


def test_a_text_that_no_cell_holds_is_cut_and_told(export: Export, url: str, tmp_path: Path) -> None:
    change(url, "UPDATE exact.crm_accounts SET name = repeat('x', 40000)")
    assert "2 texts of over 32,767 characters are cut" in export(str(tmp_path), "--format", "xlsx").output


def test_what_cannot_be_is_told(export: Export, tmp_path: Path) -> None:
    unknown = export(str(tmp_path / "out"), "--select", "crm_acounts")
    assert (unknown.exit_code, "nothing here is named crm_acounts" in unknown.output) == (1, True)
    (tmp_path / "file").write_text("")
    blocked = export(str(tmp_path / "file"))
    assert (blocked.exit_code, "cannot be written" in blocked.output) == (1, True)
    with pytest.raises(SettingsError, match="cannot be written to"):
        Destination.at("nosuch://place")
