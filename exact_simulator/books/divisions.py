"""The divisions themselves and the user who looks at them: tables that belong to no division."""

from collections.abc import Iterator

from exact_simulator.books.sql import quoted
from exact_simulator.facts import Endpoint, load_endpoints

TABLE = "_divisions"
RELATIONS = (
    "system_Divisions",
    "system_AllDivisions",
    "system_GetMostRecentlyUsedDivisions",
    "hrm_Divisions",
    "root_current_Me",
)
CREATE = f"""CREATE TABLE {TABLE} (d INTEGER PRIMARY KEY, division INTEGER UNIQUE NOT NULL, name TEXT NOT NULL,
    created INTEGER NOT NULL, moved INTEGER, linked INTEGER)"""
_CUSTOMER = "83b00000-0000-4000-a000-0000000000c1"
_USER = "cc200000-0000-4000-a000-0000000000b1"
_DIVISION = {
    "Code": "b.division",
    "Description": "b.name",
    "Hid": "b.d+1",
    "HID": "b.d+1",
    "Country": "'NL '",
    "Legislation": "'NL '",
    "Currency": "'EUR'",
    "Created": "b.created",
    "Modified": "COALESCE(max(b.moved,COALESCE(b.linked,0)),b.linked,b.created)",
    "StartDate": "b.created-b.created%86400000",
    "DivisionMoveDate": "b.moved",
    "DivisionHRLinkUnlinkDate": "b.linked",
    "Status": "1",
    "BlockingStatus": "0",
    "Current": "b.d=0",
    "Main": "b.d=0",
    "IsMainDivision": "b.d=0",
    "IsDossierDivision": "0",
    "IsHRDivision": "0",
    "IsPracticeDivision": "0",
    "Customer": quoted(_CUSTOMER),
    "CustomerCode": "printf('%18d',1265594)",
    "CustomerName": "'Voorbeeld BV'",
    "Creator": quoted(_USER),
    "Modifier": quoted(_USER),
    "CreatorFullName": "'Robin Voorbeeld'",
    "ModifierFullName": "'Robin Voorbeeld'",
    "TemplateCode": "'NL_Base'",
    "VATNumber": "'NL' || (800000000+b.d) || 'B01'",
    "SiretNumber": "''",
}
_ME = {
    "UserID": quoted(_USER),
    "CurrentDivision": "b.division",
    "AccountingDivision": "b.division",
    "DivisionCustomer": quoted(_CUSTOMER),
    "DivisionCustomerCode": "printf('%18d',1265594)",
    "DivisionCustomerName": "'Voorbeeld BV'",
    "CustomerCode": "printf('%18d',1265594)",
    "DivisionCustomerSiretNumber": "''",
    "FullName": "'Robin Voorbeeld'",
    "FirstName": "'Robin'",
    "LastName": "'Voorbeeld'",
    "UserName": "'robin@example.test'",
    "Email": "'robin@example.test'",
    "Language": "'EN'",
    "LanguageCode": "'en-GB'",
    "Legislation": "1",
    "Gender": "'O'",
    "Title": "'Mr.'",
    "PackageCode": "'EOLAPPCENTER'",
    "EmployeeID": "'00000000-0000-0000-0000-000000000000'",
    "IsClientUser": "1",
}


def views() -> Iterator[str]:
    """Statements that create the relations. `Me` has `_division` 0; every division lists all of them."""
    for endpoint in load_endpoints():
        if endpoint.relation == "root_current_Me":
            yield f"{_select(endpoint, _ME, '0')} FROM {TABLE} b WHERE b.d=0"
        elif endpoint.relation in RELATIONS:
            yield f"{_select(endpoint, _DIVISION, 'a.division')} FROM {TABLE} a CROSS JOIN {TABLE} b"


def _select(endpoint: Endpoint, values: dict[str, str], division: str) -> str:
    columns = ", ".join(
        f'{values.get(item.name, "0" if item.edm_type == "Edm.Boolean" else "NULL")} AS "{item.name}"'
        for item in endpoint.properties
    )
    return f'CREATE VIEW "{endpoint.relation}" AS SELECT {division} AS _division, b.d AS _n, {columns}'
