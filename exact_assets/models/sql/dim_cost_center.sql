/*
description = "Cost centers, which ledger lines name by their code."
key = ["cost_center_code"]

[origin]
table = "hrm_cost_centers"

[columns]
cost_center_key = ["varchar", "division and code, for tools that join by one column", "hrm_cost_centers.code"]
cost_center_code = ["varchar", "code of the cost center", "hrm_cost_centers.code"]
cost_center_name = ["varchar", "name of the cost center", "hrm_cost_centers.description"]
is_active = ["boolean", "whether it is in use", "hrm_cost_centers.active"]
end_date = ["date", "until when it may be used; empty: it still may", "hrm_cost_centers.end_date"]
*/
SELECT
    c.division,
    CAST(c.division AS varchar) || ':' || trim(c.code) AS cost_center_key,
    trim(c.code) AS cost_center_code,
    c.description AS cost_center_name,
    coalesce(c.active, FALSE) AS is_active,
    CAST(c.end_date AS date) AS end_date
FROM exact.hrm_cost_centers AS c
