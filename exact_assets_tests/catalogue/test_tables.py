"""What the rules make of the facts."""

import re

import pyarrow as pa
import pytest

from exact_assets.catalogue import left_out, tables
from exact_assets.catalogue import tables as catalogue
from exact_assets.catalogue.facts import Endpoint, endpoints
from exact_assets.catalogue.reading import filterable
from exact_assets.catalogue.table import Feed, YearKind

EVERY = tuple(tables().values())


def below(endpoint: str) -> str:
    return endpoint.rpartition("{division}/")[2]


def test_there_are_at_least_260_tables_and_each_endpoint_is_one_or_left_out_for_a_reason() -> None:
    read = {table.endpoint for table in EVERY}
    assert len(EVERY) >= 260
    assert read | set(left_out()) == {endpoint.endpoint for endpoint in endpoints()}
    assert not read & set(left_out())


def test_names_are_plain_and_used_once_in_a_table() -> None:
    for table in EVERY:
        names = [column.name for column in table.columns]
        assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in [table.name, *names]), table.name
        assert len(set(names)) == len(names), table.name


def test_key_version_and_year_are_columns() -> None:
    for table in EVERY:
        names = {column.name for column in table.columns}
        used = {*table.key, *table.year, *([table.version] if table.version else [])}
        assert used <= names, table.name
        assert [column.name for column in table.columns[: len(table.key)]] == list(table.key)


def test_the_rows_of_a_step_have_the_division_first_and_the_year_last() -> None:
    for table in EVERY:
        names = table.arrow_schema.names
        assert (names[0], names[-1]) == ("division", "_year")
        assert names.count("division") == 1, table.name


@pytest.mark.parametrize(
    ("name", "feed", "endpoint"),
    [
        ("crm_accounts", Feed.SYNC, "sync/CRM/Accounts"),
        ("financialtransaction_transaction_lines", Feed.SYNC, "sync/Financial/TransactionLines"),
        ("salesorder_sales_orders", Feed.SYNC, "sync/SalesOrder/SalesOrderHeaders"),
        ("crm_quotations", Feed.SYNC, "sync/CRM/QuotationHeaders"),
        ("salesinvoice_sales_invoices", Feed.MODIFIED, "bulk/SalesInvoice/SalesInvoices"),
        ("salesinvoice_sales_invoices_with_lines", Feed.SYNC, "sync/SalesInvoice/SalesInvoices"),
        ("purchaseorder_purchase_orders", Feed.MODIFIED, "purchaseorder/PurchaseOrders"),
        ("purchaseorder_purchase_orders_with_lines", Feed.SYNC, "sync/PurchaseOrder/PurchaseOrders"),
        ("cashflow_receivables", Feed.MODIFIED, "cashflow/Receivables"),
        ("purchaseentry_purchase_entry_lines", Feed.PARENT, "purchaseentry/PurchaseEntryLines"),
        ("logistics_units", Feed.SNAPSHOT, "logistics/Units"),
        ("financial_aging_receivables_list", Feed.FUNCTION, "read/financial/AgingReceivablesList"),
        ("inventory_stock_positions", Feed.SYNC, "sync/Inventory/StockPositions"),
    ],
)
def test_each_entity_is_read_by_the_best_feed_that_it_has(name: str, feed: Feed, endpoint: str) -> None:
    table = catalogue()[name]
    assert (table.feed, below(table.endpoint)) == (feed, endpoint)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("crm_accounts", ("id",)),
        ("salesorder_goods_deliveries", ("entry_id",)),
        ("subscription_subscriptions", ("entry_id",)),
        ("manufacturing_material_issues", ("stock_transaction_id",)),
        ("openingbalance_current_year_processed", ("gl_account", "reporting_year")),
        ("manufacturing_manufacturing_settings", ()),
        ("logistics_reason_for_logistics", ()),
    ],
)
def test_a_row_is_identified_by_the_record_not_by_its_version_or_division(name: str, key: tuple[str, ...]) -> None:
    table = catalogue()[name]
    assert table.key == key
    assert table.primary_key == (("division", *key) if key else ())


