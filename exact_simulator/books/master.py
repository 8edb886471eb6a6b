"""Master data by hand: accounts, items, GL accounts, journals, VAT codes, users, employees. Models only."""

from exact_simulator.books.reference import ACCOUNTS, USERS
from exact_simulator.books.rules import Years
from exact_simulator.books.shape import Model, Reference
from exact_simulator.books.sizes import Sizes, kept
from exact_simulator.books.sql import draw

GL_ACCOUNTS = 64
DEBTORS, CREDITORS, BANK, CASH, VAT_DUE, VAT_PAID = 1, 2, 3, 4, 5, 6
FIRST_REVENUE, FIRST_COST = 11, 21
"""Row numbers of GL accounts; ten of revenue, forty-four of cost."""

_FIRST_NAMES = "Jan Anna Piet Zoë Kees Fatima Sjoerd Noor Luc Véronique Mehmet Ilse Ümit Bram Sofie Tom"
_LAST_NAMES = (
    "Jansen,de Vries,van den Berg,Bakker,Visser,Smit,Meijer,Peeters,Dubois,Çelik,Mulder,d'Hondt,Öztürk,Maes"
)
_TRADES = "Bouw,Techniek,Transport,Advies,Groothandel,Horeca,Tuinen,Optiek,Zorg,Print & Media"


def _choice(text: str, values: list[str]) -> str:
    cases = " ".join(f"WHEN {at} THEN '{value.replace(chr(39), chr(39) * 2)}'" for at, value in enumerate(values))
    return f"CASE {draw(text, len(values))} {cases} END"


def _by_number(values: list[str], *, otherwise: str = "'other ' || n") -> str:
    cases = " ".join(f"WHEN {at} THEN {value}" for at, value in enumerate(values, 1))
    return f"CASE n {cases} ELSE {otherwise} END"


def _gl_cases() -> str:
    return " ".join(f"WHEN {number} THEN '{name}'" for number, name in enumerate(_GL_NAMES, 7))


_FIRST = _choice("first", _FIRST_NAMES.split())
_LAST = _choice("last", _LAST_NAMES.split(","))
_FULL = f"{_FIRST} || ' ' || {_LAST}"
_PERSON = {"FirstName": _FIRST, "LastName": _LAST, "FullName": _FULL}
_BALANCE = ["Aandelenkapitaal", "Overige reserves", "Kruisposten", "Voorraad handelsgoederen"]
_REVENUE = [
    *(
        "Omzet handelsgoederen hoog",
        "Omzet handelsgoederen laag",
        "Omzet diensten",
        "Omzet onderhoud",
        "Omzet verhuur",
    ),
    *("Omzet export EU", "Omzet export buiten EU", "Omzet abonnementen", "Doorberekende vracht", "Overige omzet"),
]
_COSTS = [
    *("Inkoop handelsgoederen", "Inkoop grondstoffen", "Uitbesteed werk", "Vrachtkosten", "Lonen en salarissen"),
    *("Sociale lasten", "Pensioenlasten", "Reiskosten", "Opleidingskosten", "Huur bedrijfspand", "Energie"),
    *("Schoonmaak", "Onderhoud pand", "Verzekeringen", "Kantoorbenodigdheden", "Telefoon en internet"),
    *("Software en licenties", "Accountantskosten", "Advieskosten", "Bankkosten", "Brandstof", "Leasekosten auto"),
    *("Reclame en advertenties", "Representatie", "Afschrijving inventaris", "Afschrijving auto", "Rentelasten"),
]
_GL_NAMES = [*_BALANCE, *_REVENUE, *_COSTS]
"""Of accounts 7 and on; more costs than there are names for are named by their number."""


