"""Open items of books that look like a firm's, of which ageing lists are the sums. Models only.

The items are made of the ageing list: one in each of its four groups, as old as the group says.
"""

from exact_simulator.books.shape import Model, Reference
from exact_simulator.books.sizes import Sizes
from exact_simulator.books.sql import DAY_MS

_DAYS_OVERDUE = (12, 45, 75, 130)
"""Of the item in each group."""
_LISTS = {
    "Receivables": ("n", "70", "Verkoop"),
    "Payables": ("{half}+n", "60", "Inkoop"),
}
"""Which relations owe or are owed, by their number, and the journal."""


def models(sizes: Sizes, *, is_hostile: bool) -> dict[str, Model]:
    """Models of ageing lists and open items; none in books that are to be hard, where nothing adds up."""
    if is_hostile:
        return {}
    found: dict[str, Model] = {}
    for name, (account, journal, journal_name) in _LISTS.items():
        ageing, relations = f"read_financial_Aging{name}List", max(4, sizes.accounts // 4)
        found[ageing] = Model(
            count=relations,
            refers={
                "AccountId": Reference(table="crm_Accounts", expression=account.format(half=sizes.accounts // 2))
            },
        )
        found[f"read_financial_{name}List"] = _items(ageing, relations, journal, journal_name)
    return found


def _items(ageing: str, relations: int, journal: str, journal_name: str) -> Model:
    days = " ".join(f"WHEN {group} THEN {overdue}" for group, overdue in enumerate(_DAYS_OVERDUE))
    due = f"(:until/{DAY_MS}-CASE (n-1)%4 {days} END)*{DAY_MS}"
    amounts = " ".join(f"WHEN {group} THEN @_ageing.AgeGroup{group + 1}Amount" for group in range(4))
    return Model(
        count=4 * relations,
        is_dated=False,
        stored={
            "HID": "n",
            "_group": "(n-1)%4",
            "DueDate": due,
            "InvoiceDate": f"{due}-30*{DAY_MS}",
            "InvoiceNumber": "26000000+n",
            "EntryNumber": "26000000+n",
            "JournalCode": f"'{journal}'",
            "JournalDescription": f"'{journal_name}'",
            "AmountInTransit": "0.0",
            "CurrencyCode": "'EUR'",
            "Description": "'Factuur ' || (26000000+n)",
            "YourRef": "CASE n%3 WHEN 0 THEN 'REF ' || n END",
        },
        refers={"_ageing": Reference(table=ageing, expression="1+(n-1)/4")},
        shown={
            "AccountId": "@_ageing>AccountId.ID",
            "AccountCode": "@_ageing>AccountId.Code",
            "AccountName": "@_ageing>AccountId.Name",
            "Amount": f"CASE @._group {amounts} END",
        },
    )
