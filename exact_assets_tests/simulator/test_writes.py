"""Documents and attachments are made, changed, deleted, and read back as files."""

import base64
from typing import Any

import httpx
import pytest

from exact_assets_tests.simulator.conftest import FIRST, Get, inside, message
from exact_simulator.process import Simulator

DOCUMENTS = f"/api/v1/{FIRST}/documents/Documents"
ATTACHMENTS = f"/api/v1/{FIRST}/documents/DocumentAttachments"


def made(api: httpx.Client, **values: Any) -> dict[str, Any]:
    answer = api.post(DOCUMENTS, json={"Subject": "A letter", "Type": 55} | values)
    assert answer.status_code == 201, answer.text
    row: dict[str, Any] = answer.json()["d"]
    return row


def attached(api: httpx.Client, content: bytes, document: str) -> httpx.Response:
    file = {"Document": document, "FileName": "a.txt", "Attachment": base64.b64encode(content).decode()}
    return api.post(ATTACHMENTS, json=file)


def test_what_was_made_is_read_again(api: httpx.Client, get: Get) -> None:
    row = made(api)
    assert row["Account"] is None
    assert inside(get(f"documents/Documents(guid'{row['ID']}')")) == row


def test_it_comes_in_the_sync_feed_with_a_timestamp_above_all(
    api: httpx.Client, get: Get, simulator: Simulator
) -> None:
    highest = max(row["Timestamp"] for row in simulator.control.rows("sync/Documents/Documents", FIRST))
    row = made(api)
    page = inside(get(f"sync/Documents/Documents?$filter=Timestamp gt {highest}L&$select=ID,Subject"))
    assert [found["ID"] for found in page["results"]] == [row["ID"]]


def test_a_change_is_answered_with_nothing(api: httpx.Client, get: Get) -> None:
    uri = made(api)["__metadata"]["uri"]
    answer = api.put(uri, json={"Subject": "Another letter"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert inside(api.get(uri))["Subject"] == "Another letter"


def test_a_deletion_is_logged(api: httpx.Client, simulator: Simulator) -> None:
    row = made(api)
    answer = api.delete(row["__metadata"]["uri"])
    assert (answer.status_code, answer.content) == (204, b"")
    assert api.get(row["__metadata"]["uri"]).status_code == 404
    assert row["ID"] in [deleted["EntityKey"] for deleted in simulator.control.rows("sync/Deleted", FIRST)]


def test_a_file_comes_back_as_it_went(api: httpx.Client, simulator: Simulator) -> None:
    content = bytes(range(256)) * 10
    row = attached(api, content, made(api)["ID"]).json()["d"]
    assert row["FileSize"] == len(content)
    assert row["Url"].startswith(f"{simulator.base_url}/docs/SysAttachment.aspx?ID={row['ID']}&_Division_={FIRST}")
    assert api.get(f"{row['Url']}&Download=1").content == content


def test_without_download_a_file_is_a_page(api: httpx.Client) -> None:
    row = attached(api, b"text", made(api)["ID"]).json()["d"]
    assert api.get(row["Url"]).headers["content-type"].startswith("text/html")


def test_a_file_needs_a_token(api: httpx.Client) -> None:
    row = attached(api, b"text", made(api)["ID"]).json()["d"]
    assert httpx.get(f"{row['Url']}&Download=1", trust_env=False).status_code == 401


def test_files_of_the_books_have_the_size_they_say(api: httpx.Client, get: Get) -> None:
    (row,) = inside(get("documents/DocumentAttachments?$top=1"))
    answer = api.get(f"{row['Url']}&Download=1")
    assert len(answer.content) == row["FileSize"]
    assert "attachment" in answer.headers["content-disposition"]


def test_an_attachment_that_is_not_base64_is_refused(api: httpx.Client) -> None:
    file = {"Document": made(api)["ID"], "FileName": "a.txt", "Attachment": "not base64!"}
    text = message(api.post(ATTACHMENTS, json=file))
    assert text.endswith("in converting the value from request payload for property 'Attachment' to type 'Byte[]'")


def test_a_file_may_be_too_large(api: httpx.Client, simulator: Simulator) -> None:
    document = made(api)["ID"]
    simulator.control.set(request_bytes=1000)
    assert attached(api, bytes(1000), document).status_code == 201
    assert attached(api, bytes(1001), document).status_code == 400
    assert attached(api, bytes(100_000), document).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"nonsense",
        b'{"Nothing": 1}',
        b'{"Subject": "a", "Type": 1, "DocumentDate": "soon"}',
        b'{"Type": 1}',
    ],
)
def test_a_malformed_document_is_refused(api: httpx.Client, body: bytes) -> None:
    assert api.post(DOCUMENTS, content=body).status_code == 400


def test_a_reference_must_be_there(api: httpx.Client) -> None:
    nobody = "00000000-0000-0000-0000-000000000000"
    assert api.post(DOCUMENTS, json={"Subject": "a", "Type": 1, "Account": nobody}).status_code == 400


def test_attachments_are_not_changed(api: httpx.Client) -> None:
    row = attached(api, b"text", made(api)["ID"]).json()["d"]
    assert api.put(row["__metadata"]["uri"], json={"FileName": "b.txt"}).status_code == 405


def test_other_endpoints_take_no_writes(api: httpx.Client) -> None:
    assert api.post(f"/api/v1/{FIRST}/crm/Accounts", json={"Name": "a"}).status_code == 400


@pytest.mark.parametrize("fault", ["answer_lost", "answer_failed"])
def test_an_answer_may_be_lost_when_all_is_done(api: httpx.Client, simulator: Simulator, fault: str) -> None:
    before = len(simulator.control.rows("documents/Documents", FIRST))
    simulator.control.fault(fault, path="documents/Documents")
    try:
        assert api.post(DOCUMENTS, json={"Subject": "A letter", "Type": 55}).status_code == 500
    except httpx.TransportError:
        assert fault == "answer_lost"
    assert len(simulator.control.rows("documents/Documents", FIRST)) == before + 1


def test_an_answer_may_hold_the_key_alone(api: httpx.Client, simulator: Simulator) -> None:
    simulator.control.set(post_answer="sparse")
    row = made(api)
    assert {name for name, value in row.items() if value is not None} == {"__metadata", "ID"}


def test_an_app_may_read_and_not_write(api: httpx.Client, get: Get, simulator: Simulator) -> None:
    simulator.control.set(read_only_services=["documents"])
    answer = api.post(DOCUMENTS, json={"Subject": "A letter", "Type": 55})
    assert (answer.status_code, "Scope Violated" in message(answer)) == (403, True)
    assert get("documents/Documents?$top=1").status_code == 200


def test_base64_may_count_for_the_size(api: httpx.Client, simulator: Simulator) -> None:
    document = made(api)["ID"]
    simulator.control.set(request_bytes=1000, request_size_counted="body")
    assert attached(api, bytes(600), document).status_code == 201
    assert attached(api, bytes(800), document).status_code == 400
