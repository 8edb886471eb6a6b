/*
description = "The accounts of the general ledger, each with its kind, its classification in the main scheme and its RGS code."
key = ["gl_account_id"]
optional = ["financial_gl_account_classification_mappings", "financial_gl_schemes"]

[origin]
table = "financial_gl_accounts"

[columns]
gl_account_key = ["varchar", "division and account, for tools that join by one column", "financial_gl_accounts.id"]
gl_account_id = ["uuid", "Exact's key of the account", "financial_gl_accounts.id"]
gl_account_code = ["varchar", "number of the account", "financial_gl_accounts.code"]
gl_account_name = ["varchar", "name of the account", "financial_gl_accounts.description"]
statement = ["varchar", "`balance sheet` or `result`", "financial_gl_accounts.balance_type"]
normal_side = ["varchar", "on which side its balance normally is: `debit` or `credit`", "financial_gl_accounts.balance_side"]
account_type = ["integer", "kind of account by Exact's number", "financial_gl_accounts.type"]
account_type_name = ["varchar", "kind of account in words", "financial_gl_accounts.type"]
is_revenue = ["boolean", "whether it is an account of revenue", "financial_gl_accounts.type", "financial_gl_accounts.balance_type"]
scheme_code = ["varchar", "code of the scheme by which it is classified: the main one, else the first", "financial_gl_account_classification_mappings.gl_scheme_code"]
scheme_name = ["varchar", "name of that scheme", "financial_gl_account_classification_mappings.gl_scheme_description"]
classification_code = ["varchar", "its classification in that scheme", "financial_gl_account_classification_mappings.classification_code"]
classification_name = ["varchar", "name of that classification", "financial_gl_account_classification_mappings.classification_description"]
rgs_code = ["varchar", "its code in the scheme RGS (the Dutch reference of ledger accounts); empty: it has none", "financial_gl_account_classification_mappings.classification_code"]
reporting_code = ["varchar", "its code in the official chart of accounts or report", "financial_gl_accounts.reporting_code"]
is_blocked = ["boolean", "whether it is blocked for entries", "financial_gl_accounts.is_blocked"]
*/
WITH mapped AS (
    SELECT m.division, m.gl_account, m.gl_scheme_code, m.gl_scheme_description, m.classification_code,
        m.classification_description,
        upper(coalesce(m.gl_scheme_code, '') || ' ' || coalesce(m.gl_scheme_description, '')) LIKE '%RGS%' AS is_rgs,
        CASE WHEN s.main = 1 THEN 0 ELSE 1 END AS is_other
    FROM exact.financial_gl_account_classification_mappings AS m
    LEFT JOIN exact.financial_gl_schemes AS s ON s.division = m.division AND s.id = m.gl_scheme_id
), ranked AS (
    SELECT m.*,
        row_number() OVER (
            PARTITION BY m.division, m.gl_account ORDER BY m.is_other, m.gl_scheme_code, m.classification_code
        ) AS place,
        row_number() OVER (
            PARTITION BY m.division, m.gl_account, m.is_rgs ORDER BY m.is_other, m.classification_code
        ) AS place_in_rgs
    FROM mapped AS m
)
SELECT
    a.division,
    CAST(a.division AS varchar) || ':' || CAST(a.id AS varchar) AS gl_account_key,
    a.id AS gl_account_id,
    trim(a.code) AS gl_account_code,
    a.description AS gl_account_name,
    CASE a.balance_type WHEN 'B' THEN 'balance sheet' WHEN 'W' THEN 'result' END AS statement,
    CASE a.balance_side WHEN 'D' THEN 'debit' WHEN 'C' THEN 'credit' END AS normal_side,
    a.type AS account_type,
    CASE a.type
        WHEN 10 THEN 'cash' WHEN 12 THEN 'bank' WHEN 14 THEN 'credit card' WHEN 16 THEN 'payment service'
        WHEN 20 THEN 'receivable' WHEN 22 THEN 'payable' WHEN 24 THEN 'VAT' WHEN 30 THEN 'fixed assets'
        WHEN 35 THEN 'accumulated depreciation' WHEN 40 THEN 'stock' WHEN 50 THEN 'capital'
        WHEN 52 THEN 'retained earnings' WHEN 90 THEN 'general' WHEN 110 THEN 'revenue'
        WHEN 111 THEN 'cost of goods' WHEN 120 THEN 'other costs' WHEN 122 THEN 'depreciation'
        WHEN 125 THEN 'employee costs' ELSE 'other'
    END AS account_type_name,
    coalesce(a.type = 110 AND a.balance_type = 'W', FALSE) AS is_revenue,
    m.gl_scheme_code AS scheme_code,
    m.gl_scheme_description AS scheme_name,
    m.classification_code,
    m.classification_description AS classification_name,
    r.classification_code AS rgs_code,
    a.reporting_code,
    coalesce(a.is_blocked, FALSE) AS is_blocked
FROM exact.financial_gl_accounts AS a
LEFT JOIN ranked AS m ON m.division = a.division AND m.gl_account = a.id AND m.place = 1
LEFT JOIN ranked AS r ON r.division = a.division AND r.gl_account = a.id AND r.is_rgs AND r.place_in_rgs = 1
