/*
description = "Customers, suppliers and all other relations."
key = ["relation_id"]

[origin]
table = "crm_accounts"

[columns]
relation_key = ["varchar", "division and relation, for tools that join by one column", "crm_accounts.id"]
relation_id = ["uuid", "Exact's key of the relation", "crm_accounts.id"]
relation_code = ["varchar", "number of the relation", "crm_accounts.code"]
relation_name = ["varchar", "name of the relation", "crm_accounts.name"]
is_customer = ["boolean", "whether it is a customer: neither a prospect nor a suspect", "crm_accounts.status"]
is_supplier = ["boolean", "whether it is a supplier", "crm_accounts.is_supplier"]
customer_status = ["varchar", "`customer`, `prospect`, `suspect` or `none`", "crm_accounts.status"]
classification = ["varchar", "its first classification", "crm_accounts.classification_description"]
account_manager = ["varchar", "who looks after it", "crm_accounts.account_manager_full_name"]
address = ["varchar", "street and number", "crm_accounts.address_line1"]
postcode = ["varchar", "postal code", "crm_accounts.postcode"]
city = ["varchar", "city", "crm_accounts.city"]
country = ["varchar", "code of the country", "crm_accounts.country"]
email = ["varchar", "e-mail address", "crm_accounts.email"]
phone = ["varchar", "telephone number", "crm_accounts.phone"]
vat_number = ["varchar", "VAT number", "crm_accounts.vat_number"]
chamber_of_commerce = ["varchar", "number at the chamber of commerce", "crm_accounts.chamber_of_commerce"]
payment_condition_sales = ["varchar", "condition under which it pays", "crm_accounts.payment_condition_sales_description"]
payment_condition_purchase = ["varchar", "condition under which it is paid", "crm_accounts.payment_condition_purchase_description"]
parent_id = ["uuid", "the relation that it is part of", "crm_accounts.parent"]
is_blocked = ["boolean", "whether it is blocked", "crm_accounts.blocked"]
end_date = ["date", "until when it was one; empty: it still is", "crm_accounts.end_date"]
*/
SELECT
    a.division,
    CAST(a.division AS varchar) || ':' || CAST(a.id AS varchar) AS relation_key,
    a.id AS relation_id,
    trim(a.code) AS relation_code,
    a.name AS relation_name,
    coalesce(a.status = 'C', FALSE) AS is_customer,
    coalesce(a.is_supplier, FALSE) AS is_supplier,
    CASE a.status WHEN 'C' THEN 'customer' WHEN 'P' THEN 'prospect' WHEN 'S' THEN 'suspect' ELSE 'none' END
        AS customer_status,
    a.classification_description AS classification,
    a.account_manager_full_name AS account_manager,
    a.address_line1 AS address,
    a.postcode,
    a.city,
    trim(a.country) AS country,
    a.email,
    a.phone,
    a.vat_number,
    a.chamber_of_commerce,
    a.payment_condition_sales_description AS payment_condition_sales,
    a.payment_condition_purchase_description AS payment_condition_purchase,
    a.parent AS parent_id,
    coalesce(a.blocked, FALSE) AS is_blocked,
    CAST(a.end_date AS date) AS end_date
FROM exact.crm_accounts AS a
