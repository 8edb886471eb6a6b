"""How a chain of pages is followed, and where it ends."""

import itertools
from typing import Any

import pyarrow as pa
import pytest

from exact_assets.errors import (
    AnswerError,
    DivisionNotGrantedError,
    PagingError,
    StaleLinkError,
    ValueRangeError,
    WrongDivisionError,
)
from exact_assets_tests.exact.conftest import PATH, SCHEMA, Bench
from exact_assets_tests.exact.vendor import Reply, error, page

ROW = {"ID": "a", "Division": 7}
LINK = "/api/v1/7/crm/Accounts?$select=ID&$skiptoken=datetime'2018-09-21T04%3A18%3A55.617',guid'cb'"


def test_a_link_is_followed_to_the_letter(bench: Bench) -> None:
    bench.vendor.replies = [page(ROW, following=bench.vendor.base_url + LINK), page()]
    assert [found.rows.num_rows for found in bench.pages()] == [1, 0]
    assert bench.vendor.targets[1] == LINK


@pytest.mark.parametrize("name", ["$skiptoken", "%24skiptoken"])
def test_both_spellings_of_the_skiptoken_are_followed(bench: Bench, name: str) -> None:
    link = f"/api/v1/7/crm/Accounts?{name}=12L"
    bench.vendor.replies = [page(ROW, following=bench.vendor.base_url + link), page()]
    bench.pages()
    assert bench.vendor.targets[1] == link


def test_a_chain_goes_on_from_a_link(bench: Bench) -> None:
    bench.vendor.replies = [page(ROW)]
    assert len(bench.pages(link=bench.vendor.base_url + LINK)) == 1
    assert bench.vendor.targets == [LINK]


def test_a_bare_list_is_the_last_page(bench: Bench) -> None:
    bench.vendor.replies = [Reply(body={"d": [ROW, ROW]})]
    (found,) = bench.pages()
    assert (found.rows.num_rows, found.next_link) == (2, None)


def test_a_single_entity_is_a_page_of_one_row(bench: Bench) -> None:
    bench.vendor.replies = [Reply(body={"d": {"__metadata": {"uri": "x"}, **ROW}})]
    assert bench.pages()[0].rows.to_pylist() == [ROW]


@pytest.mark.parametrize("body", [{"d": []}, {"d": {"results": []}}])
def test_an_empty_answer_is_an_empty_page(bench: Bench, body: object) -> None:
    bench.vendor.replies = [Reply(body=body)]
    assert [found.rows.num_rows for found in bench.pages()] == [0]


def test_a_chain_that_repeats_itself_is_refused_before_its_page_is_given(bench: Bench) -> None:
    link = f"{bench.vendor.base_url}{LINK}"
    bench.vendor.replies = [page(ROW, following=link), page(ROW, following=link)]
    seen, _ = bench.pages_until(PagingError)
    assert (len(seen), len(bench.vendor.asked)) == (1, 2)


@pytest.mark.parametrize(
    "link",
    [
        "http://127.0.0.1:1/api/v1/7/crm/Accounts",
        "http://start.exactonline.nl/api/v1/7/crm/Accounts",
        "https://start.exactonline.nl:8443/api/v1/7/crm/Accounts",
        "https://start.exactonline.nl@evil.example/api/v1/7/crm/Accounts",
        "https://start.exactonline.nl.evil.example/api/v1/7/crm/Accounts",
        "https://start.exactonline.nl",
        "http://127.0.0.1:{port}@evil.example/api/v1/7/crm/Accounts",
        "https://127.0.0.1:{port}/api/v1/7/crm/Accounts",
        "http://127.0.0.1:nan/x",
        "{site}/api/v1/7/crm/Accounts?a\nb",
        "{site}/api/v1/7/crm/Accounts?a\0b",
        "{site}/api/v1/7/crm/Accounts?" + "x" * 70_000,
        "/api/v1/7/crm/Accounts?relative",
    ],
)
def test_a_link_elsewhere_is_not_followed(bench: Bench, link: str) -> None:
    port = bench.vendor.base_url.rpartition(":")[2]
    bench.vendor.replies = [page(ROW, following=link.format(port=port, site=bench.vendor.base_url))]
    seen, _ = bench.pages_until(PagingError)
    assert seen == [], "nor is it stored, to be followed by the next run"
    assert len(bench.vendor.asked) == 1


@pytest.mark.parametrize(
    "link", ["https://evil.example/x", "http://[::1/x", "{site}0/api/v1/7/x", "https://{host}/api/v1/7/x"]
)
def test_a_resumed_link_elsewhere_gets_no_token(bench: Bench, link: str) -> None:
    site = bench.vendor.base_url
    bench.pages_until(StaleLinkError, link=link.format(site=site, host=site.rpartition("/")[2]))
    assert bench.vendor.asked == []


