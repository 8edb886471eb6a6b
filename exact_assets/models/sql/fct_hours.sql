/*
description = "Hours that were booked, by employee, project, customer and kind of hour; costs that were booked are left out."
key = ["hour_id"]

[origin]
table = "project_time_cost_transactions"
condition = "type = 1 OR type IS NULL"
sums = { hours = "quantity" }

[figures]
hours_this_year = "SELECT division, sum(hours) AS value FROM exact_bi.fct_hours WHERE extract(YEAR FROM day) = extract(YEAR FROM current_date) GROUP BY division"

[columns]
hour_id = ["uuid", "Exact's key of the booking", "project_time_cost_transactions.id"]
entry_number = ["integer", "number of the booking", "project_time_cost_transactions.entry_number"]
day = ["date", "on which the work was done", "project_time_cost_transactions.date"]
day_key = ["varchar", "the day, for tools that join by one column", "project_time_cost_transactions.date"]
employee_key = ["varchar", "the employee, for tools that join by one column", "project_time_cost_transactions.employee"]
employee_id = ["uuid", "the employee", "project_time_cost_transactions.employee"]
project_key = ["varchar", "the project, for tools that join by one column", "project_time_cost_transactions.project"]
project_id = ["uuid", "the project", "project_time_cost_transactions.project"]
project_code = ["varchar", "code of the project", "project_time_cost_transactions.project_code"]
project_name = ["varchar", "name of the project", "project_time_cost_transactions.project_description"]
relation_key = ["varchar", "the customer, for tools that join by one column", "project_time_cost_transactions.account"]
relation_id = ["uuid", "the customer", "project_time_cost_transactions.account"]
relation_name = ["varchar", "name of the customer", "project_time_cost_transactions.account_name"]
item_key = ["varchar", "kind of hour, for tools that join by one column", "project_time_cost_transactions.item"]
item_id = ["uuid", "kind of hour, an item", "project_time_cost_transactions.item"]
item_name = ["varchar", "name of the kind of hour", "project_time_cost_transactions.item_description"]
hours = ["decimal(38,10)", "how many hours", "project_time_cost_transactions.quantity"]
price = ["decimal(38,10)", "price of an hour, in the currency of the booking", "project_time_cost_transactions.price_fc"]
amount_fc = ["decimal(38,10)", "what is charged, in the currency of the booking", "project_time_cost_transactions.amount_fc"]
currency = ["varchar", "currency of the booking", "project_time_cost_transactions.currency"]
status = ["varchar", "`draft`, `rejected`, `submitted`, `final` or `in process`", "project_time_cost_transactions.hour_status"]
is_final = ["boolean", "whether it is final", "project_time_cost_transactions.hour_status"]
notes = ["varchar", "what was noted", "project_time_cost_transactions.notes"]
*/
SELECT
    t.division,
    t.id AS hour_id,
    t.entry_number,
    CAST(t.date AS date) AS day,
    CAST(t.division AS varchar) || ':' || CAST(CAST(t.date AS date) AS varchar) AS day_key,
    CAST(t.division AS varchar) || ':' || CAST(t.employee AS varchar) AS employee_key,
    t.employee AS employee_id,
    CAST(t.division AS varchar) || ':' || CAST(t.project AS varchar) AS project_key,
    t.project AS project_id,
    trim(t.project_code) AS project_code,
    t.project_description AS project_name,
    CAST(t.division AS varchar) || ':' || CAST(t.account AS varchar) AS relation_key,
    t.account AS relation_id,
    t.account_name AS relation_name,
    CAST(t.division AS varchar) || ':' || CAST(t.item AS varchar) AS item_key,
    t.item AS item_id,
    t.item_description AS item_name,
    t.quantity AS hours,
    t.price_fc AS price,
    t.amount_fc,
    t.currency,
    CASE
        WHEN t.hour_status = 1 THEN 'draft' WHEN t.hour_status = 2 THEN 'rejected'
        WHEN t.hour_status = 10 THEN 'submitted' WHEN t.hour_status = 20 THEN 'final' ELSE 'in process'
    END AS status,
    coalesce(t.hour_status = 20, FALSE) AS is_final,
    t.notes
FROM exact.project_time_cost_transactions AS t
WHERE t.type = 1 OR t.type IS NULL
