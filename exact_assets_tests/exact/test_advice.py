"""What people are told to do when Exact, or what stands before it, says no: true, and not by a language's words."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from exact_assets import error_records, errors
from exact_assets.exact.responses import error_in_page, error_text, refusal
from exact_assets.exact.urls import check_same_site
from exact_assets_tests.exact.conftest import Bench
from exact_assets_tests.exact.vendor import Reply, page, run_vendor

ROOT = Path(__file__).parents[2]
ROWS = set(re.findall(r'<a id="([\w-]+)">', (ROOT / "docs" / "errors.md").read_text()))


def said(status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> errors.ExactError:
    return refusal(status, headers or {}, body, division=7, endpoint="crm/Accounts")


def envelope(text: str) -> bytes:
    return b'{"error":{"code":"","message":{"lang":"","value":"%s"}}}' % text.encode()


def test_every_error_has_a_row_in_the_table() -> None:
    table = (ROOT / "docs" / "errors.md").read_text()
    bases = {"ExactAssetsError", "ExactError"}
    assert {name for name in error_records.KINDS if f"`{name}`" not in table} == bases


def test_every_row_that_a_message_leads_to_is_there() -> None:
    sources = [path.read_text() for path in (ROOT / "exact_assets").rglob("*.py")]
    named = {row for text in sources for row in re.findall(r"docs/errors\.md#([\w-]+)", text)}
    named |= {row for text in sources for row in re.findall(r"""\bsee\(['"]([\w-]+)['"]\)""", text)}
    assert len(named) > 10
    assert named <= ROWS


@pytest.mark.parametrize(
    "text",
    [
        "Geen toegang tot deze administratie",
        "Toegang geweigerd",
        "Accès refusé à la division",
        "Forbidden",
        "No division",
    ],
)
def test_a_403_in_any_language_is_no_class_of_its_own(text: str) -> None:
    error = said(403, body=envelope(text))
    assert type(error) is errors.ForbiddenError
    assert text in str(error)
    assert "docs/errors.md#403" in str(error)


@pytest.mark.parametrize(
    "location", ["https://login.exact.example/sign-in?token=s3cret", "/login", "", "http://[::1/x"]
)
def test_a_redirect_is_a_matter_of_address_or_sign_in(location: str) -> None:
    told = str(said(302, {"location": location}))
    assert "EXACT_BASE_URL" in told
    assert "sign" in told
    assert "gain later" not in told
    assert "s3cret" not in told
    assert ("login.exact.example/sign-in" in told) == location.startswith("https://login")


def test_an_empty_success_is_a_matter_of_address() -> None:
    told = str(said(204))
    assert "EXACT_BASE_URL" in told
    assert "gain later" not in told


def test_a_proxy_that_wants_a_password_is_named_where_it_answers_itself() -> None:
    error = said(407)
    assert isinstance(error, errors.UnreachableError)
    assert "HTTPS_PROXY" in str(error)


HTML_PAGE = Reply(body=b"<!DOCTYPE html><html>Log in</html>", headers={"Content_Type": "text/html"})


@pytest.mark.parametrize("reply", [HTML_PAGE, Reply(status=302, headers={"Location": "/login"})])
def test_a_page_for_people_leads_to_the_settings(bench: Bench, reply: Reply) -> None:
    bench.vendor.replies = [reply] * 9
    _, error = bench.pages_until(errors.UnavailableError)
    assert "EXACT_BASE_URL" in str(error)
    assert "docs/errors.md#no-page" in str(error)


@pytest.mark.parametrize(
    "body",
    [
        envelope("Het duurt te lang"),
        b'{"error":"x","error_description":"Het duurt te lang"}',
        b'{"fault":{"faultstring":"Het duurt te lang","detail":{}}}',
        b'<error xmlns="m"><code/><message xml:lang="nl-NL">Het duurt te lang</message></error>',
        b'\xef\xbb\xbf<?xml version="1.0"?><m:error><m:message>Het duurt te lang</m:message></m:error>',
    ],
)
def test_the_words_of_an_error_come_through_whatever_its_status(bench: Bench, body: bytes) -> None:
    assert error_text(body) == error_in_page(body) == "Het duurt te lang"
    assert "Het duurt te lang" in str(said(400, body=body))
    bench.vendor.replies = [Reply(body=body)] * 9
    _, error = bench.pages_until(errors.ExactError)
    assert "Exact says: Het duurt te lang." in str(error)


def test_a_page_with_the_word_error_in_it_is_a_page(bench: Bench) -> None:
    row = {"ID": "error", "Division": 7, "error": {"message": {"value": "no"}}}
    bench.vendor.replies = [page(row)]
    assert bench.pages()[0].rows.num_rows == 1


def test_two_bare_429s_are_not_told_as_ten_refusals(bench: Bench) -> None:
    bench.vendor.replies = [Reply(status=429), Reply(status=429)]
    _, error = bench.pages_until(errors.KeyBlockedError)
    assert "ten" not in str(error).split()
    assert "HTTP 429" in str(error)


@pytest.mark.parametrize(
    ("link", "site", "words"),
    [
        (
            "http://start.exactonline.nl/x",
            "https://start.exactonline.nl",
            "http://start.exactonline.nl, not to https://",
        ),
        ("https://start.exactonline.nl:8443/x", "https://start.exactonline.nl", "nl:8443, not to https://start"),
        ("https://a.example/x", "https://b.example:444", "https://a.example, not to https://b.example:444;"),
        ("/x", "https://b.example", "to nowhere, not to https://b.example"),
    ],
)
def test_a_link_that_leads_elsewhere_is_told_by_what_differs(link: str, site: str, words: str) -> None:
    with pytest.raises(errors.PagingError) as caught:
        check_same_site(link, site)
    assert words in str(caught.value)


PROXIED = """
import asyncio, httpx
from exact_assets.exact.bodies import Bounds
from exact_assets.exact.client import ExactClient
from exact_assets.exact.sender import Sender
from exact_assets.errors import UnreachableError
from exact_assets_tests.exact.fakes import Clock, MemoryLedger, MemoryTokens, NoSlots

async def main():
    clock, ledger = Clock(), MemoryLedger()
    async with httpx.AsyncClient(timeout=5) as http:
        sender = Sender(
            http, tokens=MemoryTokens(), ledger=ledger, slots=NoSlots(), now=clock.now, sleep=clock.sleep
        )
        try:
            await ExactClient(sender, ledger=ledger, site_url="https://start.invalid", zone="Europe/Amsterdam").me()
        except UnreachableError as error:
            print(error)

asyncio.run(main())
"""


@pytest.fixture
def refusing_proxy() -> Iterator[str]:
    with run_vendor() as vendor:
        vendor.replies = [Reply(status=407)] * 9
        yield vendor.base_url


def test_a_proxy_that_wants_a_password_is_named_before_https(refusing_proxy: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROXIED],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "HTTPS_PROXY": refusing_proxy, "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "407" in done.stdout
    assert "HTTPS_PROXY" in done.stdout
    assert "docs/errors.md#407" in done.stdout
