/*
description = "Stock as it is now, by item and warehouse, and its value at the item's cost price."
key = ["position_id"]

[origin]
table = "inventory_stock_positions"
sums = { quantity = "current_stock" }

[figures]
stock_value = "SELECT division, sum(value_at_standard_cost) AS value FROM exact_bi.fct_stock GROUP BY division"

[columns]
position_id = ["uuid", "Exact's key of the position", "inventory_stock_positions.id"]
item_key = ["varchar", "the item, for tools that join by one column", "inventory_stock_positions.item_id"]
item_id = ["uuid", "the item", "inventory_stock_positions.item_id"]
item_code = ["varchar", "code of the item", "inventory_stock_positions.item_code"]
item_name = ["varchar", "name of the item", "inventory_stock_positions.item_description"]
warehouse_code = ["varchar", "code of the warehouse", "inventory_stock_positions.warehouse_code"]
warehouse_name = ["varchar", "name of the warehouse", "inventory_stock_positions.warehouse_description"]
quantity = ["decimal(38,10)", "what is in stock, orders left aside", "inventory_stock_positions.current_stock"]
quantity_reserved = ["decimal(38,10)", "what is set aside for orders", "inventory_stock_positions.reserved_stock"]
quantity_free = ["decimal(38,10)", "what can be promised", "inventory_stock_positions.free_stock"]
quantity_planned_in = ["decimal(38,10)", "what is to come in", "inventory_stock_positions.planning_in"]
quantity_planned_out = ["decimal(38,10)", "what is to go out", "inventory_stock_positions.planning_out"]
quantity_projected = ["decimal(38,10)", "what will be there after all orders", "inventory_stock_positions.projected_stock"]
reorder_point = ["decimal(38,10)", "below this it is ordered again", "inventory_stock_positions.reorder_point"]
is_below_reorder_point = ["boolean", "whether less will be there after all orders", "inventory_stock_positions.projected_stock", "inventory_stock_positions.reorder_point"]
unit = ["varchar", "unit of the quantity", "inventory_stock_positions.unit_code"]
value_at_standard_cost = ["decimal(18,2)", "the quantity at the item's standard cost price", "inventory_stock_positions.current_stock", "logistics_items.cost_price_standard"]
value_at_average_cost = ["decimal(18,2)", "the quantity at the item's average cost price", "inventory_stock_positions.current_stock", "logistics_items.average_cost"]
*/
SELECT
    s.division,
    s.id AS position_id,
    CAST(s.division AS varchar) || ':' || CAST(s.item_id AS varchar) AS item_key,
    s.item_id,
    trim(s.item_code) AS item_code,
    s.item_description AS item_name,
    trim(s.warehouse_code) AS warehouse_code,
    s.warehouse_description AS warehouse_name,
    s.current_stock AS quantity,
    s.reserved_stock AS quantity_reserved,
    s.free_stock AS quantity_free,
    s.planning_in AS quantity_planned_in,
    s.planning_out AS quantity_planned_out,
    s.projected_stock AS quantity_projected,
    s.reorder_point,
    coalesce(s.projected_stock < s.reorder_point, FALSE) AS is_below_reorder_point,
    trim(s.unit_code) AS unit,
    CAST(s.current_stock AS decimal(19, 4)) * CAST(i.cost_price_standard AS decimal(19, 4)) AS value_at_standard_cost,
    CAST(s.current_stock AS decimal(19, 4)) * CAST(i.average_cost AS decimal(19, 4)) AS value_at_average_cost
FROM exact.inventory_stock_positions AS s
LEFT JOIN exact.logistics_items AS i ON i.division = s.division AND i.id = s.item_id
