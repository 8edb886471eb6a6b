"""What a scheduled cycle over many divisions writes into Dagster's event log: what is new, and little else."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from exact_assets.build import build_defs
from exact_assets_tests.installation import installation

YEAR = datetime.now(UTC).year
TABLES = "crm_accounts,crm_contacts,logistics_items,logistics_units,vat_vat_codes,salesinvoice_sales_invoices"
DIVISIONS, EVENTS_PER_DIVISION = 20, 10
NEWS = ("ASSET_MATERIALIZATION", "ASSET_OBSERVATION", "ASSET_CHECK_EVALUATION")


def cycle(defs: dg.Definitions, instance: dg.DagsterInstance, divisions: tuple[int, ...]) -> Mapping[str, int]:
    """Run what a schedule asks for; the kinds of the events that are not of the run itself."""
    tags = {
        "dagster/asset_partition_range_start": f"{divisions[0]}|{YEAR}",
        "dagster/asset_partition_range_end": f"{divisions[-1]}|{YEAR}",
        "exact/divisions": ",".join(map(str, divisions)),
        "exact/background": "true",
        "exact/all_years": "true",
    }
    done = defs.resolve_job_def("exact_all").execute_in_process(instance=instance, tags=tags)
    assert done.success
    return Counter(event.event_type_value for event in done.all_events if event.event_type_value in NEWS)


@pytest.mark.long
@pytest.mark.timeout(280)
def test_a_cycle_in_which_little_changed_writes_few_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with installation(tmp_path, divisions=DIVISIONS, rows=20) as place, dg.DagsterInstance.ephemeral() as instance:
        place.enable(*place.divisions)
        for name, value in {**place.environment, "EXACT_TABLES": TABLES}.items():
            monkeypatch.setenv(name, value)
        instance.add_dynamic_partitions("exact_divisions", [str(one) for one in place.divisions])
        defs = build_defs()
        first = cycle(defs, instance, place.divisions)
        assert first["ASSET_MATERIALIZATION"] >= DIVISIONS * len(TABLES.split(","))
        changed = place.divisions[7]
        place.simulator.control.update("crm/Accounts", changed, count=1)
        second = cycle(defs, instance, place.divisions)
        events = instance.fetch_materializations(dg.AssetKey(["exact", "crm_accounts"]), limit=1).records
        assert sum(second.values()) <= EVENTS_PER_DIVISION * DIVISIONS
        # One for each table that was read, the deletion log among them.
        assert second["ASSET_MATERIALIZATION"] == len(TABLES.split(",")) + 1
        assert [str(one.partition_key).partition("|")[0] for one in events] == [str(changed)]
