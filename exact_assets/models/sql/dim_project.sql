/*
description = "Projects with their customer, kind, budget and term."
key = ["project_id"]

[origin]
table = "project_projects"

[columns]
project_key = ["varchar", "division and project, for tools that join by one column", "project_projects.id"]
project_id = ["uuid", "Exact's key of the project", "project_projects.id"]
project_code = ["varchar", "code of the project", "project_projects.code"]
project_name = ["varchar", "name of the project", "project_projects.description"]
project_type = ["integer", "kind of project by Exact's number", "project_projects.type"]
project_type_name = ["varchar", "kind of project in words", "project_projects.type"]
relation_id = ["uuid", "the customer", "project_projects.account"]
relation_key = ["varchar", "the customer, for tools that join by one column", "project_projects.account"]
relation_name = ["varchar", "name of the customer", "project_projects.account_name"]
manager = ["varchar", "who is responsible", "project_projects.manager_full_name"]
classification = ["varchar", "its classification", "project_projects.classification_description"]
budgeted_amount = ["decimal(18,2)", "budget in the division's own currency", "project_projects.budgeted_amount"]
budgeted_costs = ["decimal(18,2)", "budgeted costs", "project_projects.budgeted_costs"]
budgeted_revenue = ["decimal(18,2)", "budgeted revenue", "project_projects.budgeted_revenue"]
start_date = ["date", "first day", "project_projects.start_date"]
end_date = ["date", "last day; empty: it has none", "project_projects.end_date"]
*/
SELECT
    p.division,
    CAST(p.division AS varchar) || ':' || CAST(p.id AS varchar) AS project_key,
    p.id AS project_id,
    trim(p.code) AS project_code,
    p.description AS project_name,
    p.type AS project_type,
    CASE p.type
        WHEN 1 THEN 'campaign' WHEN 2 THEN 'fixed price' WHEN 3 THEN 'time and material' WHEN 4 THEN 'not billable'
        WHEN 5 THEN 'prepaid' ELSE 'other'
    END AS project_type_name,
    p.account AS relation_id,
    CAST(p.division AS varchar) || ':' || CAST(p.account AS varchar) AS relation_key,
    p.account_name AS relation_name,
    p.manager_full_name AS manager,
    p.classification_description AS classification,
    p.budgeted_amount,
    p.budgeted_costs,
    p.budgeted_revenue,
    CAST(p.start_date AS date) AS start_date,
    CAST(p.end_date AS date) AS end_date
FROM exact.project_projects AS p
