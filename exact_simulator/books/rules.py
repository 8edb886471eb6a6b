"""What an unmodelled property holds, by its name and type: SQL over the generator's row. No table is known here.

Nulls, empty strings, long and odd text, amounts at the edge and integers beyond 2^53 are sprinkled in.
"""

import re
from dataclasses import dataclass

from exact_simulator.books import plain, sql
from exact_simulator.facts import Property

_ODD = [
    "NULL",
    "''",
    "'Zo''n \"aanhaling\" & <haakje>'",
    "'Ünïcødé € 東京 🎈 ' || n",
    "'back\\slash' || char(9) || 'tab' || char(10) || 'newline'",
    "'  leading and trailing  '",
]
_LONG = "substr(replace(hex(zeroblob(2000)),'00','Lorem ipsum '),1,4000)"
_TEXTS = re.compile(r"Notes|Remarks|Description|Body|Comment|Text|Note$")
_AMOUNTS = [
    "99999999999.99",
    "-99999999999.99",
    "0.1",
    "0.2",
    "0.3",
    "0.0",
    "-0.01",
    "1.005",
    "123456.789012",
    "NULL",
]
_FIXED: dict[str, str] = {
    "Country": "CASE n%5 WHEN 0 THEN 'BE ' ELSE 'NL ' END",
    "Currency": "'EUR'",
    "CurrencyCode": "'EUR'",
    "Language": "'NL        '",
    "Unit": "CASE n%4 WHEN 0 THEN 'hour    ' WHEN 1 THEN 'day     ' ELSE 'pc      ' END",
    "UnitCode": "CASE n%4 WHEN 0 THEN 'hour    ' WHEN 1 THEN 'day     ' ELSE 'pc      ' END",
    "VATCode": "CASE n%3 WHEN 0 THEN '1  ' WHEN 1 THEN '2  ' ELSE '0  ' END",
    "CustomField": "NULL",
    "Code": "printf('%04d',n)",
    "Email": "'post' || n || '@example.test'",
    "Phone": "'+31 20 ' || (1000000 + n)",
    "City": "CASE n%3 WHEN 0 THEN 'Delft' WHEN 1 THEN 'Den Haag' ELSE 'Liège' END",
    "Postcode": "(1000 + n%9000) || ' AB'",
    "Journal": "CASE n%5 WHEN 0 THEN '10' WHEN 1 THEN '20' WHEN 2 THEN '60' WHEN 3 THEN '70' ELSE '90' END",
    "JournalCode": "CASE n%5 WHEN 0 THEN '10' WHEN 1 THEN '20' WHEN 2 THEN '60' WHEN 3 THEN '70' ELSE '90' END",
    "BalanceSide": "CASE n%2 WHEN 0 THEN 'D' ELSE 'C' END",
    "BalanceType": "CASE n%2 WHEN 0 THEN 'B' ELSE 'W' END",
}
_CURRENCIES = "WHEN 0 THEN 'EUR' WHEN 1 THEN 'USD' WHEN 2 THEN 'GBP' WHEN 3 THEN 'CHF' WHEN 4 THEN 'SEK' ELSE 'PLN'"
_YEAR = re.compile(r"Year$")
_PERIOD = re.compile(r"Period$|^Month$")
_BUSINESS_DATE = re.compile(
    r"^(Date|EntryDate|InvoiceDate|OrderDate|TransactionDate|QuotationDate|DocumentDate|DeliveryDate|ReceiptDate"
    r"|ReturnDate|TransferDate|StockCountDate|AssemblyDate)$"
)
_INT_LIMIT = {"Edm.Byte": 2, "Edm.Int16": 100, "Edm.Int32": 5000, "Edm.Int64": 100000}


@dataclass(frozen=True, kw_only=True)
class Years:
    """The years that the books cover."""

    first: int
    last: int


def is_business_date(item: Property) -> bool:
    """Whether rows with this property belong to a business year."""
    return bool(
        (item.edm_type == "Edm.DateTime" and _BUSINESS_DATE.match(item.name))
        or (item.edm_type.startswith("Edm.Int") and _YEAR.search(item.name))
    )


def expression(table: str, item: Property, years: Years, *, is_hostile: bool) -> str:
    """SQL of a property's value; in books that are not hostile one that a firm might have."""
    salt = f"{table}.{item.name}"
    if not is_hostile and not _is_fixed(item) and (value := plain.value_of(salt, item)) is not None:
        return value
    match item.edm_type:
        case "Edm.String":
            value = _string(salt, item.name)
        case "Edm.DateTime":
            value = _datetime(salt, item.name)
        case "Edm.Double":
            value = _double(salt)
        case "Edm.Boolean":
            value = f"CASE {sql.draw(salt, 9)} WHEN 0 THEN NULL WHEN 1 THEN 1 WHEN 2 THEN 1 ELSE 0 END"
        case "Edm.Guid":
            # A record of another kind that is not modelled: mostly none, else one of a few.
            value = f"CASE WHEN {sql.draw(salt, 4)}=0 THEN {sql.guid(60000, number=sql.draw(salt + '#', 7))} END"
        case edm_type if edm_type in _INT_LIMIT:
            value = _integer(salt, item, years)
        case _:
            value = "NULL"
    return value


