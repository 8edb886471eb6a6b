"""The few answers that are not rows of a relation: the user's own clock, and SyncTimestamp."""

import json
from datetime import UTC, datetime

from exact_simulator.clock import Clock
from exact_simulator.facts import Endpoint, load_endpoints
from exact_simulator.odata.lexer import QueryError, values
from exact_simulator.odata.query import Query
from exact_simulator.odata.sql import quoted
from exact_simulator.pages import Page, Place
from exact_simulator.render import envelope

_TIMESTAMPED = frozenset(
    [
        "QuotationHeaders",
        "QuotationLines",
        "TransactionLines",
        "ItemStorageLocations",
        "ShopOrders",
        "ShopOrderMaterialPlans",
        "ShopOrderRoutingStepPlans",
        "ShopOrderPurchasePlanning",
        "ShopOrderSubOrders",
        "MaterialIssues",
        "BillOfMaterialVersions",
        "BillOfMaterialMaterials",
        "PurchaseOrders",
        "Projects",
        "ProjectPlanning",
        "ProjectWBS",
        "TimeCostTransactions",
        "SalesInvoices",
        "GoodsDeliveries",
        "GoodsDeliveryLines",
        "SalesOrderHeaders",
        "SalesOrderLines",
        "Subscriptions",
        "SubscriptionLines",
    ]
)
"""What SyncTimestamp takes as `endPoint`; Accounts, Items and GLAccounts are not among them."""


def with_server_time(page: Page, clock: Clock, *, current_division: int | None) -> Page:
    """Put the clock into the answer of `current/Me`: local ISO text, and the offset in seconds."""
    document = json.loads(page.body)
    inside = document["d"]
    offset = clock.utc_offset_seconds()
    for row in inside if isinstance(inside, list) else inside["results"]:
        local = datetime.fromtimestamp(clock.now() + offset, UTC)
        facts = {"ServerTime": local.strftime("%Y-%m-%dT%H:%M:%S"), "ServerUtcOffset": offset}
        if current_division is not None:
            facts["CurrentDivision"] = current_division
        row.update({name: value for name, value in facts.items() if name in row})
    return Page(body=json.dumps(document, separators=(",", ":")).encode(), next_link=page.next_link)


def sync_timestamp(place: Place, endpoint: Endpoint, query: Query) -> Page:
    """Answer with the Timestamp of the first row that was modified at a moment or later.

    Raises:
        QueryError: the parameters are not `modified=datetime'…'` and `endPoint='…'` of a known name.
    """
    given = {name: values(text) for name, text in query.arguments}
    if given.keys() != {item.name for item in endpoint.parameters} or query.filter is not None:
        raise QueryError
    (moment,), (name,) = given["modified"], given["endPoint"]
    if moment.edm_type != "Edm.DateTime" or name.value not in _TIMESTAMPED:
        raise QueryError
    sync = next(item for item in load_endpoints() if item.kind == "sync" and item.entity == name.value)
    relation = quoted(place.relations.relation(sync))
    modified = quoted("Modified" if "Modified" in sync.by_name else "Created")
    sql = (
        f'SELECT {modified}, "Timestamp" FROM {relation} WHERE _division = ? AND {modified} >= ? '
        f'ORDER BY {modified}, "Timestamp" LIMIT 1'
    )
    found = place.connection.execute(sql, (place.division, moment.value)).fetchone()
    row = {} if found is None else _row(place, endpoint, query, found, str(name.value))
    return Page(
        body=envelope([json.dumps(row).encode()] if row else [], bare=place.settings.function_shape == "list")
    )


def _row(place: Place, endpoint: Endpoint, query: Query, found: tuple[int, int], name: str) -> dict[str, object]:
    moment, timestamp = found
    row: dict[str, object] = {"Modified": f"/Date({moment})/", "API": name, "TimeStampAsBigInt": str(timestamp)}
    chosen = {key: value for key, value in row.items() if query.select is None or key in query.select}
    about: object = {"uri": place.address(endpoint), "type": "Exact.Web.Api.Models.Sync.SyncTimestamp"}
    return {"__metadata": about} | chosen