@pytest.mark.parametrize("host", ["start.exactonline.nl", "start.exactonline.co.uk:443", "START.exactonline.be"])
def test_behind_a_proxy_exacts_own_links_are_followed_through_it(bench: Bench, host: str) -> None:
    """Exact knows nothing of the proxy, and its links name its own host."""
    rest = "/api/v1/7/crm/Accounts?$select=ID&$skiptoken=guid'a',datetime'2026-01-01T00%3A00'"
    bench.vendor.replies = [page(ROW, following=f"https://{host}{rest}"), page(ROW), page(ROW)]
    found = bench.pages()
    assert len(found) == 2
    assert bench.pages(link=found[0].next_link)
    assert bench.vendor.targets[1:] == [rest, rest], "to the letter, and when it is resumed too"


def test_behind_a_proxy_a_chain_that_repeats_itself_is_seen(bench: Bench) -> None:
    following = "https://start.exactonline.nl/api/v1/7/crm/Accounts?x"
    bench.vendor.replies = [page(ROW, following=following)] * 3
    bench.pages_until(PagingError)
    assert len(bench.vendor.asked) == 2


def test_a_row_of_another_division_is_asked_for_once_more(bench: Bench) -> None:
    bench.vendor.replies = [page(ROW, {"ID": "b", "Division": 8}), page(ROW)]
    (found,) = bench.pages()
    assert (found.rows.num_rows, found.calls) == (1, 2)


def test_rows_of_another_division_are_never_given(bench: Bench) -> None:
    bench.vendor.replies = [page({"ID": "b", "Division": 8})] * 2
    seen, caught = bench.pages_until(WrongDivisionError)
    assert seen == []
    assert "than 7" in str(caught)


def test_rows_of_other_divisions_pass_where_they_are_meant_to(bench: Bench) -> None:
    bench.vendor.replies = [page({"ID": "b", "Division": 8})]
    assert bench.pages(check_division=False)[0].rows.num_rows == 1


def test_a_row_of_which_the_division_cannot_be_read_is_set_aside(bench: Bench) -> None:
    bench.vendor.replies = [page({"ID": "b", "Division": 2**40}, {"ID": "c", "Division": 7})]
    (found,) = bench.pages(key=("ID",))
    assert found.rows.column("ID").to_pylist() == ["c"]
    assert [(one.row, one.is_set_aside) for one in found.unfit] == [("ID b", True)]


@pytest.mark.parametrize("odd", [{"DivisionMoveDate": "/Date(-62198755200000)/"}, {"Code": "x"}, {"Code": None}])
def test_a_listing_of_divisions_in_which_a_value_does_not_fit_is_not_taken_for_one(
    bench: Bench, odd: dict[str, Any]
) -> None:
    me = {"CurrentDivision": 7, "FullName": "Ann", "ServerUtcOffset": 7200}
    bench.vendor.replies = [page(me), page({"Code": 7, **odd}, {"Code": 8})]
    with pytest.raises(ValueRangeError, match="system/Divisions"):
        bench.ask(lambda client: client.divisions())


def test_all_pages_of_divisions_are_read(bench: Bench) -> None:
    me = {"CurrentDivision": 7, "FullName": "Ann", "ServerUtcOffset": 7200}
    first = {"Code": 7, "Hid": "1", "Legislation": "NL ", "Current": True, "DivisionMoveDate": "/Date(0)/"}
    following = f"{bench.vendor.base_url}/api/v1/7/system/Divisions?$skiptoken=7"
    bench.vendor.replies = [page(me), page(first, following=following), page({"Code": 8})]
    found = bench.ask(lambda client: client.divisions())
    assert [division.code for division in found] == [7, 8]
    assert (found[0].hid, found[0].legislation, found[0].is_current) == (1, "NL", True)


def test_divisions_that_cannot_be_listed_name_the_current_one(bench: Bench) -> None:
    bench.vendor.replies = [page({"CurrentDivision": 7}), error(403, "Forbidden")]
    with pytest.raises(DivisionNotGrantedError, match="current division 7"):
        bench.ask(lambda client: client.divisions())


def test_a_small_answer_keeps_its_digits(bench: Bench) -> None:
    bench.vendor.replies = [Reply(body=b'{"d":[{"Amount":0.10000000000000001}]}')]
    found = bench.ask(lambda client: client.get("/api/v1/{division}/read/x", {"a": "1"}, division=7))
    assert str(found[0]["Amount"]) == "0.10000000000000001"


@pytest.mark.parametrize(
    ("inside", "count"),
    [
        ({"__count": "1234", "results": []}, 1234),
        ({"__count": 7, "results": []}, 7),
        ({"results": []}, None),
        ({"__count": "many", "results": []}, None),
    ],
)
def test_a_count_is_read_from_beside_the_rows(bench: Bench, inside: object, count: int | None) -> None:
    bench.vendor.replies = [Reply(body={"d": inside})]
    assert bench.ask(lambda client: client.count(7, PATH, {"$select": "ID"})) == count
    assert bench.vendor.targets == ["/api/v1/7/crm/Accounts?$select=ID&$top=1&$inlinecount=allpages"]


