"""`exact-assets plan` as a user runs it, before and after calls and loads."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from exact_assets.catalogue import select
from exact_assets_tests.installation import Installation, installation

TABLES = "crm_accounts,transaction_lines,purchaseentry_purchase_entry_lines,vat_vat_codes,inventory_stock_positions"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("plan"), divisions=3, rows=300) as made:
        made.command("divisions", "refresh")
        yield made


def plan(place: Installation, *arguments: str, **environment: str) -> list[dict[str, Any]]:
    printed = place.command("plan", "--json", *arguments, **{"EXACT_TABLES": TABLES, **environment})
    return list(json.loads(printed))


@pytest.mark.long
def test_without_divisions_it_says_what_to_do(place: Installation) -> None:
    assert "divisions list" in place.command("plan", EXACT_TABLES=TABLES)
    assert plan(place) == []


@pytest.mark.long
def test_before_the_first_call_quota_and_sizes_are_unknown(place: Installation) -> None:
    (found,) = plan(place, "--division", "100003")
    assert (found["is_limit_assumed"], found["day_limit"], found["used_today"]) == (True, 5000, None)
    assert len(found["unknown_loads"]) == 6
    assert found["calls_a_day"] == 5 * 4 + 24 + 4
    printed = place.command("plan", "--division", "100003", EXACT_TABLES=TABLES)
    assert "5,000 ?" in printed
    assert "Exact has not told" in printed
    assert "--count" in printed
    assert place.simulator.control.calls(division=100003) == []


def test_counts_are_asked_for_with_one_call_for_each_table(place: Installation) -> None:
    (found,) = plan(place, "--division", "100002", "--count")
    assert len(place.simulator.control.calls(division=100002)) == 6
    assert found["unknown_loads"] == []
    by_name = {one["table"]: one for one in found["tables"]}
    ledger, lines = (select(name)[0] for name in ("transaction_lines", "purchaseentry_purchase_entry_lines"))
    rows = len(place.truth(ledger, 100002))
    headers = len(place.headers(lines, 100002))
    assert by_name[ledger.name]["load_calls"] == -(-rows // 1000)
    assert by_name[lines.name]["load_calls"] == -(-headers // 60)
    assert (found["is_limit_assumed"], found["used_today"]) == (False, 6)
    assert found["loaded_by"] is not None


def test_a_table_that_exact_refuses_to_count_stays_unknown(place: Installation) -> None:
    place.simulator.control.set(unlicensed_services=("crm",))
    try:
        (found,) = plan(place, "--division", "100002", "--count")
    finally:
        place.simulator.control.set(unlicensed_services=())
    assert found["unknown_loads"] == ["crm_accounts"]
    assert len(found["tables"]) == 6


@pytest.mark.long
def test_the_limits_that_exact_reports_are_taken_and_what_does_not_fit_comes_with_a_way_out(
    place: Installation,
) -> None:
    place.command("divisions", "enable", "100001")
    place.simulator.control.set(day_limit=100)
    try:
        (found,) = plan(place, "--count", EXACT_FREQUENCIES="all=1h")
        printed = place.command("plan", EXACT_TABLES=TABLES, EXACT_FREQUENCIES="all=1h")
    finally:
        place.simulator.control.set(day_limit=5000)
    assert (found["division"], found["day_limit"], found["reserve"]) == (100001, 100, 5)
    assert (found["calls_a_day"], found["fits"]) == (5 * 24 + 24 + 4, False)
    assert "NO" in printed
    pairs = printed.split('EXACT_FREQUENCIES: "')[1].split('"')[0]
    (after,) = plan(place, EXACT_FREQUENCIES=f"all=1h,{pairs}")
    assert after["fits"], "what it advises fits"


def test_a_division_that_is_not_in_the_list_is_refused(place: Installation) -> None:
    with pytest.raises(AssertionError, match="no division 999"):
        plan(place, "--division", "999")


def test_counts_need_a_connection(place: Installation) -> None:
    with pytest.raises(AssertionError, match="EXACT_CLIENT_ID"):
        plan(place, "--division", "100002", "--count", EXACT_CLIENT_ID="")
