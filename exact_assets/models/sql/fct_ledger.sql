/*
description = "The lines of the general ledger, of open and of processed entries; rejected ones are left out. Line 0 is a line like the others: it holds the other side of the entry, such as the debtor or the bank."
key = ["line_id"]

[origin]
table = "financialtransaction_transaction_lines"
condition = "status >= 20 OR status IS NULL"
sums = { amount_exact = "amount_dc", amount_fc = "amount_fc", debit = "CASE WHEN amount_dc > 0 THEN amount_dc ELSE 0 END", credit = "CASE WHEN amount_dc < 0 THEN -amount_dc ELSE 0 END" }

[figures]
revenue_this_year = "SELECT division, -sum(amount_exact) AS value FROM exact_bi.fct_ledger WHERE is_revenue AND NOT is_closing AND financial_year = extract(YEAR FROM current_date) GROUP BY division"
unbalanced_entries = "SELECT division, count(*) AS value FROM (SELECT division, entry_id FROM exact_bi.fct_ledger GROUP BY division, entry_id HAVING round(sum(amount_exact), 2) <> 0) AS e GROUP BY division"

[columns]
line_id = ["uuid", "Exact's key of the line", "financialtransaction_transaction_lines.id"]
entry_id = ["uuid", "Exact's key of the entry", "financialtransaction_transaction_lines.entry_id"]
entry_number = ["integer", "number of the entry", "financialtransaction_transaction_lines.entry_number"]
line_number = ["integer", "place within the entry: 0 the other side, from 9000 on lines that Exact made, 9999 VAT", "financialtransaction_transaction_lines.line_number"]
entry_type = ["integer", "kind of entry by Exact's number", "financialtransaction_transaction_lines.type"]
entry_type_name = ["varchar", "kind of entry in words", "financialtransaction_transaction_lines.type"]
is_closing = ["boolean", "whether it closes a period or a year, and so takes a result off its accounts", "financialtransaction_transaction_lines.type"]
is_processed = ["boolean", "whether the entry is processed; else it is open", "financialtransaction_transaction_lines.status"]
journal_key = ["varchar", "the journal, for tools that join by one column", "financialtransaction_transaction_lines.journal_code"]
journal_code = ["varchar", "the journal", "financialtransaction_transaction_lines.journal_code"]
financial_year = ["smallint", "financial year in which it counts", "financialtransaction_transaction_lines.financial_year"]
financial_period = ["smallint", "period of the year in which it counts", "financialtransaction_transaction_lines.financial_period"]
day = ["date", "date of the entry", "financialtransaction_transaction_lines.date"]
day_key = ["varchar", "the day, for tools that join by one column", "financialtransaction_transaction_lines.date"]
gl_account_key = ["varchar", "the ledger account, for tools that join by one column", "financialtransaction_transaction_lines.gl_account"]
gl_account_id = ["uuid", "the ledger account", "financialtransaction_transaction_lines.gl_account"]
gl_account_code = ["varchar", "number of the ledger account", "financialtransaction_transaction_lines.gl_account_code"]
gl_account_name = ["varchar", "name of the ledger account", "financialtransaction_transaction_lines.gl_account_description"]
statement = ["varchar", "`balance sheet` or `result`, as the account is; empty: the account is not known", "financial_gl_accounts.balance_type"]
is_revenue = ["boolean", "whether the account is one of revenue", "financial_gl_accounts.type", "financial_gl_accounts.balance_type"]
relation_key = ["varchar", "customer or supplier, for tools that join by one column", "financialtransaction_transaction_lines.account"]
relation_id = ["uuid", "customer or supplier", "financialtransaction_transaction_lines.account"]
relation_name = ["varchar", "name of customer or supplier", "financialtransaction_transaction_lines.account_name"]
item_key = ["varchar", "the item, for tools that join by one column", "financialtransaction_transaction_lines.item"]
item_code = ["varchar", "code of the item", "financialtransaction_transaction_lines.item_code"]
project_key = ["varchar", "the project, for tools that join by one column", "financialtransaction_transaction_lines.project"]
project_code = ["varchar", "code of the project", "financialtransaction_transaction_lines.project_code"]
cost_center_key = ["varchar", "the cost center, for tools that join by one column", "financialtransaction_transaction_lines.cost_center"]
cost_center_code = ["varchar", "code of the cost center", "financialtransaction_transaction_lines.cost_center"]
cost_unit_key = ["varchar", "the cost unit, for tools that join by one column", "financialtransaction_transaction_lines.cost_unit"]
cost_unit_code = ["varchar", "code of the cost unit", "financialtransaction_transaction_lines.cost_unit"]
vat_code_key = ["varchar", "the VAT code, for tools that join by one column", "financialtransaction_transaction_lines.vat_code"]
vat_code = ["varchar", "the VAT code", "financialtransaction_transaction_lines.vat_code"]
description = ["varchar", "what the line says", "financialtransaction_transaction_lines.description"]
amount = ["decimal(18,2)", "amount in the division's own currency: a debit is positive, a credit negative", "financialtransaction_transaction_lines.amount_dc"]
amount_exact = ["decimal(38,10)", "the amount as Exact has it, not rounded to cents", "financialtransaction_transaction_lines.amount_dc"]
debit = ["decimal(38,10)", "the amount where it is a debit, else 0", "financialtransaction_transaction_lines.amount_dc"]
credit = ["decimal(38,10)", "the amount without its sign where it is a credit, else 0", "financialtransaction_transaction_lines.amount_dc"]
amount_fc = ["decimal(38,10)", "amount in the currency of the transaction, with the same sign", "financialtransaction_transaction_lines.amount_fc"]
currency = ["varchar", "currency of the transaction; the division's own is in `dim_division`", "financialtransaction_transaction_lines.currency"]
exchange_rate = ["decimal(38,10)", "by which `amount_fc` becomes `amount`", "financialtransaction_transaction_lines.exchange_rate"]
quantity = ["decimal(38,10)", "how many units of the item", "financialtransaction_transaction_lines.quantity"]
invoice_number = ["integer", "number of the invoice", "financialtransaction_transaction_lines.invoice_number"]
due_date = ["date", "until when it is to be paid", "financialtransaction_transaction_lines.due_date"]
your_ref = ["varchar", "reference of the other side", "financialtransaction_transaction_lines.your_ref"]
document_id = ["uuid", "the document that is linked, such as the scanned invoice", "financialtransaction_transaction_lines.document"]
document_number = ["integer", "number of that document", "financialtransaction_transaction_lines.document_number"]
*/
SELECT
    l.division,
    l.id AS line_id,
    l.entry_id,
    l.entry_number,
    l.line_number,
    l.type AS entry_type,
    CASE
        WHEN l.type = 10 THEN 'opening balance' WHEN l.type = 20 THEN 'sales'
        WHEN l.type = 21 THEN 'sales credit note' WHEN l.type = 30 THEN 'purchase'
        WHEN l.type = 31 THEN 'purchase credit note' WHEN l.type = 40 THEN 'cash flow'
        WHEN l.type = 50 THEN 'VAT return' WHEN l.type BETWEEN 70 AND 76 THEN 'assets'
        WHEN l.type = 80 THEN 'revaluation' WHEN l.type = 82 THEN 'exchange difference'
        WHEN l.type = 83 THEN 'payment difference' WHEN l.type = 84 THEN 'deferred revenue'
        WHEN l.type = 86 THEN 'deferred cost' WHEN l.type = 120 THEN 'delivery' WHEN l.type = 121 THEN 'sales return'
        WHEN l.type = 130 THEN 'receipt' WHEN l.type = 131 THEN 'purchase return'
        WHEN l.type BETWEEN 140 AND 158 THEN 'production' WHEN l.type = 170 THEN 'payroll'
        WHEN l.type IN (180, 181) THEN 'revaluation of stock' WHEN l.type = 195 THEN 'stock count'
        WHEN l.type = 290 THEN 'correction' WHEN l.type BETWEEN 310 AND 328 THEN 'closing' ELSE 'other'
    END AS entry_type_name,
    coalesce(l.type BETWEEN 310 AND 328, FALSE) AS is_closing,
    coalesce(l.status >= 50, FALSE) AS is_processed,
    CAST(l.division AS varchar) || ':' || trim(l.journal_code) AS journal_key,
    trim(l.journal_code) AS journal_code,
    l.financial_year,
    l.financial_period,
    CAST(l.date AS date) AS day,
    CAST(l.division AS varchar) || ':' || CAST(CAST(l.date AS date) AS varchar) AS day_key,
    CAST(l.division AS varchar) || ':' || CAST(l.gl_account AS varchar) AS gl_account_key,
    l.gl_account AS gl_account_id,
    trim(l.gl_account_code) AS gl_account_code,
    l.gl_account_description AS gl_account_name,
    CASE a.balance_type WHEN 'B' THEN 'balance sheet' WHEN 'W' THEN 'result' END AS statement,
    coalesce(a.type = 110 AND a.balance_type = 'W', FALSE) AS is_revenue,
    CAST(l.division AS varchar) || ':' || CAST(l.account AS varchar) AS relation_key,
    l.account AS relation_id,
    l.account_name AS relation_name,
    CAST(l.division AS varchar) || ':' || CAST(l.item AS varchar) AS item_key,
    trim(l.item_code) AS item_code,
    CAST(l.division AS varchar) || ':' || CAST(l.project AS varchar) AS project_key,
    trim(l.project_code) AS project_code,
    CAST(l.division AS varchar) || ':' || trim(l.cost_center) AS cost_center_key,
    trim(l.cost_center) AS cost_center_code,
    CAST(l.division AS varchar) || ':' || trim(l.cost_unit) AS cost_unit_key,
    trim(l.cost_unit) AS cost_unit_code,
    CAST(l.division AS varchar) || ':' || trim(l.vat_code) AS vat_code_key,
    trim(l.vat_code) AS vat_code,
    l.description,
    l.amount_dc AS amount,
    l.amount_dc AS amount_exact,
    CASE WHEN l.amount_dc > 0 THEN l.amount_dc ELSE 0 END AS debit,
    CASE WHEN l.amount_dc < 0 THEN -l.amount_dc ELSE 0 END AS credit,
    l.amount_fc,
    l.currency,
    l.exchange_rate,
    l.quantity,
    l.invoice_number,
    CAST(l.due_date AS date) AS due_date,
    l.your_ref,
    l.document AS document_id,
    l.document_number
FROM exact.financialtransaction_transaction_lines AS l
LEFT JOIN exact.financial_gl_accounts AS a ON a.division = l.division AND a.id = l.gl_account
WHERE l.status >= 20 OR l.status IS NULL
