"""Documents are found, created, updated and upserted, once, whatever becomes of the answers."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from exact_assets.config import ExactConfig
from exact_assets.control.document_writes import WriteStatus
from exact_assets.control.open import Control
from exact_assets.documents.access import Documents, open_documents
from exact_assets.documents.models import Document, WriteOutcome
from exact_assets.errors import (
    AnswerError,
    DocumentError,
    DocumentNotFoundError,
    RequestRefusedError,
    ScopeMissingError,
    SeveralDocumentsError,
    WritingDisabledError,
    WrongDivisionError,
)
from exact_assets_tests.documents.outbox import DIVISION
from exact_assets_tests.installation import Installation

Stored = Callable[[str], list[dict[str, Any]]]
POSTS = r"documents/Documents\?$"
"""Of a call without a query: a POST."""


def test_a_document_is_created_with_all_that_was_given(
    documents: Documents, place: Installation, subject: str, stored: Stored
) -> None:
    account = place.simulator.control.rows("crm/Accounts", DIVISION)[0]["ID"]
    values = {
        "subject": subject,
        "type": 10,
        "account": account,
        "document_date": "2026-06-25",
        "amount_fc": "12.34",
        "currency": "EUR",
        "sales_invoice_number": 7,
    }
    made = documents.create(DIVISION, values)
    assert made.outcome is WriteOutcome.CREATED
    assert (made.document.account, made.document.document_date) == (UUID(account), date(2026, 6, 25))
    assert made.document.amount_fc == Decimal("12.34")
    (row,) = stored(subject)
    assert row["ID"] == str(made.document.id)


def test_a_sparse_answer_is_completed_where_that_is_asked_for(
    documents: Documents, place: Installation, subject: str
) -> None:
    place.simulator.control.set(post_answer="sparse")
    assert documents.create(DIVISION, {"subject": subject, "type": 55}).document.subject is None
    whole = documents.create(DIVISION, {"subject": subject, "type": 55}, is_complete=True)
    assert (whole.document.subject, whole.document.type) == (subject, 55)


@pytest.mark.parametrize("filterable", ["listed", "any"])
def test_a_document_is_found_whether_or_not_subjects_can_be_filtered(
    documents: Documents, place: Installation, subject: str, filterable: str
) -> None:
    place.simulator.control.set(filterable=filterable)
    made = documents.create(DIVISION, {"subject": subject, "type": 55}).document
    for _ in range(2):
        found = documents.find_one(DIVISION, subject=subject)
        assert found is not None
        assert found.id == made.id
    assert documents.find_one(DIVISION, subject=subject, type=10) is None
    assert documents.find_one(DIVISION, subject="nothing of the kind") is None
    assert documents.find_one(DIVISION, id=str(made.id)) == found
    assert documents.find_one(DIVISION, hid=made.hid) == found


def test_a_filter_that_was_refused_is_not_tried_again(
    documents: Documents, config: ExactConfig, place: Installation
) -> None:
    documents.find_one(DIVISION, subject="nothing of the kind")
    place.simulator.control.forget_calls()
    with open_documents(config) as others:
        others.find_one(DIVISION, subject="nothing of the kind")
    assert {call["status"] for call in place.simulator.control.calls()} == {200}


def test_doubles_are_listed_and_not_chosen_from(documents: Documents, subject: str) -> None:
    made = [documents.create(DIVISION, {"subject": subject, "type": 55}).document.id for _ in range(2)]
    with pytest.raises(SeveralDocumentsError) as caught:
        documents.find_one(DIVISION, subject=subject)
    assert all(str(one) in str(caught.value) for one in made)
    with pytest.raises(SeveralDocumentsError):
        documents.upsert(DIVISION, {"subject": subject, "type": 55, "body": "new"})


def test_an_update_changes_what_is_given_and_nothing_else(
    documents: Documents, subject: str, stored: Stored
) -> None:
    made = documents.create(DIVISION, {"subject": subject, "type": 55, "document_date": date(2026, 1, 2)}).document
    changed = documents.update(DIVISION, made.id, {"type": 10, "body": "new"})
    assert (changed.outcome, changed.document.type) == (WriteOutcome.UPDATED, 10)
    assert (changed.document.body, changed.document.document_date) == ("new", date(2026, 1, 2))
    cleared = documents.update(DIVISION, made.id, {"document_date": None})
    assert cleared.document.document_date is None
    assert len(stored(subject)) == 1


def test_an_update_to_what_is_there_sends_nothing(documents: Documents, place: Installation, subject: str) -> None:
    made = documents.create(DIVISION, {"subject": subject, "type": 55}).document
    place.simulator.control.forget_calls()
    assert documents.update(DIVISION, made.id, {"type": 55}).outcome is WriteOutcome.UNCHANGED
    assert {call["method"] for call in place.simulator.control.calls()} == {"GET"}


def test_a_document_that_is_not_there_is_not_updated(documents: Documents) -> None:
    with pytest.raises(DocumentNotFoundError):
        documents.update(DIVISION, uuid4(), {"type": 55})


def test_an_upsert_makes_then_changes_then_makes_anew_what_was_renamed(
    documents: Documents, subject: str, stored: Stored
) -> None:
    first = documents.upsert(DIVISION, {"subject": subject, "type": 55})
    second = documents.upsert(DIVISION, {"subject": subject, "type": 55, "body": "more"})
    documents.update(DIVISION, first.document.id, {"subject": f"{subject} as it was"})
    third = documents.upsert(DIVISION, {"subject": subject, "type": 55})
    outcomes = [one.outcome for one in (first, second, third)]
    assert outcomes == [WriteOutcome.CREATED, WriteOutcome.UPDATED, WriteOutcome.CREATED]
    assert first.document.id == second.document.id != third.document.id
    assert len(stored(subject)) == 1


def test_an_upsert_by_another_property_renames(documents: Documents, subject: str, stored: Stored) -> None:
    values = {"subject": subject, "type": 10, "sales_invoice_number": 4711}
    first = documents.upsert(DIVISION, values, by="sales_invoice_number")
    again = documents.upsert(DIVISION, values | {"subject": f"{subject}!"}, by="sales_invoice_number")
    assert (again.document.id, again.outcome) == (first.document.id, WriteOutcome.UPDATED)
    assert (stored(subject), len(stored(f"{subject}!"))) == ([], 1)


def test_documents_serve_within_a_running_loop_and_from_several_threads(documents: Documents) -> None:
    async def in_a_notebook() -> None:
        assert documents.find_one(DIVISION, subject="nothing of the kind") is None

    asyncio.run(in_a_notebook())
    documents.close()
    with ThreadPoolExecutor(4) as pool:
        found = [*pool.map(lambda _: documents.find_one(DIVISION, subject="nothing of the kind"), range(4))]
    assert found == [None] * 4


@pytest.mark.parametrize(
    "search",
    [
        {},
        {"subject": "a", "id": "b"},
        {"colour": "a"},
        {"id": "a"},
        {"hid": 2**31},
        {"hid": "x"},
        {"subject": " "},
        {"subject": None},
        {"document_date": "soon"},
    ],
)
def test_a_search_that_makes_no_sense_is_refused_before_it_is_sent(
    documents: Documents, place: Installation, search: dict[str, Any]
) -> None:
    place.simulator.control.forget_calls()
    with pytest.raises(DocumentError):
        documents.find_one(DIVISION, **search)
    assert place.simulator.control.calls() == []


def test_a_row_that_cannot_be_is_told_of() -> None:
    with pytest.raises(AnswerError, match="ID"):
        Document.from_row({"ID": "no UUID"})
    with pytest.raises(AnswerError, match="DocumentDate"):
        Document.from_row({"ID": str(uuid4()), "DocumentDate": "soon"})


def test_a_document_of_another_division_is_not_taken(
    documents: Documents, place: Installation, subject: str
) -> None:
    documents.create(DIVISION, {"subject": subject, "type": 55})
    place.simulator.control.fault("wrong_division", path=r"documents/Documents\?.*filter=(ID|Subject)", times=None)
    with pytest.raises(WrongDivisionError):
        documents.find_one(DIVISION, subject=subject)


def test_a_document_is_found_by_the_code_of_its_account(
    documents: Documents, place: Installation, subject: str
) -> None:
    place.simulator.control.set(filterable="any")
    account = place.simulator.control.rows("crm/Accounts", DIVISION)[3]["ID"]
    values = {"subject": subject, "type": 77, "account": account}
    made = documents.create(DIVISION, values, is_complete=True).document
    assert made.account_code
    assert documents.find_one(DIVISION, account_code=made.account_code, type=77) == made


def test_nothing_is_written_unless_that_is_switched_on(config: ExactConfig, place: Installation) -> None:
    place.simulator.control.forget_calls()
    off = config.model_copy(update={"write_documents": False})
    assert ExactConfig().write_documents is False
    with open_documents(off) as documents:
        with pytest.raises(WritingDisabledError, match="EXACT_WRITE_DOCUMENTS"):
            documents.create(DIVISION, {"subject": "a", "type": 55})
        with pytest.raises(WritingDisabledError):
            documents.upsert(DIVISION, {"subject": "a", "type": 55})
        with pytest.raises(WritingDisabledError):
            documents.update(DIVISION, uuid4(), {"type": 55})
        with pytest.raises(WritingDisabledError):
            documents.add_attachment(DIVISION, uuid4(), b"a", name="a.txt")
    assert place.simulator.control.calls() == []


def test_a_missing_scope_is_named(documents: Documents, place: Installation, subject: str) -> None:
    place.simulator.control.set(read_only_services=["documents"])
    with pytest.raises(ScopeMissingError, match="organization/documents, Manage"):
        documents.create(DIVISION, {"subject": subject, "type": 55})


def test_a_refusal_is_told_and_ends_the_write(documents: Documents, config: ExactConfig, subject: str) -> None:
    values = {"subject": subject, "type": 55, "account": str(uuid4())}
    with pytest.raises(RequestRefusedError):
        documents.create(DIVISION, values)
    assert Control.open(config).document_writes.log(limit=1)[0].status is WriteStatus.REFUSED


def test_each_write_is_logged_without_content(
    documents: Documents, config: ExactConfig, subject: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "exact_assets")
    made = documents.create(DIVISION, {"subject": subject, "type": 55, "body": "SECRET-BODY"}).document
    documents.update(DIVISION, made.id, {"body": "SECRET-BODY-2"})
    update, create = Control.open(config).document_writes.log(limit=2)
    assert (create.actor, create.action, create.document_id) == ("a test", "create", str(made.id))
    assert (update.action, update.status, update.document_id) == ("update", "done", str(made.id))
    assert f"create by a test: document {made.id} of division {DIVISION}" in caplog.text
    assert "SECRET-BODY" not in caplog.text + str(create) + str(update) + repr(made)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"type": 55}, "subject"),
        ({"subject": "a"}, "type"),
        ({"subject": " ", "type": 55}, "subject: expected some text"),
        ({"subject": "a\nb", "type": 55}, "control characters"),
        ({"subject": "a\ud800", "type": 55}, "subject"),
        ({"subject": "a" * 4001, "type": 55}, "subject"),
        ({"subject": "a", "type": -1}, "type"),
        ({"subject": "a", "type": 55, "sales_order_number": 2**31}, "sales_order_number"),
        ({"subject": "a", "type": 55, "body": "\ud800"}, "body"),
        ({"subject": "a", "type": 55, "account": "x"}, "account"),
        ({"subject": "a", "type": 55, "colour": "x"}, "colour"),
        ({"subject": "a", "type": 55, "amount_fc": "1e40"}, "amount_fc"),
        ({}, "nothing to write"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(
    documents: Documents, place: Installation, values: dict[str, Any], told: str
) -> None:
    place.simulator.control.forget_calls()
    with pytest.raises(DocumentError, match=told):
        documents.create(DIVISION, values)
    assert place.simulator.control.calls() == []
