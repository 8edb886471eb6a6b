/*
description = "The journals in which entries are booked."
key = ["journal_code"]

[origin]
table = "financial_journals"

[columns]
journal_key = ["varchar", "division and code, for tools that join by one column", "financial_journals.code"]
journal_code = ["varchar", "code of the journal", "financial_journals.code"]
journal_name = ["varchar", "name of the journal", "financial_journals.description"]
journal_type = ["integer", "kind of journal by Exact's number", "financial_journals.type"]
journal_type_name = ["varchar", "kind of journal in words", "financial_journals.type"]
currency = ["varchar", "its currency", "financial_journals.currency"]
gl_account_id = ["uuid", "the ledger account of the journal itself, such as that of a bank", "financial_journals.gl_account"]
gl_account_code = ["varchar", "number of that account", "financial_journals.gl_account_code"]
bank_account = ["varchar", "IBAN of the bank account", "financial_journals.bank_account_iban"]
is_blocked = ["boolean", "whether it is blocked", "financial_journals.is_blocked"]
*/
SELECT
    j.division,
    CAST(j.division AS varchar) || ':' || trim(j.code) AS journal_key,
    trim(j.code) AS journal_code,
    j.description AS journal_name,
    j.type AS journal_type,
    CASE j.type
        WHEN 10 THEN 'cash' WHEN 12 THEN 'bank' WHEN 16 THEN 'payment service' WHEN 20 THEN 'sales'
        WHEN 21 THEN 'sales returns' WHEN 22 THEN 'purchases' WHEN 23 THEN 'purchase returns'
        WHEN 90 THEN 'general' ELSE 'other'
    END AS journal_type_name,
    j.currency,
    j.gl_account AS gl_account_id,
    trim(j.gl_account_code) AS gl_account_code,
    j.bank_account_iban AS bank_account,
    coalesce(j.is_blocked, FALSE) AS is_blocked
FROM exact.financial_journals AS j
