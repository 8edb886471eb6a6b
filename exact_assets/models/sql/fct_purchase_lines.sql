/*
description = "The lines of purchase orders, without their headers and without the lines of VAT that Exact adds: what was ordered of whom, what came in, and what was invoiced."
key = ["line_id"]

[origin]
table = "purchaseorder_purchase_orders_with_lines"
condition = "line_number BETWEEN 1 AND 8999"
sums = { amount_exact = "amount_dc", quantity = "quantity" }

[columns]
line_id = ["uuid", "Exact's key of the line", "purchaseorder_purchase_orders_with_lines.id"]
order_id = ["uuid", "Exact's key of the order", "purchaseorder_purchase_orders_with_lines.purchase_order_id"]
order_number = ["integer", "number of the order", "purchaseorder_purchase_orders_with_lines.order_number"]
line_number = ["integer", "place within the order", "purchaseorder_purchase_orders_with_lines.line_number"]
order_date = ["date", "date of the order", "purchaseorder_purchase_orders_with_lines.order_date"]
day_key = ["varchar", "the day of the order, for tools that join by one column", "purchaseorder_purchase_orders_with_lines.order_date"]
receipt_date = ["date", "when it is to come in", "purchaseorder_purchase_orders_with_lines.receipt_date"]
relation_key = ["varchar", "the supplier, for tools that join by one column", "purchaseorder_purchase_orders_with_lines.supplier"]
relation_id = ["uuid", "the supplier", "purchaseorder_purchase_orders_with_lines.supplier"]
relation_name = ["varchar", "name of the supplier", "purchaseorder_purchase_orders_with_lines.supplier_name"]
item_key = ["varchar", "the item, for tools that join by one column", "purchaseorder_purchase_orders_with_lines.item"]
item_id = ["uuid", "the item", "purchaseorder_purchase_orders_with_lines.item"]
item_code = ["varchar", "code of the item", "purchaseorder_purchase_orders_with_lines.item_code"]
item_name = ["varchar", "name of the item", "purchaseorder_purchase_orders_with_lines.item_description"]
description = ["varchar", "what the line says", "purchaseorder_purchase_orders_with_lines.description"]
project_key = ["varchar", "the project, for tools that join by one column", "purchaseorder_purchase_orders_with_lines.project"]
cost_center_code = ["varchar", "code of the cost center", "purchaseorder_purchase_orders_with_lines.cost_center_code"]
cost_unit_code = ["varchar", "code of the cost unit", "purchaseorder_purchase_orders_with_lines.cost_unit_code"]
warehouse_code = ["varchar", "where it is to come in", "purchaseorder_purchase_orders_with_lines.warehouse_code"]
receipt_status = ["varchar", "`open`, `partly`, `complete` or `cancelled`", "purchaseorder_purchase_orders_with_lines.receipt_status"]
invoice_status = ["varchar", "likewise, of invoicing", "purchaseorder_purchase_orders_with_lines.invoice_status"]
quantity = ["decimal(38,10)", "how many units were ordered", "purchaseorder_purchase_orders_with_lines.quantity"]
quantity_received = ["decimal(38,10)", "how many of them came in", "purchaseorder_purchase_orders_with_lines.received_quantity"]
quantity_invoiced = ["decimal(38,10)", "how many of them were invoiced", "purchaseorder_purchase_orders_with_lines.invoiced_quantity"]
unit = ["varchar", "unit of the quantity", "purchaseorder_purchase_orders_with_lines.unit"]
net_price = ["decimal(38,10)", "price of a unit after the discount, in the currency of the order", "purchaseorder_purchase_orders_with_lines.net_price"]
discount = ["decimal(18,6)", "discount as a share of one", "purchaseorder_purchase_orders_with_lines.discount"]
amount = ["decimal(18,2)", "amount in the division's own currency", "purchaseorder_purchase_orders_with_lines.amount_dc"]
amount_exact = ["decimal(38,10)", "the amount, not rounded to cents", "purchaseorder_purchase_orders_with_lines.amount_dc"]
amount_fc = ["decimal(38,10)", "amount in the currency of the order", "purchaseorder_purchase_orders_with_lines.amount_fc"]
currency = ["varchar", "currency of the order", "purchaseorder_purchase_orders_with_lines.currency"]
*/
SELECT
    l.division,
    l.id AS line_id,
    l.purchase_order_id AS order_id,
    l.order_number,
    l.line_number,
    CAST(l.order_date AS date) AS order_date,
    CAST(l.division AS varchar) || ':' || CAST(CAST(l.order_date AS date) AS varchar) AS day_key,
    CAST(l.receipt_date AS date) AS receipt_date,
    CAST(l.division AS varchar) || ':' || CAST(l.supplier AS varchar) AS relation_key,
    l.supplier AS relation_id,
    l.supplier_name AS relation_name,
    CAST(l.division AS varchar) || ':' || CAST(l.item AS varchar) AS item_key,
    l.item AS item_id,
    trim(l.item_code) AS item_code,
    l.item_description AS item_name,
    l.description,
    CAST(l.division AS varchar) || ':' || CAST(l.project AS varchar) AS project_key,
    trim(l.cost_center_code) AS cost_center_code,
    trim(l.cost_unit_code) AS cost_unit_code,
    trim(l.warehouse_code) AS warehouse_code,
    CASE l.receipt_status WHEN 10 THEN 'open' WHEN 20 THEN 'partly' WHEN 30 THEN 'complete' WHEN 40 THEN 'cancelled' END
        AS receipt_status,
    CASE l.invoice_status WHEN 10 THEN 'open' WHEN 20 THEN 'partly' WHEN 30 THEN 'complete' WHEN 40 THEN 'cancelled' END
        AS invoice_status,
    l.quantity,
    l.received_quantity AS quantity_received,
    l.invoiced_quantity AS quantity_invoiced,
    trim(l.unit) AS unit,
    l.net_price,
    l.discount,
    l.amount_dc AS amount,
    l.amount_dc AS amount_exact,
    l.amount_fc,
    l.currency
FROM exact.purchaseorder_purchase_orders_with_lines AS l
WHERE l.line_number BETWEEN 1 AND 8999
