"""What the rules cannot know, as data: each entry with its reason. Checked when the catalogue is built.

Rules that hold for many endpoints belong to `choice`, `reading` and `years`.
"""

SAME_ENTITY = {
    # Lines of entries: Exact keeps the sync and bulk endpoints under another service than the single one.
    ("financial", "TransactionLines"): ("financialtransaction", "TransactionLines"),
    # Headers alone; the sync feeds that mixed headers and lines under the plain names are retired.
    ("crm", "QuotationHeaders"): ("crm", "Quotations"),
    ("salesorder", "SalesOrderHeaders"): ("salesorder", "SalesOrders"),
}
"""Sync and bulk entities (service, entity) that are another's twins under a name of their own."""

OTHER_GRAIN = {
    # One row per line, the header as line 0; the single and bulk endpoints have one row per header.
    "sync/SalesInvoice/SalesInvoices": "SalesInvoicesWithLines",
    "sync/PurchaseOrder/PurchaseOrders": "PurchaseOrdersWithLines",
}
"""Sync endpoints whose rows are not what their name says, and the entity name they get here."""

PARAMETER_FREE_FUNCTIONS = frozenset(
    f"read/financial/{name}"
    for name in (
        "AgingOverview",
        "AgingPayablesList",
        "AgingReceivablesList",
        "JournalStatusList",
        "OutstandingInvoicesOverview",
        "PayablesList",
        "ProfitLossOverview",
        "ReceivablesList",
        "Returns",
        "RevenueList",
    )
)
"""The functions that take no parameters; of the others the reference does not even list which they take."""

LEFT_OUT = {
    "sync/CRM/Quotations": "retired: QuotationHeaders and QuotationLines took its place",
    "sync/SalesOrder/SalesOrders": "retired: SalesOrderHeaders and SalesOrderLines took its place",
    "customfield/CustomFields": "needs a parameter: the entity whose free fields are meant",
    "system/GetMostRecentlyUsedDivisions": "a view of the user's own last five divisions",
    "system/Users": "duplicate: users_users has the same rows and one more property",
    "users/UserHasRights": "needs a parameter: the right that is asked about",
}
"""Single endpoints that make no table, by path, with the reason."""

SMALL = frozenset(
    {
        "accountancy_task_types",
        "assets_asset_groups",
        "assets_depreciation_methods",
        "cashflow_payment_conditions",
        "crm_account_classes",
        "crm_account_classification_names",
        "crm_reason_codes",
        "documents_document_categories",
        "documents_document_folders",
        "documents_document_type_categories",
        "documents_document_type_folders",
        "documents_document_types",
        "financial_financial_periods",
        "financial_gl_schemes",
        "financial_journals",
        "general_currencies",
        "general_layouts",
        "hrm_departments",
        "hrm_division_class_names",
        "hrm_division_class_values",
        "hrm_division_classes",
        "hrm_divisions",
        "hrm_job_groups",
        "hrm_job_titles",
        "inventory_warehouses",
        "logistics_item_groups",
        "logistics_reason_codes",
        "logistics_selection_codes",
        "payroll_tax_employment_end_flex_codes",
        "project_project_classifications",
        "sales_order_charges",
        "sales_price_lists",
        "sales_sales_channels",
        "sales_sales_price_lists",
        "sales_shipping_methods",
        "salesinvoice_layouts",
        "subscription_subscription_reason_codes",
        "subscription_subscription_types",
        "system_all_divisions",
        "system_divisions",
        "users_user_roles",
        "vat_vat_codes",
        "vat_vat_percentages",
    }
)
"""Tables that fit a page or a few: read whole they cost the same call, and their deletions are seen."""

OWN_DIVISION = frozenset(
    {"users_user_roles_per_division", "hrm_division_class_values", "webhooks_webhook_subscriptions"}
)
"""Tables in which `Division` is a fact of the row, not the division that was asked."""

SYNC_KEYS = {
    "sync/SalesOrder/GoodsDeliveries": "EntryID",
    "sync/Subscription/Subscriptions": "EntryID",
    "sync/Manufacturing/MaterialIssues": "StockTransactionId",
}
"""What identifies a record in a sync feed where it is not `ID` (its declared key is the version, Timestamp)."""

FILTERS_OF_BULK = {
    # The single endpoints share the sync twin PaymentTerms with the bulk ones, and so their mandatory filters.
    "cashflow/Payments": "bulk/Cashflow/Payments",
    "cashflow/Receivables": "bulk/Cashflow/Receivables",
}
"""Single endpoints that take the filters of the bulk endpoint, besides Modified."""

SNAPSHOT_LINES = frozenset(
    {
        # Few documents have charges: through their headers, all documents would be read to find them.
        "crm_quotation_order_charge_lines",
        "salesinvoice_sales_invoice_order_charge_lines",
        "salesorder_sales_order_order_charge_lines",
    }
)
"""Lines without Modified that are read whole, though they have headers."""

HEADERS = {
    # Header and lines come in one feed: the header is line 0.
    "salesinvoice_sales_invoices_with_lines": (
        "salesinvoice_sales_invoices_with_lines", "InvoiceID", "InvoiceID",
    ),
    "purchaseorder_purchase_orders_with_lines": (
        "purchaseorder_purchase_orders_with_lines", "PurchaseOrderID", "PurchaseOrderID",
    ),
    # The lines name their header by another property than its key's, which is `ID` like their own.
    "documents_document_attachments": ("documents_documents", "Document", "ID"),
    "hrm_absence_registration_transactions": ("hrm_absence_registrations", "AbsenceRegistration", "ID"),
    "hrm_schedule_entries": ("hrm_schedules", "Schedule", "ID"),
    "manufacturing_shop_order_material_plans": ("manufacturing_shop_orders", "ShopOrder", "ID"),
    "manufacturing_shop_order_routing_step_plans": ("manufacturing_shop_orders", "ShopOrder", "ID"),
    "project_project_restriction_employees": ("project_projects", "Project", "ID"),
    "project_project_restriction_items": ("project_projects", "Project", "ID"),
    "project_project_restriction_rebillings": ("project_projects", "Project", "ID"),
    "purchase_purchase_invoice_lines": ("purchase_purchase_invoices", "InvoiceID", "ID"),
    "purchaseorder_goods_receipt_lines": ("purchaseorder_goods_receipts", "GoodsReceiptID", "ID"),
    "purchaseorder_purchase_return_lines": ("purchaseorder_purchase_returns", "EntryID", "ID"),
    "subscription_subscription_restriction_employees": ("subscription_subscriptions", "Subscription", "EntryID"),
    "subscription_subscription_restriction_items": ("subscription_subscriptions", "Subscription", "EntryID"),
}  # fmt: skip
"""Headers of lines that no rule finds: table, the line's property, the header's property."""

YEAR_SOURCES = {
    # The reporting year is not among the fields that may be filtered on, and Exact calls all years too broad.
    "cashflow_payments": ("EntryDate", "Created"),
    "cashflow_receivables": ("EntryDate", "Created"),
    # What is open now, however old the invoice: ageing lists count it, too.
    "financial_payables_list": (),
    "financial_receivables_list": (),
    # Plans and terms of a project: it, and what is booked on it, refers to them whatever their date.
    "project_project_wbs": ("Created",),
    "project_wbs_activities": ("Created",),
    "project_wbs_expenses": ("Created",),
}
"""Properties that give a row's year, where the rule would choose others."""
