"""A deployment whose warehouse is on PostgreSQL: commands, real runs and checks, and no password anywhere."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from exact_assets.build import build_defs
from exact_assets.catalogue import select
from exact_assets_tests import postgresql
from exact_assets_tests.comparison import differences, doubled_keys
from exact_assets_tests.installation import YEARS_BACK, Installation, installation

TABLES = "crm_accounts,purchaseentry_purchase_entries,purchaseentry_purchase_entry_lines,vat_vat_codes"
YEAR = datetime.now(UTC).year
SECRET = "s3cr3t"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    with postgresql.database() as url:
        told = url.replace("exact@", f"exact:{SECRET}@")
        with installation(tmp_path, divisions=2, rows=150, database_url=told, control_database_url=told) as here:
            yield from _used(here, monkeypatch)


def _used(here: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    for name, value in {**here.environment, "EXACT_TABLES": TABLES}.items():
        monkeypatch.setenv(name, value)
    here.enable(*here.divisions)
    yield here


def problems(place: Installation) -> list[str]:
    found = []
    for table in select(TABLES):
        found += doubled_keys(place.readable, table)
        for division in place.divisions:
            truth, headers = place.truth(table, division), place.headers(table, division)
            start_year = YEAR - YEARS_BACK
            found += differences(place.readable, table, division, truth, start_year=start_year, headers=headers)
    return found


def bring(place: Installation, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    tags = {"exact/all_years": "true", "exact/divisions": ",".join(map(str, place.divisions))}
    job = build_defs().resolve_job_def("exact_all")
    return job.execute_in_process(
        instance=instance, partition_key=f"{place.divisions[0]}|{YEAR}", tags=tags, raise_on_error=False
    )


def test_runs_checks_and_commands_work_as_on_a_file(place: Installation) -> None:
    control = place.simulator.control
    with dg.DagsterInstance.get() as instance:
        first = bring(place, instance)
        assert first.success
        assert problems(place) == []
        checked = first.get_asset_check_evaluations()
        assert checked
        assert [one.check_name for one in checked if not one.passed] == []
        for division in place.divisions:
            control.update("crm/Accounts", division, count=3)
            control.delete("crm/Accounts", division, count=1)
            control.insert("purchaseentry/PurchaseEntries", division, count=2)
        assert bring(place, instance).success
        events = instance.all_logs(first.run_id)
    assert problems(place) == []
    status = json.loads(place.quick("status", "--json"))
    assert {one["division"] for one in status} == set(place.divisions)
    place.quick("plan")
    spec = next(iter(build_defs().resolve_all_asset_specs()))
    assert "postgresql" in spec.kinds
    said = [*map(str, events), str(spec.metadata), json.dumps(status)]
    assert [one for one in said if SECRET in one] == []
