"""How Exact's names become names of the warehouse: one rule for every table and column there is."""

import re
from collections.abc import Iterator

import pytest

from exact_assets.catalogue.names import cut, snake, spoken, table_name, words
from exact_assets.catalogue.renames import former_columns, former_tables, renames
from exact_assets.catalogue.tables import tables

PROPERTIES = sorted({column.property for table in tables().values() for column in table.columns})
ENTITIES = sorted({table.entity for table in tables().values()})
NOT_COUNTED = {
    "accountant_info",
    "by_day",
    "current_year_after_entry",
    "current_year_processed",
    "deleted",
    "general",
    "list",
    "mail_messages_sent",
    "overview",
    "planning",
    "planning_recurring",
    "previous_year_after_entry",
    "previous_year_processed",
    "reporting_balance",
    "amounts_entered",
    "roles_per_division",
    "wbs",
}
"""Ends of tables' names that are no plurals: what a row is one of is said before, or cannot be counted."""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("AmountDC", "amount_dc"),
        ("AmountVATFC", "amount_vat_fc"),
        ("AmountVATBaseFC", "amount_vat_base_fc"),
        ("AmountFCExclVat", "amount_fc_excl_vat"),
        ("VATGLAccountType", "vat_gl_account_type"),
        ("GLAccountCode", "gl_account_code"),
        ("GLAP", "gl_ap"),
        ("VATCodes", "vat_codes"),
        ("IsOEIMigrationMandatory", "is_oei_migration_mandatory"),
        ("ItemWarehouses", "item_warehouses"),
        ("EndToEndID", "end_to_end_id"),
        ("StockTransactionId", "stock_transaction_id"),
        ("EntryIDs", "entry_ids"),
        ("EmploymentCLAs", "employment_clas"),
        ("HID", "hid"),
        ("EMail", "email"),
        ("Costcenter", "cost_center"),
        ("CostCenter", "cost_center"),
        ("Salesperson", "salesperson"),
        ("SalesPersonFullName", "salesperson_full_name"),
        ("CustomerPONumber", "customer_po_number"),
        ("CustomerPOnumber", "customer_po_number"),
        ("AddressLine1", "address_line1"),
        ("Class_01", "class_01"),
        ("FreeBoolField_05", "free_bool_field_05"),
        ("syscreated", "sys_created"),
        ("SysCreated", "sys_created"),
        ("GAccountAmountFC", "g_account_amount_fc"),
        # What no list knows is one word, and stays it.
        ("XQZCode", "xqz_code"),
    ],
)
def test_names(name: str, expected: str) -> None:
    assert snake(name) == expected


def test_every_run_of_capitals_is_made_of_acronyms_that_are_known() -> None:
    runs = {run for name in [*PROPERTIES, *ENTITIES] for run in re.findall(r"[A-Z]{2,}(?=s?(?![a-z]))", name)}
    unknown = {run for run in runs if not set(cut(run)) <= words().acronyms}
    assert unknown == set()
    assert len(runs) > 30


def test_no_word_is_written_together_that_is_written_apart_elsewhere() -> None:
    split = {tuple(snake(name).split("_")) for name in [*PROPERTIES, *ENTITIES]}
    single = {word for parts in split for word in parts}
    assert {word for word in _joined(split) if word in single} == set()


def _joined(split: set[tuple[str, ...]]) -> Iterator[str]:
    for parts in split:
        for start in range(len(parts)):
            for end in range(start + 2, min(start + 4, len(parts) + 1)):
                yield "".join(parts[start:end])


def test_tables_have_plurals_for_names() -> None:
    odd = {name for name in tables() if not name.endswith("s")}
    assert {name for name in odd if not name.endswith(tuple(NOT_COUNTED))} == set()
    assert not [name for name in tables() if name.endswith("eds")]


def test_words_are_said_with_acronyms_in_capitals() -> None:
    assert spoken("GLAccounts") == "GL accounts"
    assert spoken("EmploymentCLAs") == "employment CLAs"
    assert tables()["financial_gl_accounts"].description.startswith("GL accounts of Exact Online")
    lower = re.compile(rf"(?<!\w)({'|'.join(word.lower() for word in words().acronyms)})(?!\w)")
    assert not [name for name, table in tables().items() if lower.search(table.description.partition(";")[0])]


def test_former_names_are_nobodys_today_and_lead_to_names_that_are_there() -> None:
    known = renames()
    assert known.tables.keys() <= tables().keys()
    assert not {former for formers in known.tables.values() for former in formers} & tables().keys()
    assert known.columns.keys() <= set(PROPERTIES)
    for table in tables().values():
        names = {column.name for column in table.columns}
        assert not former_columns(table).keys() & names, table.name
    assert former_tables("hrm_cost_centers") == ("hrm_costcenters",)


def test_a_table_is_called_by_its_service_and_plural() -> None:
    assert table_name("logistics", "SupplierItem") == "logistics_supplier_items"
