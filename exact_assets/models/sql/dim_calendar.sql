/*
description = "Each day from the first to the last year of the division's financial periods, with its place in the calendar and in the books."
key = ["day"]

[columns]
day_key = ["varchar", "division and day, for tools that join by one column", "financial_financial_periods.start_date"]
day = ["date", "the day", "financial_financial_periods.start_date", "financial_financial_periods.end_date"]
year = ["smallint", "calendar year"]
quarter = ["smallint", "quarter of the calendar year, 1 to 4"]
month = ["smallint", "month, 1 to 12"]
day_of_month = ["smallint", "day of the month"]
iso_week = ["smallint", "week by ISO 8601, 1 to 53"]
weekday = ["smallint", "day of the week by ISO 8601: 1 Monday to 7 Sunday"]
is_weekend = ["boolean", "Saturday or Sunday"]
financial_year = ["smallint", "financial year in which the day is; empty: no period has it", "financial_financial_periods.fin_year"]
financial_period = ["smallint", "period of the financial year in which the day is; the first, where several have it", "financial_financial_periods.fin_period"]
*/
WITH periods AS (
    SELECT p.division, p.fin_year, p.fin_period, CAST(p.start_date AS date) AS first_day,
        CAST(p.end_date AS date) AS last_day
    FROM exact.financial_financial_periods AS p
    WHERE p.start_date >= DATE '1980-01-01' AND p.end_date < DATE '2200-01-01'
), years AS (
    SELECT p.division, CAST(date_trunc('year', min(p.first_day)) AS date) AS first_day,
        CAST(date_trunc('year', max(p.last_day)) + INTERVAL '1' YEAR AS date) AS after
    FROM periods AS p GROUP BY p.division
), days AS (
    SELECT y.division, y.first_day + CAST(n.number AS integer) AS day
    FROM years AS y CROSS JOIN generate_series(0, 81000) AS n(number)
    WHERE y.first_day + CAST(n.number AS integer) < y.after
), placed AS (
    SELECT d.division, d.day, p.fin_year, p.fin_period,
        row_number() OVER (PARTITION BY d.division, d.day ORDER BY p.fin_year, p.fin_period) AS place
    FROM days AS d
    LEFT JOIN periods AS p ON p.division = d.division AND d.day BETWEEN p.first_day AND p.last_day
)
SELECT
    p.division,
    CAST(p.division AS varchar) || ':' || CAST(p.day AS varchar) AS day_key,
    p.day,
    extract(YEAR FROM p.day) AS year,
    extract(QUARTER FROM p.day) AS quarter,
    extract(MONTH FROM p.day) AS month,
    extract(DAY FROM p.day) AS day_of_month,
    extract(WEEK FROM p.day) AS iso_week,
    extract(ISODOW FROM p.day) AS weekday,
    extract(ISODOW FROM p.day) > 5 AS is_weekend,
    p.fin_year AS financial_year,
    p.fin_period AS financial_period
FROM placed AS p
WHERE p.place = 1
