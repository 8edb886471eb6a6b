"""What is sent again of requests that change something, and what is not before somebody has looked."""

import pyarrow as pa
import pytest

from exact_assets.errors import (
    DayQuotaError,
    ForbiddenError,
    PagingError,
    RequestRefusedError,
    UnavailableError,
    UncertainWriteError,
    UnreachableError,
)
from exact_assets.exact.page import Decoded
from exact_assets.exact.question import Question
from exact_assets.exact.write import JsonBody, Write
from exact_assets_tests.exact.conftest import Bench
from exact_assets_tests.exact.fakes import token
from exact_assets_tests.exact.test_sending import MINUTE_END, PASSING, day_headers, minute_headers
from exact_assets_tests.exact.vendor import Reply, error

PATH = "/api/v1/{division}/documents/Documents"
ANSWER = Question(path=PATH, params={}, schema=pa.schema([("ID", pa.string())]), key=("ID",))
MADE = Reply(status=201, body={"d": {"ID": "a"}})
BODY = b'{"Subject":"a"}'


def write(bench: Bench, method: str = "POST", *, reads: bool = True) -> Decoded | None:
    asked = Write(method=method, body=JsonBody(content=BODY))
    answer = ANSWER if reads else None
    return bench.ask(lambda client: client.write(7, PATH, asked, answer=answer))


def test_a_request_is_sent_as_json_of_a_known_length(bench: Bench) -> None:
    bench.vendor.replies = [MADE]
    found = write(bench)
    assert found is not None
    assert found.rows.to_pylist() == [{"ID": "a"}]
    (asked,) = bench.vendor.asked
    assert (asked.method, asked.body, asked.headers["Content-Type"]) == ("POST", BODY, "application/json")
    assert (asked.headers["Content-Length"], "Transfer-Encoding" in asked.headers) == (str(len(BODY)), False)
    assert bench.ledger.booked == 1


@pytest.mark.parametrize("reply", PASSING.values(), ids=PASSING.keys())
def test_a_post_whose_answer_is_lost_is_sent_once(bench: Bench, reply: Reply) -> None:
    bench.vendor.replies = [reply, MADE]
    with pytest.raises(UncertainWriteError) as caught:
        write(bench)
    assert len(bench.vendor.asked) == bench.ledger.booked == 1
    assert "access-1" not in repr(caught.value) + str(caught.value.__cause__)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("reply", [PASSING["500"], PASSING["a reset"], PASSING["503 as HTML"]])
def test_what_does_the_same_when_it_is_sent_twice_is_tried_again(bench: Bench, method: str, reply: Reply) -> None:
    bench.vendor.replies = [reply, Reply(status=204)]
    assert write(bench, method, reads=False) is None
    assert [asked.body for asked in bench.vendor.asked] == [BODY, BODY]
    bench.vendor.replies = [reply] * 9
    with pytest.raises(UnavailableError):
        write(bench, method, reads=False)


def test_a_post_that_was_not_let_in_is_sent_again(bench: Bench) -> None:
    bench.tokens.following = token(2)
    bench.vendor.replies = [
        Reply(status=401),
        Reply(status=429, headers=minute_headers(0, resets_at=MINUTE_END)),
        MADE,
    ]
    assert write(bench) is not None
    assert [asked.body for asked in bench.vendor.asked] == [BODY] * 3
    assert bench.ledger.booked == 3


def test_a_post_is_tried_again_where_there_was_no_connection(bench: Bench) -> None:
    bench.vendor.base_url = "http://127.0.0.1:9"
    with pytest.raises(UnreachableError):
        write(bench)
    assert bench.ledger.booked == 5


@pytest.mark.parametrize(("status", "kind"), [(400, RequestRefusedError), (403, ForbiddenError)])
def test_a_refusal_is_no_lost_answer(bench: Bench, status: int, kind: type[Exception]) -> None:
    bench.vendor.replies = [error(status, "Mandatory: Subject")]
    with pytest.raises(kind, match="Mandatory: Subject"):
        write(bench)


def test_nothing_is_sent_when_the_day_is_used(bench: Bench) -> None:
    bench.vendor.replies = [Reply(status=429, headers=day_headers(0))]
    with pytest.raises(DayQuotaError):
        write(bench)
    with pytest.raises(DayQuotaError):
        write(bench)
    assert len(bench.vendor.asked) == 1


def test_a_file_is_fetched_from_the_same_host_only(bench: Bench) -> None:
    bench.vendor.replies = [Reply(body=b"content")]
    link = f"{bench.vendor.base_url}/docs/SysAttachment.aspx?ID=1"
    assert bench.ask(lambda client: client.file(7, link)) == b"content"
    with pytest.raises(PagingError, match="link to the file"):
        bench.ask(lambda client: client.file(7, "http://127.0.0.2:1/docs/SysAttachment.aspx?ID=1"))
    bench.vendor.replies = [Reply(status=302, headers={"Location": "http://127.0.0.2:1/x"})] * 9
    with pytest.raises(UnavailableError):
        bench.ask(lambda client: client.file(7, link))
    assert all("127.0.0.2" not in asked.target for asked in bench.vendor.asked)