def models(sizes: Sizes, years: Years) -> dict[str, Model]:
    """Models of the master data by base table."""
    accounts, items = sizes.accounts, sizes.items
    sales = accounts * 11 // 20
    period = f"printf('%04d-%02d-01',{years.first}+(n-1)/12,1+(n-1)%12)"
    return {
        USERS: Model(
            endpoints=("users_Users", "system_Users", "root_system_Users"),
            count=6,
            stored={
                **_PERSON,
                "UserName": "'user' || n || '@example.test'",
                "Email": "'user' || n || '@example.test'",
            },
            refers={"Customer": None},
        ),
        ACCOUNTS: Model(
            count=accounts,
            kept=kept(accounts),
            stored={
                "Code": "printf('%18d',1000+n)",
                "Name": f"{_LAST} || ' ' || {_choice('trade', _TRADES.split(','))} || ' ' || n",
                "SearchCode": "printf('%-20s',upper('acc' || n))",
                "IsSales": f"n<={sales}",
                "IsSupplier": f"n>{accounts // 2}",
                "IsPurchase": f"n>{accounts // 2}",
                "Status": "CASE n%9 WHEN 0 THEN 'P' ELSE 'C' END",
                "Type": "'A'",
                "Blocked": "n%31=0",
                "VATNumber": "'NL' || (100000000+n) || 'B01'",
                "EndDate": "NULL",
                "Website": "'https://www.example.test/' || n",
            },
            refers=dict.fromkeys(
                ("Accountant", "Reseller", "InvoiceAccount", "Parent", "LeadSource", "LeadPurpose", "Document")
            ),
        ),
        "crm_Contacts": Model(
            count=accounts * 3 // 2,
            stored={**_PERSON, "Email": "'contact' || n || '@example.test'"},
            refers={"Account": Reference(table=ACCOUNTS, expression=f"1+(n-1)%{accounts}"), "Person": None},
        ),
        "crm_Addresses": Model(
            count=accounts * 3 // 2,
            refers={"Account": Reference(table=ACCOUNTS, expression=f"1+(n-1)%{accounts}")},
        ),
        "crm_BankAccounts": Model(
            count=accounts,
            stored={"BankAccount": "'NL' || printf('%02d',n%97) || 'TEST' || printf('%010d',n)"},
            refers={"Account": Reference(table=ACCOUNTS, expression=f"1+(n-1)%{accounts}"), "Bank": None},
        ),
        "financial_GLAccounts": Model(
            count=GL_ACCOUNTS,
            stored={
                "Code": _by_number(
                    ["'1300'", "'1600'", "'1100'", "'1000'", "'1500'", "'1520'"],
                    otherwise="printf('%d',n+CASE WHEN n>20 THEN 4000 WHEN n>10 THEN 7989 ELSE 2000 END)",
                ),
                "Description": _by_number(
                    ["'Debiteuren'", "'Crediteuren'", "'Bank'", "'Kas'", "'Te betalen btw'", "'Te vorderen btw'"],
                    otherwise=f"CASE n {_gl_cases()} ELSE 'Overige bedrijfskosten ' || n END",
                ),
                "BalanceSide": "CASE WHEN n IN (2,5) OR n BETWEEN 11 AND 20 THEN 'C' ELSE 'D' END",
                "BalanceType": "CASE WHEN n>10 THEN 'W' ELSE 'B' END",
                "Type": _by_number(
                    ["20", "22", "12", "10", "24", "24"], otherwise="CASE WHEN n>20 THEN 121 ELSE 110 END"
                ),
                "IsBlocked": "0",
                "VATCode": "NULL",
                "VATDescription": "NULL",
            },
        ),
        "financial_Journals": Model(
            count=5,
            stored={
                "Code": _by_number(["'70'", "'60'", "'20'", "'10'", "'90'"]),
                "Description": _by_number(["'Verkoop'", "'Inkoop'", "'Bank'", "'Kas'", "'Memoriaal'"]),
                "Type": _by_number(["20", "22", "12", "10", "90"], otherwise="90"),
                "IsBlocked": "0",
            },
            refers={"BankAccountID": None, "Bank": None},
        ),
        "vat_VATCodes": Model(
            count=3,
            stored={
                "Code": _by_number(["'0  '", "'1  '", "'2  '"]),
                "Description": _by_number(["'Geen btw'", "'Btw laag'", "'Btw hoog'"]),
                "Percentage": _by_number(["0.0", "0.09", "0.21"], otherwise="0.21"),
                "Account": "NULL",
            },
            refers={"Account": None},
        ),
        "cashflow_PaymentConditions": Model(
            count=4,
            stored={
                "Code": _by_number(["'00'", "'14'", "'30'", "'60'"]),
                "Description": _by_number(["'Contant'", "'14 dagen'", "'30 dagen'", "'60 dagen'"]),
            },
        ),
        "general_Currencies": Model(count=6),
        "logistics_Units": Model(
            count=4,
            stored={
                "Code": _by_number(["'pc      '", "'hour    '", "'day     '", "'kg      '"]),
                "Description": _by_number(["'Stuk'", "'Uur'", "'Dag'", "'Kilogram'"]),
            },
        ),
        "logistics_ItemGroups": Model(
            count=8,
            stored={"Code": "printf('G%02d',n)", "Description": "'Artikelgroep ' || n"},
        ),
        "logistics_Items": Model(
            count=items,
            kept=kept(items),
            stored={
                "Code": "printf('ART-%05d',n)",
                "Description": "'Artikel ' || n || CASE n%13 WHEN 0 THEN ' - Ø 12″ ''special''' ELSE '' END",
                "IsSalesItem": "1",
                "IsPurchaseItem": "n%3>0",
                "IsStockItem": "n%2",
                "StandardSalesPrice": f"(100+{draw('price', 20000)})/100.0",
                "CostPriceStandard": f"(50+{draw('cost', 10000)})/100.0",
                "EndDate": "NULL",
                "SalesVatCode": "CASE n%2 WHEN 0 THEN '1  ' ELSE '2  ' END",
                "SalesVatCodeDescription": "CASE n%2 WHEN 0 THEN 'Btw laag' ELSE 'Btw hoog' END",
            },
        ),
        "inventory_Warehouses": Model(
            count=2, stored={"Code": "printf('%4d',n)", "Description": "'Magazijn ' || n"}
        ),
        "payroll_Employees": Model(
            count=max(4, sizes.projects // 2),
            stored={**_PERSON, "Code": "printf('%8d',n)", "HID": "n", "EmployeeHID": "n", "EndDate": "NULL"},
            refers={"Manager": None, "Customer": None, "Person": None},
        ),
        "project_Projects": Model(
            count=sizes.projects,
            kept=kept(sizes.projects),
            stored={
                "Code": "printf('P%04d',n)",
                "Description": "'Project ' || n || CASE n%7 WHEN 0 THEN ' ''é''' ELSE '' END",
            },
        ),
        "project_ProjectWBS": Model(
            endpoints=("sync_Project_ProjectWBS", "bulk_Project_ProjectWBS"),
            count=sizes.projects * 3,
            stored={"Description": "'Activiteit ' || n"},
            refers={
                "Project": Reference(table="project_Projects", expression=f"1+(n-1)%{sizes.projects}"),
                "PartOf": None,
            },
        ),
        "documents_Documents": Model(
            count=sizes.documents,
            kept=kept(sizes.documents),
            stored={
                "Subject": "'Document ' || n || CASE n%9 WHEN 0 THEN ' ✓ ''kopie''' ELSE '' END",
                "HID": "n",
                "Type": "CASE n%3 WHEN 0 THEN 55 WHEN 1 THEN 10 ELSE 20 END",
            },
            refers={"FinancialTransactionEntryID": None, "Opportunity": None, "Contact": None},
        ),
        "documents_DocumentAttachments": Model(
            count=sizes.documents * 9 // 8,
            stored={
                "FileName": "'bijlage ' || n || '.pdf'",
                "FileSize": f"1.0*(400+{draw('size', 90000)})",
                "Attachment": "NULL",
            },
            shown={"Url": "'/docs/SysAttachment.aspx?ID=' || @.ID || '&_Division_=' || @._division"},
            refers={"Document": Reference(table="documents_Documents", expression=f"1+(n-1)%{sizes.documents}")},
        ),
        "project_TimeTransactions": Model(
            endpoints=("project_TimeTransactions", "project_CostTransactions", "sync_Project_TimeCostTransactions"),
            count=sizes.times,
            stored={
                "Quantity": f"(1+{draw('hours', 32)})/4.0",
                "_price": f"5000+{draw('rate', 100)}*100",
                "_is_cost": "CASE :kind WHEN 'cost' THEN 1 WHEN 'time' THEN 0 ELSE n%4=0 END",
                "EntryNumber": "n",
                "Date": "c-c%86400000",
                "HourStatus": "CASE n%5 WHEN 0 THEN 2 ELSE 20 END",
            },
            shown={
                "Price": "@._price/100.0",
                "PriceFC": "@._price/100.0",
                "Amount": "round(@.Quantity*@._price)/100.0",
                "AmountFC": "round(@.Quantity*@._price)/100.0",
                "Type": "CASE WHEN @._is_cost THEN 2 ELSE 1 END",
                "DivisionDescription": "NULL",
            },
            kinds={"project_TimeTransactions": "time", "project_CostTransactions": "cost"},
            where={"project_TimeTransactions": "NOT @._is_cost", "project_CostTransactions": "@._is_cost"},
        ),
        "cashflow_Banks": Model(count=5),
        "inventory_StockPositions": Model(
            count=items,
            stored={
                "CurrentStock": f"1.0*{draw('stock', 400)}",
                "PlanningIn": f"1.0*{draw('in', 20)}",
                "PlanningOut": f"1.0*{draw('out', 20)}",
            },
            shown={
                "FreeStock": "@.CurrentStock-@.PlanningOut",
                "ProjectedStock": "@.CurrentStock+@.PlanningIn-@.PlanningOut",
            },
        ),
        "logistics_SalesItemPrices": Model(
            count=items,
            stored={"Price": f"(100+{draw('price', 20000)})/100.0", "Quantity": "1.0", "EndDate": "NULL"},
        ),
        "financial_FinancialPeriods": Model(
            count=12 * (years.last - years.first + 1),
            stored={
                "FinYear": f"{years.first}+(n-1)/12",
                "FinPeriod": "1+(n-1)%12",
                "StartDate": f"strftime('%s',{period})*1000",
                "EndDate": f"strftime('%s',{period},'+1 month','-1 day')*1000",
            },
        ),
    }
