/*
description = "The lines of sales orders, each with its order's customer and date, and what is still to be delivered and invoiced."
key = ["line_id"]

[origin]
table = "salesorder_sales_order_lines"
sums = { amount_exact = "amount_dc", quantity = "quantity" }

[figures]
still_to_deliver = "SELECT division, sum(amount_to_deliver) AS value FROM exact_bi.fct_order_lines GROUP BY division"

[columns]
line_id = ["uuid", "Exact's key of the line", "salesorder_sales_order_lines.id"]
order_id = ["uuid", "Exact's key of the order", "salesorder_sales_order_lines.order_id"]
order_number = ["integer", "number of the order", "salesorder_sales_order_lines.order_number"]
line_number = ["integer", "place within the order", "salesorder_sales_order_lines.line_number"]
order_date = ["date", "date of the order", "salesorder_sales_orders.order_date"]
day_key = ["varchar", "the day of the order, for tools that join by one column", "salesorder_sales_orders.order_date"]
delivery_date = ["date", "when it is to be delivered", "salesorder_sales_order_lines.delivery_date"]
relation_key = ["varchar", "who ordered, for tools that join by one column", "salesorder_sales_orders.ordered_by"]
relation_id = ["uuid", "who ordered", "salesorder_sales_orders.ordered_by"]
relation_name = ["varchar", "name of who ordered", "salesorder_sales_orders.ordered_by_name"]
item_key = ["varchar", "the item, for tools that join by one column", "salesorder_sales_order_lines.item"]
item_id = ["uuid", "the item", "salesorder_sales_order_lines.item"]
item_code = ["varchar", "code of the item", "salesorder_sales_order_lines.item_code"]
item_name = ["varchar", "name of the item", "salesorder_sales_order_lines.item_description"]
description = ["varchar", "what the line says", "salesorder_sales_order_lines.description"]
project_key = ["varchar", "the project, for tools that join by one column", "salesorder_sales_order_lines.project"]
cost_center_code = ["varchar", "code of the cost center", "salesorder_sales_order_lines.cost_center"]
cost_unit_code = ["varchar", "code of the cost unit", "salesorder_sales_order_lines.cost_unit"]
salesperson = ["varchar", "who sold it", "salesorder_sales_orders.salesperson_full_name"]
delivery_status = ["varchar", "`open`, `partly`, `complete` or `cancelled`", "salesorder_sales_order_lines.delivery_status"]
invoice_status = ["varchar", "likewise, of invoicing", "salesorder_sales_order_lines.invoice_status"]
quantity = ["decimal(38,10)", "how many units were ordered", "salesorder_sales_order_lines.quantity"]
quantity_delivered = ["decimal(38,10)", "how many of them went out", "salesorder_sales_order_lines.quantity_delivered"]
quantity_invoiced = ["decimal(38,10)", "how many of them were invoiced", "salesorder_sales_order_lines.quantity_invoiced"]
quantity_to_deliver = ["decimal(38,10)", "how many are still to go out; none where the line is complete or cancelled", "salesorder_sales_order_lines.quantity", "salesorder_sales_order_lines.quantity_delivered", "salesorder_sales_order_lines.delivery_status"]
unit = ["varchar", "unit of the quantity", "salesorder_sales_order_lines.unit_code"]
net_price = ["decimal(38,10)", "price of a unit after the discount, in the currency of the order", "salesorder_sales_order_lines.net_price"]
discount = ["decimal(18,6)", "discount as a share of one", "salesorder_sales_order_lines.discount"]
amount = ["decimal(18,2)", "amount without VAT, in the division's own currency", "salesorder_sales_order_lines.amount_dc"]
amount_exact = ["decimal(38,10)", "the amount, not rounded to cents", "salesorder_sales_order_lines.amount_dc"]
amount_to_deliver = ["decimal(18,2)", "the part of the amount that is still to go out", "salesorder_sales_order_lines.amount_dc", "salesorder_sales_order_lines.quantity", "salesorder_sales_order_lines.quantity_delivered", "salesorder_sales_order_lines.delivery_status"]
amount_fc = ["decimal(38,10)", "amount without VAT, in the currency of the order", "salesorder_sales_order_lines.amount_fc"]
currency = ["varchar", "currency of the order", "salesorder_sales_orders.currency"]
margin = ["decimal(18,2)", "what is earned on the line, as Exact has it", "salesorder_sales_order_lines.margin"]
*/
WITH headers AS (
    SELECT o.*, row_number() OVER (PARTITION BY o.division, o.order_id ORDER BY o.id) AS place
    FROM exact.salesorder_sales_orders AS o
), ordered AS (
    SELECT l.*,
        CASE
            WHEN l.delivery_status IN (21, 45) THEN 0
            WHEN coalesce(l.quantity_delivered, 0) = 0 THEN l.quantity
            WHEN (l.quantity > 0 AND l.quantity_delivered >= l.quantity)
                OR (l.quantity < 0 AND l.quantity_delivered <= l.quantity) THEN 0
            ELSE l.quantity - l.quantity_delivered
        END AS quantity_to_deliver
    FROM exact.salesorder_sales_order_lines AS l
)
SELECT
    l.division,
    l.id AS line_id,
    l.order_id,
    l.order_number,
    l.line_number,
    CAST(o.order_date AS date) AS order_date,
    CAST(l.division AS varchar) || ':' || CAST(CAST(o.order_date AS date) AS varchar) AS day_key,
    CAST(l.delivery_date AS date) AS delivery_date,
    CAST(l.division AS varchar) || ':' || CAST(o.ordered_by AS varchar) AS relation_key,
    o.ordered_by AS relation_id,
    o.ordered_by_name AS relation_name,
    CAST(l.division AS varchar) || ':' || CAST(l.item AS varchar) AS item_key,
    l.item AS item_id,
    trim(l.item_code) AS item_code,
    l.item_description AS item_name,
    l.description,
    CAST(l.division AS varchar) || ':' || CAST(l.project AS varchar) AS project_key,
    trim(l.cost_center) AS cost_center_code,
    trim(l.cost_unit) AS cost_unit_code,
    o.salesperson_full_name AS salesperson,
    CASE l.delivery_status WHEN 12 THEN 'open' WHEN 20 THEN 'partly' WHEN 21 THEN 'complete' WHEN 45 THEN 'cancelled' END
        AS delivery_status,
    CASE l.invoice_status WHEN 12 THEN 'open' WHEN 20 THEN 'partly' WHEN 21 THEN 'complete' WHEN 45 THEN 'cancelled' END
        AS invoice_status,
    l.quantity,
    l.quantity_delivered,
    l.quantity_invoiced,
    l.quantity_to_deliver,
    trim(l.unit_code) AS unit,
    l.net_price,
    l.discount,
    l.amount_dc AS amount,
    l.amount_dc AS amount_exact,
    CASE
        WHEN l.quantity_to_deliver = l.quantity THEN l.amount_dc
        WHEN coalesce(l.quantity, 0) = 0 THEN 0
        ELSE CAST(l.amount_dc AS decimal(19, 2)) * CAST(CAST(l.quantity_to_deliver AS double precision)
            / CAST(l.quantity AS double precision) AS decimal(18, 6))
    END AS amount_to_deliver,
    l.amount_fc,
    o.currency,
    l.margin
FROM ordered AS l
LEFT JOIN headers AS o ON o.division = l.division AND o.order_id = l.order_id AND o.place = 1
