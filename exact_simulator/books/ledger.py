"""Entries and their lines, and what follows from them: invoices, open terms. Models only.

An entry has a kind (S sales, P purchase, B bank, C cash, G general), one to four detail lines, a balancing line 0
and, for S and P, a VAT line. Amounts are whole cents; the lines of an entry sum to zero by construction.
"""

from exact_simulator.books import master
from exact_simulator.books.lines import PERSONS, line_model
from exact_simulator.books.reference import ACCOUNTS, USERS
from exact_simulator.books.shape import Model, Reference
from exact_simulator.books.sizes import Sizes, kept
from exact_simulator.books.sql import DAY_MS, draw, guid

ENTRIES, LINES = "ledger_entries", "ledger_lines"
INVOICES, INVOICE_LINES = "salesinvoice_SalesInvoices", "salesinvoice_SalesInvoiceLines"
TERMS = "cashflow_PaymentTerms"
KINDS = {"S": 1, "P": 2, "B": 3, "C": 4, "G": 5}
"""Kinds of entry and the row number of their journal."""

_LONG_EVERY_1009 = " WHEN n%1009=0 THEN substr(replace(hex(zeroblob(2000)),'00','Omschrijving '),1,4000)"
_JOURNAL_RELATIONS = {
    "B": ("financialtransaction_BankEntries", "financialtransaction_BankEntryLines"),
    "C": ("financialtransaction_CashEntries", "financialtransaction_CashEntryLines"),
    "G": ("generaljournalentry_GeneralJournalEntries", "generaljournalentry_GeneralJournalEntryLines"),
    "S": ("salesentry_SalesEntries", "salesentry_SalesEntryLines"),
    "P": ("purchaseentry_PurchaseEntries", "purchaseentry_PurchaseEntryLines"),
}
_KINDS = {relation: kind for kind, pair in _JOURNAL_RELATIONS.items() for relation in pair}
_TYPE = "CASE @._kind WHEN 'S' THEN 20 WHEN 'P' THEN 30 WHEN 'B' THEN 40 WHEN 'C' THEN 10 ELSE 90 END"
_TYPE_TEXT = (
    "CASE @._kind WHEN 'S' THEN 'Verkoopboeking' WHEN 'P' THEN 'Inkoopboeking' WHEN 'B' THEN 'Bankboeking'"
    " WHEN 'C' THEN 'Kasboeking' ELSE 'Memoriaalboeking' END"
)


def models(sizes: Sizes, *, is_hostile: bool) -> dict[str, Model]:
    """Models of the books by base table."""
    sales = sizes.accounts * 11 // 20
    account = (
        f"CASE kind WHEN 'S' THEN 1+{draw('customer', sales)} WHEN 'P' THEN"
        f" {sizes.accounts // 2 + 1}+{draw('supplier', kept(sizes.accounts) - sizes.accounts // 2)} END"
    )
    return {
        ENTRIES: _entries(sizes, account),
        LINES: _lines(sizes, is_hostile=is_hostile),
        INVOICES: _invoices(sizes),
        INVOICE_LINES: _invoice_lines(sizes),
        TERMS: _terms(sizes),
    }


