"""Collections: what `$select`, `$top`, `$skip`, `$expand` and their fellows give, and which shape `d` has."""

import re
from typing import Any

import httpx
import pytest

from exact_assets_tests.simulator.conftest import FIRST, Get, chain, inside, message
from exact_simulator.process import Simulator

SYNTAX = "Bad Request - Error in query syntax."
SELECT_OR_TOP = "Please add a $select or a $top=1 statement to the query string."


def test_without_top_there_are_results(get: Get) -> None:
    page = inside(get("crm/Accounts?$select=ID"))
    assert page.keys() <= {"results", "__next"}


@pytest.mark.parametrize("top", [1, 3, 60])
def test_top_within_a_page_gives_a_bare_list(get: Get, top: int) -> None:
    assert len(inside(get(f"financial/GLAccounts?$select=ID&$top={top}"))) == top


def test_top_beyond_a_page_gives_results_and_the_remainder(get: Get, api: httpx.Client) -> None:
    first = inside(get("financial/GLAccounts?$select=ID&$top=61"))
    assert len(first["results"]) == 60
    assert "$top=1&" in first["__next"]
    second = inside(api.get(first["__next"]))
    assert len(second["results"]) == 1
    assert "__next" not in second


def test_the_shape_of_a_short_list_is_switchable(get: Get, simulator: Simulator) -> None:
    simulator.control.set(top_shape="results")
    assert len(inside(get("crm/Accounts?$select=ID&$top=1"))["results"]) == 1


def test_an_empty_collection_has_empty_results(get: Get) -> None:
    nothing = "ID eq guid'00000000-0000-0000-0000-000000000000'"
    assert inside(get(f"crm/Accounts?$filter={nothing}")) == {"results": []}


def test_without_order_rows_come_by_key(get: Get, api: httpx.Client) -> None:
    keys = [row["ID"] for row in chain(api, f"/api/v1/{FIRST}/financial/GLAccounts?$select=ID")]
    assert keys == sorted(keys)
    assert len(keys) > 60


def test_without_order_the_skip_token_is_the_key(get: Get) -> None:
    page = inside(get("financial/GLAccounts?$select=ID"))
    assert page["__next"].endswith(f"?$select=ID&$skiptoken=guid'{page['results'][-1]['ID']}'")


def test_a_full_last_page_may_have_a_link_to_nothing(api: httpx.Client, simulator: Simulator) -> None:
    count = len(simulator.control.rows("crm/Accounts", FIRST))
    simulator.control.set(page_size_cap=count)
    path = f"/api/v1/{FIRST}/crm/Accounts?$select=ID"
    assert "__next" not in inside(api.get(path))
    simulator.control.set(full_page_has_next=True)
    assert inside(api.get(inside(api.get(path))["__next"])) == {"results": []}


def test_skip_leaves_out_the_first(api: httpx.Client) -> None:
    path = f"/api/v1/{FIRST}/financial/GLAccounts?$select=ID"
    whole = [row["ID"] for row in chain(api, path)]
    assert [row["ID"] for row in chain(api, f"{path}&$skip=7")] == whole[7:]


def test_skip_may_not_be_supported(get: Get, simulator: Simulator) -> None:
    simulator.control.set(skip_supported=False)
    assert get("crm/Accounts?$skip=5").status_code == 400


@pytest.mark.parametrize(
    ("switch", "with_top", "without"),
    [("always", True, True), ("not_in_lists", False, True), ("never", False, False)],
)
def test_whether_a_list_has_a_count_is_switchable(
    get: Get, simulator: Simulator, switch: str, *, with_top: bool, without: bool
) -> None:
    simulator.control.set(inline_count=switch)
    for top, has_count in (("&$top=1", with_top), ("", without)):
        page = inside(get(f"crm/Accounts?$select=ID{top}&$inlinecount=allpages"))
        assert ("__count" in page if isinstance(page, dict) else False) is has_count


def test_the_count_is_a_string(get: Get, simulator: Simulator) -> None:
    count = len(simulator.control.rows("crm/Accounts", FIRST))
    page = inside(get("crm/Accounts?$select=ID&$top=1&$inlinecount=allpages"))
    assert page["__count"] == str(count)
    answer = get("crm/Accounts/$count")
    assert (answer.text, answer.headers["content-type"].partition(";")[0]) == (str(count), "text/plain")


