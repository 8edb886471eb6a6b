"""The outbox in Dagster: the sensor asks for one run at a time where rows are due, and a run shows what it made."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData

from exact_assets import build_defs
from exact_assets.config import ExactConfig
from exact_assets.control.open import Control
from exact_assets.defs.outbox import OUTBOX_JOB
from exact_assets.exact.limits import Quota, Window
from exact_assets_tests.documents.outbox import DIVISION
from exact_assets_tests.installation import CHECKOUT, Installation
from exact_assets_tests.warehouse.engines import ENGINES, DuckDBPlace, Place, PostgreSQLPlace

Stored = Callable[[str], list[dict[str, Any]]]
INSERT = "INSERT INTO exact.document_outbox (id, division, operation, fields) VALUES "
SENDS = """
from exact_assets import ExactConfig, build_defs
import dagster as dg
job = build_defs(ExactConfig.from_env(tables="crm_accounts")).resolve_job_def("exact_document_outbox")
with dg.DagsterInstance.ephemeral() as instance:
    job.execute_in_process(instance=instance)
"""


class Ticking:
    """Ticks the sensor, and runs what it asks for."""

    def __init__(self, config: ExactConfig, warehouse: Place, instance: dg.DagsterInstance) -> None:
        self.config, self.warehouse, self.instance = config, warehouse, instance

    def tick(self, **changes: Any) -> SensorExecutionData:
        repository = self.defs(**changes).get_repository_def()
        with dg.build_sensor_context(instance=self.instance, repository_def=repository) as context:
            return repository.get_sensor_def(OUTBOX_JOB).evaluate_tick(context)

    def run(self, *, raises: bool = True) -> dict[str, Any]:
        """Run the job; return its output's metadata."""
        job = self.defs().resolve_job_def(OUTBOX_JOB)
        done = job.execute_in_process(instance=self.instance, raise_on_error=raises)
        outputs = [event for event in done.all_events if event.event_type is dg.DagsterEventType.STEP_OUTPUT]
        data: Any = outputs[0].event_specific_data if outputs else None
        return {name: one.value for name, one in data.metadata.items()} if data else {}

    def add(self, name: str, fields: str) -> None:
        self.warehouse.run(f"{INSERT}('{name}', {DIVISION}, 'create', '{fields}')")

    def status(self, name: str) -> list[tuple[Any, ...]]:
        return self.warehouse.query(f"SELECT status FROM exact.document_outbox WHERE id = '{name}'")

    def defs(self, **changes: Any) -> dg.Definitions:
        return build_defs(self.config.model_copy(update={"tables": "crm_accounts", **changes}))


@pytest.fixture(params=["duckdb", "postgresql"])
def ticking(request: pytest.FixtureRequest, config: ExactConfig, tmp_path: Path) -> Iterator[Ticking]:
    warehouse = ENGINES[request.param](tmp_path)
    url = (
        warehouse.url if isinstance(warehouse, PostgreSQLPlace) else f"duckdb:///{tmp_path}/state/warehouse.duckdb"
    )
    with dg.DagsterInstance.ephemeral() as instance:
        yield Ticking(config.model_copy(update={"warehouse_url": url}), warehouse, instance)


def test_rows_become_documents_by_the_sensor_and_its_run(ticking: Ticking, subject: str, stored: Stored) -> None:
    assert "No row" in (ticking.tick().skip_message or "")
    name = f"one] ({subject})"
    ticking.add(name, f'{{"subject": "{subject}", "type": 55}}')
    ticking.add("two", '{"type": 55}')
    (asked,) = ticking.tick().run_requests or ()
    assert asked.job_name in {None, OUTBOX_JOB}
    told = ticking.run()
    (row,) = stored(subject)
    assert (told["done"], told["failed"], told["waiting"]) == (1, 1, 0)
    assert told["documents"].startswith(r"- [one\] \(Letter of test\_rows")
    assert f"]({told['latest']}) (division {DIVISION}, created)" in told["documents"]
    assert told["latest"].startswith("http")
    assert row["ID"] in told["latest"]
    assert (ticking.status(name), ticking.status("two")) == ([("done",)], [("failed",)])
    assert "No row" in (ticking.tick().skip_message or "")
    assert ticking.run()["done"] == 0


@pytest.fixture
def on_file(config: ExactConfig, tmp_path: Path) -> Iterator[Ticking]:
    warehouse = DuckDBPlace(tmp_path)
    url = f"duckdb:///{warehouse.path}"
    with dg.DagsterInstance.ephemeral() as instance:
        made = Ticking(config.model_copy(update={"warehouse_url": url}), warehouse, instance)
        made.tick()
        yield made