def _entries(sizes: Sizes, account: str) -> Model:
    total, foreign = "(@._net+@._vat)", "CASE WHEN @._is_foreign THEN 5*{0}/4 ELSE {0} END/100.0"
    relations = {pair[0]: f"@._kind='{kind}'" for kind, pair in _JOURNAL_RELATIONS.items()}
    return Model(
        endpoints=("financialtransaction_Transactions", *relations),
        count=sizes.entries,
        source="documents",
        is_lean=True,
        is_dated=True,
        stored={
            "_h": "h",
            "_kind": "kind",
            "_lines": "lines",
            "_percent": "percent",
            "_net": "net",
            "_vat": "vat",
            "_is_foreign": f"{draw('foreign', 20)}=0",
            "_sign": "CASE WHEN kind='S' THEN 1 WHEN kind='P' OR n%2 THEN -1 ELSE 1 END",
            "EntryNumber": "entry_year%100*10000000+n",
            "Date": "date",
            "FinancialYear": "entry_year",
            "FinancialPeriod": "entry_period",
            "InvoiceNumber": "CASE WHEN kind IN ('S','P') THEN entry_year%100*10000000+n END",
            "Status": "CASE n%11 WHEN 0 THEN 20 ELSE 50 END",
            "Description": "CASE n%17 WHEN 0 THEN NULL WHEN 1 THEN 'Crédit ''€'' ' || n ELSE 'Boeking ' || n END",
            "YourRef": "CASE n%3 WHEN 0 THEN 'REF ' || h END",
        },
        refers={
            **PERSONS,
            "_account": Reference(table=ACCOUNTS, expression=account),
            "_journal": Reference(
                table="financial_Journals",
                expression="CASE kind WHEN 'S' THEN 1 WHEN 'P' THEN 2 WHEN 'B' THEN 3 WHEN 'C' THEN 4 ELSE 5 END",
            ),
            "_document": Reference(
                table="documents_Documents",
                expression=f"CASE WHEN n%8=0 THEN 1+{draw('document', kept(sizes.documents))} END",
            ),
            "_condition": Reference(table="cashflow_PaymentConditions", expression="1+n%4"),
        },
        shown={
            "JournalCode": "@_journal.Code",
            "Journal": "@_journal.Code",
            "JournalDescription": "@_journal.Description",
            "Document": "@_document.ID",
            "DocumentNumber": "@_document.HID",
            "DocumentSubject": "@_document.Subject",
            "Customer": "@_account.ID",
            "CustomerName": "@_account.Name",
            "Supplier": "@_account.ID",
            "SupplierName": "@_account.Name",
            "PaymentCondition": "@_condition.Code",
            "PaymentConditionCode": "@_condition.Code",
            "PaymentConditionDescription": "@_condition.Description",
            "AmountDC": f"{total}/100.0",
            "AmountFC": foreign.format(total),
            "VATAmountDC": "@._vat/100.0",
            "VATAmountFC": foreign.format("@._vat"),
            "Currency": "CASE WHEN @._is_foreign THEN 'USD' ELSE 'EUR' END",
            "Rate": "CASE WHEN @._is_foreign THEN 0.8 ELSE 1.0 END",
            "ExchangeRate": "CASE WHEN @._is_foreign THEN 0.8 ELSE 1.0 END",
            "OpeningBalanceFC": "0.0",
            "ClosingBalanceFC": f"CASE WHEN @._kind IN ('B','C') THEN @._sign*{total}/100.0 ELSE 0.0 END",
            "EntryDate": "@.Date",
            "DueDate": f"@.Date+30*{DAY_MS}",
            "ReportingYear": "@.FinancialYear",
            "ReportingPeriod": "@.FinancialPeriod",
            "StatusDescription": "CASE @.Status WHEN 20 THEN 'Open' ELSE 'Verwerkt' END",
            "Type": _TYPE,
            "TypeDescription": _TYPE_TEXT,
            "Reversal": "0",
            "IsExtraDuty": "0",
        },
        where=relations,
        kinds=_KINDS,
        indexed=("Date",),
    )


