/*
description = "What is owed to suppliers: the open items as Exact lists them, with the days that they are overdue on the day on which the model was built."
key = ["item_number"]
follows_day = true

[origin]
table = "financial_payables_list"
sums = { amount_exact = "amount" }

[figures]
open_payables = "SELECT division, sum(amount_exact) AS value FROM exact_bi.fct_payables GROUP BY division"
overdue_payables = "SELECT division, sum(CASE WHEN days_overdue > 0 THEN amount_exact ELSE 0 END) AS value FROM exact_bi.fct_payables GROUP BY division"

[columns]
item_number = ["bigint", "number of the open item", "financial_payables_list.hid"]
relation_key = ["varchar", "the supplier, for tools that join by one column", "financial_payables_list.account_id"]
relation_id = ["uuid", "the supplier that is owed it", "financial_payables_list.account_id"]
relation_code = ["varchar", "number of the supplier", "financial_payables_list.account_code"]
relation_name = ["varchar", "name of the supplier", "financial_payables_list.account_name"]
invoice_number = ["integer", "number of the invoice", "financial_payables_list.invoice_number"]
entry_number = ["integer", "number of the entry", "financial_payables_list.entry_number"]
journal_key = ["varchar", "the journal, for tools that join by one column", "financial_payables_list.journal_code"]
journal_code = ["varchar", "the journal", "financial_payables_list.journal_code"]
invoice_date = ["date", "date of the invoice", "financial_payables_list.invoice_date"]
due_date = ["date", "until when it is to be paid", "financial_payables_list.due_date"]
amount = ["decimal(18,2)", "what is open, in the currency of the item", "financial_payables_list.amount"]
amount_exact = ["decimal(38,10)", "what is open, not rounded to cents", "financial_payables_list.amount"]
amount_in_transit = ["decimal(18,2)", "of which so much is on its way by a payment", "financial_payables_list.amount_in_transit"]
currency = ["varchar", "currency of the item", "financial_payables_list.currency_code"]
as_of = ["date", "the day on which the model was built, from which days are counted"]
days_overdue = ["integer", "days since it was to be paid; not positive: it is not due", "financial_payables_list.due_date"]
ageing_group = ["varchar", "`not due`, `1-30`, `31-60`, `61-90` or `over 90` days overdue", "financial_payables_list.due_date"]
description = ["varchar", "what the item says", "financial_payables_list.description"]
your_ref = ["varchar", "reference of the other side", "financial_payables_list.your_ref"]
*/
WITH items AS (
    SELECT i.*, current_date - CAST(coalesce(i.due_date, i.invoice_date) AS date) AS days
    FROM exact.financial_payables_list AS i
)
SELECT
    i.division,
    i.hid AS item_number,
    CAST(i.division AS varchar) || ':' || CAST(i.account_id AS varchar) AS relation_key,
    i.account_id AS relation_id,
    trim(i.account_code) AS relation_code,
    i.account_name AS relation_name,
    i.invoice_number,
    i.entry_number,
    CAST(i.division AS varchar) || ':' || trim(i.journal_code) AS journal_key,
    trim(i.journal_code) AS journal_code,
    CAST(i.invoice_date AS date) AS invoice_date,
    CAST(i.due_date AS date) AS due_date,
    i.amount,
    i.amount AS amount_exact,
    i.amount_in_transit,
    i.currency_code AS currency,
    current_date AS as_of,
    i.days AS days_overdue,
    CASE
        WHEN i.days > 90 THEN 'over 90' WHEN i.days > 60 THEN '61-90' WHEN i.days > 30 THEN '31-60'
        WHEN i.days > 0 THEN '1-30' ELSE 'not due'
    END AS ageing_group,
    i.description,
    i.your_ref
FROM items AS i
