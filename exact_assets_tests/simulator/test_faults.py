"""Faults on cue: what the client sees, how often, and on which calls."""

from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from exact_assets_tests.simulator.conftest import FIRST, SECOND, Get, inside, message
from exact_simulator.faults import KINDS
from exact_simulator.process import Simulator

PATH = "financial/GLAccounts?$select=ID,Division,BalanceSide,AllowCostsInSales"


def test_a_fault_strikes_as_often_as_asked(get: Get, simulator: Simulator) -> None:
    simulator.control.fault("server_error", times=2, after=1)
    assert [get(PATH).status_code for _ in range(4)] == [200, 500, 500, 200]


def test_a_fault_strikes_only_what_it_matches(get: Get, api: httpx.Client, simulator: Simulator) -> None:
    simulator.control.fault("server_error", path="GLAcc.*select", division=SECOND, times=None)
    assert get(PATH).status_code == 200
    assert get("crm/Accounts?$top=1").status_code == 200
    assert api.get(f"/api/v1/{SECOND}/{PATH}").status_code == 500


def test_an_unknown_fault_is_refused(simulator: Simulator) -> None:
    with pytest.raises(ValueError, match="kind"):
        simulator.control.fault("nonsense")


def test_the_log_names_the_fault(get: Get, simulator: Simulator) -> None:
    simulator.control.fault("too_broad")
    get(PATH)
    assert simulator.control.calls()[-1]["fault"] == "too_broad"


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("scraper", None, (503, "<HTML>")),
        ("too_broad", None, (408, '"error"')),
        ("server_error", "Data already exists", (500, "Data already exists")),
        ("status", 599, (599, "")),
        ("minute_limit", None, (429, "")),
        ("day_limit", None, (429, "")),
        ("blocked", None, (429, "")),
        ("unauthorized", None, (401, "Unauthorized")),
        ("garbage", None, (200, '{"d":')),
        ("html", None, (200, "<html>")),
        ("empty_body", None, (200, "")),
    ],
)
def test_an_answer_is_replaced(
    get: Get, simulator: Simulator, kind: str, value: object, expected: tuple[int, str]
) -> None:
    simulator.control.fault(kind, value=value)
    answer = get(PATH)
    assert (answer.status_code, expected[1] in answer.text) == (expected[0], True)
    simulator.control.forget_quota()
    assert get(PATH).status_code == 200


def test_a_connection_is_reset(get: Get, simulator: Simulator) -> None:
    simulator.control.fault("reset")
    with pytest.raises(httpx.ReadError, match="reset by peer"):
        get(PATH)
    assert get(PATH).status_code == 200


def test_a_body_is_cut_in_the_middle(get: Get, simulator: Simulator) -> None:
    simulator.control.fault("cut_body")
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        get(PATH)
    assert get(PATH).status_code == 200


def test_an_answer_is_slow(get: Get, simulator: Simulator) -> None:
    simulator.control.fault("slow", value=0.2)
    assert get(PATH).elapsed.total_seconds() >= 0.2


def test_a_window_used_up_by_others_stays_so(get: Get, simulator: Simulator) -> None:
    simulator.control.freeze(1683879505)
    token = simulator.control.tokens()["access_token"]
    simulator.control.fault("minute_limit")
    assert get(PATH, authorization=f"Bearer {token}").status_code == 429
    assert get(PATH, authorization=f"Bearer {token}").status_code == 429
    simulator.control.advance(35)
    assert get(PATH, authorization=f"Bearer {token}").status_code == 200


def test_counters_may_be_stale(get: Get, simulator: Simulator) -> None:
    simulator.control.set(minute_limit=60)
    simulator.control.fault("stale_counters", value=49)
    simulator.control.freeze(1683879505)
    token = simulator.control.tokens()["access_token"]
    assert get(PATH, authorization=f"Bearer {token}").headers["x-ratelimit-minutely-remaining"] == "108"


def test_a_chain_repeats_itself(get: Get, api: httpx.Client, simulator: Simulator) -> None:
    simulator.control.fault("next_repeats")
    link = inside(get(PATH))["__next"]
    assert httpx.URL(link).path == f"/api/v1/{FIRST}/financial/GLAccounts"
    assert "skiptoken" not in link
    assert api.get(link).status_code == 200


def test_a_link_leads_to_another_host(get: Get, simulator: Simulator) -> None:
    simulator.control.fault("next_elsewhere")
    assert inside(get(PATH))["__next"].startswith("https://elsewhere.example.test/api/v1/")


def test_a_link_is_missing(get: Get, simulator: Simulator) -> None:
    simulator.control.fault("next_missing")
    assert "__next" not in inside(get(PATH))
    assert "__next" in inside(get(PATH))


def test_a_row_is_of_another_division(get: Get, simulator: Simulator) -> None:
    simulator.control.fault("wrong_division", value=42)
    divisions = {row["Division"] for row in inside(get(PATH))["results"]}
    assert divisions == {FIRST, 42}


