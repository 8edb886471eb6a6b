"""A document is made once: whatever becomes of an answer, by its key, and by several processes at a time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from exact_assets.config import ExactConfig
from exact_assets.control.document_writes import WriteStatus
from exact_assets.control.open import Control
from exact_assets.documents.access import Documents, open_documents
from exact_assets.documents.lookup import _earliest_wall
from exact_assets.documents.models import WriteOutcome
from exact_assets.errors import (
    DocumentError,
    ForbiddenError,
    UncertainWriteError,
)
from exact_assets_tests.documents.outbox import DIVISION
from exact_assets_tests.installation import Installation
from exact_simulator.settings import STRICT

Stored = Callable[[str], list[dict[str, Any]]]
POSTS = r"documents/Documents\?$"
"""Of a call without a query: a POST."""


LOSSES = [
    ("answer_lost", None),
    ("answer_failed", 500),
    ("answer_failed", 503),
    ("answer_failed", 408),
    ("cut_body", None),
    ("garbage", None),
    ("empty_body", None),
    ("html", None),
    ("reset", None),
    ("server_error", None),
    ("scraper", None),
]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("times", [1, 2])
def test_a_document_is_made_once_whatever_becomes_of_the_answer(
    documents: Documents, place: Installation, stored: Stored, loss: tuple[str, int | None], times: int
) -> None:
    fault, value = loss
    subject = f"{fault} {value} {times} {uuid4()}"
    place.simulator.control.fault(fault, path=POSTS, value=value, times=times)
    made = documents.create(DIVISION, {"subject": subject, "type": 55})
    assert [row["ID"] for row in stored(subject)] == [str(made.document.id)]


def test_what_cannot_be_looked_for_stays_open_and_is_looked_for_next_time(
    documents: Documents, config: ExactConfig, place: Installation, subject: str, stored: Stored
) -> None:
    place.simulator.control.fault("answer_lost", path=POSTS)
    place.simulator.control.fault("status", path=r"filter=Created", value=403, times=None)
    with pytest.raises(ForbiddenError):
        documents.create(DIVISION, {"subject": subject, "type": 55})
    place.simulator.control.clear_faults()
    place.simulator.control.forget_quota()
    last = Control.open(config).document_writes.log(limit=1)[0]
    assert (last.status, last.subject) == (WriteStatus.OPEN, subject)
    made = documents.create(DIVISION, {"subject": subject, "type": 55})
    assert [row["ID"] for row in stored(subject)] == [str(made.document.id)]


def test_an_error_that_does_not_pass_is_told_in_the_end(
    documents: Documents, place: Installation, subject: str, stored: Stored
) -> None:
    place.simulator.control.fault("server_error", path=POSTS, value="Data already exists", times=None)
    with pytest.raises(UncertainWriteError, match="Data already exists"):
        documents.create(DIVISION, {"subject": subject, "type": 55})
    assert stored(subject) == []
    assert len([call for call in place.simulator.control.calls() if call["method"] == "POST"]) == 3


def test_a_key_makes_one_document_only(documents: Documents, subject: str, stored: Stored) -> None:
    key = str(uuid4())
    first = documents.create(DIVISION, {"subject": subject, "type": 55}, key=key)
    again = documents.create(DIVISION, {"subject": subject, "type": 55}, key=key)
    assert (again.document.id, again.outcome) == (first.document.id, WriteOutcome.UNCHANGED)
    documents.create(DIVISION, {"subject": subject, "type": 55})
    assert len(stored(subject)) == 2


def test_a_key_is_for_one_document_only(documents: Documents, subject: str) -> None:
    key = str(uuid4())
    documents.create(DIVISION, {"subject": subject, "type": 55}, key=key)
    for values in ({"subject": f"{subject}!", "type": 55}, {"subject": subject, "type": 10}):
        with pytest.raises(DocumentError, match=key):
            documents.create(DIVISION, values, key=key)


def test_the_hour_that_is_shown_twice_hides_no_document() -> None:
    before = datetime(2026, 10, 25, 0, 59, 50, tzinfo=UTC)  # 2:59:50; ten seconds later it is 2:00:00
    assert _earliest_wall(before, "Europe/Amsterdam").isoformat() == "2026-10-25T01:59:50"
    assert _earliest_wall(before - timedelta(days=1), "Europe/Amsterdam").isoformat() == "2026-10-24T02:59:50"
    assert _earliest_wall(before, "+02:00").isoformat() == "2026-10-25T02:59:50"


def test_all_works_the_harder_way_of_each_uncertain_point(
    documents: Documents, place: Installation, subject: str, stored: Stored
) -> None:
    place.simulator.control.set(**STRICT, page_size_cap=7)
    made = documents.upsert(DIVISION, {"subject": subject, "type": 55}, is_complete=True).document
    again = documents.upsert(DIVISION, {"subject": subject, "type": 55, "body": "more"})
    assert (again.document.id, again.outcome) == (made.id, WriteOutcome.UPDATED)
    added = documents.add_attachment(DIVISION, made.id, b"one", name="a.txt")
    assert documents.download_attachment(DIVISION, added.attachment.id).content == b"one"
    place.simulator.control.fault("answer_lost", path=POSTS)
    other = documents.create(DIVISION, {"subject": f"{subject}!", "type": 55}).document
    assert [row["ID"] for row in stored(f"{subject}!")] == [str(other.id)]


def test_other_documents_of_ours_are_not_taken_for_what_a_lost_answer_made(
    documents: Documents, place: Installation, subject: str, stored: Stored
) -> None:
    values = {"subject": subject, "type": 55}
    first = documents.create(DIVISION, values).document.id
    place.simulator.control.fault("server_error", path=POSTS)
    second = documents.create(DIVISION, values).document.id
    assert {row["ID"] for row in stored(subject)} == {str(first), str(second)}
    assert first != second
    assert len(stored(subject)) == 2


def test_two_processes_that_upsert_at_once_make_one_document(
    config: ExactConfig, subject: str, stored: Stored
) -> None:
    def upsert(_: int) -> UUID:
        with open_documents(config) as mine:
            return mine.upsert(DIVISION, {"subject": subject, "type": 55}).document.id

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(upsert, range(8)))) == 1
    assert len(stored(subject)) == 1
