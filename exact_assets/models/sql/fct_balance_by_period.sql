/*
description = "Opening, movement and closing of each ledger account in each period of the ledger. Accounts of the balance sheet go on from year to year; accounts of the result begin each year with nothing. Years before the first one that is loaded are not in the opening."
key = ["financial_year", "financial_period", "gl_account_id"]

[columns]
financial_year = ["smallint", "financial year", "financialtransaction_transaction_lines.financial_year"]
financial_period = ["smallint", "period of the year", "financialtransaction_transaction_lines.financial_period"]
gl_account_key = ["varchar", "the ledger account, for tools that join by one column", "financialtransaction_transaction_lines.gl_account"]
gl_account_id = ["uuid", "the ledger account", "financialtransaction_transaction_lines.gl_account"]
gl_account_code = ["varchar", "number of the ledger account", "financial_gl_accounts.code"]
gl_account_name = ["varchar", "name of the ledger account", "financial_gl_accounts.description"]
statement = ["varchar", "`balance sheet` or `result`; empty: the account is not known", "financial_gl_accounts.balance_type"]
opening = ["decimal(18,2)", "balance before the period: a debit is positive, a credit negative", "financialtransaction_transaction_lines.amount_dc"]
debit = ["decimal(18,2)", "what was debited in the period", "financialtransaction_transaction_lines.amount_dc"]
credit = ["decimal(18,2)", "what was credited in the period, without its sign", "financialtransaction_transaction_lines.amount_dc"]
movement = ["decimal(18,2)", "debit less credit", "financialtransaction_transaction_lines.amount_dc"]
closing = ["decimal(18,2)", "balance after the period", "financialtransaction_transaction_lines.amount_dc"]
opening_exact = ["decimal(38,10)", "the opening, not rounded to cents", "financialtransaction_transaction_lines.amount_dc"]
movement_exact = ["decimal(38,10)", "the movement, not rounded to cents", "financialtransaction_transaction_lines.amount_dc"]
closing_exact = ["decimal(38,10)", "the closing, not rounded to cents", "financialtransaction_transaction_lines.amount_dc"]
lines = ["bigint", "how many ledger lines the movement sums up", "financialtransaction_transaction_lines.id"]
*/
WITH movements AS (
    SELECT l.division, coalesce(l.financial_year, 0) AS financial_year,
        coalesce(l.financial_period, 0) AS financial_period, l.gl_account, sum(l.amount_dc) AS movement,
        sum(CASE WHEN l.amount_dc > 0 THEN l.amount_dc ELSE 0 END) AS debit,
        sum(CASE WHEN l.amount_dc < 0 THEN -l.amount_dc ELSE 0 END) AS credit, count(*) AS lines
    FROM exact.financialtransaction_transaction_lines AS l
    WHERE l.status >= 20 OR l.status IS NULL
    GROUP BY l.division, coalesce(l.financial_year, 0), coalesce(l.financial_period, 0), l.gl_account
), accounts AS (
    SELECT m.division, m.gl_account, min(CAST(m.financial_year AS integer) * 1000 + m.financial_period) AS first_period
    FROM movements AS m GROUP BY m.division, m.gl_account
), periods AS (
    SELECT DISTINCT m.division, m.financial_year, m.financial_period FROM movements AS m
), every_period AS (
    SELECT m.division, m.financial_year, m.financial_period, m.gl_account, m.movement, m.debit, m.credit, m.lines
    FROM movements AS m
    UNION ALL
    SELECT p.division, p.financial_year, p.financial_period, a.gl_account, 0, 0, 0, 0
    FROM accounts AS a
    JOIN periods AS p ON p.division = a.division
        AND CAST(p.financial_year AS integer) * 1000 + p.financial_period >= a.first_period
), summed AS (
    SELECT e.division, e.financial_year, e.financial_period, e.gl_account, coalesce(sum(e.movement), 0) AS movement,
        sum(e.debit) AS debit, sum(e.credit) AS credit, sum(e.lines) AS lines
    FROM every_period AS e GROUP BY e.division, e.financial_year, e.financial_period, e.gl_account
), known AS (
    SELECT s.*, trim(a.code) AS gl_account_code, a.description AS gl_account_name,
        CASE a.balance_type WHEN 'B' THEN 'balance sheet' WHEN 'W' THEN 'result' END AS statement,
        CASE WHEN a.balance_type = 'W' THEN s.financial_year ELSE 0 END AS goes_on_within
    FROM summed AS s LEFT JOIN exact.financial_gl_accounts AS a ON a.division = s.division AND a.id = s.gl_account
), carried AS (
    SELECT k.*,
        sum(k.movement) OVER (
            PARTITION BY k.division, k.gl_account, k.goes_on_within ORDER BY k.financial_year, k.financial_period
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS closing,
        sum(k.lines) OVER (PARTITION BY k.division, k.gl_account, k.goes_on_within) AS lines_within
    FROM known AS k
)
SELECT
    c.division,
    c.financial_year,
    c.financial_period,
    CAST(c.division AS varchar) || ':' || CAST(c.gl_account AS varchar) AS gl_account_key,
    c.gl_account AS gl_account_id,
    c.gl_account_code,
    c.gl_account_name,
    c.statement,
    c.closing - c.movement AS opening,
    c.debit,
    c.credit,
    c.movement,
    c.closing,
    c.closing - c.movement AS opening_exact,
    c.movement AS movement_exact,
    c.closing AS closing_exact,
    c.lines
FROM carried AS c
-- A year in which nothing was booked on an account of the result has no rows of it.
WHERE c.lines_within > 0