@dataclass(frozen=True, kw_only=True)
class Key:
    """SQL for the parts of a key other than a GUID, and how many rows it can tell apart (None: any number)."""

    parts: dict[str, str]
    capacity: int | None


def key(items: tuple[Property, ...], years: Years) -> Key:
    """Expressions for a key's parts, so that together they are unique.

    Periods go round first, then years, then the rest; a currency has six values. A reference gets the number of the
    row it refers to.
    """
    parts: dict[str, str] = {}
    radix = 1
    rest: list[Property] = []
    for item in sorted(items, key=lambda item: bool(_YEAR.search(item.name))):
        if _PERIOD.search(item.name):
            parts[item.name] = f"(n-1)/{radix}%12+1"
            radix *= 12
        elif _YEAR.search(item.name):
            span = years.last - years.first + 1
            parts[item.name] = f"{years.last}-(n-1)/{radix}%{span}"
            radix *= span
        elif item.name != "Division":
            rest.append(item)
    for item in rest:
        if "Currency" in item.name or (item.name == "Code" and item.edm_type == "Edm.String"):
            parts[item.name] = f"CASE (n-1)/{radix} {_CURRENCIES} END"
            radix *= 6
        else:
            number = f"1+(n-1)/{radix}" if radix > 1 else "n"
            parts[item.name] = {
                "Edm.String": f"'K' || printf('%03d',{number})",
                "Edm.DateTime": f"c-c%1000+{number}",
            }.get(item.edm_type, number)
            return Key(parts=parts, capacity=None)
    return Key(parts=parts, capacity=radix)


def _is_fixed(item: Property) -> bool:
    """Whether its name says what it holds, in whatever books."""
    if item.edm_type == "Edm.String":
        return item.name in _FIXED
    is_integer = item.edm_type.startswith("Edm.Int")
    return is_integer and bool(_YEAR.search(item.name) or _PERIOD.search(item.name) or item.name == "LineNumber")


def _string(salt: str, name: str) -> str:
    if name in _FIXED:
        return _FIXED[name]
    plain = sql.quoted(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)) + " || ' ' || n"
    odd = " ".join(f"WHEN {at} THEN {value}" for at, value in enumerate(_ODD))
    if _TEXTS.search(name):
        return f"CASE {sql.draw(salt, 40)} {odd} WHEN 6 THEN {_LONG} ELSE {plain} END"
    return f"CASE {sql.draw(salt, 24)} {odd} ELSE {plain} END"


def _datetime(salt: str, name: str) -> str:
    if _BUSINESS_DATE.match(name):
        return sql.day()
    moved = f"{sql.day()}+({sql.draw(salt, 60)}-10)*{sql.DAY_MS}"
    if "Time" in name:
        moved += f"+{sql.draw(salt + 'h', 1440)}*60000"
    return f"CASE WHEN {sql.draw(salt + '0', 3)}>0 THEN {moved} END"


def _double(salt: str) -> str:
    odd = " ".join(f"WHEN {at} THEN {value}" for at, value in enumerate(_AMOUNTS))
    return f"CASE {sql.draw(salt, 120)} {odd} ELSE ({sql.draw(salt + 'v', 2_000_000)}-200000)/100.0 END"


def _integer(salt: str, item: Property, years: Years) -> str:
    if _YEAR.search(item.name):
        return f"max({years.first},min({years.last},y))"
    if _PERIOD.search(item.name):
        return f"1+{sql.draw(salt, 12)}"
    if item.name == "LineNumber":
        return "1+n%7"
    if item.edm_type == "Edm.Byte":
        return sql.draw(salt, 2)
    if item.edm_type == "Edm.Int64":
        return (
            f"CASE n%7 WHEN 0 THEN 9007199254740993+n WHEN 3 THEN 9223372036854775807-n WHEN 5 THEN NULL"
            f" ELSE {sql.draw(salt, 100000)} END"
        )
    edge = {"Edm.Int16": 32767, "Edm.Int32": 2147483647}[item.edm_type]
    return (
        f"CASE {sql.draw(salt + 'e', 150)} WHEN 0 THEN {edge} WHEN 1 THEN {-edge} WHEN 2 THEN NULL"
        f" ELSE {sql.draw(salt, _INT_LIMIT[item.edm_type])} END"
    )
