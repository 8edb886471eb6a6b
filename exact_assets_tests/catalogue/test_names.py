"""How Exact's names become names of the warehouse."""

import pytest

from exact_assets.catalogue.names import snake


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("AmountDC", "amount_dc"),
        ("GLAccountCode", "gl_account_code"),
        ("VATCodes", "vat_codes"),
        ("IsOEIMigrationMandatory", "is_oei_migration_mandatory"),
        ("ItemWarehouses", "item_warehouses"),
        ("EndToEndID", "end_to_end_id"),
        ("SupplierItem", "supplier_item"),
        ("EmploymentCLAs", "employment_clas"),
        ("AddressLine1", "address_line1"),
        ("Class_01", "class_01"),
        ("FreeBoolField_05", "free_bool_field_05"),
        ("syscreated", "syscreated"),
        ("StockTransactionId", "stock_transaction_id"),
        ("HID", "hid"),
    ],
)
def test_names(name: str, expected: str) -> None:
    assert snake(name) == expected