def test_descending_order_ends_with_the_nulls(api: httpx.Client) -> None:
    rows = chain(
        api, f"/api/v1/{FIRST}/crm/Contacts?$select=ID,JobTitleDescription&$orderby=JobTitleDescription desc"
    )
    values = [row["JobTitleDescription"] or "" for row in rows]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize(
    "query",
    [
        "$select=ID,Nothing",
        "$select=",
        "$select=BankAccounts/ID",
        "$orderby=Nothing",
        "$orderby=ID sideways",
        "$top=-1",
        "$top=many",
        "$expand=Nothing",
        "$skiptoken=5L,6L",
        "$skiptoken='",
        "$filter=Nothing eq 1",
        "$nonsense=1",
        "$top=1&$top=2",
        "unknown=1",
        "$inlinecount=some",
    ],
)
def test_a_malformed_query_is_refused(get: Get, query: str) -> None:
    answer = get(f"crm/Accounts?{query}")
    assert (answer.status_code, message(answer)) == (400, SYNTAX)


def test_errors_come_in_an_envelope_with_white_space(get: Get) -> None:
    answer = get("crm/Accounts?$top=x")
    assert answer.json() == {"error": {"code": "", "message": {"lang": "", "value": SYNTAX}}}
    assert "\r\n" in answer.text


@pytest.mark.parametrize(
    "path", ["bulk/CRM/Accounts", "bulk/CRM/Accounts?$top=2", "sync/Logistics/Items?$select=*"]
)
def test_some_endpoints_want_a_select(get: Get, path: str) -> None:
    answer = get(path)
    assert (answer.status_code, message(answer)) == (400, SELECT_OR_TOP)


def test_top_one_does_instead_of_a_select(get: Get) -> None:
    assert len(inside(get("bulk/CRM/Accounts?$top=1"))) == 1


def test_a_star_selects_all_but_the_collections(get: Get) -> None:
    (row,) = inside(get("crm/Accounts?$select=*&$top=1"))
    assert "BankAccounts" not in row
    assert len(row) > 150


def test_rows_have_their_properties_in_the_order_of_the_model(get: Get) -> None:
    (row,) = inside(get("crm/Accounts?$select=Name,Email,ID&$top=1"))
    assert list(row) == ["__metadata", "ID", "Email", "Name"]


def test_collections_are_deferred_until_they_are_expanded(get: Get) -> None:
    (row,) = inside(get("salesentry/SalesEntries?$top=1"))
    assert row["SalesEntryLines"] == {"__deferred": {"uri": f"{row['__metadata']['uri']}/SalesEntryLines"}}


def test_an_expanded_collection_holds_the_rows_of_its_parent(get: Get, simulator: Simulator) -> None:
    truth = simulator.control.rows("salesentry/SalesEntryLines", FIRST)
    page = inside(get("salesentry/SalesEntries?$select=EntryID,SalesEntryLines/ID&$expand=SalesEntryLines"))
    for row in page["results"]:
        expected = sorted(line["ID"] for line in truth if line["EntryID"] == row["EntryID"])
        lines = row["SalesEntryLines"]["results"]
        assert [line["ID"] for line in lines] == expected
        assert lines[0].keys() == {"__metadata", "ID"}


def test_an_expanded_collection_may_have_pages_of_its_own(
    get: Get, api: httpx.Client, simulator: Simulator
) -> None:
    path = "salesentry/SalesEntries?$top=5&$expand=SalesEntryLines&$select=EntryID,SalesEntryLines/ID"
    whole = [row["SalesEntryLines"]["results"] for row in inside(get(path))]
    simulator.control.set(expanded_page_size=1)
    for row, lines in zip(inside(get(path)), whole, strict=True):
        found = row["SalesEntryLines"]
        rest = chain(api, found["__next"]) if "__next" in found else []
        assert found["results"] + rest == lines


def test_the_deferred_address_gives_the_same_rows(get: Get, api: httpx.Client) -> None:
    (row,) = inside(get("salesentry/SalesEntries?$top=1&$expand=SalesEntryLines"))
    deferred = inside(api.get(f"{row['__metadata']['uri']}/SalesEntryLines"))
    assert deferred == row["SalesEntryLines"]


def test_a_row_is_served_by_its_key(get: Get, api: httpx.Client) -> None:
    (row,) = inside(get("crm/Accounts?$select=ID,Name&$top=1"))
    assert inside(api.get(f"{row['__metadata']['uri']}?$select=ID,Name")) == row


_KEYS = ("system/Divisions", "sync/CRM/Accounts", "documents/DocumentTypes", "openingbalance/CurrentYear/Processed")


_KEYS = ("system/Divisions", "sync/CRM/Accounts", "documents/DocumentTypes", "openingbalance/CurrentYear/Processed")


