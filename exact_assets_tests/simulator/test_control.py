"""The admin API: changes, switches, time, and the log of calls."""

import httpx
import pytest

from exact_assets_tests.simulator.conftest import FIRST, SECOND, Get, inside
from exact_simulator.process import Simulator

SYNC = "sync/CRM/Accounts?$select=ID,Timestamp&$filter=Timestamp gt"


def newest(simulator: Simulator, path: str) -> int:
    return max(int(row["Timestamp"]) for row in simulator.control.rows(path, FIRST))


def since(get: Get, timestamp: int) -> list[str]:
    return [row["ID"] for row in inside(get(f"{SYNC} {timestamp}L"))["results"]]


def test_what_is_inserted_is_served(get: Get, simulator: Simulator) -> None:
    before = newest(simulator, "sync/CRM/Accounts")
    keys = simulator.control.insert("crm/Accounts", FIRST, count=2)
    assert sorted(since(get, before)) == sorted(keys)


def test_what_is_updated_comes_again(get: Get, simulator: Simulator) -> None:
    before = newest(simulator, "sync/CRM/Accounts")
    (key,) = simulator.control.update("crm/Accounts", FIRST, values={"Name": "Renamed"})
    assert since(get, before) == [key]
    assert inside(get(f"crm/Accounts(guid'{key}')?$select=Name"))["Name"] == "Renamed"


def test_what_is_deleted_is_gone_and_logged(get: Get, simulator: Simulator) -> None:
    (key,) = simulator.control.insert("crm/Accounts", FIRST)
    simulator.control.delete("crm/Accounts", FIRST, keys=[key])
    assert get(f"crm/Accounts(guid'{key}')").status_code == 404
    log = {row["EntityKey"]: row["EntityType"] for row in simulator.control.rows("sync/Deleted", FIRST)}
    assert log[key] == 2


def test_a_deletion_is_forgotten_after_two_months(get: Get, simulator: Simulator) -> None:
    (key,) = simulator.control.insert("crm/Accounts", FIRST)
    simulator.control.delete("crm/Accounts", FIRST, keys=[key])
    simulator.control.advance(59 * 86400)
    assert key in [row["EntityKey"] for row in simulator.control.rows("sync/Deleted", FIRST)]
    simulator.control.advance(3 * 86400)
    token = simulator.control.tokens()["access_token"]
    page = inside(get("sync/Deleted?$filter=Timestamp gt 1L", authorization=f"Bearer {token}"))
    assert key not in [row["EntityKey"] for row in page["results"]]


def test_a_page_rendered_before_a_change_is_not_served_after_it(get: Get, simulator: Simulator) -> None:
    path = "crm/Accounts?$select=ID,Name&$orderby=ID"
    before = get(path).content
    simulator.control.update("crm/Accounts", FIRST, count=1, values={"Name": "Changed meanwhile"})
    assert get(path).content != before


def test_a_late_row_has_a_lower_timestamp_than_one_seen_before(get: Get, simulator: Simulator) -> None:
    simulator.control.mutate("surface_late", endpoint="crm/Accounts", division=FIRST)
    seen = newest(simulator, "sync/CRM/Accounts")
    (key,) = simulator.control.mutate("release_late")
    assert since(get, seen) == []
    stamps = {row["ID"]: row["Timestamp"] for row in simulator.control.rows("sync/CRM/Accounts", FIRST)}
    assert stamps[key] < seen


def test_a_moved_division_has_new_timestamps_and_says_when(get: Get, simulator: Simulator) -> None:
    seen = newest(simulator, "sync/CRM/Accounts")
    simulator.control.mutate("move_division", division=FIRST)
    assert min(row["Timestamp"] for row in simulator.control.rows("sync/CRM/Accounts", FIRST)) > seen
    moved = {row["Code"]: row["DivisionMoveDate"] for row in inside(get("system/Divisions"))["results"]}
    assert moved[FIRST] is not None
    assert moved[SECOND] is None


@pytest.mark.parametrize(
    ("action", "arguments"),
    [
        ("nonsense", {}),
        ("connect", {}),
        ("insert", {"endpoint": "crm/Nothing", "division": FIRST}),
        ("insert", {"endpoint": "crm/Accounts", "division": 5}),
        ("update", {"endpoint": "crm/Accounts", "division": FIRST, "values": {"Nothing": 1}}),
    ],
)
def test_an_impossible_change_is_refused(simulator: Simulator, action: str, arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        simulator.control.mutate(action, **arguments)


def test_the_date_header_follows_the_simulators_clock(get: Get, simulator: Simulator) -> None:
    simulator.control.freeze(1683879505)
    assert get("crm/Accounts").headers.get_list("date") == ["Fri, 12 May 2023 08:18:25 GMT"]


def test_time_goes_on_from_where_it_is_put(simulator: Simulator) -> None:
    control = simulator.control
    control.freeze(1683879505)
    assert control.now() == pytest.approx(1683879505)
    control.advance(86400)
    assert control.now() == pytest.approx(1683879505 + 86400)
    control.thaw()
    assert control.now() >= 1683879505 + 86400


def test_rows_are_modified_at_the_simulators_time(simulator: Simulator) -> None:
    simulator.control.freeze(1782404890.063)  # 16:28:10 UTC, 18:28:10 on the wall in Amsterdam
    (key,) = simulator.control.insert("crm/Accounts", FIRST)
    (row,) = [row for row in simulator.control.rows("crm/Accounts", FIRST) if row["ID"] == key]
    assert row["Modified"] == pytest.approx(1782404890063 + 7_200_000, abs=1)


def test_a_switch_that_is_none_is_refused(simulator: Simulator) -> None:
    with pytest.raises(ValueError, match="minute_limits"):
        simulator.control.set(minute_limits=5)


def test_the_log_tells_what_was_asked_by_whom(get: Get, simulator: Simulator) -> None:
    answer = get("crm/Accounts?$top=1&$select=ID")
    (call,) = simulator.control.calls(path="crm/Accounts", division=FIRST)
    assert (call["method"], call["status"], call["bytes"]) == ("GET", 200, len(answer.content))
    assert (call["query"], call["client"]) == ("$top=1&$select=ID", simulator.client_id)


def test_no_token_gets_into_the_log(api: httpx.Client, simulator: Simulator) -> None:
    query = {"client_id": simulator.client_id, "redirect_uri": simulator.redirect_uri, "response_type": "code"}
    answer = api.get("/api/oauth2/auth", params=query | {"state": "s3cret"})
    code = httpx.URL(answer.headers["location"]).params["code"]
    assert not [call for call in simulator.control.calls() if code in str(call) or "s3cret" in str(call)]


def test_quota_used_is_told_per_division(get: Get, simulator: Simulator) -> None:
    for _ in range(3):
        get("crm/Accounts?$top=1")
    (quota,) = simulator.control.quota()
    assert (quota["division"], quota["day"]["used"]) == (FIRST, 3)
