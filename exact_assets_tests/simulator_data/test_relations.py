"""Every endpoint has rows of the right types under the right keys."""

import re
from collections.abc import Callable, Iterator

import pytest

from exact_assets_tests.simulator_data.conftest import DIVISIONS, READABLE, Desk
from exact_simulator.facts import Endpoint, load_endpoints

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


_LIMITS = {"Edm.Byte": (0, 255), "Edm.Int16": (-(2**15), 2**15), "Edm.Int32": (-(2**31), 2**31)}


def _is_of_type(value: object, edm_type: str) -> bool:
    if isinstance(value, str):
        return edm_type == "Edm.String" or (edm_type == "Edm.Guid" and bool(_GUID.fullmatch(value)))
    if isinstance(value, float):
        # Exact as text: at most 13 digits before and 6 behind the point.
        return edm_type == "Edm.Double" and abs(value) < 1e13 and bool(re.fullmatch(r"-?\d+\.\d{1,6}", repr(value)))
    if isinstance(value, int) and edm_type in _LIMITS:
        low, high = _LIMITS[edm_type]
        return low <= value < high
    return edm_type in {"Edm.DateTime", "Edm.Int64"} or (edm_type == "Edm.Boolean" and value in {0, 1})


def _wrong(desk: Desk, endpoint: Endpoint) -> Iterator[str]:
    names = ", ".join(f'"{item.name}"' for item in endpoint.properties) or "1"
    rows = desk.rows(f'SELECT {names} FROM "{desk.books.relation(endpoint)}"')
    for position, item in enumerate(endpoint.properties):
        for row in rows:
            if row[position] is not None and not _is_of_type(row[position], item.edm_type):
                yield f"{endpoint.relation}.{item.name}: {row[position]!r}"
                break


def test_every_value_is_of_its_property_s_type(still: Desk) -> None:
    assert [text for endpoint in READABLE for text in _wrong(still, endpoint)] == []


def _doubled(desk: Desk, endpoint: Endpoint, names: tuple[str, ...]) -> bool:
    keys = ", ".join(f'"{name}"' for name in names)
    nulls = " OR ".join(f'"{name}" IS NULL' for name in names)
    relation = f'"{desk.books.relation(endpoint)}"'
    return bool(
        desk.rows(f"SELECT 1 FROM {relation} GROUP BY _division, {keys} HAVING count(*)>1 LIMIT 1")
        or desk.rows(f"SELECT 1 FROM {relation} WHERE {nulls} LIMIT 1")
    )


def test_keys_and_identities_are_unique_and_never_null(still: Desk) -> None:
    kinds = {(item, names) for item in READABLE for names in (item.identity, tuple(key.name for key in item.key))}
    assert [(item.relation, names) for item, names in kinds if names and _doubled(still, item, names)] == []


def test_an_endpoint_without_get_has_no_rows(still: Desk) -> None:
    refused = next(item for item in load_endpoints() if "GET" not in item.methods)
    with pytest.raises(KeyError, match="no GET"):
        still.books.relation(refused)


def _sizes(desk: Desk, kind: str) -> list[int]:
    division = DIVISIONS[0]
    return [
        desk.one(f'SELECT count(*) FROM "{item.relation}" WHERE _division=?', division)
        for item in READABLE
        if item.kind == kind
    ]


def test_some_tables_are_empty_and_some_longer_than_a_page(still: Desk) -> None:
    rest, sync = _sizes(still, "rest"), _sizes(still, "sync")
    assert 0 in rest
    assert sum(size > 60 for size in rest) > 20
    assert max(sync) > 1000


def test_the_division_property_is_the_division_asked_for(still: Desk) -> None:
    found = [
        item.relation
        for item in READABLE
        if "Division" in item.by_name
        and "{division}" in item.path
        and still.rows(f'SELECT 1 FROM "{item.relation}" WHERE Division IS NOT _division LIMIT 1')
    ]
    assert found == []


def test_sync_bulk_and_single_endpoints_agree(still: Desk) -> None:
    statement = """SELECT count(*) FROM crm_Accounts r
        JOIN bulk_CRM_Accounts b USING (ID) JOIN sync_CRM_Accounts s USING (ID)
        WHERE r.Name=b.Name AND b.Name=s.Name AND r.Code=s.Code AND r.Phone IS s.Phone AND r.Modified=s.Modified"""
    assert still.one(statement) == still.one("SELECT count(*) FROM crm_Accounts") > 0


def test_sync_has_system_lines_that_bulk_has_not(still: Desk) -> None:
    extra = still.rows(
        "SELECT DISTINCT LineNumber FROM sync_SalesInvoice_SalesInvoices WHERE ID NOT IN"
        " (SELECT ID FROM bulk_SalesInvoice_SalesInvoiceLines) ORDER BY 1"
    )
    assert extra == [(0,), (9999,)]


def test_timestamps_are_unique_over_all_feeds_of_records(still: Desk) -> None:
    feeds = (
        "CRM_Accounts",
        "Financial_TransactionLines",
        "SalesInvoice_SalesInvoices",
        "Logistics_Items",
        "Deleted",
    )
    union = " UNION ALL ".join(f'SELECT Timestamp FROM "sync_{feed}"' for feed in feeds)
    total, distinct, low = still.rows(f"SELECT count(*), count(DISTINCT Timestamp), min(Timestamp) FROM ({union})")[
        0
    ]
    assert total == distinct
    assert low >= 10_000_000_000


def test_text_holds_what_breaks_careless_clients(still: Desk) -> None:
    def has(condition: str) -> bool:
        return bool(still.rows(f"SELECT 1 FROM sync_CRM_Accounts WHERE {condition} LIMIT 1"))

    assert has("Remarks LIKE '%''%'") or has("AddressLine1 LIKE '%''%'")
    assert has("length(Code)=18 AND Code LIKE ' %'")


def test_every_division_sees_all_divisions(still: Desk, endpoint: Callable[[str], Endpoint]) -> None:
    relation = still.books.relation(endpoint("system/Divisions"))
    rows = still.rows(f'SELECT Code FROM "{relation}" WHERE _division=? ORDER BY Code', DIVISIONS[1])
    assert tuple(row[0] for row in rows) == DIVISIONS
