"""Who is let in: tokens, divisions, scopes, licences, quota, blocks, overlaps."""

import threading

import httpx
import pytest

from exact_assets_tests.simulator.conftest import FIRST, SECOND, THIRD, Get, inside, message
from exact_simulator.process import Simulator


@pytest.mark.parametrize("authorization", ["Bearer nonsense", ""])
def test_an_unknown_token_is_unauthorized(get: Get, authorization: str) -> None:
    answer = get("crm/Accounts", authorization=authorization)
    assert (answer.status_code, message(answer)) == (401, "Unauthorized")
    assert answer.headers["reason"]


def test_an_expired_token_is_unauthorized(get: Get, simulator: Simulator) -> None:
    simulator.control.set(unauthorized_body="empty")
    simulator.control.advance(601)
    answer = get("crm/Accounts")
    assert (answer.status_code, answer.content) == (401, b"")


def test_a_revoked_token_is_unauthorized(get: Get, simulator: Simulator) -> None:
    simulator.control.revoke()
    assert get("crm/Accounts").status_code == 401


def test_me_knows_no_division(api: httpx.Client) -> None:
    assert api.get("/api/v1/current/Me").status_code == 200
    assert api.get(f"/api/v1/{FIRST}/current/Me").status_code == 404


def test_me_names_the_division_and_the_server_time(api: httpx.Client, simulator: Simulator) -> None:
    simulator.control.freeze(1782404890.063)  # 2026-06-25 16:28:10 UTC, summer time
    simulator.control.set(current_division=SECOND)
    token = simulator.control.tokens()["access_token"]
    answer = api.get("/api/v1/current/Me", headers={"Authorization": f"Bearer {token}"})
    (row,) = inside(answer)["results"]
    assert (row["ServerTime"], row["ServerUtcOffset"]) == ("2026-06-25T18:28:10", 7200)
    assert row["CurrentDivision"] == SECOND


@pytest.mark.parametrize("reason", ["BlockedCustomer", "LicenseExpired", "DivisionBlocked", "NoDivisionAccess"])
def test_a_refused_division_is_forbidden_with_its_reason(get: Get, simulator: Simulator, reason: str) -> None:
    simulator.control.set(refused_divisions={FIRST: reason})
    answer = get("crm/Accounts")
    assert (answer.status_code, answer.headers["reason"]) == (403, reason)
    assert message(answer).startswith("Forbidden")


def test_an_unknown_division_is_out_of_scope(api: httpx.Client) -> None:
    answer = api.get("/api/v1/999999/crm/Accounts")
    assert (answer.status_code, message(answer)) == (403, "Forbidden - User division is not within division scope.")


def test_a_hidden_division_is_neither_listed_nor_served(api: httpx.Client, simulator: Simulator) -> None:
    simulator.control.set(hidden_divisions=[SECOND])
    listed = [row["Code"] for row in inside(api.get(f"/api/v1/{FIRST}/system/Divisions?$select=Code"))["results"]]
    assert listed == [FIRST, THIRD]
    assert api.get(f"/api/v1/{SECOND}/crm/Accounts").status_code == 403
    assert len(inside(api.get(f"/api/v1/{FIRST}/system/AllDivisions?$select=Code"))["results"]) == 3


def test_the_division_in_the_list_of_divisions_is_not_looked_at(api: httpx.Client, simulator: Simulator) -> None:
    simulator.control.set(hidden_divisions=[SECOND])
    assert len(inside(api.get(f"/api/v1/{SECOND}/system/Divisions?$select=Code"))["results"]) == 2
    simulator.control.set(divisions_url_checked=True)
    assert api.get(f"/api/v1/{SECOND}/system/Divisions?$select=Code").status_code == 403


@pytest.mark.parametrize("path", ["crm/Accounts", "sync/CRM/Accounts", "bulk/CRM/Accounts"])
def test_a_missing_scope_closes_a_service(get: Get, simulator: Simulator, path: str) -> None:
    simulator.control.set(missing_scopes=["crm"])
    answer = get(f"{path}?$select=ID")
    assert (answer.status_code, message(answer)) == (403, "Forbidden - Application Scope Violated. Cannot read")
    assert get("financial/GLAccounts?$select=ID").status_code == 200


def test_an_unlicensed_module_is_forbidden(get: Get, simulator: Simulator) -> None:
    simulator.control.set(unlicensed_services=["project"])
    answer = get("project/Projects?$select=ID")
    assert (answer.status_code, message(answer)) == (403, "Forbidden")


