"""Purging divisions while runs, kills and limits of the system get in the way."""

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from pydantic import SecretStr

from exact_assets.catalogue import tables
from exact_assets.config import ExactConfig
from exact_assets.control.check_results import KeptResult
from exact_assets.control.open import Control
from exact_assets.cursors import SyncCursor
from exact_assets.errors import (
    DivisionDisabledError,
    ForbiddenError,
    LoadSupersededError,
    SettingsError,
    WarehouseError,
)
from exact_assets.models.registry import models
from exact_assets.selection.purge import check_purge, purge
from exact_assets.stream import Step, StreamState, Verb
from exact_assets.warehouse.divisions import KnownDivision
from exact_assets.warehouse.open import open_configured, url_of
from exact_assets.warehouse.protocol import Warehouse

DIVISIONS = (11, 12, 13, 14)
NAMES = ("crm_accounts", "crm_contacts", "logistics_items", "vat_vat_codes", "financial_gl_accounts")
KEPT = 20


@pytest.fixture
def config(tmp_path: Path) -> ExactConfig:
    return ExactConfig(
        client_id="client",
        client_secret=SecretStr("secret"),
        warehouse_url=f"duckdb:///{tmp_path / 'warehouse.duckdb'}",
        control_url=f"sqlite:///{tmp_path / 'control.sqlite'}",
    )


@pytest.fixture
def warehouse(config: ExactConfig) -> Warehouse:
    """Give one in which some tables hold rows of four disabled divisions and an enabled one."""
    warehouse = open_configured(config)
    warehouse.prepare([tables()[name] for name in NAMES])
    warehouse.refresh_divisions(KnownDivision(division=division) for division in (*DIVISIONS, KEPT))
    warehouse.set_enabled((*DIVISIONS, KEPT), enabled=True)
    for name in NAMES:
        for division in (*DIVISIONS, KEPT):
            warehouse.store(tables()[name], division, one_row(name, division), expected_seq=0)
    warehouse.set_enabled(DIVISIONS, enabled=False)
    return warehouse


@pytest.fixture
def control(config: ExactConfig) -> Control:
    return Control.open(config)


def one_row(name: str, division: int) -> Step:
    table = tables()[name]
    values = dict.fromkeys(table.arrow_schema.names) | {
        "division": division,
        "id": f"{division:032}",
        "_year": 2025,
    }
    row = {key: [value] for key, value in values.items()}
    if name == "vat_vat_codes":
        row["id"] = [f"{division:032}"]

    return Step(
        verb=Verb.UPSERT,
        rows=pa.table(row, schema=table.arrow_schema),
        state=StreamState(cursor=SyncCursor(timestamp=1)),
    )


def counts(config: ExactConfig) -> dict[int, int]:
    """Count all rows per division, and whatever else is kept of one."""
    path = url_of(config).removeprefix("duckdb:///")
    found: dict[int, int] = {}
    with duckdb.connect(path, read_only=True) as connection:
        for name in (*NAMES, "_streams"):
            for division, count in connection.execute(
                f'SELECT division, count(*) FROM exact."{name}" GROUP BY division'
            ).fetchall():
                found[division] = found.get(division, 0) + count
    return found


@contextmanager
def most_more_open_files(count: int) -> Iterator[None]:
    """Allow as many beside those that are open: other tests of this process may have left some."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    there = max(int(one.name) for one in Path("/proc/self/fd").iterdir()) + 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (there + count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.long
def test_four_divisions_are_purged_with_few_files_open(
    warehouse: Warehouse, control: Control, config: ExactConfig
) -> None:
    """Each table and division has a lock; 1,092 were held at once."""
    with most_more_open_files(75):
        assert purge(DIVISIONS, control=control, warehouse=warehouse) == dict.fromkeys(NAMES, len(DIVISIONS))
    assert counts(config) == {KEPT: 2 * len(NAMES)}
    statuses = {choice.division: choice.status for choice in warehouse.list_divisions() or ()}
    assert statuses == dict.fromkeys(DIVISIONS, "disabled: purged, nothing of it is left") | {KEPT: None}


def test_what_was_made_of_purged_divisions_goes_as_well(warehouse: Warehouse, control: Control) -> None:
    warehouse.build_model(models()["dim_item"], (*DIVISIONS, KEPT), kept={"logistics_items"})
    assert "exact_bi.dim_item" in check_purge(DIVISIONS, control=control, warehouse=warehouse)
    lost = purge(DIVISIONS, control=control, warehouse=warehouse)
    assert lost["exact_bi.dim_item"] == len(DIVISIONS)
    assert warehouse.model_names(DIVISIONS) == ()
    assert warehouse.model_names([KEPT]) == ("dim_item",)
    assert check_purge(DIVISIONS, control=control, warehouse=warehouse) == ()


@pytest.mark.long
def test_a_killed_purge_leaves_each_table_with_all_or_nothing_and_the_next_one_goes_on(
    warehouse: Warehouse, control: Control, config: ExactConfig
) -> None:
    program = f"""
