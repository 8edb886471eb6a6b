"""One answer takes as long and as much as it may, and no more: by byte, by megabyte, by gzip that swells."""

import gzip
import io
import resource
import time
import zlib
from datetime import datetime

import pytest

from exact_assets.errors import ReconnectError, UnavailableError
from exact_assets.exact.auth import TokenEndpoint
from exact_assets.exact.bodies import Bounds
from exact_assets_tests.exact.conftest import Bench
from exact_assets_tests.exact.vendor import Reply, Vendor, page

ROW = {"ID": "a", "Division": 7}
BODY = b'{"d":{"results":[{"ID":"a","Division":7}]}}'
PAIR = b'{"access_token":"acc","refresh_token":"ref!","expires_in":"600"}'


def swelling(megabytes: int) -> bytes:
    """Gzip of so many megabytes of nothing, which is a thousandth of that."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb") as file:
        for _ in range(megabytes):
            file.write(b" " * 2**20)
    return buffer.getvalue()


GZIP = {"Content-Encoding": "gzip"}
LARGE = {
    "endless": Reply(body=b" " * 2**16, is_endless=True),
    "of many megabytes": Reply(body=b" " * (3 * 2**20)),
    "swelling": Reply(body=swelling(200), headers=GZIP),
    "endlessly swelling": Reply(body=swelling(1), headers=GZIP, is_endless=True),
    "empty and endless": Reply(body=gzip.compress(b""), headers=GZIP, is_endless=True),
}
SLOW = {
    "a byte at a time": Reply(body=BODY + b" " * 1_000, pause_seconds=0.05),
    "a byte of a header at a time": Reply(pause_seconds=0.05, is_slow_to_begin=True),
}


@pytest.mark.parametrize("reply", LARGE.values(), ids=LARGE)
def test_an_answer_that_is_too_large_is_cut_and_told(bench: Bench, reply: Reply) -> None:
    bench.bounds = Bounds(seconds=60, mb=1)
    bench.vendor.replies = [reply] * 9
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _, error = bench.pages_until(UnavailableError)
    assert "more than 1 MB (EXACT_ANSWER_MB)" in str(error)
    assert len(bench.vendor.asked) == 2, "it would not be smaller the third time"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60 * 1024, "nor is it held in memory"


@pytest.mark.parametrize("reply", SLOW.values(), ids=SLOW)
def test_an_answer_that_drips_is_cut_and_told(bench: Bench, reply: Reply) -> None:
    """Each byte came in time, so that no time-out of a read would end it."""
    bench.bounds = Bounds(seconds=0.5)
    bench.vendor.replies = [reply] * 9
    began = time.monotonic()
    _, error = bench.pages_until(UnavailableError)
    assert "more than 0.5 s (EXACT_ANSWER_SECONDS)" in str(error)
    assert len(bench.vendor.asked) == 2
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (BODY, "identity"),
        (gzip.compress(BODY), "gzip"),
        (gzip.compress(BODY), "X-GZIP"),
        (gzip.compress(BODY[:9]) + gzip.compress(BODY[9:]), "gzip"),
        (zlib.compress(BODY), "deflate"),
    ],
    ids=["plain", "gzip", "gzip by its old name", "gzip in parts", "deflate"],  # what is compressed holds the time
)
def test_what_is_compressed_is_read(bench: Bench, body: bytes, encoding: str) -> None:
    bench.vendor.replies = [Reply(body=body, headers={"Content-Encoding": encoding})]
    assert [found.rows.num_rows for found in bench.pages()] == [1]
    assert bench.vendor.asked[0].headers["Accept-Encoding"] == "gzip"


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"no gzip", "gzip"),
        (gzip.compress(BODY)[:-9], "gzip"),
        (gzip.compress(gzip.compress(BODY)), "gzip, gzip"),
        (BODY, "br"),
        (b"", "gzip"),
    ],
    ids=["no gzip", "cut", "twice", "not asked for", "empty"],
)
def test_what_cannot_be_decompressed_is_asked_for_again(bench: Bench, body: bytes, encoding: str) -> None:
    bench.vendor.replies = [Reply(body=body, headers={"Content-Encoding": encoding}), page(ROW)]
    assert [found.rows.num_rows for found in bench.pages()] == [1]
    assert len(bench.vendor.asked) == 2


def test_a_429_without_a_body_that_says_it_is_compressed_is_a_429(bench: Bench) -> None:
    bench.vendor.replies = [Reply(status=429, headers=GZIP), page(ROW)]
    assert len(bench.pages()) == 1


class NoRefusals:
    """An account of refusals that holds nobody up, and remembers statuses."""

    def __init__(self) -> None:
        self.statuses: list[int] = []

    def was_refused(self, division: int | None, endpoint: str, *, now: datetime) -> bool:  # noqa: ARG002
        return False

    def held_until(self, division: int | None, endpoint: str, *, now: datetime) -> None:
        """Never."""

    def refused(self, division: int | None, endpoint: str, *, status: int, now: datetime) -> None:  # noqa: ARG002
        self.statuses.append(status)


def token_endpoint(vendor: Vendor, bounds: Bounds) -> TokenEndpoint:
    return TokenEndpoint(
        site_url=vendor.base_url,
        client_id="c",
        client_secret="s",
        refusals=NoRefusals(),
        bounds=bounds,
        sleep=lambda _: None,
    )


@pytest.mark.parametrize("reply", [*LARGE.values(), *SLOW.values()], ids=[*LARGE, *SLOW])
def test_the_token_endpoints_answers_have_the_same_bounds(bench: Bench, reply: Reply) -> None:
    bench.vendor.replies = [reply] * 4
    began = time.monotonic()
    with pytest.raises(UnavailableError, match="EXACT_ANSWER_"):
        token_endpoint(bench.vendor, Bounds(seconds=1, mb=1)).refresh("old")
    assert time.monotonic() - began < 15


KEPT = {
    "the connection broke after both": Reply(body=PAIR + b" " * 99, cut_at=len(PAIR)),
    "it is cut after both": Reply(body=PAIR[:60] + b" " * 99, cut_at=60),
    "it drips after both": Reply(body=PAIR + b" " * 10_000, pause_seconds=0.005),
    "it never ends after both": Reply(body=PAIR + b" " * 2**16, is_endless=True),
    "its gzip is cut": Reply(body=gzip.compress(PAIR)[:-4], headers=GZIP),
    "its gzip has garbage behind": Reply(body=gzip.compress(PAIR) + b"garbage", headers=GZIP),
    "it is inside something else": Reply(body=b'{"d":' + PAIR + b"}"),
    "it is in a list": Reply(body=b"[" + PAIR + b"]"),
    "it has other types": Reply(body=PAIR[:-1] + b',"access_token":"acc","token_type":7}'),
    "it is UTF-16": Reply(body=PAIR.decode().encode("utf-16")),
    "it is UTF-8 with a mark": Reply(body=PAIR.decode().encode("utf-8-sig")),
    "it was created": Reply(status=201, body=PAIR),
    "its headers are odd": Reply(body=PAIR, headers={"Date": "soon", "Content-Type": "image/png"}),
}


@pytest.mark.parametrize("reply", KEPT.values(), ids=KEPT)
def test_a_pair_that_came_is_kept_whatever_became_of_the_rest(bench: Bench, reply: Reply) -> None:
    """The old refresh token is dead by then."""
    bench.vendor.replies = [reply]
    token = token_endpoint(bench.vendor, Bounds(seconds=2, mb=1)).refresh("old")
    assert (token.access_token, token.refresh_token) == ("acc", "ref!")


def test_half_a_pair_is_none(bench: Bench) -> None:
    old = b'{"error":"unauthorized_client","error_description":"Old refresh token used."}'
    bench.vendor.replies = [Reply(body=PAIR, cut_at=PAIR.index(b"ref!") + 2), Reply(status=401, body=old)]
    with pytest.raises(ReconnectError, match="lost on the way"):
        token_endpoint(bench.vendor, Bounds()).refresh("old")
