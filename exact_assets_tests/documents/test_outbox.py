"""Rows of the outbox become documents and files, once; what a person edited into nonsense fails with a sentence."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from exact_assets.config import ExactConfig
from exact_assets.control.document_writes import WriteStatus
from exact_assets.control.open import Control
from exact_assets.documents.access import Documents
from exact_assets.documents.models import WriteOutcome
from exact_assets.errors import OutboxError, WritingDisabledError
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


def test_a_row_of_each_operation_is_done_and_shown(
    outbox: Outbox, documents: Documents, subject: str, stored: Stored, files: Files
) -> None:
    made = outbox.add(fields={"subject": subject, "type": 55}, file="a.txt", created_at="2026-01-01 00:00")
    changed = outbox.add(
        operation=" Update ", search=json.dumps({"subject": subject, "type": 55}), fields={"body": "more"}
    )
    upserted = outbox.add(operation="UPSERT", fields={"Subject": f"{subject}!", "Type": 55})
    report = outbox.send(documents)
    assert (len(report.sent), report.failed, report.waiting, report.error) == (3, 0, 0, None)
    (row,) = stored(subject)
    told = outbox.row(made)
    assert (told["status"], told["document_id"], told["attempts"], told["error"]) == ("done", row["ID"], 1, None)
    assert told["document_url"].startswith("http")
    assert told["finished_at"] >= told["created_at"]
    assert [one["FileName"] for one in files(UUID(row["ID"]))] == ["a.txt"]
    assert (row["Body"], outbox.row(changed)["document_id"]) == ("more", row["ID"])
    assert outbox.row(upserted)["document_id"] == stored(f"{subject}!")[0]["ID"]
    attached = outbox.add(operation="attach", search=row["ID"], file="a.txt")
    (sent,) = outbox.send(documents).sent
    assert (sent.name, sent.outcome) == (attached, WriteOutcome.UNCHANGED)
    assert outbox.send(documents).sent == []
    assert len(stored(subject)) == 1


NONSENSE: list[tuple[dict[str, Any], str]] = [
    ({"operation": "destroy"}, "operation: 'destroy' is none; expected create"),
    ({"operation": None}, "operation: null"),
    ({"fields": None}, "fields: there is nothing to write"),
    ({"fields": "{"}, "fields: expected a JSON object; this cannot be read"),
    ({"fields": "[" * 100_000}, "fields: expected a JSON object"),
    ({"fields": "[1]"}, "fields: expected a JSON object, such as"),
    ({"fields": "NaN"}, "fields: expected a JSON object"),
    ({"fields": {"type": 55}}, "subject"),
    ({"fields": {"subject": "a", "type": 55, "colour": 1}}, "colour"),
    ({"fields": '{"subject": "a", "type": 55, "amount_fc": NaN}'}, "amount_fc"),
    ({"division": None}, "division: null is no division's number"),
    ({"division": -1}, "division: '-1' is no division's number"),
    ({"division": 999_999}, "999999"),
    ({"status": "on hold"}, "status: 'on hold' is none"),
    ({"search": "x"}, "search: a create takes none"),
    ({"operation": "update"}, "search: an update needs the document"),
    ({"operation": "update", "search": "no ID"}, "searched by this id"),
    ({"operation": "update", "search": "{"}, "search: expected a JSON object"),
    ({"operation": "update", "search": '{"subject": "a", "hid": 1}'}, "search: expected one field"),
    ({"operation": "update", "search": '{"colour": 1}'}, "colour"),
    ({"operation": "update", "search": '{"subject": "nothing of the kind"}'}, "has no document with subject"),
    ({"operation": "update", "search": str(uuid4())}, "has no document"),
    ({"operation": "upsert", "search": "colour"}, "search: 'colour' is no field"),
    ({"operation": "upsert", "search": "account"}, "needs a value of it"),
    ({"operation": "attach", "search": str(uuid4())}, "file: an attach needs a file"),
    ({"operation": "attach", "search": str(uuid4()), "file": "a.txt"}, "fields: an attach writes none"),
    ({"file": "nowhere.txt"}, "file: there is no file 'nowhere.txt'"),
    ({"file": "/etc/passwd"}, "file: '/etc/passwd' is not below any folder"),
    ({"file": "../warehouse.duckdb"}, "is not below any folder"),
    ({"file": "file:///etc/passwd"}, "is not below any address"),
    ({"file": "simplecache::/etc/passwd"}, "is not below any address"),
    ({"fields": {"subject": "a", "type": 55, "account": str(uuid4())}}, "Exact"),
]


def test_rows_of_nonsense_fail_with_a_sentence_and_stop_no_other(
    outbox: Outbox, documents: Documents, place: Installation, subject: str, stored: Stored
) -> None:
    sane = {"fields": {"subject": "never", "type": 55}}
    first = outbox.add(fields={"subject": f"{subject} 1", "type": 55})
    wrong = outbox.add_all([{**sane, **values} for values, _ in NONSENSE])
    outbox.add(id="  ")
    last = outbox.add(fields={"subject": f"{subject} 2", "type": 55})
    report = outbox.send(documents)
    assert (len(report.sent), report.failed, report.error) == (2, len(NONSENSE) + 1, None)
    rows = outbox.rows()
    for name, (_, told) in zip(wrong, NONSENSE, strict=True):
        row = rows[name]
        assert (row["status"], told in row["error"], row["finished_at"] is None) == ("failed", True, False), row
    assert "id: expected a name" in rows["  "]["error"]
    assert [rows[name]["status"] for name in (first, last)] == ["done", "done"]
    assert (len(stored(f"{subject} 1")), len(stored(f"{subject} 2")), stored("never")) == (1, 1, [])
    place.simulator.control.forget_calls()
    assert outbox.send(documents).failed == 0
    assert place.simulator.control.calls() == []


def test_a_row_whose_file_is_refused_names_the_document_that_it_has_made(
    outbox: Outbox, documents: Documents, folder: Path, subject: str, stored: Stored
) -> None:
    made = outbox.add(operation="upsert", fields={"subject": subject, "type": 55}, file="a.txt")
    outbox.send(documents)
    (folder / "a.txt").write_bytes(b"other content")
    refused = outbox.add(operation="upsert", fields={"subject": subject, "type": 55, "body": "x"}, file="a.txt")
    outbox.send(documents)
    (row,) = stored(subject)
    told = outbox.row(refused)
    assert (told["status"], "with other content" in told["error"]) == ("failed", True)
    assert outbox.row(made)["document_id"] == told["document_id"] == row["ID"]
    outbox.run("UPDATE exact.document_outbox SET status = 'waiting', replace_file = true WHERE id = ?", refused)
    assert outbox.send(documents).failed == 0
    assert (outbox.row(refused)["status"], outbox.row(refused)["attempts"]) == ("done", 1)
    assert len(stored(subject)) == 1


def test_an_upsert_that_was_cut_short_finds_its_document_though_it_was_renamed_meanwhile(
    outbox: Outbox, documents: Documents, subject: str, stored: Stored
) -> None:
    document = documents.create(DIVISION, {"subject": subject, "type": 55}).document.id
    outbox.add(operation="upsert", fields={"subject": subject, "type": 55, "body": "by the row"})
    outbox.send(documents)
    outbox.run("UPDATE exact.document_outbox SET status = 'waiting', document_id = NULL, finished_at = NULL")
    documents.update(DIVISION, document, {"subject": f"{subject}, renamed", "body": "by a person"})
    (sent,) = outbox.send(documents).sent
    assert (sent.document.id, sent.outcome) == (document, WriteOutcome.UNCHANGED)
    assert (stored(subject), stored(f"{subject}, renamed")[0]["Body"]) == ([], "by a person")


def test_no_file_leaves_the_machine_unless_a_folder_is_chosen(
    outbox: Outbox, documents: Documents, folder: Path, subject: str, stored: Stored
) -> None:
    (folder / "out.txt").symlink_to("/etc/passwd")
    led_out = outbox.add(fields={"subject": subject, "type": 55}, file="out.txt")
    outbox.send(documents)
    assert "is not below any folder" in outbox.row(led_out)["error"]
    outbox.config = outbox.config.model_copy(update={"document_files": None})
    unset = outbox.add(fields={"subject": subject, "type": 55}, file=str(folder / "a.txt"))
    outbox.send(documents)
    assert "EXACT_DOCUMENT_FILES" in outbox.row(unset)["error"]
    assert stored(subject) == []


def test_a_file_comes_from_an_address_below_one_that_was_chosen(
    outbox: Outbox, documents: Documents, subject: str, files: Files
) -> None:
    import fsspec

    fsspec.filesystem("memory").pipe("/out/b.txt", b"elsewhere")
    outbox.config = outbox.config.model_copy(update={"document_files": "/nowhere, memory://out"})
    made = outbox.add(fields={"subject": subject, "type": 55}, file="memory://out/b.txt")
    wrong = [
        outbox.add(fields={"subject": "never", "type": 55}, file=file)
        for file in ("memory://outer/b.txt", "memory://out/../b.txt", "memory://out/%2E%2e/b.txt")
    ]
    outbox.send(documents)
    assert [one["FileName"] for one in files(UUID(outbox.row(made)["document_id"]))] == ["b.txt"]
    assert all("not below any address" in outbox.row(name)["error"] for name in wrong)


def test_a_row_whose_end_was_not_written_is_told_as_it_was_and_nothing_is_made_twice(
    *, outbox: Outbox, documents: Documents, folder: Path, subject: str, stored: Stored, files: Files
) -> None:
    made = outbox.add(fields={"subject": subject, "type": 55}, file="a.txt")
    renamed = outbox.add(
        operation="update", search=json.dumps({"subject": subject}), fields={"subject": f"{subject} (filed)"}
    )
    outbox.send(documents)
    # As after a kill between Exact's answer and the update of the row; the file is gone, and a person changed it.
    outbox.run("UPDATE exact.document_outbox SET status = 'waiting', document_id = NULL, finished_at = NULL")
    (folder / "a.txt").unlink()
    document = UUID(stored(f"{subject} (filed)")[0]["ID"])
    documents.update(DIVISION, document, {"subject": f"{subject} (by a person)"})
    report = outbox.send(documents)
    assert [one.outcome for one in report.sent] == [WriteOutcome.UNCHANGED] * 2
    assert {outbox.row(name)["document_id"] for name in (made, renamed)} == {str(document)}
    assert len(stored(f"{subject} (by a person)")) == 1
    assert (stored(subject), stored(f"{subject} (filed)"), len(files(document))) == ([], [], 1)


@pytest.mark.parametrize("fault", ["answer_lost", "answer_failed", "reset", "server_error", "cut_body"])
def test_lost_answers_leave_one_document_and_one_file(
    *,
    outbox: Outbox,
    documents: Documents,
    place: Installation,
    subject: str,
    stored: Stored,
    files: Files,
    fault: str,
) -> None:
    place.simulator.control.fault(fault, path=r"documents/\w+\?$", times=2)
    name = outbox.add(fields={"subject": subject, "type": 55}, file="a.txt")
    outbox.send(documents)
    assert outbox.row(name)["status"] == "done"
    (row,) = stored(subject)
    assert len(files(UUID(row["ID"]))) == 1


def test_a_row_that_was_corrected_after_its_document_was_made_gets_its_file_and_no_second_document(
    *, outbox: Outbox, documents: Documents, folder: Path, subject: str, stored: Stored, files: Files
) -> None:
    (folder / "empty.txt").write_bytes(b"")
    name = outbox.add(fields={"subject": subject, "type": 55}, file="empty.txt")
    outbox.send(documents)
    assert (outbox.row(name)["status"], stored(subject)) == ("failed", [])
    outbox.run("UPDATE exact.document_outbox SET status = NULL, file = 'a.txt'")
    outbox.send(documents)
    (row,) = stored(subject)
    assert (outbox.row(name)["status"], outbox.row(name)["error"]) == ("done", None)
    assert len(files(UUID(row["ID"]))) == 1
    outbox.run("UPDATE exact.document_outbox SET status = NULL, fields = ?", '{"subject": "other", "type": 55}')
    outbox.send(documents)
    assert "Give this one another id" in outbox.row(name)["error"]
    assert stored("other") == []


def test_writing_must_be_switched_on(outbox: Outbox, documents: Documents) -> None:
    outbox.config = outbox.config.model_copy(update={"write_documents": False})
    outbox.add(fields={"subject": "a", "type": 55})
    with pytest.raises(WritingDisabledError):
        outbox.send(documents)


def test_an_outbox_that_cannot_be_read_is_told_of(outbox: Outbox, documents: Documents) -> None:
    outbox.run("ALTER TABLE exact.document_outbox DROP COLUMN operation")
    with pytest.raises(OutboxError, match="operation"):
        outbox.send(documents)


def test_only_one_process_is_at_it(outbox: Outbox, documents: Documents, config: ExactConfig) -> None:
    name = outbox.add(fields={"subject": "a", "type": 55})
    with Control.open(config).lease("document outbox") as is_held:
        assert is_held
        assert outbox.send(documents).is_elsewhere
    assert outbox.row(name)["attempts"] == 0


def test_a_row_that_is_edited_while_it_is_sent_is_left_as_it_was_edited(
    outbox: Outbox, documents: Documents, place: Installation, subject: str, stored: Stored
) -> None:
    name = outbox.add(fields={"subject": subject, "type": 55})
    place.simulator.control.fault("slow", path=POSTS, value=0.7)
    place.simulator.control.forget_calls()
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(outbox.send, documents)
        while not any(call["method"] == "POST" for call in place.simulator.control.calls()):
            time.sleep(0.02)
        outbox.run("UPDATE exact.document_outbox SET search = 'by hand', status = 'failed'")
        assert len(sending.result().sent) == 1
    assert (outbox.row(name)["status"], outbox.row(name)["document_id"]) == ("failed", None)
    assert len(stored(subject)) == 1
    write = Control.open(outbox.config).document_writes.keyed(f"outbox document {name}")
    assert write is not None
    assert write.status is WriteStatus.DONE
