"""What the lines of invoices, orders and quotations have in common. Models only."""

from collections.abc import Mapping

from exact_simulator.books.reference import USERS
from exact_simulator.books.shape import Model, Reference
from exact_simulator.books.sizes import Sizes, kept

PERSONS: dict[str, Reference | None] = {
    "Creator": Reference(table=USERS, expression="1+n%5"),
    "Modifier": Reference(table=USERS, expression="1+h%5"),
}
HEADER_AMOUNTS = {
    "AmountDC": "(@._net+@._vat)/100.0",
    "AmountFC": "(@._net+@._vat)/100.0",
    "AmountFCExclVat": "@._net/100.0",
    "VATAmountDC": "@._vat/100.0",
    "VATAmountFC": "@._vat/100.0",
    "VATAmount": "@._vat/100.0",
    "AmountDiscount": "0.0",
    "AmountDiscountExclVat": "0.0",
    "Discount": "0.0",
    "Currency": "'EUR'",
}
"""Shown amounts of a header: with VAT, the sum of its lines' amounts and VAT."""
HEADER_STORED = {"_h": "h", "_lines": "lines", "_percent": "percent", "_net": "net", "_vat": "vat"}


def line_model(
    sizes: Sizes,
    *,
    endpoints: tuple[str, ...],
    merged: tuple[str, ...],
    header: str,
    header_key: str,
    line_numbers: tuple[int, ...] = (),
    where: Mapping[str, str] | None = None,
    shown: Mapping[str, str] | None = None,
    kinds: Mapping[str, str] | None = None,
) -> Model:
    """A model of lines.

    A detail's amount is without VAT; line 0 has the header's total and line 9999 its VAT, so that the lines above 0
    add up to line 0.
    """
    detail = "@.LineNumber BETWEEN 1 AND 8999"
    return Model(
        endpoints=(*endpoints, *merged),
        merged=merged,
        source="lines",
        header=header,
        line_numbers=line_numbers,
        where=where or {},
        kinds=kinds or {},
        is_dated=True,
        stored={
            "_cents": "CASE i WHEN 0 THEN _net+_vat WHEN 7 THEN _vat ELSE cents END",
            "_vat": "CASE i WHEN 0 THEN _vat WHEN 7 THEN 0 ELSE vat_cents END",
            "_price": "CASE WHEN i IN (0,7) THEN NULL ELSE price END",
            "_quantity": "CASE WHEN i IN (0,7) THEN NULL ELSE quantity END",
            "LineNumber": "CASE i WHEN 7 THEN 9999 ELSE i END",
            "Description": "CASE WHEN i IN (0,7) THEN Description WHEN n%19=0 THEN NULL ELSE 'Regel ' || n END",
        },
        refers={
            "Item": Reference(
                table="logistics_Items", expression=f"CASE WHEN i BETWEEN 1 AND 6 THEN 1+h%{kept(sizes.items)} END"
            ),
            "Creator": Reference(table=USERS, expression="1+n%5"),
            "Modifier": Reference(table=USERS, expression="1+h%5"),
        },
        shown={
            header_key: f"@_header.{header_key}",
            "AmountDC": "@._cents/100.0",
            "AmountFC": "@._cents/100.0",
            "VATAmountDC": "@._vat/100.0",
            "VATAmountFC": "@._vat/100.0",
            "VATAmount": "@._vat/100.0",
            "NetPrice": "@._price/100.0",
            "UnitPrice": "@._price/100.0",
            "Quantity": "1.0*@._quantity",
            "Discount": "0.0",
            "AmountDiscount": "0.0",
            "AmountDiscountExclVat": "0.0",
            "VATPercentage": f"CASE WHEN {detail} THEN @_header._percent/100.0 END",
            "VATCode": f"CASE WHEN {detail} THEN CASE @_header._percent WHEN 21 THEN '2  ' WHEN 9 THEN '1  '"
            " ELSE '0  ' END END",
            **(shown or {}),
        },
        indexed=("_header",),
    )
