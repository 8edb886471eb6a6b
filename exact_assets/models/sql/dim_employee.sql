/*
description = "Employees by name and term of service; what is private of them is left out."
key = ["employee_id"]

[origin]
table = "payroll_employees"

[columns]
employee_key = ["varchar", "division and employee, for tools that join by one column", "payroll_employees.id"]
employee_id = ["uuid", "Exact's key of the employee", "payroll_employees.id"]
employee_code = ["varchar", "number of the employee", "payroll_employees.code"]
employee_name = ["varchar", "full name", "payroll_employees.full_name"]
is_active = ["boolean", "whether the employee is in service", "payroll_employees.is_active"]
manager_id = ["uuid", "the employee's manager", "payroll_employees.manager"]
start_date = ["date", "first day of service", "payroll_employees.start_date"]
end_date = ["date", "last day of service; empty: there is none", "payroll_employees.end_date"]
*/
SELECT
    e.division,
    CAST(e.division AS varchar) || ':' || CAST(e.id AS varchar) AS employee_key,
    e.id AS employee_id,
    trim(e.code) AS employee_code,
    e.full_name AS employee_name,
    coalesce(e.is_active, FALSE) AS is_active,
    e.manager AS manager_id,
    CAST(e.start_date AS date) AS start_date,
    CAST(e.end_date AS date) AS end_date
FROM exact.payroll_employees AS e
