"""Rows of the outbox that cannot be sent now wait, with the reason, and ask nothing of Exact meanwhile."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from exact_assets.config import ExactConfig
from exact_assets.control.open import Control
from exact_assets.documents.access import Documents
from exact_assets.documents.outbox import MOST_BEGUN
from exact_assets.errors import NotConnectedError, ScopeMissingError
from exact_assets_tests.documents.outbox import DIVISION, Outbox
from exact_assets_tests.installation import Installation

Stored = Callable[[str], list[dict[str, Any]]]
Files = Callable[[UUID], list[dict[str, Any]]]
POSTS = r"documents/Documents\?$"


@pytest.fixture(autouse=True)
def _at_the_end(place: Installation) -> Iterator[None]:
    yield
    place.simulator.control.clear_faults()
    place.simulator.control.forget_quota()


def test_what_exact_does_not_serve_waits_and_is_tried_again_for_a_while(
    outbox: Outbox, documents: Documents, place: Installation, subject: str, stored: Stored
) -> None:
    place.simulator.control.fault("server_error", path=POSTS, times=None)
    name = outbox.add(fields={"subject": subject, "type": 55})
    assert outbox.send(documents).waiting == 1
    row = outbox.row(name)
    assert (row["status"], row["attempts"], row["finished_at"]) == ("waiting", 1, None)
    assert row["retry_at"] > datetime.now(UTC)
    assert "is not there" in row["error"]
    assert outbox.send(documents).waiting == 0
    outbox.run(f"UPDATE exact.document_outbox SET attempts = {MOST_BEGUN - 1}")
    outbox.later = timedelta(hours=2)
    assert outbox.send(documents).failed == 1
    assert (outbox.row(name)["status"], outbox.row(name)["attempts"]) == ("failed", MOST_BEGUN)
    place.simulator.control.clear_faults()
    outbox.run("UPDATE exact.document_outbox SET status = 'waiting'")
    outbox.send(documents)
    assert (outbox.row(name)["status"], outbox.row(name)["attempts"], outbox.row(name)["error"]) == (
        "done",
        1,
        None,
    )
    assert len(stored(subject)) == 1


def test_a_row_that_ends_each_run_is_given_up(
    outbox: Outbox, documents: Documents, place: Installation, subject: str, stored: Stored
) -> None:
    name = outbox.add(fields={"subject": subject, "type": 55}, attempts=MOST_BEGUN)
    place.simulator.control.forget_calls()
    outbox.send(documents)
    assert (outbox.row(name)["status"], "no attempt came to an end" in outbox.row(name)["error"]) == (
        "failed",
        True,
    )
    assert place.simulator.control.calls() == []


def test_nothing_is_asked_of_exact_once_the_days_calls_are_used(
    outbox: Outbox, documents: Documents, place: Installation, subject: str, stored: Stored
) -> None:
    place.simulator.control.set(day_limit=3)
    place.simulator.control.forget_quota()
    outbox.add_all([{"fields": {"subject": f"{subject} {number}", "type": 55}} for number in range(6)])
    report = outbox.send(documents)
    waiting = [row for row in outbox.rows().values() if row["status"] == "waiting"]
    assert (report.error, report.failed) == (None, 0)
    assert 2 < len(waiting) < 6
    assert all(row["attempts"] == 0 and "The day's" in row["error"] for row in waiting)
    assert all(row["retry_at"] > datetime.now(UTC) for row in waiting)
    place.simulator.control.forget_calls()
    late = outbox.add(fields={"subject": f"{subject} late", "type": 55})
    outbox.send(documents)
    assert (outbox.row(late)["status"], place.simulator.control.calls()) == ("waiting", [])
    # The next day, as far as the ledger knows: one call may go, and its answer tells how many more.
    place.simulator.control.set(day_limit=100_000)
    place.simulator.control.forget_quota()
    Control.open(outbox.config).ledger.unsent(DIVISION)
    outbox.later = timedelta(days=1)
    assert outbox.send(documents).waiting == 0
    assert [len(stored(f"{subject} {number}")) for number in (*range(6), "late")] == [1] * 7


def test_a_missing_scope_has_all_rows_wait_and_is_asked_once(
    outbox: Outbox, documents: Documents, place: Installation, subject: str
) -> None:
    place.simulator.control.set(read_only_services=["documents"])
    outbox.add_all([{"fields": {"subject": f"{subject} {number}", "type": 55}} for number in range(4)])
    place.simulator.control.forget_calls()
    report = outbox.send(documents)
    assert isinstance(report.error, ScopeMissingError)
    assert {call["status"] for call in place.simulator.control.calls()} == {403}
    assert len(place.simulator.control.calls()) == 1
    rows = outbox.rows().values()
    assert {(row["status"], row["attempts"], row["retry_at"] is None) for row in rows} == {("waiting", 0, False)}
    assert all("Manage" in row["error"] for row in rows)


def test_a_division_that_is_not_granted_is_asked_once_and_its_rows_fail(
    outbox: Outbox, documents: Documents, place: Installation, subject: str, stored: Stored
) -> None:
    wrong = outbox.add_all([{"fields": {"subject": subject, "type": 55}, "division": 123_456}] * 5)
    right = outbox.add(fields={"subject": subject, "type": 55})
    place.simulator.control.forget_calls()
    report = outbox.send(documents)
    assert (len(report.sent), report.failed) == (1, 5)
    assert len([call for call in place.simulator.control.calls() if call["status"] == 403]) == 1
    assert all(outbox.row(name)["status"] == "failed" for name in wrong)
    assert outbox.row(right)["status"] == "done"


def test_without_a_connection_all_rows_wait(outbox: Outbox, config: ExactConfig, tmp_path: Path) -> None:
    outbox.config = config.model_copy(update={"control_url": f"sqlite:///{tmp_path / 'empty.sqlite'}"})
    name = outbox.add(fields={"subject": "a", "type": 55})
    with Documents(lambda: Control.open(outbox.config)) as unconnected:
        report = outbox.send(unconnected)
    assert isinstance(report.error, NotConnectedError)
    assert (outbox.row(name)["status"], outbox.row(name)["attempts"]) == ("waiting", 0)
