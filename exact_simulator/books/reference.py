"""Which property refers to which base table, by name. Knows names only."""

import re

USERS = "users_Users"
ACCOUNTS = "crm_Accounts"

_TABLES: dict[str, str] = {
    ACCOUNTS: "Account AccountId Customer Supplier DeliveryAccount DeliverTo InvoiceTo OrderedBy InvoiceAccount"
    " OrderAccount Reseller Accountant ProjectAccount SubscriptionAccount RecipientAccount SenderAccount"
    " InvolvedAccount OwnerAccount InvestmentAccount DeliveredTo Bank DivisionCustomer",
    "crm_Contacts": "Contact AccountContact DeliveryContact DeliverToContactPerson InvoiceToContactPerson"
    " OrderedByContactPerson DeliveryAccountContact InvoiceAccountContact OrderAccountContact SupplierContact"
    " AccountMainContact MainContact ContactPerson DeliveredToContactPerson Person",
    "crm_Addresses": "DeliveryAddress DeliverToAddress InvoiceAddress SupplierAddress",
    "crm_BankAccounts": "BankAccountID AccountBankAccountID BankAccount",
    "crm_Opportunities": "Opportunity",
    "crm_Quotations": "QuotationID SourceQuotation",
    USERS: "Creator Modifier CreatedBy ModifiedBy User UserID Approver Salesperson SalesPerson AccountManager Owner"
    " PaymentSelector ReceivableSelector PurchaseAgent AssignedTo ManagerUser NotesModifier DeletedBy CountedBy"
    " PickedBy TransferredBy OrderPicker LeadDeveloper syscreator sysmodifier IdentificationUser",
    "payroll_Employees": "Employee EmployeeID Manager",
    "payroll_Employments": "Employment",
    "payroll_EmploymentContracts": "Contract",
    "payroll_EmploymentOrganizations": "EmploymentOrganization",
    "hrm_Departments": "Department",
    "hrm_Schedules": "Schedule",
    "hrm_JobTitles": "JobTitle Jobtitle",
    "hrm_JobGroups": "JobGroup",
    "hrm_AbsenceRegistrations": "AbsenceRegistration",
    "logistics_Items": "Item ItemId ItemID PartItem AssembledItem DefaultItem ItemMaterial FixedPriceItem"
    " PrepaidItem HourType",
    "logistics_ItemGroups": "ItemGroup",
    "logistics_ItemVersions": "ItemVersion",
    "logistics_SelectionCodes": "SelectionCode",
    "inventory_Warehouses": "Warehouse WarehouseID WarehouseFrom WarehouseTo",
    "inventory_StorageLocations": "StorageLocation DefaultStorageLocation StorageLocationFrom StorageLocationTo"
    " Location DefaultItemStorageLocation",
    "inventory_StockCounts": "StockCountID",
    "inventory_WarehouseTransfers": "TransferID",
    "inventory_SerialNumbers": "SerialNumberID",
    "inventory_BatchNumbers": "BatchNumberID",
    "financial_GLAccounts": "GLAccount GLCosts GLCostsWorkInProgress GLRevenue GLRevenueWorkInProgress GLStock"
    " GLAccountPurchase GLAccountSales GLAP GLAR GLToPay GLToClaim GLDiscountPurchase GLDiscountSales"
    " OffsetGLInventory GLPurchaseAccount GLPurchasePriceDifference GLStockVariance GLAccountAssets"
    " GLAccountDepreciationBS GLAccountDepreciationPL GLAccountRevaluationBS PaymentInTransitAccount",
    "financial_GLSchemes": "GLScheme GLSchemeID",
    "assets_Assets": "Asset",
    "assets_AssetGroups": "AssetGroup",
    "assets_DepreciationMethods": "DepreciationMethod PrimaryMethod",
    "budget_BudgetScenarios": "BudgetScenario",
    "documents_Documents": "Document DocumentID BankStatementDocument ContractDocument IdentificationDocument",
    "documents_DocumentFolders": "DocumentFolder",
    "documents_DocumentCategories": "Category",
    "project_Projects": "Project ProjectId",
    "project_ProjectWBS": "ProjectWBS WBS Activity",
    "project_InvoiceTerms": "InvoiceTerm ProjectTerm",
    "project_WBSExpenses": "Expense",
    "sales_SalesChannels": "SalesChannel",
    "sales_SalesPriceLists": "Pricelist PriceList PriceListId",
    "sales_SalesPriceListPeriods": "PriceListPeriod",
    "sales_ShippingMethods": "ShippingMethod",
    "sales_OrderCharges": "OrderCharge",
    "salesinvoice_SalesInvoices": "InvoiceID InvoiceId",
    "salesorder_SalesOrders": "SalesOrder OrderID",
    "salesorder_SalesOrderLines": "SalesOrderLine SalesOrderLineID",
    "purchaseorder_PurchaseOrders": "PurchaseOrder PurchaseOrderID",
    "purchaseorder_PurchaseOrderLines": "PurchaseOrderLine PurchaseOrderLineID",
    "purchaseorder_GoodsReceipts": "GoodsReceiptID",
    "purchaseorder_GoodsReceiptLines": "GoodsReceiptLineID",
    "salesorder_PlannedSalesReturns": "PlannedSalesReturnID",
    "subscription_Subscriptions": "Subscription",
    "subscription_SubscriptionTypes": "SubscriptionType",
    "manufacturing_ShopOrders": "ShopOrder SubShopOrder ParentShopOrder ShopOrderMain ShopOrderParent",
    "manufacturing_ShopOrderMaterialPlans": "ShopOrderMaterialPlan ParentShopOrderMaterialPlan",
    "manufacturing_ShopOrderRoutingStepPlans": "ShopOrderRoutingStepPlan RoutingStepPlan RoutingStepID",
    "manufacturing_Operations": "Operation",
    "manufacturing_OperationResources": "OperationResource",
    "manufacturing_Workcenters": "Workcenter WorkCenter",
    "manufacturing_ProductionAreas": "ProductionArea",
    "mailbox_Mailboxes": "RecipientMailboxID SenderMailboxID AutomaticSendInvoiceSenderMailbox",
    "cashflow_DirectDebitMandates": "DirectDebitMandate",
    "vat_VATCodes": "VATCodeID",
    "ledger_entries": "TransactionEntryID FinancialTransactionEntryID",
}
TARGETS: dict[str, str] = {name: table for table, names in _TABLES.items() for name in names.split()}
"""Base table that a GUID property of this name refers to."""

