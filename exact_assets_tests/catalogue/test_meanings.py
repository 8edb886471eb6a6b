"""Tables and columns say what they mean, and what they refer to is there."""

import re

import pytest

from exact_assets.catalogue.meanings import meanings, references
from exact_assets.catalogue.names import spoken
from exact_assets.catalogue.table import Table
from exact_assets.catalogue.tables import tables

EVERY = tables()
DEFAULT = [table for table in EVERY.values() if table.is_default]
FILLERS = {"a", "an", "and", "by", "for", "in", "is", "it", "its", "of", "on", "or", "that", "the", "to", "whether"}


def words_in(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", text.lower())) - FILLERS


@pytest.mark.parametrize("table", DEFAULT, ids=lambda table: table.name)
def test_each_default_table_and_column_is_described_by_more_than_its_name(table: Table) -> None:
    note = meanings().tables[table.name].note
    assert table.description.endswith(note)
    assert words_in(note) - words_in(spoken(table.entity))
    silent = [
        column.name
        for column in table.columns
        if column.name != "division" and not words_in(column.meaning) - words_in(spoken(column.property))
    ]
    assert silent == []


def test_meanings_are_of_properties_that_are_there() -> None:
    everywhere = {column.property for table in EVERY.values() for column in table.columns}
    assert meanings().properties.keys() <= everywhere
    assert references().properties.keys() <= everywhere
    said = {(name, one) for name, found in meanings().tables.items() for one in found.columns}
    said |= {(name, one) for name, columns in references().tables.items() for one in columns}
    there = {(table.name, column.property) for table in EVERY.values() for column in table.columns}
    assert said - there == set()


def test_a_reference_leads_to_a_column_of_the_same_type() -> None:
    columns = {f"{table.name}.{column.name}": column for table in EVERY.values() for column in table.columns}
    wrong = [
        f"{table.name}.{column.name} -> {column.references}"
        for table in EVERY.values()
        for column in table.columns
        if column.references and columns[column.references].edm_type != column.edm_type
    ]
    assert wrong == []
    assert sum(bool(column.references) for table in DEFAULT for column in table.columns) > 400


def test_lines_refer_to_their_headers_and_keys_to_nothing() -> None:
    found = {(table.name, column.name): column.references for table in EVERY.values() for column in table.columns}
    assert found["salesentry_sales_entry_lines", "entry_id"] == "salesentry_sales_entries.entry_id"
    assert found["salesorder_sales_order_lines", "order_id"] == "salesorder_sales_orders.order_id"
    assert found["financialtransaction_transaction_lines", "account"] == "crm_accounts.id"
    assert found["crm_quotations", "quotation_id"] is None
    lines = [table for table in EVERY.values() if table.header and table.header.table != table.name]
    assert all(found[table.name, table.header.column] for table in lines if table.header)


@pytest.mark.parametrize(
    "name", ["salesinvoice_sales_invoices_with_lines", "purchaseorder_purchase_orders_with_lines"]
)
def test_where_line_0_is_the_header_the_table_says_so(name: str) -> None:
    assert "line_number is 0" in EVERY[name].description


def test_status_codes_are_said_with_their_values() -> None:
    found = {f"{table.name}.{column.name}": column.meaning for table in EVERY.values() for column in table.columns}
    assert "50 processed" in found["financialtransaction_transaction_lines.status"]
    assert "debit is positive" in found["financialtransaction_transaction_lines.amount_dc"]
    assert "8020" in found["salesinvoice_sales_invoices.type"]
    assert "C customer" in found["crm_accounts.status"]


def test_names_beside_a_key_say_whose_they_are() -> None:
    columns = {column.name: column.meaning for column in EVERY["inventory_warehouses"].columns}
    assert columns["default_storage_location_code"] == "code of what default_storage_location names"
