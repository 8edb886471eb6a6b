"""One plain line about each table, by rule."""

from exact_assets.catalogue.names import spoken
from exact_assets.catalogue.reading import Reading
from exact_assets.catalogue.table import Feed

_SERVICES = {
    "accountancy": "accountancy",
    "continuousmonitoring": "continuous monitoring",
    "crm": "CRM",
    "expensemanagement": "expense management",
    "financialtransaction": "financial transactions",
    "generaljournalentry": "general journal entries",
    "hrm": "HRM",
    "openingbalance": "opening balances",
    "purchaseentry": "purchase entries",
    "purchaseorder": "purchase orders",
    "salesentry": "sales entries",
    "salesinvoice": "sales invoices",
    "salesorder": "sales orders",
    "vat": "VAT",
}
_HOW = {
    Feed.SYNC: "changes are read by Exact's sync feed",
    Feed.MODIFIED: "changes are read by the time they were modified",
    Feed.PARENT: "read through its headers",
    Feed.SNAPSHOT: "read whole each time",
    Feed.FUNCTION: "computed by Exact, read whole each time",
}


def describe(entity: str, *, service: str, reading: Reading, note: str = "") -> str:
    """Describe what a table holds and how it is kept up to date; `note` says what a row is."""
    words = spoken(entity)
    name = _SERVICES.get(service, service)
    said = f"{words[0].upper()}{words[1:]} of Exact Online ({name}); {_HOW[reading.feed]}."
    return f"{said} {note}".strip()
