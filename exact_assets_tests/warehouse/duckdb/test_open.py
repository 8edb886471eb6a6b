"""From a URL to a warehouse."""

from pathlib import Path

import pytest

from exact_assets.errors import SettingsError
from exact_assets.warehouse.open import open_warehouse


@pytest.mark.parametrize("url", ["mysql://host/db", "", "/just/a/path", "DUCKDB:///file"])
def test_an_unknown_kind_is_refused_with_what_is_supported(url: str) -> None:
    with pytest.raises(SettingsError, match=r"EXACT_WAREHOUSE_URL.*supported are duckdb:///"):
        open_warehouse(url)


@pytest.mark.parametrize(
    "url", ["duckdb", "duckdb:", "duckdb://", "duckdb:///", "duckdb:file.duckdb", "duckdb://host/file"]
)
def test_a_url_without_a_file_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="expected a file"):
        open_warehouse(url)


def test_opening_touches_nothing(tmp_path: Path) -> None:
    open_warehouse(f"duckdb:///{tmp_path}/a/b.duckdb")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["it's.duckdb", "100%25.duckdb", "a b?c#d.duckdb", "ünï.duckdb"])
def test_any_path_can_hold_a_warehouse(tmp_path: Path, name: str) -> None:
    warehouse = open_warehouse(f"duckdb:///{tmp_path / name}")
    warehouse.prepare(())
    assert (tmp_path / name).exists()
    assert warehouse.list_divisions() == ()


def test_a_relative_path_is_under_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    open_warehouse("duckdb:///here.duckdb").prepare(())
    assert (tmp_path / "here.duckdb").exists()
