/*
description = "The divisions (administrations) that are copied: name, currency, country and address."
key = []
optional = ["system_divisions", "hrm_divisions"]

[columns]
division_name = ["varchar", "name of the division", "system_divisions.description", "hrm_divisions.description"]
currency = ["varchar", "the division's own currency, in which `amount` is everywhere; as most of its journals have it where no list of divisions is kept", "system_divisions.currency", "hrm_divisions.currency", "financial_journals.currency"]
country = ["varchar", "code of the country", "system_divisions.country", "hrm_divisions.country"]
city = ["varchar", "city", "system_divisions.city"]
postcode = ["varchar", "postal code", "system_divisions.postcode"]
vat_number = ["varchar", "VAT number", "system_divisions.vat_number", "hrm_divisions.vat_number"]
chamber_of_commerce = ["varchar", "number at the chamber of commerce", "system_divisions.chamber_of_commerce_number"]
is_enabled = ["boolean", "whether it is kept in step"]
start_year = ["smallint", "the first business year that was chosen for it; empty: as for all"]
*/
WITH journals AS (
    SELECT j.division, j.currency,
        row_number() OVER (PARTITION BY j.division ORDER BY count(*) DESC, j.currency) AS place
    FROM exact.financial_journals AS j WHERE j.currency IS NOT NULL
    GROUP BY j.division, j.currency
), known AS (
    SELECT s.division FROM exact.divisions AS s
    UNION
    SELECT j.division FROM journals AS j
)
SELECT
    k.division,
    coalesce(d.description, h.description, s.name) AS division_name,
    coalesce(d.currency, h.currency, j.currency) AS currency,
    coalesce(d.country, h.country) AS country,
    d.city,
    d.postcode,
    coalesce(d.vat_number, h.vat_number) AS vat_number,
    d.chamber_of_commerce_number AS chamber_of_commerce,
    coalesce(s.sync_enabled, FALSE) AS is_enabled,
    s.start_year
FROM known AS k
LEFT JOIN exact.divisions AS s ON s.division = k.division
-- Each division lists all others, too.
LEFT JOIN exact.system_divisions AS d ON d.division = k.division AND d.code = k.division
LEFT JOIN exact.hrm_divisions AS h ON h.division = k.division AND h.code = k.division
LEFT JOIN journals AS j ON j.division = k.division AND j.place = 1
