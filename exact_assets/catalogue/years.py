"""What a row's year is: rules over property names."""

from exact_assets.catalogue.facts import Endpoint
from exact_assets.catalogue.table import YearKind

_YEARS = ("FinancialYear", "ReportingYear", "TransactionReportingYear", "FinYear", "Year", "PayrollYear")
_DATES = (
    "Date",
    "EntryDate",
    "InvoiceDate",
    "OrderDate",
    "QuotationDate",
    "TransactionDate",
    "DeliveryDate",
    "ReceiptDate",
    "ReturnDate",
    "TransferDate",
    "StockCountDate",
    "AssemblyDate",
)
"""Dates on which something was done or is due. Not DocumentDate: attachments have no date and point at documents
of any age. Not StartDate: it says since when master data holds."""
_CREATED = ("Created", "CreatedDate", "syscreated")


def year_sources(endpoint: Endpoint) -> tuple[str, ...]:
    """Return the properties that tell a row's year, best first: its year, its business date, when it was made."""
    names = {one.name for one in endpoint.properties if one.is_scalar}
    years = [name for name in _YEARS if name in names][:1]
    dates = [name for name in _DATES if name in names][:1]
    created = [name for name in _CREATED if name in names][:1]
    return (*years, *dates, *created)


def year_kind(sources: tuple[str, ...]) -> YearKind:
    """Return what the starting year does to rows with these sources."""
    if not sources:
        return YearKind.NONE
    return YearKind.CREATED if sources[0] in _CREATED else YearKind.BUSINESS