def test_a_blocked_user_gets_nowhere(get: Get, simulator: Simulator) -> None:
    simulator.control.set(user_block="BlockedUser")
    assert get("crm/Accounts").headers["reason"] == "BlockedUser"


@pytest.mark.parametrize("path", ["crm/Nothing", "nothing", "webhooks/WebhookTopics", "crm/Accounts/Nothing"])
def test_an_unknown_resource_is_not_found(get: Get, path: str) -> None:
    assert get(path).status_code == 404


def test_a_wrong_method_is_not_allowed(api: httpx.Client) -> None:
    assert api.post(f"/api/v1/{FIRST}/sync/CRM/Accounts", json={}).status_code == 405
    assert api.delete(f"/api/v1/{FIRST}/bulk/CRM/Accounts").status_code == 405


def test_an_endpoint_without_get_is_not_read(get: Get) -> None:
    assert get("salesinvoice/PrintedSalesInvoices").status_code == 405


def test_a_url_may_be_too_long(get: Get) -> None:
    assert get(f"crm/Accounts?$select={'ID,' * 2000}ID").status_code == 404


def test_the_minute_runs_out_per_division(get: Get, api: httpx.Client, simulator: Simulator) -> None:
    simulator.control.freeze(1683879505)
    simulator.control.set(minute_limit=2)
    api.headers["Authorization"] = f"Bearer {simulator.control.tokens()['access_token']}"
    assert [get("crm/Accounts?$top=1").status_code for _ in range(3)] == [200, 200, 429]
    assert api.get(f"/api/v1/{SECOND}/crm/Accounts?$top=1").status_code == 200
    simulator.control.advance(35)
    assert get("crm/Accounts?$top=1").status_code == 200


@pytest.mark.parametrize(("limit", "headers"), [("minute_limit", "minutely-"), ("day_limit", "")])
def test_a_refusal_names_only_the_window_that_is_used_up(
    get: Get, simulator: Simulator, limit: str, headers: str
) -> None:
    simulator.control.set(**{limit: 0})
    answer = get("crm/Accounts")
    assert (answer.status_code, answer.content) == (429, b"")
    assert {name for name in answer.headers if "ratelimit" in name} == {
        f"x-ratelimit-{headers}limit",
        f"x-ratelimit-{headers}remaining",
        f"x-ratelimit-{headers}reset",
    }
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize(("body", "kind"), [("json", "application/json"), ("html", "text/html")])
def test_the_body_of_a_refusal_is_switchable(get: Get, simulator: Simulator, body: str, kind: str) -> None:
    simulator.control.set(minute_limit=0, too_many_body=body)
    assert get("crm/Accounts").headers["content-type"].startswith(kind)


def test_eleven_errors_block_the_endpoint_for_an_hour(get: Get, simulator: Simulator) -> None:
    statuses = [get("crm/Accounts?$top=x").status_code for _ in range(12)]
    assert statuses == [400] * 11 + [429]
    blocked = get("crm/Accounts?$top=1")
    assert blocked.status_code == 429
    assert not [name for name in blocked.headers if "ratelimit" in name]
    assert get("crm/Contacts?$top=1").status_code == 200
    simulator.control.set(blocked_answer="403")
    assert get("crm/Accounts?$top=1").status_code == 403


def test_expired_tokens_count_as_errors(get: Get, simulator: Simulator) -> None:
    for _ in range(11):
        get("crm/Accounts", authorization="Bearer nonsense")
    simulator.control.advance(601)
    assert [get("crm/Accounts").status_code for _ in range(11)] == [401] * 11


def test_a_second_call_in_flight_is_an_overlap(api: httpx.Client, simulator: Simulator) -> None:
    simulator.control.set(overlaps_refused=True)
    simulator.control.fault("slow", path="slowly", value=0.5)
    slow = threading.Thread(target=api.get, args=(f"/api/v1/{FIRST}/crm/Accounts?$top=1&slowly=1",))
    slow.start()
    while not simulator.control.calls(path="crm/Accounts"):
        pass
    assert api.get(f"/api/v1/{FIRST}/crm/Accounts?$top=1").status_code == 429
    assert api.get(f"/api/v1/{SECOND}/crm/Accounts?$top=1").status_code == 200
    slow.join()
    assert [call["is_overlap"] for call in simulator.control.calls(division=FIRST)] == [False, True]
    assert api.get(f"/api/v1/{FIRST}/crm/Accounts?$top=1").status_code == 200