OVERRIDES: dict[tuple[str, str], str | None] = {
    ("crm_BankAccounts", "BankAccount"): None,
    ("hrm_LeaveRegistrations", "Contract"): None,
    ("payroll_BankAccounts", "BankAccount"): None,
    ("assets_Assets", "DepreciationMethod"): None,
    ("purchase_PurchaseInvoiceLines", "InvoiceID"): "purchase_PurchaseInvoices",
    ("purchaseorder_PurchaseReturnLines", "EntryID"): "purchaseorder_PurchaseReturns",
    ("purchaseorder_GoodsReceiptLines", "GoodsReceiptID"): "purchaseorder_GoodsReceipts",
    ("salesorder_DigitalOrderPickingLines", "EntryID"): "salesorder_DigitalOrderPickings",
    ("salesorder_DropShipmentLines", "EntryID"): "salesorder_DropShipments",
    ("salesorder_GoodsDeliveryLines", "EntryID"): "salesorder_GoodsDeliveries",
    ("subscription_SubscriptionLines", "EntryID"): "subscription_Subscriptions",
    ("hrm_DivisionClasses", "ClassNameID"): "hrm_DivisionClassNames",
    ("logistics_ReasonCodesLinkTypes", "Reason"): "logistics_ReasonCodes",
    ("continuousmonitoring_IndicatorGLAccounts", "Indicator"): "beta_continuousmonitoring_IndicatorBalances",
}
"""Where the name alone does not tell, per base table; None: no reference."""

_SUFFIXES: dict[str, tuple[str, ...]] = {
    "Code": ("Code",),
    "Name": ("Name", "FullName", "Description"),
    "Description": ("Description", "Name", "Subject"),
    "FullName": ("FullName", "Name"),
    "Number": (
        "OrderNumber",
        "InvoiceNumber",
        "QuotationNumber",
        "EntryNumber",
        "HID",
        "Number",
        "ShopOrderNumber",
    ),
    "Subject": ("Subject",),
    "HID": ("HID", "EmployeeHID"),
    "Country": ("Country",),
    "PersonFullName": ("FullName",),
    "LineNumber": ("LineNumber",),
    "Group": (),
}


def target(table: str, name: str) -> str | None:
    """Base table that a GUID property of a table refers to; None: none that is known."""
    if (table, name) in OVERRIDES:
        return OVERRIDES[table, name]
    return TARGETS.get(name)


def derived(name: str, references: list[str]) -> tuple[str, tuple[str, ...]] | None:
    """The reference that a property describes and the columns that may hold it, best first; None: no such.

    `AccountName` describes `Account`, `WarehouseCode` describes `WarehouseID`.
    """
    for reference in sorted(references, key=len, reverse=True):
        stem = re.sub(r"I[Dd]$", "", reference)
        if name.startswith(stem) and name != reference and name[len(stem) :] in _SUFFIXES:
            return reference, _SUFFIXES[name[len(stem) :]]
    return None