def test_sync_tables_have_a_timestamp_that_tells_the_newer_version() -> None:
    sync = [table for table in EVERY if table.feed is Feed.SYNC]
    assert len(sync) == 58
    assert {(table.version, table.page_size, table.filterable) for table in sync} == {
        ("timestamp", 1000, frozenset({"Timestamp"}))
    }


def test_every_table_without_identity_is_read_whole() -> None:
    assert {table.feed for table in EVERY if not table.key} == {Feed.SNAPSHOT}


@pytest.mark.parametrize(
    ("name", "kind", "year"),
    [
        ("financialtransaction_transaction_lines", YearKind.BUSINESS, ("financial_year", "date", "created")),
        ("salesinvoice_sales_invoices", YearKind.BUSINESS, ("invoice_date", "created")),
        ("salesorder_sales_orders", YearKind.BUSINESS, ("order_date", "created")),
        ("crm_accounts", YearKind.CREATED, ("created",)),
        ("documents_documents", YearKind.CREATED, ("created",)),
        ("project_project_wbs", YearKind.CREATED, ("created",)),
        ("logistics_units", YearKind.NONE, ()),
        ("purchaseentry_purchase_entry_lines", YearKind.BUSINESS, ()),
    ],
)
def test_the_year_of_a_row(name: str, kind: YearKind, year: tuple[str, ...]) -> None:
    assert (catalogue()[name].year_kind, catalogue()[name].year) == (kind, year)


@pytest.mark.parametrize(
    ("table", "property_", "name", "kind"),
    [
        ("financialtransaction_transaction_lines", "AmountDC", "amount_dc", pa.decimal128(38, 10)),
        ("financialtransaction_transaction_lines", "GLAccountCode", "gl_account_code", pa.string()),
        ("financialtransaction_transaction_lines", "Date", "date", pa.timestamp("us")),
        ("financialtransaction_transaction_lines", "Modified", "modified", pa.timestamp("us", tz="UTC")),
        ("financialtransaction_transaction_lines", "Timestamp", "timestamp", pa.int64()),
        ("sync_deleted", "DeletedDate", "deleted_date", pa.timestamp("us", tz="UTC")),
        ("cashflow_receivables", "EndToEndID", "end_to_end_id", pa.string()),
        ("users_user_roles_per_division", "Division", "exact_division", pa.int32()),
        ("crm_accounts", "Division", "division", pa.int32()),
    ],
)
def test_columns(table: str, property_: str, name: str, kind: pa.DataType) -> None:
    found = next(column for column in catalogue()[table].columns if column.property == property_)
    assert (found.name, found.type) == (name, kind)


def test_collections_complex_values_and_binaries_are_no_columns() -> None:
    properties = {column.property for column in catalogue()["documents_document_attachments"].columns}
    assert "Attachment" not in properties
    assert not {column.edm_type for table in EVERY for column in table.columns} - {
        f"Edm.{name}"
        for name in ("Guid", "String", "Int16", "Int32", "Int64", "Byte", "Boolean", "Double", "DateTime")
    }


def test_only_rows_whose_division_is_the_one_asked_for_are_checked() -> None:
    assert catalogue()["crm_accounts"].checks_division
    assert not catalogue()["users_user_roles_per_division"].checks_division
    assert not catalogue()["documents_document_attachments"].checks_division


def test_the_default_selection_is_about_sixty_tables() -> None:
    assert 55 <= sum(table.is_default for table in EVERY) <= 70


def one(**facts: object) -> Endpoint:
    declared = ["ID Guid key", "Modified DateTime", "Date DateTime", "Name String filter"]
    known: dict[str, object] = {
        "endpoint": "/api/v1/{division}/crm/Things",
        "kind": "rest",
        "methods": ("GET",),
        "page_size": 60,
        "declared": tuple(declared),
    }
    return Endpoint(**{**known, **facts})  # type: ignore[arg-type]  # facts by name, checked by msgspec elsewhere


def test_named_filters_are_the_only_ones() -> None:
    assert filterable(one(only_filters=("ID",))) == {"ID"}


def test_marks_that_lack_modified_are_not_believed_about_it() -> None:
    assert filterable(one()) == {"Name", "Modified"}


def test_without_marks_every_property_may_be_filtered() -> None:
    assert filterable(one(declared=("ID Guid key", "Date DateTime", "Lines Collection(Lines)"))) == {"ID", "Date"}
