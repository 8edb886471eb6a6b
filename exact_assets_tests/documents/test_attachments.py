"""Files are attached once, compared by content, replaced when asked, and downloaded as they are."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import fsspec
import pytest

from exact_assets.documents.access import Documents
from exact_assets.documents.files import MOST_REQUEST_BYTES, AttachmentBody, FileContent, most_bytes
from exact_assets.documents.models import Attachment, WriteOutcome
from exact_assets.errors import (
    AnswerError,
    AttachmentConflictError,
    DocumentError,
    DocumentNotFoundError,
    FileTooLargeError,
    FileUnreadableError,
    ForbiddenError,
    PagingError,
)
from exact_assets_tests.documents.outbox import DIVISION
from exact_assets_tests.installation import Installation

Files = Callable[[UUID], list[dict[str, Any]]]


@pytest.fixture
def document(documents: Documents) -> UUID:
    return documents.create(DIVISION, {"subject": f"Letter {uuid4()}", "type": 55}).document.id


def test_a_file_comes_back_as_it_went(
    documents: Documents, document: UUID, letter: Path, tmp_path: Path, files: Files
) -> None:
    added = documents.add_attachment(DIVISION, document, letter)
    assert (added.outcome, added.attachment.file_name) == (WriteOutcome.ADDED, "letter.pdf")
    assert added.sha256 == hashlib.sha256(letter.read_bytes()).hexdigest()
    (found,) = documents.find_attachments(DIVISION, document, name="letter.pdf")
    assert documents.find_attachments(DIVISION, document, attachment_id=str(found.id)) == [found]
    assert documents.find_attachments(DIVISION, document, attachment_id=uuid4()) == []
    folder = tmp_path / "back"
    folder.mkdir()
    file = documents.download_attachment(DIVISION, found, to=folder)
    assert (folder / "letter.pdf").read_bytes() == letter.read_bytes()
    assert file.sha256 == added.sha256
    assert documents.download_attachment(DIVISION, str(found.id)).content == letter.read_bytes()
    assert len(files(document)) == 1


@pytest.mark.parametrize("kind", ["path", "text", "bytes", "file", "fsspec", "pipe"])
def test_a_file_may_come_from_anywhere(documents: Documents, document: UUID, letter: Path, kind: str) -> None:
    content = letter.read_bytes()
    fsspec.filesystem("memory").pipe("/folder/letter.pdf", content)

    class Dripping(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 100))

    sources: dict[str, Any] = {
        "path": letter,
        "text": str(letter),
        "bytes": content,
        "file": io.BytesIO(content),
        "fsspec": "memory://folder/letter.pdf",
        "pipe": Dripping(content),
    }
    added = documents.add_attachment(DIVISION, document, sources[kind], name="letter.pdf")
    assert added.sha256 == hashlib.sha256(content).hexdigest()
    assert documents.download_attachment(DIVISION, added.attachment).content == content


def test_the_same_file_is_not_added_twice(documents: Documents, document: UUID, letter: Path, files: Files) -> None:
    first = documents.add_attachment(DIVISION, document, letter)
    again = documents.add_attachment(DIVISION, document, letter)
    assert (again.outcome, again.attachment.id) == (WriteOutcome.UNCHANGED, first.attachment.id)
    assert len(files(document)) == 1


def test_a_file_that_somebody_else_attached_is_compared_by_content(
    documents: Documents, document: UUID, place: Installation, letter: Path
) -> None:
    documents.add_attachment(DIVISION, document, letter)
    other = documents.create(DIVISION, {"subject": f"Letter {uuid4()}", "type": 55}).document.id
    added = documents.add_attachment(DIVISION, other, b"abc", name="letter.pdf")
    place.simulator.control.update(
        "documents/DocumentAttachments", DIVISION, keys=[str(added.attachment.id)], values={"FileName": "other.pdf"}
    )
    same = documents.add_attachment(DIVISION, other, b"abc", name="other.pdf")
    assert same.outcome is WriteOutcome.UNCHANGED
    with pytest.raises(AttachmentConflictError):
        documents.add_attachment(DIVISION, other, b"abd", name="other.pdf")


def test_other_content_of_the_same_name_is_refused_or_replaces(
    documents: Documents, document: UUID, files: Files
) -> None:
    first = documents.add_attachment(DIVISION, document, b"one", name="a.txt")
    with pytest.raises(AttachmentConflictError, match=str(first.attachment.id)):
        documents.add_attachment(DIVISION, document, b"two", name="a.txt")
    second = documents.add_attachment(DIVISION, document, b"two", name="a.txt", replace=True)
    assert second.outcome is WriteOutcome.REPLACED
    assert [row["ID"] for row in files(document)] == [str(second.attachment.id)]
    again = documents.add_attachment(DIVISION, document, b"two", name="a.txt", replace=True)
    assert again.outcome is WriteOutcome.UNCHANGED


def test_a_replacement_that_was_cut_short_is_ended(
    documents: Documents, document: UUID, place: Installation, files: Files
) -> None:
    documents.add_attachment(DIVISION, document, b"one", name="a.txt")
    place.simulator.control.fault("status", path=r"DocumentAttachments\(", value=403)
    with pytest.raises(ForbiddenError):
        documents.add_attachment(DIVISION, document, b"two", name="a.txt", replace=True)
    assert len(files(document)) == 2
    assert documents.add_attachment(DIVISION, document, b"two", name="a.txt", replace=True).outcome == "replaced"
    assert len(files(document)) == 1


@pytest.mark.parametrize(
    "fault", ["answer_lost", "answer_failed", "cut_body", "garbage", "empty_body", "reset", "server_error"]
)
def test_a_file_is_attached_and_removed_once_whatever_becomes_of_the_answers(
    documents: Documents, document: UUID, place: Installation, files: Files, fault: str
) -> None:
    documents.add_attachment(DIVISION, document, b"one", name="a.txt")
    for path in (r"DocumentAttachments\?$", r"DocumentAttachments\(.*\?$"):  # the POST and the DELETE
        place.simulator.control.fault(fault, path=path)
    documents.add_attachment(DIVISION, document, b"two", name="a.txt", replace=True)
    assert [row["FileSize"] for row in files(document)] == [3]
    (found,) = documents.find_attachments(DIVISION, document)
    assert documents.download_attachment(DIVISION, found).content == b"two"


def test_the_largest_file_fits_into_a_request_however_its_size_is_counted(
    documents: Documents, document: UUID, place: Installation
) -> None:
    place.simulator.control.set(request_size_counted="body")
    content = bytes(most_bytes("large.bin"))
    body = AttachmentBody(document_id=document, file=FileContent("large.bin", content))
    assert MOST_REQUEST_BYTES - 4 < body.length <= MOST_REQUEST_BYTES
    added = documents.add_attachment(DIVISION, document, content, name="large.bin")
    assert added.attachment.file_size == len(content)
    with pytest.raises(FileTooLargeError, match="7,4"):
        documents.add_attachment(DIVISION, document, content + b"x", name="large.bin")


@pytest.mark.parametrize(
    ("source", "name", "told"),
    [
        ("nowhere.pdf", None, "No such file"),
        (b"", "a.txt", "is empty"),
        (b"abc", None, "needs a name"),
        (b"abc", "a/b.txt", "slashes"),
        (b"abc", "a" * 300, "255"),
        (b"abc", "a\n.txt", "control characters"),
        ("nosuchprotocol://a/b.txt", None, "nosuchprotocol"),
        (io.StringIO("text"), "a.txt", "mode 'rb'"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(
    documents: Documents, place: Installation, source: Any, name: str | None, told: str
) -> None:
    place.simulator.control.forget_calls()
    with pytest.raises(FileUnreadableError, match=told):
        documents.add_attachment(DIVISION, uuid4(), source, name=name)
    assert place.simulator.control.calls() == []


def test_a_file_is_not_downloaded_from_another_host(documents: Documents) -> None:
    elsewhere = Attachment(id=uuid4(), url="http://127.0.0.2:9/docs/SysAttachment.aspx?ID=1")
    with pytest.raises(PagingError, match=r"127\.0\.0\.2"):
        documents.download_attachment(DIVISION, elsewhere)


@pytest.mark.parametrize("name", ["../../up.txt", "..\\up.txt", "..", "up.txt"])
def test_a_name_of_exacts_leads_out_of_no_folder_and_overwrites_nothing(
    documents: Documents, document: UUID, place: Installation, tmp_path: Path, name: str
) -> None:
    added = documents.add_attachment(DIVISION, document, b"one", name="a.txt").attachment
    place.simulator.control.update(
        "documents/DocumentAttachments", DIVISION, keys=[str(added.id)], values={"FileName": name}
    )
    (found,) = documents.find_attachments(DIVISION, document)
    folder = tmp_path / "in" / "here"
    folder.mkdir(parents=True)
    documents.download_attachment(DIVISION, found, to=folder)
    (written,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert (written.parent, written.read_bytes()) == (folder, b"one")
    with pytest.raises(DocumentError, match="there already"):
        documents.download_attachment(DIVISION, found, to=folder)
    with pytest.raises(DocumentError, match="cannot be written"):
        documents.download_attachment(DIVISION, found, to=folder / "nowhere" / "a.txt")


def test_a_page_in_place_of_the_file_is_not_taken_for_it(
    documents: Documents, document: UUID, letter: Path, tmp_path: Path
) -> None:
    added = documents.add_attachment(DIVISION, document, letter)
    wrong = added.attachment.model_copy(update={"file_size": 12})
    with pytest.raises(AnswerError, match="12 bytes, says Exact"):
        documents.download_attachment(DIVISION, wrong, to=tmp_path / "wrong.pdf")
    assert not (tmp_path / "wrong.pdf").exists()


def test_what_is_not_there_is_told(documents: Documents) -> None:
    with pytest.raises(DocumentNotFoundError):
        documents.download_attachment(DIVISION, uuid4())
    with pytest.raises(DocumentError, match="UUID"):
        documents.find_attachments(DIVISION, "no ID")
    assert documents.find_attachments(DIVISION, uuid4()) == []
