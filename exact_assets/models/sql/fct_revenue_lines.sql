/*
description = "The lines of sales invoices, without their headers, without the lines of VAT that Exact adds, and without drafts. Cost and margin are at the standard cost price that the item has now."
key = ["line_id"]

[origin]
table = "salesinvoice_sales_invoices_with_lines"
condition = "line_number BETWEEN 1 AND 8999 AND (status > 10 OR status IS NULL)"
sums = { amount_exact = "amount_dc", amount_fc = "amount_fc", quantity = "quantity" }

[figures]
invoiced_this_year = "SELECT division, sum(amount_exact) AS value FROM exact_bi.fct_revenue_lines WHERE extract(YEAR FROM invoice_date) = extract(YEAR FROM current_date) GROUP BY division"

[columns]
line_id = ["uuid", "Exact's key of the line", "salesinvoice_sales_invoices_with_lines.id"]
invoice_id = ["uuid", "Exact's key of the invoice", "salesinvoice_sales_invoices_with_lines.invoice_id"]
invoice_number = ["integer", "number of the invoice", "salesinvoice_sales_invoices_with_lines.invoice_number"]
line_number = ["integer", "place within the invoice", "salesinvoice_sales_invoices_with_lines.line_number"]
invoice_date = ["date", "date of the invoice", "salesinvoice_sales_invoices_with_lines.invoice_date"]
day_key = ["varchar", "the day of the invoice, for tools that join by one column", "salesinvoice_sales_invoices_with_lines.invoice_date"]
is_credit_note = ["boolean", "whether it is a credit note", "salesinvoice_sales_invoices_with_lines.type"]
relation_key = ["varchar", "who ordered, for tools that join by one column", "salesinvoice_sales_invoices_with_lines.ordered_by"]
relation_id = ["uuid", "who ordered", "salesinvoice_sales_invoices_with_lines.ordered_by"]
relation_name = ["varchar", "name of who ordered", "salesinvoice_sales_invoices_with_lines.ordered_by_name"]
invoice_to_id = ["uuid", "who gets the invoice", "salesinvoice_sales_invoices_with_lines.invoice_to"]
item_key = ["varchar", "the item, for tools that join by one column", "salesinvoice_sales_invoices_with_lines.item"]
item_id = ["uuid", "the item", "salesinvoice_sales_invoices_with_lines.item"]
item_code = ["varchar", "code of the item", "salesinvoice_sales_invoices_with_lines.item_code"]
item_name = ["varchar", "name of the item", "salesinvoice_sales_invoices_with_lines.item_description"]
description = ["varchar", "what the line says", "salesinvoice_sales_invoices_with_lines.description"]
gl_account_key = ["varchar", "the ledger account, for tools that join by one column", "salesinvoice_sales_invoices_with_lines.gl_account"]
gl_account_id = ["uuid", "the ledger account", "salesinvoice_sales_invoices_with_lines.gl_account"]
project_key = ["varchar", "the project, for tools that join by one column", "salesinvoice_sales_invoices_with_lines.project"]
cost_center_code = ["varchar", "code of the cost center", "salesinvoice_sales_invoices_with_lines.cost_center"]
cost_unit_code = ["varchar", "code of the cost unit", "salesinvoice_sales_invoices_with_lines.cost_unit"]
salesperson = ["varchar", "who sold it", "salesinvoice_sales_invoices_with_lines.salesperson_full_name"]
quantity = ["decimal(38,10)", "how many units", "salesinvoice_sales_invoices_with_lines.quantity"]
unit = ["varchar", "unit of the quantity", "salesinvoice_sales_invoices_with_lines.unit_code"]
net_price = ["decimal(38,10)", "price of a unit after the discount, in the currency of the invoice", "salesinvoice_sales_invoices_with_lines.net_price"]
discount = ["decimal(18,6)", "discount as a share of one", "salesinvoice_sales_invoices_with_lines.discount"]
amount = ["decimal(18,2)", "amount without VAT, in the division's own currency", "salesinvoice_sales_invoices_with_lines.amount_dc"]
amount_exact = ["decimal(38,10)", "the amount, not rounded to cents", "salesinvoice_sales_invoices_with_lines.amount_dc"]
amount_fc = ["decimal(38,10)", "amount without VAT, in the currency of the invoice", "salesinvoice_sales_invoices_with_lines.amount_fc"]
currency = ["varchar", "currency of the invoice", "salesinvoice_sales_invoices_with_lines.currency"]
vat_amount = ["decimal(18,2)", "VAT in the division's own currency", "salesinvoice_sales_invoices_with_lines.vat_amount_dc"]
vat_code = ["varchar", "the VAT code", "salesinvoice_sales_invoices_with_lines.vat_code"]
cost = ["decimal(18,2)", "quantity at the item's standard cost price; empty: it has none", "salesinvoice_sales_invoices_with_lines.quantity", "logistics_items.cost_price_standard"]
margin = ["decimal(18,2)", "amount less cost; empty: no cost is known", "salesinvoice_sales_invoices_with_lines.amount_dc", "salesinvoice_sales_invoices_with_lines.quantity", "logistics_items.cost_price_standard"]
*/
WITH invoiced AS (
    SELECT l.*, CAST(l.quantity AS decimal(19, 4)) * CAST(i.cost_price_standard AS decimal(19, 4)) AS cost
    FROM exact.salesinvoice_sales_invoices_with_lines AS l
    LEFT JOIN exact.logistics_items AS i ON i.division = l.division AND i.id = l.item
    WHERE l.line_number BETWEEN 1 AND 8999 AND (l.status > 10 OR l.status IS NULL)
)
SELECT
    l.division,
    l.id AS line_id,
    l.invoice_id,
    l.invoice_number,
    l.line_number,
    CAST(l.invoice_date AS date) AS invoice_date,
    CAST(l.division AS varchar) || ':' || CAST(CAST(l.invoice_date AS date) AS varchar) AS day_key,
    coalesce(l.type IN (8021, 8024), FALSE) AS is_credit_note,
    CAST(l.division AS varchar) || ':' || CAST(l.ordered_by AS varchar) AS relation_key,
    l.ordered_by AS relation_id,
    l.ordered_by_name AS relation_name,
    l.invoice_to AS invoice_to_id,
    CAST(l.division AS varchar) || ':' || CAST(l.item AS varchar) AS item_key,
    l.item AS item_id,
    trim(l.item_code) AS item_code,
    l.item_description AS item_name,
    l.description,
    CAST(l.division AS varchar) || ':' || CAST(l.gl_account AS varchar) AS gl_account_key,
    l.gl_account AS gl_account_id,
    CAST(l.division AS varchar) || ':' || CAST(l.project AS varchar) AS project_key,
    trim(l.cost_center) AS cost_center_code,
    trim(l.cost_unit) AS cost_unit_code,
    l.salesperson_full_name AS salesperson,
    l.quantity,
    trim(l.unit_code) AS unit,
    l.net_price,
    l.discount,
    l.amount_dc AS amount,
    l.amount_dc AS amount_exact,
    l.amount_fc,
    l.currency,
    l.vat_amount_dc AS vat_amount,
    trim(l.vat_code) AS vat_code,
    l.cost,
    l.amount_dc - l.cost AS margin
FROM invoiced AS l
