"""The tables that are read when nothing is chosen, and how often each is due."""

DEFAULT_FREQUENCY_MINUTES = 360

FREQUENCY_MINUTES = {
    # One call, and nobody likes to see for long what is gone.
    "sync_deleted": 60,
    # Read whole, and a call gives no more than 60 of what are easily ten thousand rows.
    "financial_gl_account_classification_mappings": 1440,
    "financial_reporting_balance": 1440,
    "inventory_item_warehouse_planning_details": 1440,
    "inventory_item_warehouse_storage_locations": 1440,
}
"""Tables that are due more or less often than the others."""

DEFAULT_TABLES = frozenset(
    {
        # Finance
        "assets_asset_groups",
        "assets_assets",
        "budget_budgets",
        "cashflow_payment_conditions",
        "cashflow_payment_terms",
        "financial_aging_payables_list",
        "financial_aging_receivables_list",
        "financial_exchange_rates",
        "financial_financial_periods",
        "financial_gl_account_classification_mappings",
        "financial_gl_accounts",
        "financial_gl_classifications",
        "financial_gl_schemes",
        "financial_journals",
        "financial_payables_list",
        "financial_receivables_list",
        "financial_reporting_balance",
        "financialtransaction_transaction_lines",
        "general_currencies",
        "hrm_cost_centers",
        "hrm_cost_units",
        "vat_vat_codes",
        "vat_vat_percentages",
        # CRM
        "crm_account_classification_names",
        "crm_account_classifications",
        "crm_accounts",
        "crm_addresses",
        "crm_bank_accounts",
        "crm_contacts",
        "crm_opportunities",
        "crm_quotation_lines",
        "crm_quotations",
        # Logistics
        "inventory_item_warehouses",
        "inventory_stock_positions",
        "inventory_warehouses",
        "logistics_item_groups",
        "logistics_items",
        "logistics_purchase_item_prices",
        "logistics_sales_item_prices",
        "logistics_supplier_items",
        "logistics_units",
        # Sales
        "salesentry_sales_entries",
        "salesentry_sales_entry_lines",
        "salesinvoice_sales_invoices",
        "salesinvoice_sales_invoices_with_lines",
        "salesorder_goods_deliveries",
        "salesorder_goods_delivery_lines",
        "salesorder_sales_order_lines",
        "salesorder_sales_orders",
        "subscription_subscription_lines",
        "subscription_subscriptions",
        # Purchase
        "purchaseentry_purchase_entries",
        "purchaseentry_purchase_entry_lines",
        "purchaseorder_goods_receipt_lines",
        "purchaseorder_goods_receipts",
        "purchaseorder_purchase_orders_with_lines",
        # Projects
        "hrm_departments",
        "payroll_employees",
        "project_project_planning",
        "project_project_wbs",
        "project_projects",
        "project_time_cost_transactions",
        # Documents
        "documents_document_attachments",
        "documents_document_categories",
        "documents_document_folders",
        "documents_document_types",
        "documents_documents",
    }
)
"""What finance, CRM, logistics, sales, purchase, projects and documents users expect."""