def _lines(sizes: Sizes, *, is_hostile: bool) -> Model:
    relations = {
        pair[1]: f"@._kind='{kind}' AND @.LineNumber BETWEEN 1 AND 8999"
        for kind, pair in _JOURNAL_RELATIONS.items()
    }
    cents = "CASE i WHEN 0 THEN _sign*(_net+_vat) WHEN 7 THEN -_sign*_vat ELSE -_sign*cents END"
    gl_account = (
        f"CASE i WHEN 0 THEN CASE _kind WHEN 'S' THEN {master.DEBTORS} WHEN 'P' THEN {master.CREDITORS}"
        f" WHEN 'B' THEN {master.BANK} WHEN 'C' THEN {master.CASH} ELSE 8 END"
        f" WHEN 7 THEN CASE _kind WHEN 'S' THEN {master.VAT_DUE} ELSE {master.VAT_PAID} END"
        f" ELSE CASE _kind WHEN 'S' THEN {master.FIRST_REVENUE}+h%10 WHEN 'B' THEN 1+h%2"
        f" ELSE {master.FIRST_COST}+h%44 END END"
    )
    detail = "@.LineNumber BETWEEN 1 AND 8999"
    # Sales and purchase entries show their lines as positive amounts, the general ledger with its sign.
    entry_sign = "CASE @._kind WHEN 'S' THEN -@._cents ELSE @._cents END"
    foreign = "CASE WHEN @_header._is_foreign THEN 5*({0})/4 ELSE {0} END/100.0"
    per_entry_kind = {
        relation: {
            "AmountDC": f"{entry_sign}/100.0",
            "AmountFC": foreign.format(entry_sign),
            "VATAmountDC": "@._vat/100.0",
            "VATAmountFC": foreign.format("@._vat"),
        }
        for relation in ("salesentry_SalesEntryLines", "purchaseentry_PurchaseEntryLines")
    }
    return Model(
        endpoints=(
            "financialtransaction_TransactionLines",
            "bulk_Financial_TransactionLines",
            "sync_Financial_TransactionLines",
            *relations,
        ),
        source="lines",
        header=ENTRIES,
        line_numbers=(0, 9999),
        is_lean=True,
        is_dated=True,
        stored={
            "_kind": "_kind",
            "_cents": cents,
            "_vat": "CASE WHEN i IN (0,7) THEN 0 ELSE vat_cents END",
            "_quantity": "CASE WHEN i IN (0,7) THEN 0 ELSE quantity END",
            "LineNumber": "CASE i WHEN 7 THEN 9999 ELSE i END",
            "Date": "Date",
            "FinancialYear": "FinancialYear",
            "FinancialPeriod": "FinancialPeriod",
            "Description": "CASE WHEN i=0 THEN Description WHEN n%19=0 THEN NULL"
            f"{_LONG_EVERY_1009 if is_hostile else ''} ELSE 'Regel ' || n END",
        },
        refers={
            "Creator": Reference(table=USERS, shown="ID"),
            "Modifier": Reference(table=USERS, shown="ID"),
            "GLAccount": Reference(table="financial_GLAccounts", expression=gl_account),
            "Account": Reference(table=ACCOUNTS, expression="_account&4294967295"),
            "Item": Reference(
                table="logistics_Items",
                expression=f"CASE WHEN _kind='S' AND i BETWEEN 1 AND 4 THEN 1+h%{kept(sizes.items)} END",
            ),
            "Project": Reference(
                table="project_Projects",
                expression=f"CASE WHEN h%16=0 AND i BETWEEN 1 AND 4 THEN 1+(h>>8)%{kept(sizes.projects)} END",
            ),
        },
        shown={
            "EntryID": "@_header.EntryID",
            "EntryNumber": "@_header.EntryNumber",
            "AmountDC": "@._cents/100.0",
            "AmountFC": foreign.format("@._cents"),
            "AmountVATFC": foreign.format("@._vat"),
            "AmountVATDC": "@._vat/100.0",
            "AmountVATBaseFC": f"CASE WHEN {detail} THEN {foreign.format('@._cents')} ELSE 0.0 END",
            "VATBaseAmountDC": f"CASE WHEN {detail} THEN @._cents/100.0 ELSE 0.0 END",
            "VATBaseAmountFC": f"CASE WHEN {detail} THEN {foreign.format('@._cents')} ELSE 0.0 END",
            "Currency": "CASE WHEN @_header._is_foreign THEN 'USD' ELSE 'EUR' END",
            "ExchangeRate": "CASE WHEN @_header._is_foreign THEN 0.8 ELSE 1.0 END",
            "Quantity": "1.0*@._quantity",
            "Creator": "@_header>Creator.UserID",
            "CreatorFullName": "@_header>Creator.FullName",
            "Modifier": "@_header>Modifier.UserID",
            "ModifierFullName": "@_header>Modifier.FullName",
            "Document": "@_header>_document.ID",
            "DocumentNumber": "@_header>_document.HID",
            "DocumentSubject": "@_header>_document.Subject",
            "DueDate": f"CASE WHEN @.LineNumber=0 THEN @.Date+30*{DAY_MS} END",
            "InvoiceNumber": "@_header.InvoiceNumber",
            "JournalCode": "@_header>_journal.Code",
            "JournalDescription": "@_header>_journal.Description",
            "LineType": "CASE @.LineNumber WHEN 9999 THEN 1 WHEN 0 THEN 2 ELSE 0 END",
            "Status": "@_header.Status",
            "Type": _TYPE,
            "VATCode": f"CASE WHEN {detail} AND @._kind IN ('S','P') THEN CASE @_header._percent WHEN 21 THEN '2  '"
            " WHEN 9 THEN '1  ' ELSE '0  ' END END",
            "VATCodeDescription": f"CASE WHEN {detail} AND @._kind IN ('S','P') THEN CASE @_header._percent WHEN 21"
            " THEN 'Btw hoog' WHEN 9 THEN 'Btw laag' ELSE 'Geen btw' END END",
            "VATPercentage": f"CASE WHEN {detail} AND @._kind IN ('S','P') THEN @_header._percent/100.0 END",
            "YourRef": "@_header.YourRef",
            "ExtraDutyAmountFC": "0.0",
            "ExtraDutyPercentage": "0.0",
            "PaymentDiscountAmount": "0.0",
            "OurRef": "@_header.EntryNumber",
            **{
                f"{relation}:{name}": value
                for relation, values in per_entry_kind.items()
                for name, value in values.items()
            },
        },
        where=relations,
        kinds=_KINDS,
        indexed=("_header", "Date"),
    )


