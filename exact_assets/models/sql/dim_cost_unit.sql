/*
description = "Cost units, which ledger lines name by their code."
key = ["cost_unit_code"]

[origin]
table = "hrm_cost_units"

[columns]
cost_unit_key = ["varchar", "division and code, for tools that join by one column", "hrm_cost_units.code"]
cost_unit_code = ["varchar", "code of the cost unit", "hrm_cost_units.code"]
cost_unit_name = ["varchar", "name of the cost unit", "hrm_cost_units.description"]
end_date = ["date", "until when it may be used; empty: it still may", "hrm_cost_units.end_date"]
*/
SELECT
    c.division,
    CAST(c.division AS varchar) || ':' || trim(c.code) AS cost_unit_key,
    trim(c.code) AS cost_unit_code,
    c.description AS cost_unit_name,
    CAST(c.end_date AS date) AS end_date
FROM exact.hrm_cost_units AS c
