"""Addresses and literals, as Exact's own links have them."""
# ruff: noqa: DTZ001 - wall clocks have no zone

from datetime import datetime

import pytest

from exact_assets.exact.urls import build_url, datetime_literal, endpoint_of, guid_literal


def test_an_address_is_written_as_exact_writes_its_own() -> None:
    url = build_url(
        "https://start.exactonline.nl",
        "/api/v1/{division}/crm/Accounts",
        {"$select": "ID,Name", "$filter": "Modified ge datetime'2026-01-01T00:00:00' and Name eq 'a&b+c %#'"},
        division=7,
    )
    assert url == (
        "https://start.exactonline.nl/api/v1/7/crm/Accounts?$select=ID,Name&$filter=Modified%20ge%20"
        "datetime'2026-01-01T00%3A00%3A00'%20and%20Name%20eq%20'a%26b%2Bc%20%25%23'"
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://x/api/v1/7/sync/CRM/Accounts?$select=ID",
        "https://x/api/v1/{division}/sync/CRM/Accounts",
        "/api/v1/7/sync/CRM/Accounts",
    ],
)
def test_an_endpoint_is_named_without_division_and_query(url: str) -> None:
    assert endpoint_of(url) == "sync/CRM/Accounts"


def test_literals_are_those_of_odata() -> None:
    assert guid_literal("ab-c") == "guid'ab-c'"
    assert datetime_literal(datetime(2026, 1, 2, 3, 4, 5)) == "datetime'2026-01-02T03:04:05'"
    assert datetime_literal(datetime(2026, 1, 2, 3, 4, 5, 617000)) == "datetime'2026-01-02T03:04:05.617'"