def test_a_bare_list_has_no_count_and_a_page_is_asked_for_that_has(bench: Bench) -> None:
    bench.vendor.replies = [Reply(body={"d": [ROW]}), Reply(body={"d": {"__count": "2", "results": [ROW, ROW]}})]
    assert bench.ask(lambda client: client.count(7, PATH, {"$select": "ID"})) == 2
    assert bench.vendor.targets[1] == "/api/v1/7/crm/Accounts?$select=ID&$inlinecount=allpages"


def test_lists_alone_give_no_count(bench: Bench) -> None:
    bench.vendor.replies = [Reply(body={"d": [ROW]}), Reply(body={"d": [ROW]})]
    assert bench.ask(lambda client: client.count(7, PATH, {"$select": "ID"})) is None


@pytest.mark.parametrize(
    "me",
    ["{}", '{"CurrentDivision":true}', '{"CurrentDivision":"7"}', '{"CurrentDivision":1e400}', "[]", '"x"']
    + [f'{{"CurrentDivision":{number}}}' for number in ("9" * 30, "-1", "7.5", "9" * 4000)],
    ids=lambda text: text[:40],
)
def test_a_user_without_a_usable_division_is_an_error(bench: Bench, me: str) -> None:
    bench.vendor.replies = [Reply(body=f'{{"d":{{"results":[{me}]}}}}'.encode())]
    with pytest.raises(AnswerError, match="current/Me"):
        bench.ask(lambda client: client.me())


@pytest.mark.parametrize(
    "offset", ["1e999999999", "1e-999999999999999999999", '"soon"', "7200.5", "9" * 4000, "true"]
)
def test_an_offset_that_no_clock_has_is_unknown(bench: Bench, offset: str) -> None:
    """`int` of the first would compute a number of a billion digits."""
    bench.vendor.replies = [Reply(body=f'{{"d":[{{"CurrentDivision":7,"ServerUtcOffset":{offset}}}]}}'.encode())]
    assert bench.ask(lambda client: client.me()).server_utc_offset_seconds is None


@pytest.mark.parametrize("count", ["9" * 5000, "1e999999999", "-1", "many", "1.5", "\u0661"])
def test_a_count_that_is_none_is_unknown(bench: Bench, count: str) -> None:
    bench.vendor.replies = [Reply(body={"d": {"results": [], "__count": count}})]
    assert bench.ask(lambda client: client.count(7, PATH, {})) is None


def test_lists_in_lists_in_a_small_answer_are_an_error(bench: Bench) -> None:
    bench.vendor.replies = [Reply(body=b'{"d":' + b"[" * 2_000 + b"]" * 2_000 + b"}")]
    with pytest.raises(AnswerError, match="lists in lists"):
        bench.ask(lambda client: client.get("/api/v1/{division}/read/x", division=7))


@pytest.mark.parametrize("rows", [20, 21])
def test_pages_without_rows_do_not_go_on_for_ever(bench: Bench, rows: int) -> None:
    site = bench.vendor.base_url
    numbers = itertools.count()

    def empty() -> Reply:
        return page(following=f"{site}/api/v1/7/crm/Accounts?$skiptoken={next(numbers)}")

    full = page(ROW, following=f"{site}/api/v1/7/crm/Accounts?$skiptoken=full")
    bench.vendor.replies = [*[empty] * (rows - 2), full, *[empty] * 40]
    _, caught = bench.pages_until(PagingError)
    assert "20 pages in a row of division 7 hold no rows" in str(caught)
    assert len(bench.vendor.asked) == rows - 1 + 20


@pytest.mark.parametrize("row", ["{}", '{"ID":1}', '{"ID":{}}'])
def test_rows_of_almost_nothing_by_the_million_are_refused_before_they_take_memory(bench: Bench, row: str) -> None:
    schema = pa.schema([pa.field(f"Property{number}", pa.string()) for number in range(75)] + [*SCHEMA])
    bench.vendor.replies = [Reply(body=f'{{"d":{{"results":[{",".join([row] * 300_000)}]}}}}'.encode())]
    _, caught = bench.pages_until(AnswerError, schema=schema)
    assert "300,000 rows in" in str(caught)


def test_rows_of_few_properties_are_taken_however_many_they_are(bench: Bench) -> None:
    """Lists of Exact's that have no pages."""
    rows = ",".join(f'{{"ID":"{number}","Division":7}}' for number in range(600_000))
    bench.vendor.replies = [Reply(body=f'{{"d":[{rows}]}}'.encode())]
    (found,) = bench.pages()
    assert found.rows.num_rows == 600_000
