"""What an unmodelled property holds in books that look like a firm's: no odd texts, no amounts at the edge.

What tests need to be hard is in `rules`; here is what people look at in a demo.
"""

import re

from exact_simulator.books import sql
from exact_simulator.facts import Property

_PERCENT = re.compile(r"Percent|^Discount$|Rate$|Factor")
_COUNT = re.compile(r"Quantity|Stock|Hours|Days|Number|Weight|Units")
_AGE_AMOUNT = re.compile(r"^AgeGroup(\d)Amount$")
_AGE_TEXT = re.compile(r"^AgeGroup(\d)Description$")
_AGE = re.compile(r"^AgeGroup(\d)$")
_AGES = ("Tot 30 dagen", "31 - 60 dagen", "61 - 90 dagen", "Meer dan 90 dagen")
_OPEN_CENTS = (400_000, 150_000, 60_000, 30_000)
"""The older, the less is open."""
TOTALS = {"TotalAmount": tuple(f"AgeGroup{number}Amount" for number in range(1, 5))}
"""Properties that are the sum of others, where a table has all of these."""


def value_of(salt: str, item: Property) -> str | None:
    """SQL of a property's value; None: nothing is odd about what `rules` has."""
    name = item.name
    match item.edm_type:
        case "Edm.Double":
            value = _number(salt, name)
        case "Edm.String" if found := _AGE_TEXT.match(name):
            value = sql.quoted(_AGES[int(found[1]) - 1])
        case "Edm.String" if name == "AgeGroupDescription":
            value = f"CASE n%4 {_cases(_AGES)} END"
        case "Edm.String":
            value = sql.quoted(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)) + " || ' ' || n"
        case "Edm.Int32" if found := _AGE.match(name):
            value = found[1]
        case "Edm.Int16" | "Edm.Int32" | "Edm.Int64":
            value = f"1+{sql.draw(salt, 100)}"
        case _:
            return None
    return value


def _number(salt: str, name: str) -> str:
    if _PERCENT.search(name):
        return f"{sql.draw(salt, 4)}*0.05"
    if _COUNT.search(name):
        return f"1.0*(1+{sql.draw(salt, 40)})"
    if found := _AGE_AMOUNT.match(name):
        return f"{sql.draw(salt, _OPEN_CENTS[int(found[1]) - 1])}/100.0"
    return f"(500+{sql.draw(salt, 250_000)})/100.0"


def _cases(values: tuple[str, ...]) -> str:
    return " ".join(f"WHEN {at} THEN {sql.quoted(value)}" for at, value in enumerate(values))
