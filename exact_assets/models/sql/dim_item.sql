/*
description = "Items: what is sold, bought, kept in stock or counted in hours."
key = ["item_id"]

[origin]
table = "logistics_items"

[columns]
item_key = ["varchar", "division and item, for tools that join by one column", "logistics_items.id"]
item_id = ["uuid", "Exact's key of the item", "logistics_items.id"]
item_code = ["varchar", "code of the item", "logistics_items.code"]
item_name = ["varchar", "name of the item", "logistics_items.description"]
item_group_code = ["varchar", "code of its group", "logistics_items.item_group_code"]
item_group_name = ["varchar", "name of its group", "logistics_items.item_group_description"]
unit = ["varchar", "unit in which it is counted", "logistics_items.unit"]
is_sales_item = ["boolean", "whether it may be sold", "logistics_items.is_sales_item"]
is_purchase_item = ["boolean", "whether it may be bought", "logistics_items.is_purchase_item"]
is_stock_item = ["boolean", "whether it is kept in stock", "logistics_items.is_stock_item"]
standard_cost = ["decimal(38,10)", "standard cost price of a unit, as it is now", "logistics_items.cost_price_standard"]
average_cost = ["decimal(38,10)", "average cost price of what is in stock, as it is now", "logistics_items.average_cost"]
start_date = ["date", "from when it is active", "logistics_items.start_date"]
end_date = ["date", "until when it is active; empty: it still is", "logistics_items.end_date"]
*/
SELECT
    i.division,
    CAST(i.division AS varchar) || ':' || CAST(i.id AS varchar) AS item_key,
    i.id AS item_id,
    trim(i.code) AS item_code,
    i.description AS item_name,
    trim(i.item_group_code) AS item_group_code,
    i.item_group_description AS item_group_name,
    trim(i.unit) AS unit,
    coalesce(i.is_sales_item, FALSE) AS is_sales_item,
    coalesce(i.is_purchase_item, FALSE) AS is_purchase_item,
    coalesce(i.is_stock_item, FALSE) AS is_stock_item,
    i.cost_price_standard AS standard_cost,
    i.average_cost,
    CAST(i.start_date AS date) AS start_date,
    CAST(i.end_date AS date) AS end_date
FROM exact.logistics_items AS i