from pydantic import SecretStr
from exact_assets.control.open import Control
from exact_assets.selection.purge import purge
from exact_assets.config import ExactConfig
from exact_assets.warehouse.open import open_configured, url_of
config = ExactConfig(client_id="client", client_secret=SecretStr("secret"),
    warehouse_url={config.warehouse_url!r}, control_url={config.control_url!r})
warehouse = open_configured(config)
print("ready", flush=True)
purge({DIVISIONS}, control=Control.open(config), warehouse=warehouse)
"""
    seen: set[int] = set()
    for number in range(6):
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.08 * number)
        process.kill()
        process.communicate()
        left = [name for name in NAMES if name in warehouse.names_holding(DIVISIONS, names=tables())]
        seen.add(len(left))
        # A row and a state of each division in each table that is not purged yet.
        expected = {division: 2 * len(left) for division in DIVISIONS if left}
        assert counts(config) == expected | {KEPT: 2 * len(NAMES)}
        if left != list(NAMES) and left:
            begun = {choice.status for choice in warehouse.list_divisions() or () if choice.division in DIVISIONS}
            assert begun == {"disabled: a purge has begun and not ended: run `exact-assets divisions purge` again"}
    purge(DIVISIONS, control=control, warehouse=warehouse)
    assert counts(config) == {KEPT: 2 * len(NAMES)}


@pytest.mark.long
def test_nothing_is_deleted_while_a_run_reads_one_of_the_tables(
    warehouse: Warehouse, control: Control, config: ExactConfig
) -> None:
    before = counts(config)
    with (
        control.lease(f"stream/{NAMES[-1]}/13"),
        pytest.raises(WarehouseError, match=f"{NAMES[-1]} of division 13.*Nothing was deleted"),
    ):
        purge(DIVISIONS, control=control, warehouse=warehouse)
    assert counts(config) == before


@pytest.mark.long
def test_a_run_that_was_at_work_before_cannot_bring_rows_back(warehouse: Warehouse, control: Control) -> None:
    purge(DIVISIONS, control=control, warehouse=warehouse)
    accounts, row = tables()["crm_accounts"], one_row("crm_accounts", 11)
    with pytest.raises(LoadSupersededError):
        warehouse.store(accounts, 11, row, expected_seq=1)
    with pytest.raises(DivisionDisabledError, match="crm_accounts of division 11"):
        warehouse.store(accounts, 11, row, expected_seq=0)
    warehouse.set_enabled([11], enabled=True)
    assert warehouse.store(accounts, 11, row, expected_seq=0).changes.inserted == 1


@pytest.mark.long
def test_a_division_that_is_enabled_meanwhile_keeps_its_rows(
    warehouse: Warehouse, control: Control, config: ExactConfig
) -> None:
    warehouse.set_enabled([14], enabled=True)
    before = counts(config)
    with pytest.raises(SettingsError, match="divisions disable 14"):
        purge(DIVISIONS, control=control, warehouse=warehouse)
    with pytest.raises(WarehouseError, match="divisions disable 14"):
        warehouse.purge("crm_accounts", DIVISIONS)
    assert counts(config) == before


@pytest.mark.long
def test_keys_of_a_sweep_that_was_cut_go_too(warehouse: Warehouse, control: Control, config: ExactConfig) -> None:
    path = url_of(config).removeprefix("duckdb:///")
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE exact._sweep_crm_accounts_11 AS SELECT uuid() AS id")
        connection.execute("CREATE TABLE exact._sweep_crm_accounts_20 AS SELECT uuid() AS id")
    purge(DIVISIONS, control=control, warehouse=warehouse)
    with duckdb.connect(path, read_only=True) as connection:
        found = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE table_name LIKE '\\_sweep%' ESCAPE '\\'"
        )
        assert found.fetchall() == [("_sweep_crm_accounts_20",)]


@pytest.mark.long
def test_who_was_at_work_before_writes_nothing_of_a_purged_division(
    warehouse: Warehouse, control: Control, config: ExactConfig
) -> None:
    """As a run that had read its rows, and ends after the purge: neither how it went, nor what a check found."""
    found = KeptResult(
        status="failed", words="Acme", rows=1, examples=({"name": "Acme"},), checked_at=datetime.now(UTC)
    )
    purge(DIVISIONS, control=Control.open(config), warehouse=warehouse)

    def write(by: Control) -> None:
        by.attempts.note("crm_accounts", {11: None, KEPT: ForbiddenError("no")}, at=datetime.now(UTC))
        by.attempts.expect([11, KEPT], ["crm_accounts"], at=datetime.now(UTC))
        by.check_results.write("crm_accounts", {"keys_unique": {11: found, KEPT: found}})
        by.unrecorded.mark("crm_accounts", [11, KEPT])

    write(control)
    assert set(control.attempts.read()) == {KEPT}
    assert set(control.check_results.read("crm_accounts")["keys_unique"]) == {KEPT}
    assert control.unrecorded.mark("crm_accounts", [11, KEPT]) == {KEPT}
    # The division may be enabled again.
    write(Control.open(config))
    assert set(control.attempts.read()) == {11, KEPT}
    assert set(control.check_results.read("crm_accounts")["keys_unique"]) == {11, KEPT}


def test_a_purge_that_a_clock_ahead_noted_keeps_nobody_from_writing(control: Control, config: ExactConfig) -> None:
    control.purges.note([11], at=datetime.now(UTC) + timedelta(days=30))
    Control.open(config).attempts.note("crm_accounts", {11: None}, at=datetime.now(UTC))
    assert set(control.attempts.read()) == {11}


@pytest.mark.long
def test_a_division_that_the_selection_lacks_is_taken_up_so_that_nothing_of_it_comes_back(
    warehouse: Warehouse, control: Control, config: ExactConfig
) -> None:
    with duckdb.connect(url_of(config).removeprefix("duckdb:///")) as connection:
        connection.execute("DELETE FROM exact.divisions WHERE division IN (11, 12)")
    purge([11, 99], control=control, warehouse=warehouse)
    with pytest.raises(DivisionDisabledError):
        warehouse.store(tables()["crm_accounts"], 11, one_row("crm_accounts", 11), expected_seq=0)
    statuses = {choice.division: choice.status for choice in warehouse.list_divisions() or ()}
    assert statuses == dict.fromkeys((13, 14, KEPT)) | {11: "disabled: purged, nothing of it is left"}


MADE_ANEW = {
    "texts": "SELECT * REPLACE (if(sync_enabled, 'on', 'off') AS sync_enabled)",
    "decimals": "SELECT * REPLACE (sync_enabled::INTEGER::DECIMAL(2, 1) AS sync_enabled)",
    "divisions as text": "SELECT * REPLACE (division::VARCHAR || '.0' AS division)",
    "a status of another type": "SELECT * REPLACE (7 AS status)",
    "last_sync of another type": "SELECT * REPLACE (false AS last_sync)",
    "a number that is nearly a division": "SELECT * FROM exact.divisions UNION ALL BY NAME "
    "SELECT 11.5::DOUBLE AS division, true AS sync_enabled",
}


@pytest.mark.long
@pytest.mark.parametrize("kind", MADE_ANEW)
def test_a_selection_of_other_types_is_read_alike_by_loads_and_purges(
    warehouse: Warehouse, control: Control, config: ExactConfig, kind: str
) -> None:
    remake(config, MADE_ANEW[kind])
    another = tables()["crm_addresses"]
    warehouse.prepare([another])
    assert warehouse.store(another, KEPT, one_row(another.name, KEPT), expected_seq=0).changes.inserted == 1
    with pytest.raises(DivisionDisabledError):
        warehouse.store(another, 11, one_row(another.name, 11), expected_seq=0)
    purge(DIVISIONS, control=control, warehouse=warehouse)
    assert counts(config) == {KEPT: 2 * len(NAMES) + 1}
    statuses = {choice.division: choice.status for choice in warehouse.list_divisions() or ()}
    if kind in {"texts", "decimals", "divisions as text", "last_sync of another type"}:
        assert statuses == dict.fromkeys(DIVISIONS, "disabled: purged, nothing of it is left") | {KEPT: None}


def test_a_division_that_one_of_two_rows_enables_is_enabled_for_loads_too(
    warehouse: Warehouse, config: ExactConfig
) -> None:
    remake(config, "SELECT * FROM exact.divisions UNION ALL BY NAME SELECT 11 AS division, true AS sync_enabled")
    another = tables()["crm_addresses"]
    warehouse.prepare([another])
    assert warehouse.store(another, 11, one_row(another.name, 11), expected_seq=0).changes.inserted == 1


def remake(config: ExactConfig, query: str) -> None:
    """Make the selection anew, as a user does by hand."""
    with duckdb.connect(url_of(config).removeprefix("duckdb:///")) as connection:
        source = "" if "FROM" in query else " FROM exact.divisions"
        connection.execute(f"CREATE TABLE exact.made AS {query}{source}")
        connection.execute("DROP TABLE exact.divisions; ALTER TABLE exact.made RENAME TO divisions")
