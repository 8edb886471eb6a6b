/*
description = "Budgets by scenario, period, ledger account, cost center and cost unit."
key = ["budget_id"]

[origin]
table = "budget_budgets"
sums = { amount_exact = "amount_dc" }

[columns]
budget_id = ["uuid", "Exact's key of the budget line", "budget_budgets.id"]
scenario_code = ["varchar", "code of the scenario", "budget_budgets.budget_scenario_code"]
scenario_name = ["varchar", "name of the scenario", "budget_budgets.budget_scenario_description"]
financial_year = ["smallint", "financial year in which it counts", "budget_budgets.reporting_year"]
financial_period = ["smallint", "period of the year in which it counts", "budget_budgets.reporting_period"]
gl_account_key = ["varchar", "the ledger account, for tools that join by one column", "budget_budgets.gl_account"]
gl_account_id = ["uuid", "the ledger account", "budget_budgets.gl_account"]
gl_account_code = ["varchar", "number of the ledger account", "budget_budgets.gl_account_code"]
gl_account_name = ["varchar", "name of the ledger account", "budget_budgets.gl_account_description"]
cost_center_key = ["varchar", "the cost center, for tools that join by one column", "budget_budgets.cost_center"]
cost_center_code = ["varchar", "code of the cost center", "budget_budgets.cost_center"]
cost_unit_key = ["varchar", "the cost unit, for tools that join by one column", "budget_budgets.cost_unit"]
cost_unit_code = ["varchar", "code of the cost unit", "budget_budgets.cost_unit"]
item_key = ["varchar", "the item, for tools that join by one column", "budget_budgets.item"]
item_code = ["varchar", "code of the item", "budget_budgets.item_code"]
amount = ["decimal(18,2)", "budgeted amount in the division's own currency", "budget_budgets.amount_dc"]
amount_exact = ["decimal(38,10)", "the amount, not rounded to cents", "budget_budgets.amount_dc"]
*/
SELECT
    b.division,
    b.id AS budget_id,
    b.budget_scenario_code AS scenario_code,
    b.budget_scenario_description AS scenario_name,
    b.reporting_year AS financial_year,
    b.reporting_period AS financial_period,
    CAST(b.division AS varchar) || ':' || CAST(b.gl_account AS varchar) AS gl_account_key,
    b.gl_account AS gl_account_id,
    trim(b.gl_account_code) AS gl_account_code,
    b.gl_account_description AS gl_account_name,
    CAST(b.division AS varchar) || ':' || trim(b.cost_center) AS cost_center_key,
    trim(b.cost_center) AS cost_center_code,
    CAST(b.division AS varchar) || ':' || trim(b.cost_unit) AS cost_unit_key,
    trim(b.cost_unit) AS cost_unit_code,
    CAST(b.division AS varchar) || ':' || CAST(b.item AS varchar) AS item_key,
    trim(b.item_code) AS item_code,
    b.amount_dc AS amount,
    b.amount_dc AS amount_exact
FROM exact.budget_budgets AS b