def test_a_property_is_new(get: Get, simulator: Simulator) -> None:
    simulator.control.fault("unknown_property")
    assert all("AddedLater" in row for row in inside(get(PATH))["results"])


def test_a_property_is_missing(get: Get, simulator: Simulator) -> None:
    simulator.control.fault("missing_property", value="BalanceSide")
    assert not any("BalanceSide" in row for row in inside(get(PATH))["results"])


def test_a_value_is_out_of_range(get: Get, simulator: Simulator) -> None:
    simulator.control.fault("value_out_of_range")
    assert 2**70 in inside(get(PATH))["results"][0].values()


def test_rows_come_twice(get: Get, simulator: Simulator) -> None:
    simulator.control.fault("rows_twice")
    rows = [row["ID"] for row in inside(get(PATH))["results"]]
    assert len(rows) == 2 * len(set(rows))


@pytest.mark.parametrize(("kind", "counts"), [("rows_missing", True), ("rows_missing_counted", False)])
def test_rows_are_missing_and_are_counted_or_not(
    get: Get, simulator: Simulator, kind: str, *, counts: bool
) -> None:
    counted = f"{PATH}&$inlinecount=allpages"
    whole = inside(get(counted))
    simulator.control.fault(kind)
    empty = inside(get(counted))
    assert (empty["results"], "__next" in empty) == ([], False)
    assert empty["__count"] == (whole["__count"] if counts else "0")
    simulator.control.fault(kind, value=0.5)
    half = inside(get(counted))
    assert len(half["results"]) == len(whole["results"]) // 2
    assert int(half["__count"]) == (int(whole["__count"]) if counts else int(whole["__count"]) // 2)


def test_lines_are_missing_in_headers_that_come(get: Get, simulator: Simulator) -> None:
    path = "purchaseentry/PurchaseEntries?$select=EntryID,PurchaseEntryLines/ID&$expand=PurchaseEntryLines"
    whole = inside(get(path))["results"]
    assert all(header["PurchaseEntryLines"]["results"] for header in whole)
    simulator.control.fault("lines_missing")
    empty = inside(get(path))["results"]
    assert [header["EntryID"] for header in empty] == [header["EntryID"] for header in whole]
    assert not any(header["PurchaseEntryLines"]["results"] for header in empty)


def test_a_tampered_page_is_not_kept(get: Get, simulator: Simulator) -> None:
    before = get(PATH).content
    simulator.control.fault("unknown_property")
    get(PATH)
    assert get(PATH).content == before


def refresh(simulator: Simulator, token: str) -> httpx.Response:
    form = {
        "grant_type": "refresh_token",
        "refresh_token": token,
        "client_id": simulator.client_id,
        "client_secret": simulator.client_secret,
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    url = f"{simulator.base_url}/api/oauth2/token"
    return httpx.post(url, content=urlencode(form), headers=headers, trust_env=False)


def test_a_refresh_is_lost_after_it_was_done(simulator: Simulator) -> None:
    token = simulator.control.tokens()["refresh_token"]
    simulator.control.advance(600)
    simulator.control.fault("token_lost", path="token")
    before = simulator.control.refreshes()
    with pytest.raises(httpx.ReadError):
        refresh(simulator, token)
    assert simulator.control.refreshes() == before + 1
    assert refresh(simulator, token).json()["error_description"] == "Old refresh token used."


@pytest.mark.parametrize(
    ("kind", "status", "text"),
    [
        ("token_empty", 200, ""),
        ("token_gateway", 404, "Unable to identify proxy for host"),
        ("token_chain_broken", 400, "invalid or empty chainId"),
        ("scraper", 503, "<HTML>"),
        ("status", 500, ""),
    ],
)
def test_the_token_endpoint_fails_and_consumes_nothing(
    simulator: Simulator, kind: str, status: int, text: str
) -> None:
    token = simulator.control.tokens()["refresh_token"]
    simulator.control.advance(600)
    simulator.control.fault(kind, path="token", value=status)
    answer = refresh(simulator, token)
    assert (answer.status_code, text in answer.text) == (status, True)
    assert refresh(simulator, token).status_code == 200


def test_early_refreshes_may_block_the_token_endpoint(simulator: Simulator) -> None:
    simulator.control.set(token_errors_block=True)
    token = simulator.control.tokens()["refresh_token"]
    assert [refresh(simulator, token).status_code for _ in range(12)] == [400] * 11 + [429]


def test_a_fault_hits_the_first_call_of_the_api_and_leaves_the_rest(get: Get, simulator: Simulator) -> None:
    simulator.control.fault("server_error", value="A problem has occurred")
    assert message(get(PATH)) == "A problem has occurred"
    assert get(PATH).status_code == 200


def test_all_kinds_have_an_effect_here() -> None:
    """Each kind is played in a test of this file, or in that of what is written: a new one must be, too."""
    text = "".join(Path(__file__).with_name(name).read_text() for name in ("test_faults.py", "test_writes.py"))
    assert not [kind for kind in KINDS if f'"{kind}"' not in text]
