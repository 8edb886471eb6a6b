"""The deletion log: which tables it knows under which EntityType, and how it is written and pruned."""

import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from exact_simulator.books.shape import Model, base
from exact_simulator.books.sql import DAY_MS, draw, guid

LOG = "sync_Deleted"
ENTITY_TYPES: dict[str, tuple[int, ...]] = {
    "ledger_lines": (1,),
    "crm_Accounts": (2,),
    "crm_Addresses": (3,),
    "documents_DocumentAttachments": (4,),
    "crm_Contacts": (5,),
    "documents_Documents": (6,),
    "financial_GLAccounts": (7,),
    "logistics_SalesItemPrices": (8,),
    "logistics_PurchaseItemPrices": (8,),  # no number of its own is known
    "logistics_Items": (9,),
    "cashflow_PaymentTerms": (10,),
    "crm_QuotationLines": (35, 11),  # 11 for the older feed with a row per line
    "salesorder_SalesOrderLines": (33, 12),  # 12 likewise
    "salesinvoice_SalesInvoiceLines": (13,),
    "project_TimeTransactions": (14,),
    "inventory_StockPositions": (15,),
    "salesorder_GoodsDeliveries": (16,),
    "salesorder_GoodsDeliveryLines": (17,),
    "financial_GLClassifications": (18,),
    "inventory_ItemWarehouses": (19,),
    "inventory_StorageLocationStockPositions": (20,),
    "project_Projects": (21,),
    "purchaseorder_PurchaseOrderLines": (22,),
    "subscription_Subscriptions": (23,),
    "subscription_SubscriptionLines": (24,),
    "project_ProjectWBS": (25,),
    "project_ProjectPlanning": (26,),
    "hrm_LeaveAbsenceHoursByDay": (27,),
    "inventory_SerialBatchNumbers": (28,),
    "inventory_StockSerialBatchNumbers": (29,),
    "logistics_SupplierItem": (30,),
    "sales_SalesPriceListVolumeDiscounts": (31,),
    "salesorder_SalesOrders": (32,),
    "crm_Quotations": (34,),
    "manufacturing_ShopOrders": (36,),
    "manufacturing_ShopOrderMaterialPlans": (37,),
    "manufacturing_ShopOrderRoutingStepPlans": (38,),
    "hrm_Schedules": (39,),
    "hrm_ScheduleEntries": (40,),
    "inventory_ItemStorageLocations": (41,),
    "payroll_Employees": (42,),
    "payroll_Employments": (43,),
    "payroll_EmploymentContracts": (44,),
    "payroll_EmploymentOrganizations": (45,),
    "payroll_EmploymentCLAs": (46,),
    "payroll_EmploymentSalaries": (47,),
    "payroll_BankAccounts": (48,),
    "payroll_EmploymentTaxAuthoritiesGeneral": (49,),
    "manufacturing_ShopOrderPurchasePlanning": (50,),
    "manufacturing_ShopOrderSubOrders": (51,),
    "manufacturing_MaterialIssues": (53,),
    "manufacturing_BillOfMaterialMaterials": (54,),
    "manufacturing_BillOfMaterialVersions": (55,),
    "hrm_LeaveRegistrations": (56,),
    "hrm_LeaveBuildUpRegistrations": (57,),
    "hrm_AbsenceRegistrationTransactions": (58,),
    "hrm_AbsenceRegistrations": (59,),
}
_MADE_UP = 60003


def models() -> dict[str, Model]:
    """The log: at first, deletions of the last two months of records that nobody here has seen."""
    return {
        LOG: Model(
            count=20,
            stored={
                "EntityKey": guid(_MADE_UP),
                "EntityType": f"1+{draw('type', 50)}",
                "DeletedDate": f"min(:until,:until-{draw('deleted', 55 * 24)}*{DAY_MS // 24})",
            },
            is_dated=True,
        )
    }


@dataclass(frozen=True, kw_only=True)
class Bound:
    """What new rows of the log are bound to."""

    place: int
    division: int
    seed: int
    g3: str
    g4: str
    now_ms: int
    first: int
    """Row number of the first."""
    timestamp: int
    """Timestamp of the first."""


def log(
    connection: sqlite3.Connection, *, table_number: int, bound: Bound, keys: Sequence[str], entity_type: int
) -> None:
    """Add a row per deleted record.

    Args:
        connection: within a transaction.
        table_number: number of the log's base table, for its GUIDs.
        bound: division, time, and the first row number and Timestamp.
        keys: identities of the records.
        entity_type: as Exact numbers them.
    """
    statement = (
        f"INSERT INTO {base(LOG)} (_n, _division, Timestamp, ID, EntityKey, EntityType, DeletedDate, DeletedBy,"
        f" Created, Modified) SELECT (:place<<32)+:n, :division, :ts, {guid(table_number, number=':n')}, :key,"
        " :type, :now_ms, (:place<<32)+1, :now_ms, :now_ms"
    )
    same = asdict(bound)
    connection.executemany(
        statement,
        (
            {**same, "n": bound.first + at, "ts": bound.timestamp + at, "key": key, "type": entity_type}
            for at, key in enumerate(keys)
        ),
    )


def prune(connection: sqlite3.Connection, before_ms: int) -> int:
    """Forget deletions before a moment. Returns how many."""
    return connection.execute(f"DELETE FROM {base(LOG)} WHERE DeletedDate<?", (before_ms,)).rowcount
