"""Sales orders, purchase orders and quotations with their lines. Models only."""

from exact_simulator.books.lines import HEADER_AMOUNTS, HEADER_STORED, PERSONS, line_model
from exact_simulator.books.reference import ACCOUNTS
from exact_simulator.books.shape import Model, Reference
from exact_simulator.books.sizes import Sizes, kept
from exact_simulator.books.sql import draw

SALES_ORDERS, SALES_ORDER_LINES = "salesorder_SalesOrders", "salesorder_SalesOrderLines"
PURCHASE_ORDERS, PURCHASE_ORDER_LINES = "purchaseorder_PurchaseOrders", "purchaseorder_PurchaseOrderLines"
QUOTATIONS, QUOTATION_LINES = "crm_Quotations", "crm_QuotationLines"


def models(sizes: Sizes) -> dict[str, Model]:
    """Models of the orders by base table."""
    # What is delivered together has one date.
    delivered = Model(shown={"DeliveryDate": "@EntryID.DeliveryDate"})
    lines = dict.fromkeys(("salesorder_GoodsDeliveryLines", "salesorder_DropShipmentLines"), delivered)
    return {**_sales(sizes), **_purchase(sizes), **_quotations(sizes), **lines}


def _customer(sizes: Sizes) -> Reference:
    return Reference(table=ACCOUNTS, expression=f"1+{draw('customer', sizes.accounts * 11 // 20)}")


def _supplier(sizes: Sizes) -> Reference:
    half = sizes.accounts // 2
    return Reference(table=ACCOUNTS, expression=f"{half + 1}+{draw('supplier', kept(sizes.accounts) - half)}")


def _sales(sizes: Sizes) -> dict[str, Model]:
    customer = _customer(sizes)
    header = Model(
        endpoints=(
            "salesorder_SalesOrders",
            "bulk_SalesOrder_SalesOrders",
            "sync_SalesOrder_SalesOrderHeaders",
        ),
        count=sizes.orders,
        source="documents",
        is_dated=True,
        stored={
            **HEADER_STORED,
            "OrderNumber": "n",
            "OrderDate": "date",
            "Status": "CASE n%4 WHEN 0 THEN 12 ELSE 21 END",
            "Description": "'Order ' || n",
            "DeliveryDate": "date+7*86400000",
        },
        refers={**PERSONS, "OrderedBy": customer, "InvoiceTo": customer, "DeliverTo": customer},
        shown={
            **HEADER_AMOUNTS,
            "ID": "@.OrderID",
            "StatusDescription": "CASE @.Status WHEN 12 THEN 'Open' ELSE 'Volledig' END",
        },
    )
    lines = line_model(
        sizes,
        endpoints=(
            "salesorder_SalesOrderLines",
            "bulk_SalesOrder_SalesOrderLines",
            "sync_SalesOrder_SalesOrderLines",
        ),
        merged=("sync_SalesOrder_SalesOrders",),
        header=SALES_ORDERS,
        header_key="OrderID",
        shown={"OrderNumber": "@_header.OrderNumber", "CostPriceFC": "@._price/100.0"},
    )
    return {SALES_ORDERS: header, SALES_ORDER_LINES: lines}


def _purchase(sizes: Sizes) -> dict[str, Model]:
    header = Model(
        endpoints=("purchaseorder_PurchaseOrders",),
        count=sizes.orders * 2 // 3,
        source="documents",
        is_dated=True,
        stored={
            **HEADER_STORED,
            "OrderNumber": "n",
            "OrderDate": "date",
            "ReceiptDate": "date+9*86400000",
            "Description": "'Inkooporder ' || n",
        },
        refers={**PERSONS, "Supplier": _supplier(sizes), "DeliveryAccount": None},
        shown={**HEADER_AMOUNTS, "PurchaseOrderLineCount": "@._lines", "ExchangeRate": "1.0"},
    )
    lines = line_model(
        sizes,
        endpoints=("purchaseorder_PurchaseOrderLines",),
        merged=("sync_PurchaseOrder_PurchaseOrders",),
        header=PURCHASE_ORDERS,
        header_key="PurchaseOrderID",
        line_numbers=(0, 9999),
        where={"purchaseorder_PurchaseOrderLines": "@.LineNumber BETWEEN 1 AND 8999"},
    )
    return {PURCHASE_ORDERS: header, PURCHASE_ORDER_LINES: lines}


def _quotations(sizes: Sizes) -> dict[str, Model]:
    customer = _customer(sizes)
    header = Model(
        endpoints=("crm_Quotations", "bulk_CRM_Quotations", "sync_CRM_QuotationHeaders"),
        count=sizes.orders // 2,
        source="documents",
        is_dated=True,
        stored={
            **HEADER_STORED,
            "QuotationNumber": "n",
            "VersionNumber": "1+n%3",
            "QuotationDate": "date",
            "Description": "'Offerte ' || n",
        },
        refers={**PERSONS, "OrderAccount": customer, "InvoiceAccount": customer, "DeliveryAccount": customer},
        shown={**HEADER_AMOUNTS, "ID": "@.QuotationID"},
    )
    lines = line_model(
        sizes,
        endpoints=("crm_QuotationLines", "bulk_CRM_QuotationLines", "sync_CRM_QuotationLines"),
        merged=("sync_CRM_Quotations",),
        header=QUOTATIONS,
        header_key="QuotationID",
        shown={"QuotationNumber": "@_header.QuotationNumber", "VersionNumber": "@_header.VersionNumber"},
    )
    return {QUOTATIONS: header, QUOTATION_LINES: lines}