@pytest.mark.parametrize("path", _KEYS)
def test_every_kind_of_key_finds_its_row(get: Get, api: httpx.Client, path: str) -> None:
    (row,) = inside(get(f"{path}?$top=1"))
    assert inside(api.get(row["__metadata"]["uri"])) == row


def test_an_unknown_key_is_not_found(get: Get) -> None:
    assert get("crm/Accounts(guid'00000000-0000-0000-0000-000000000000')").status_code == 404


def test_a_malformed_key_is_refused(get: Get) -> None:
    answer = get("crm/Accounts(guid'')")
    assert (answer.status_code, message(answer)) == (400, "Unrecognized 'Edm.Guid' literal 'guid''' in '0'.")


def test_a_code_is_found_with_its_padding_only(get: Get) -> None:
    (row,) = inside(get("crm/Accounts?$select=ID,Code&$top=1"))
    assert len(row["Code"]) == 18
    assert inside(get(f"crm/Accounts?$select=ID,Code&$filter=Code eq '{row['Code']}'"))["results"] == [row]
    assert inside(get(f"crm/Accounts?$select=ID&$filter=Code eq '{row['Code'].strip()}'")) == {"results": []}


def test_a_plus_is_a_space(get: Get) -> None:
    assert get("crm/Accounts?$select=ID&$orderby=Modified+desc").status_code == 200


def test_a_filter_that_is_not_listed_is_refused(get: Get, simulator: Simulator) -> None:
    path = "bulk/Cashflow/Payments?$select=ID&$filter=Modified ge datetime'2026-01-01'"
    assert message(get(path)).startswith("This $filter parameter is not supported for this resource ")
    simulator.control.set(filterable="any")
    assert get(path).status_code == 200


def test_a_filter_that_the_reference_does_not_mark_is_taken_unless_that_is_asked_for(
    get: Get, simulator: Simulator
) -> None:
    path = "salesentry/SalesEntries?$select=EntryID&$filter=YourRef eq 'x'"
    assert get(path).status_code == 200
    simulator.control.set(filterable="listed")
    assert message(get(path)).startswith("This $filter parameter is not supported for this resource ")


def test_a_filter_may_be_mandatory(get: Get, simulator: Simulator) -> None:
    simulator.control.set(mandatory_filter=True)
    text = message(get("crm/Accounts?$select=ID"))
    assert text.startswith(
        "This endpoint has mandatory filtering applied. A GET request for this endpoint must have a $filter "
        "parameter with one of the following fields in the url:"
    )
    assert re.search(r":\w+(,\w+)+\.$", text)
    assert get("crm/Accounts?$select=ID&$filter=Modified ge datetime'2026-01-01'").status_code == 200
    assert get("system/Divisions").status_code == 200


def test_a_filter_may_be_mandatory_on_named_endpoints(get: Get, simulator: Simulator) -> None:
    simulator.control.set(mandatory_filter=["crm/Accounts"])
    assert get("crm/Accounts?$select=ID").status_code == 400
    assert get("crm/Contacts?$select=ID").status_code == 200


@pytest.mark.parametrize("literal", ["1", "1L"])
def test_sync_takes_a_timestamp_with_or_without_its_suffix(get: Get, literal: str) -> None:
    page = inside(get(f"sync/CRM/Accounts?$filter=Timestamp gt {literal}&$select=ID,Timestamp"))
    assert all(isinstance(row["Timestamp"], str) for row in page["results"])


def test_sync_filters_on_nothing_else(get: Get) -> None:
    answer = get("sync/CRM/Accounts?$filter=Modified ge datetime'2026-01-01'&$select=ID")
    assert message(answer).startswith("This $filter parameter is not supported for this resource ")


def test_deletions_may_be_filtered_by_type(get: Get, simulator: Simulator) -> None:
    kind = simulator.control.rows("sync/Deleted", FIRST)[0]["EntityType"]
    page = inside(get(f"sync/Deleted?$filter=Timestamp gt 1L and EntityType eq {kind}"))
    assert {row["EntityType"] for row in page["results"]} == {kind}


def sync_chain(api: httpx.Client) -> list[dict[str, Any]]:
    return chain(
        api, f"/api/v1/{FIRST}/sync/Financial/TransactionLines?$filter=Timestamp gt 1L&$select=ID,Timestamp"
    )