def test_rows_wait_until_writing_is_switched_on(on_file: Ticking, place: Installation) -> None:
    on_file.add("one", "{}")
    place.simulator.control.forget_calls()
    off = on_file.tick(write_documents=False)
    assert not off.run_requests
    assert "1 rows of exact.document_outbox wait" in (off.skip_message or "")
    assert "EXACT_WRITE_DOCUMENTS" in (off.skip_message or "")
    assert place.simulator.control.calls() == []
    assert on_file.tick().run_requests


def test_no_outbox_is_made_where_writing_is_off(config: ExactConfig, tmp_path: Path) -> None:
    warehouse = DuckDBPlace(tmp_path)
    url = f"duckdb:///{warehouse.path}"
    with dg.DagsterInstance.ephemeral() as instance:
        ticking = Ticking(config.model_copy(update={"warehouse_url": url}), warehouse, instance)
        assert "No row" in (ticking.tick(write_documents=False).skip_message or "")
    assert not warehouse.is_made()


def test_no_run_is_asked_for_where_the_days_calls_are_used(on_file: Ticking) -> None:
    ledger = Control.open(on_file.config).ledger
    on_file.warehouse.run(f"{INSERT}('one', 123, 'create', '{{}}')")
    now = datetime.now(UTC)
    used = Quota(day=Window(limit=5, remaining=0))
    ledger.settle(123, "documents/Documents", news=used, status=429, now=now)
    assert "the day's calls of division 123 are used" in (on_file.tick().skip_message or "")
    on_file.add("two", "{}")
    assert on_file.tick().run_requests


@pytest.mark.parametrize("status", ["NOT_STARTED", "STARTING", "STARTED", "CANCELING", "FAILURE"])
def test_one_run_is_asked_for_at_a_time_and_none_right_after_one_that_failed(on_file: Ticking, status: str) -> None:
    on_file.add("one", "{}")
    job = on_file.defs().resolve_job_def(OUTBOX_JOB)
    is_failed = status == "FAILURE"
    begun = dg.DagsterRunStatus("STARTED" if is_failed else status)
    run = on_file.instance.create_run_for_job(job, status=begun)
    if is_failed:
        on_file.instance.report_run_failed(run)
    tick = on_file.tick()
    assert not tick.run_requests
    assert run.run_id[:8] in (tick.skip_message or "")


def test_a_table_that_cannot_be_read_is_told_by_the_tick(on_file: Ticking) -> None:
    on_file.warehouse.run("ALTER TABLE exact.document_outbox DROP COLUMN fields")
    assert "lacks a column that is needed (fields)" in (on_file.tick().skip_message or "")


def test_a_run_fails_where_nothing_can_be_sent_and_says_why(on_file: Ticking, place: Installation) -> None:
    place.simulator.control.set(read_only_services=["documents"])
    on_file.add("one", '{"subject": "a", "type": 55}')
    job = on_file.defs().resolve_job_def(OUTBOX_JOB)
    done = job.execute_in_process(instance=on_file.instance, raise_on_error=False)
    assert not done.success
    failed = [event for event in done.all_events if event.event_type is dg.DagsterEventType.STEP_FAILURE]
    assert "organization/documents, Manage" in str(failed[0].event_specific_data)
    assert on_file.status("one") == [("waiting",)]
    assert not on_file.tick().run_requests


def test_a_run_that_is_killed_before_its_row_is_updated_is_followed_by_one_that_finds_the_document(
    on_file: Ticking, place: Installation, subject: str, stored: Stored
) -> None:
    name = f"row of {subject}"
    on_file.add(name, f'{{"subject": "{subject}", "type": 55}}')
    # Where the document is looked at is asked for between Exact's answer and the row's update.
    place.simulator.control.set(post_answer="sparse")
    place.simulator.control.fault("slow", path=r"documents/Documents\?.*filter=ID", value=5)
    place.simulator.control.forget_calls()
    environment = {
        **os.environ,
        **place.environment,
        "EXACT_WAREHOUSE_URL": str(on_file.config.warehouse_url),
        "EXACT_WRITE_DOCUMENTS": "true",
        "PYTHONPATH": str(CHECKOUT),
    }
    with subprocess.Popen([sys.executable, "-c", SENDS], env=environment, cwd=place.folder) as process:
        while not any(call["method"] == "GET" for call in place.simulator.control.calls(path="documents/")):
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
    columns = "SELECT status, attempts, document_id FROM exact.document_outbox"
    assert on_file.warehouse.query(columns) == [("waiting", 1, None)]
    assert on_file.run()["done"] == 1
    (row,) = stored(subject)
    assert on_file.warehouse.query(columns) == [("done", 2, row["ID"])]
