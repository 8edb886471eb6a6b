"""The list of checks: a check is one file and its name in the list, from which all else follows."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from exact_assets.catalogue import select
from exact_assets.checks.ledger import LEDGER
from exact_assets.checks.registry import CHECKS, calls_per_division, checks_of
from exact_assets.checks.row_count import ROW_COUNT
from exact_assets_tests.checks.conftest import ACCOUNTS, Copy, key_of

CHECKOUT = Path(__file__).parents[2]
NEW = '''
"""Each relation has a name."""

from exact_assets.checks.check import RowCheck, Search
from exact_assets.checks.sql import live

NAMES_GIVEN = RowCheck(
    name="names_given",
    description="Each relation has a name.",
    advice="Give it one in Exact Online.",
    is_offered=lambda table, *, kept: table.name == "crm_accounts",
    search=lambda subject: Search(
        statement=f"SELECT division, TRUE AS is_certain, id FROM {live(subject.table)} AS r WHERE name IS NULL"
    ),
)
'''


def test_each_check_is_a_file_of_its_name_that_holds_its_words() -> None:
    for check in CHECKS:
        text = (CHECKOUT / "exact_assets" / "checks" / f"{check.name}.py").read_text()
        assert f'"{check.name}"' in text
        assert check.description in text
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_the_docs_name_each_check() -> None:
    documented = (CHECKOUT / "docs" / "checks.md").read_text()
    assert [check.name for check in CHECKS if f"| `{check.name}` |" not in documented] == []


def test_checks_of_the_ledger_are_offered_for_nothing_else() -> None:
    kept = select("all")
    for check in CHECKS:
        offered = {table.name for table in kept if check in checks_of(table, kept=kept)}
        assert offered
        assert not check.is_of_ledger or offered == {LEDGER}


def test_a_forecast_counts_the_calls_of_all_checks() -> None:
    kept = select("default")
    counted = [table for table in kept if ROW_COUNT in checks_of(table, kept=kept)]
    assert calls_per_division(kept) == len(counted) > 40


def test_a_new_check_is_a_file_and_its_name_in_the_list(
    copy: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nameless = key_of(copy, ACCOUNTS)
    copy.run(f"UPDATE exact.{ACCOUNTS} SET name = NULL WHERE id = '{nameless}'")
    package = tmp_path / "code" / "exact_assets"
    shutil.copytree(CHECKOUT / "exact_assets", package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "checks" / "names_given.py").write_text(NEW.lstrip())
    registry = package / "checks" / "registry.py"
    imported = "from exact_assets.checks.own_division import IN_OWN_DIVISION\n"
    listed = "    IN_OWN_DIVISION,\n"
    text = registry.read_text()
    assert (text.count(imported), text.count(listed)) == (1, 1)
    text = text.replace(imported, f"from exact_assets.checks.names_given import NAMES_GIVEN\n{imported}")
    registry.write_text(text.replace(listed, f"    NAMES_GIVEN,\n{listed}"))

    home = tmp_path / "home"
    home.mkdir()
    environment = copy.place.environment | {
        "DAGSTER_HOME": str(home),
        "EXACT_WAREHOUSE_URL": f"duckdb:///{copy.path}",
        "EXACT_TABLES": ACCOUNTS,
        "PYTHONPATH": str(package.parent),
    }
    subprocess.run(
        [sys.executable, "-m", "dagster", "job", "execute", "-m", "exact_assets.definitions", "-j", "exact_checks"],
        cwd=home,
        env=os.environ | environment,
        check=True,
        capture_output=True,
    )
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    key = dg.AssetCheckKey(dg.AssetKey(["exact", ACCOUNTS]), "names_given")
    with dg.DagsterInstance.get() as instance:
        found = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    assert found.event is not None
    assert found.event.dagster_event is not None
    evaluation = found.event.dagster_event.asset_check_evaluation_data
    assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert evaluation.description == "1 of 2 divisions: 100001: 1 wrong."
    assert nameless in str(evaluation.metadata["examples"].value)
    assert evaluation.metadata["what_to_do"].value == "Give it one in Exact Online."