def _invoices(sizes: Sizes) -> Model:
    total = "(@._net+@._vat)/100.0"
    return Model(
        endpoints=("salesinvoice_SalesInvoices", "bulk_SalesInvoice_SalesInvoices"),
        source="entries",
        header=ENTRIES,
        taken=f"_kind='S' AND (:now IS NOT NULL OR (_n&4294967295)/3%{sizes.invoice_stride}=0)",
        is_dated=True,
        stored={
            "_h": "_h",
            "_lines": "_lines",
            "_percent": "_percent",
            "_net": "_net",
            "_vat": "_vat",
            "InvoiceNumber": "InvoiceNumber",
            "InvoiceDate": "Date",
            "OrderDate": "Date",
            "Description": "Description",
            "YourRef": "YourRef",
            "Status": "50",
            "Type": "CASE WHEN n%13=0 THEN 8021 ELSE 8020 END",
        },
        refers={
            **PERSONS,
            "OrderedBy": Reference(table=ACCOUNTS, expression="_account&4294967295"),
            "InvoiceTo": Reference(table=ACCOUNTS, expression="_account&4294967295"),
            "DeliverTo": Reference(table=ACCOUNTS, expression="_account&4294967295"),
            "_condition": Reference(table="cashflow_PaymentConditions", expression="_condition&4294967295"),
        },
        shown={
            "AmountDC": total,
            "AmountFC": total,
            "AmountFCExclVat": "@._net/100.0",
            "VATAmountDC": "@._vat/100.0",
            "VATAmountFC": "@._vat/100.0",
            "AmountDiscount": "0.0",
            "AmountDiscountExclVat": "0.0",
            "GAccountAmountFC": "0.0",
            "Discount": "0.0",
            "Currency": "'EUR'",
            "Journal": "'70'",
            "JournalDescription": "'Verkoop'",
            "DueDate": f"@.InvoiceDate+30*{DAY_MS}",
            "OrderNumber": "@.InvoiceNumber",
            "PaymentCondition": "@_condition.Code",
            "PaymentConditionDescription": "@_condition.Description",
            "StatusDescription": "'Verwerkt'",
            "TypeDescription": "CASE @.Type WHEN 8021 THEN 'Creditnota' ELSE 'Verkoopfactuur' END",
        },
        kinds=dict.fromkeys(("salesinvoice_SalesInvoices", "bulk_SalesInvoice_SalesInvoices"), "S"),
    )