@pytest.mark.parametrize("order", ["timestamp", "key", "shuffled"])
def test_a_sync_chain_is_complete_in_any_order(api: httpx.Client, simulator: Simulator, order: str) -> None:
    simulator.control.set(sync_order=order, page_size_cap=17)
    shown = [row["ID"] for row in sync_chain(api)]
    held = [row["ID"] for row in simulator.control.rows("sync/Financial/TransactionLines", FIRST)]
    assert len(shown) == len(held) > 17 * 3
    assert set(shown) == set(held)


def test_sync_comes_in_the_order_of_timestamps(api: httpx.Client, simulator: Simulator) -> None:
    simulator.control.set(page_size_cap=17)
    stamps = [int(row["Timestamp"]) for row in sync_chain(api)]
    assert stamps == sorted(stamps)


def test_shuffled_sync_is_not_in_the_order_of_timestamps(api: httpx.Client, simulator: Simulator) -> None:
    simulator.control.set(sync_order="shuffled", page_size_cap=17)
    stamps = [int(row["Timestamp"]) for row in sync_chain(api)]
    assert stamps != sorted(stamps)


@pytest.mark.parametrize(
    ("order", "token"), [("timestamp", r"\d+L"), ("shuffled", r"\d+L"), ("key", "guid'[^']+'")]
)
def test_the_token_of_sync_pages_follows_their_order(
    get: Get, simulator: Simulator, order: str, token: str
) -> None:
    simulator.control.set(sync_order=order, page_size_cap=5)
    link = inside(get("sync/CRM/Accounts?$filter=Timestamp gt 1L&$select=ID"))["__next"]
    assert re.search(rf"\?\$filter=Timestamp%20gt%201L&\$select=ID&\$skiptoken={token}$", link)


def test_links_may_have_an_encoded_dollar(get: Get, api: httpx.Client, simulator: Simulator) -> None:
    simulator.control.set(next_dollar_encoded=True, page_size_cap=5)
    link = inside(get("crm/Accounts?$select=ID"))["__next"]
    assert "&%24skiptoken=" in link
    assert len(inside(api.get(link))["results"]) == 5


def test_header_lines_come_in_the_sync_feed_of_invoices(api: httpx.Client) -> None:
    rows = chain(api, f"/api/v1/{FIRST}/sync/SalesInvoice/SalesInvoices?$select=ID,InvoiceID,LineNumber,Timestamp")
    invoices = {row["InvoiceID"] for row in rows}
    assert {row["InvoiceID"] for row in rows if row["LineNumber"] == 0} == invoices


def test_dates_are_the_wall_clock_in_json_escapes(get: Get, simulator: Simulator) -> None:
    answer = get("crm/Accounts?$select=ID,Modified&$top=1")
    assert re.search(rb'"Modified":"\\/Date\(\d+\)\\/"', answer.content)
    simulator.control.set(date_slashes_escaped=False)
    assert re.search(rb'"Modified":"/Date\(\d+\)/"', get("crm/Accounts?$select=ID,Modified&$top=1").content)


def test_without_json_asked_for_there_is_atom(get: Get) -> None:
    answer = get("financial/GLAccounts?$select=ID,Code,Modified,BalanceSide", accept="*/*")
    assert answer.headers["content-type"].startswith("application/atom+xml")
    assert answer.text.count("<entry>") == 60
    assert '<link rel="next" href="http' in answer.text
    assert '<d:ID m:type="Edm.Guid">' in answer.text


def test_metadata_describes_a_service(get: Get) -> None:
    answer = get("crm/$metadata", accept="application/xml")
    assert answer.headers["content-type"].startswith("application/xml")
    assert '<EntityType Name="Account"><Key><PropertyRef Name="ID" /></Key>' in answer.text
    assert '<Property Name="CreditLinePurchase" Type="Edm.Double" Nullable="true" />' in answer.text


def test_sync_timestamp_names_the_first_row_since(get: Get, simulator: Simulator) -> None:
    truth = simulator.control.rows("sync/Financial/TransactionLines", FIRST)
    since = 1767225600000
    first = min((row["Modified"], row["Timestamp"]) for row in truth if row["Modified"] >= since)
    query = "modified=datetime'2026-01-01'&endPoint='TransactionLines'"
    (row,) = inside(get(f"read/sync/Sync/SyncTimestamp?{query}"))
    assert row["API"] == "TransactionLines"
    assert (row["Modified"], row["TimeStampAsBigInt"]) == (f"/Date({first[0]})/", str(first[1]))


def test_a_page_served_again_is_the_same(get: Get) -> None:
    assert get("financial/GLAccounts").content == get("financial/GLAccounts").content


def test_the_names_in_a_path_are_case_sensitive(get: Get) -> None:
    assert get("crm/accounts").status_code == 404
