"""Loads without a UI, by Dagster's own command, with the same result."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from exact_assets.build import build_defs
from exact_assets.catalogue import select
from exact_assets.control.open import Control
from exact_assets_tests.installation import CHECKOUT, Installation, installation

YEAR = datetime.now(UTC).year


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("headless"), divisions=2, rows=200) as made:
        made.enable(*made.divisions)
        yield made


def materialise(
    place: Installation, table: str, *partitions: str, folder: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    arguments = ["-m", "exact_assets.definitions", "--select", f'key:"exact/{table}"', *partitions]
    return subprocess.run(
        [sys.executable, "-m", "dagster", "asset", "materialize", *arguments],
        cwd=folder or place.folder,
        env={**os.environ, **place.environment, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def rows(place: Installation, table: str) -> dict[int, int]:
    with duckdb.connect(str(place.warehouse), read_only=True) as connection:
        found = connection.execute(f"SELECT division, count(*) FROM exact.{table} GROUP BY division").fetchall()
    return dict(found)


def test_one_partition_brings_its_stream_up_to_date(place: Installation) -> None:
    done = materialise(place, "crm_accounts", "--partition", f"100001|{YEAR}")
    assert done.returncode == 0, done.stderr[-2000:]
    assert rows(place, "crm_accounts") == {100001: len(place.truth(select("crm_accounts")[0], 100001))}


@pytest.mark.long
def test_a_range_brings_all_its_divisions_up_to_date(place: Installation) -> None:
    done = materialise(place, "crm_contacts", "--partition-range", f"100001|{YEAR - 1}...100002|{YEAR}")
    assert done.returncode == 0, done.stderr[-2000:]
    assert set(rows(place, "crm_contacts")) == {100001, 100002}


@pytest.mark.long
def test_an_undated_table_has_the_partitions_of_all_others(place: Installation) -> None:
    done = materialise(place, "logistics_units", "--partition", f"100002|{YEAR}")
    assert done.returncode == 0, done.stderr[-2000:]
    assert set(rows(place, "logistics_units")) == {100002}


@pytest.mark.long
def test_a_refused_division_fails_the_command_with_exacts_reason(place: Installation) -> None:
    place.simulator.control.set(refused_divisions={100002: "DivisionBlocked"})
    try:
        done = materialise(place, "crm_addresses", "--partition-range", f"100001|{YEAR}...100002|{YEAR}")
    finally:
        place.simulator.control.set(refused_divisions={})
    assert done.returncode != 0
    assert "1 of 2 divisions of crm_addresses are not up to date" in done.stdout + done.stderr
    assert "the division is blocked" in done.stdout + done.stderr


@pytest.mark.long
def test_no_secret_is_in_what_a_run_prints_or_records(place: Installation) -> None:
    done = materialise(place, "vat_vat_codes", "--partition", f"100001|{YEAR}")
    printed = done.stdout + done.stderr
    recorded = b"".join(path.read_bytes() for path in (place.folder / "history").rglob("*.db"))
    token = Control.open(place.config).tokens.read().token
    for secret in (place.simulator.client_secret, token.access_token, token.refresh_token):
        assert secret not in printed
        assert secret.encode() not in recorded


@pytest.mark.long
def test_a_checkout_without_dagster_home_keeps_dagsters_history_beside_the_data(
    place: Installation, tmp_path: Path
) -> None:
    (tmp_path / "dagster.yaml").write_text((CHECKOUT / "dagster.yaml").read_text())
    subprocess.run(
        [sys.executable, "-m", "exact_assets.cli", "divisions", "enable", "100001"],
        cwd=tmp_path,
        env={**os.environ, **place.environment, "DAGSTER_HOME": ""},
        check=True,
    )
    done = materialise(place, "crm_accounts", "--partition", f"100001|{YEAR}", folder=tmp_path, DAGSTER_HOME="")
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / ".state" / "dagster" / "history" / "runs.db").exists()


@pytest.mark.long
def test_partitions_of_what_is_loaded_are_recorded_where_dagster_has_no_record(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an upgrade from undated partitions, or where Dagster's storage was lost: no call more is made."""
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("EXACT_TABLES", "logistics_units")
    assert materialise(place, "logistics_units", "--partition", f"100001|{YEAR}").returncode == 0
    place.simulator.control.forget_calls()
    every_year = {f"100001|{year}" for year in range(place.config.start_year, YEAR + 1)}
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("exact_divisions", ["100001"])
        job = build_defs().resolve_job_def("exact_all")
        tags = {"exact/all_years": "true", "exact/divisions": "100001"}
        done = job.execute_in_process(instance=instance, partition_key=f"100001|{YEAR}", tags=tags)
        assert done.success
        assert instance.get_materialized_partitions(dg.AssetKey(["exact", "logistics_units"])) == every_year
    units = [call for call in place.simulator.control.calls(path="logistics/Units") if call["division"] == 100001]
    assert len(units) == 1


@pytest.mark.long
def test_one_range_loads_all_tables(place: Installation) -> None:
    done = materialise(
        place,
        "*",
        "--partition-range",
        f"100001|{YEAR - 1}...100002|{YEAR}",
        EXACT_TABLES="crm_accounts,vat_vat_codes,logistics_units",
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for name in ("crm_accounts", "vat_vat_codes", "logistics_units"):
        assert set(rows(place, name)) == {100001, 100002}
