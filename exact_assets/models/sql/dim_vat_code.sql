/*
description = "VAT codes with their percentage."
key = ["vat_code"]

[origin]
table = "vat_vat_codes"

[columns]
vat_code_key = ["varchar", "division and code, for tools that join by one column", "vat_vat_codes.code"]
vat_code = ["varchar", "the code", "vat_vat_codes.code"]
vat_name = ["varchar", "name of the code", "vat_vat_codes.description"]
percentage = ["decimal(18,6)", "VAT as a share of one: 0.21 is 21 %", "vat_vat_codes.percentage"]
vat_type = ["varchar", "how VAT is computed: B base only, at 0 %, E excluding, I including, N none", "vat_vat_codes.type"]
is_reverse_charge = ["boolean", "whether VAT is shifted to the buyer or within the EU", "vat_vat_codes.charged"]
used_for = ["varchar", "`sales`, `purchases` or `both`", "vat_vat_codes.vat_transaction_type"]
is_blocked = ["boolean", "whether it is blocked", "vat_vat_codes.is_blocked"]
*/
SELECT
    v.division,
    CAST(v.division AS varchar) || ':' || trim(v.code) AS vat_code_key,
    trim(v.code) AS vat_code,
    v.description AS vat_name,
    v.percentage,
    v.type AS vat_type,
    coalesce(v.charged, FALSE) AS is_reverse_charge,
    CASE v.vat_transaction_type WHEN 'S' THEN 'sales' WHEN 'P' THEN 'purchases' WHEN 'B' THEN 'both' END AS used_for,
    coalesce(v.is_blocked, FALSE) AS is_blocked
FROM exact.vat_vat_codes AS v