def _invoice_lines(sizes: Sizes) -> Model:
    plain = ("salesinvoice_SalesInvoiceLines", "bulk_SalesInvoice_SalesInvoiceLines")
    return line_model(
        sizes,
        endpoints=plain,
        merged=("sync_SalesInvoice_SalesInvoices",),
        header=INVOICES,
        header_key="InvoiceID",
        kinds=dict.fromkeys((*plain, "sync_SalesInvoice_SalesInvoices"), "S"),
        line_numbers=(0, 9999),
        where=dict.fromkeys(plain, "@.LineNumber BETWEEN 1 AND 8999"),
    )


def _terms(sizes: Sizes) -> Model:
    total = "(@._net+@._vat)/100.0"
    return Model(
        endpoints=(
            "sync_Cashflow_PaymentTerms",
            "cashflow_Receivables",
            "bulk_Cashflow_Receivables",
            "cashflow_Payments",
            "bulk_Cashflow_Payments",
        ),
        source="entries",
        header=ENTRIES,
        taken=f"_kind IN ('S','P') AND (:now IS NOT NULL OR (_n&4294967295)/3%{sizes.invoice_stride}=0)",
        is_dated=True,
        stored={
            "_kind": "_kind",
            "_net": "_net",
            "_vat": "_vat",
            "EntryDate": "Date",
            "InvoiceDate": "Date",
            "InvoiceNumber": "InvoiceNumber",
            "EntryNumber": "EntryNumber",
            "TransactionReportingYear": "FinancialYear",
            "TransactionReportingPeriod": "FinancialPeriod",
            "IsFullyPaid": "n%3>0",
            "Status": "CASE WHEN n%3>0 THEN 50 ELSE 20 END",
            "YourRef": "YourRef",
            "Description": "Description",
            "EntryID": guid(60001),
            "TransactionID": guid(60002),
            "Source": "1",
            "EndDate": "NULL",
            "EndYear": "NULL",
            "EndPeriod": "NULL",
        },
        refers={
            **PERSONS,
            "Account": Reference(table=ACCOUNTS, expression="_account&4294967295"),
            "_condition": Reference(table="cashflow_PaymentConditions", expression="_condition&4294967295"),
            "GLAccount": Reference(
                table="financial_GLAccounts",
                expression=f"CASE _kind WHEN 'S' THEN {master.DEBTORS} ELSE {master.CREDITORS} END",
            ),
            "TransactionEntryID": Reference(table=ENTRIES, expression="_n&4294967295"),
        },
        shown={
            "AmountDC": total,
            "AmountFC": total,
            "TransactionAmountDC": total,
            "TransactionAmountFC": total,
            "AmountDiscountDC": "0.0",
            "AmountDiscountFC": "0.0",
            "RateFC": "1.0",
            "Currency": "'EUR'",
            "DueDate": f"@.EntryDate+30*{DAY_MS}",
            "TransactionDueDate": f"@.EntryDate+30*{DAY_MS}",
            "Journal": "CASE @._kind WHEN 'S' THEN '70' ELSE '60' END",
            "JournalDescription": "CASE @._kind WHEN 'S' THEN 'Verkoop' ELSE 'Inkoop' END",
            "LineType": "CASE @._kind WHEN 'S' THEN 20 ELSE 22 END",
            "PaymentCondition": "@_condition.Code",
            "PaymentConditionDescription": "@_condition.Description",
            "TransactionType": _TYPE,
        },
        kinds={
            "sync_Cashflow_PaymentTerms": "S",
            "cashflow_Receivables": "S",
            "bulk_Cashflow_Receivables": "S",
            "cashflow_Payments": "P",
            "bulk_Cashflow_Payments": "P",
        },
        where={
            "cashflow_Receivables": "@._kind='S'",
            "bulk_Cashflow_Receivables": "@._kind='S'",
            "cashflow_Payments": "@._kind='P'",
            "bulk_Cashflow_Payments": "@._kind='P'",
        },
    )
