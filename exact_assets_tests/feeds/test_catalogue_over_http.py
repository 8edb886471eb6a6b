"""Every table of the catalogue, read over HTTP and compared, row by row and value by value."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from exact_assets.catalogue import Table, tables
from exact_assets.catalogue.table import Column, YearKind
from exact_assets_tests.feeds.connected import DIVISION, FIRST_YEAR, Connected, connected
from exact_assets_tests.feeds.model import Model

SITE = ZoneInfo("Europe/Amsterdam")
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - Exact's wall clock has no zone
HARSH = {"sync_order": "shuffled", "mandatory_filter": True, "full_page_has_next": True, "page_size_cap": 40}


@pytest.fixture(scope="module", params=["listed", "any"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connected]:
    with connected(tmp_path_factory.mktemp("control"), rows=120) as running:
        running.simulator.control.set(filterable=request.param)
        if request.param == "listed":
            running.simulator.control.set(**HARSH)
        yield running


def test_every_table_holds_what_exact_holds_and_a_catch_up_changes_nothing(site: Connected) -> None:
    models = {name: Model(table) for name, table in tables().items()}
    asyncio.run(site.bring(models))
    asyncio.run(site.bring(models))
    wrong = {name: found for name, model in models.items() if (found := differences(site, model))}
    assert wrong == {}


def differences(site: Connected, model: Model) -> list[str]:
    """Describe rows that are missing, too many or different."""
    table = model.table
    names = [column.name for column in table.columns]
    headers = _headers(site, table)
    expected = Counter(_expected(table, row) for row in site.truth(table) if _is_kept(headers, table, row))
    found = Counter(tuple(_existing(row[name]) for name in names) for row in model.rows)
    return [str(row) for row in ((expected - found) + (found - expected)).elements()][:2]


def _expected(table: Table, row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(_value(column, row.get(column.property)) for column in table.columns)


def _value(column: Column, value: Any) -> Any:
    if value is None:
        return None
    if column.edm_type == "Edm.DateTime":
        moment = EPOCH + timedelta(milliseconds=value)
        is_instant = pa.types.is_timestamp(column.type) and column.type.tz
        return _existing(moment.replace(tzinfo=SITE).astimezone(UTC)) if is_instant else moment
    if column.edm_type == "Edm.Double":
        return Decimal(repr(value)).quantize(Decimal("1e-10"))
    if column.edm_type == "Edm.Boolean":
        return bool(value)
    return value.strip(" ") if isinstance(value, str) else value


def _existing(value: Any) -> Any:
    """Move instants to the end of the hour that the clock skips in spring, where the simulator has some.

    A real server never shows those times, so nobody knows what they would mean.
    """
    if not isinstance(value, datetime) or value.tzinfo is None:
        return value
    before = (value - timedelta(hours=1)).astimezone(SITE)
    is_skipped = value.astimezone(SITE).utcoffset() != before.utcoffset() and value.month < 7
    return value.replace(minute=0, second=0, microsecond=0) if is_skipped else value


def _is_kept(headers: Mapping[str, Mapping[str, Any]], table: Table, row: Mapping[str, Any]) -> bool:
    """Tell whether a row is of the starting year or later, by the rules of the catalogue."""
    if table.year_kind is not YearKind.BUSINESS:
        return True
    if table.parent is not None:
        return _year(headers[row[table.parent.foreign_key]], table.parent.year) >= FIRST_YEAR
    properties = {column.name: column.property for column in table.columns}
    return _year(row, tuple(properties[name] for name in table.year)) >= FIRST_YEAR


def _headers(site: Connected, table: Table) -> Mapping[str, Mapping[str, Any]]:
    if table.parent is None:
        return {}
    path = table.parent.endpoint.removeprefix("/api/v1/{division}/")
    return {row[table.parent.key]: row for row in site.simulator.control.rows(path, DIVISION)}


def _year(row: Mapping[str, Any], properties: tuple[str, ...]) -> int:
    for name in properties:
        value = row.get(name)
        if value is not None:
            return int(value) if "Year" in name else (EPOCH + timedelta(milliseconds=value)).year
    return FIRST_YEAR
