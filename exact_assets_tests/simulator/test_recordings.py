"""The recorded exchanges, retold: the same keys, JSON types, shapes and links where the same is asked.

Where a recording and this server may differ (names, values, the number of rows), nothing is compared.
"""

import re
from typing import Any

import httpx

from exact_assets_tests.simulator.conftest import FIRST, Get, inside
from exact_simulator.process import Simulator

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DATE = re.compile(r"/Date\(-?\d+\)/")


def kind(value: Any) -> str:
    """Name what a JSON value looks like."""
    if isinstance(value, str):
        return "guid" if GUID.fullmatch(value) else "date" if DATE.fullmatch(value) else "string"
    return type(value).__name__


def kinds(row: dict[str, Any], names: str) -> str:
    return " ".join(kind(row[name]) for name in names.split())


ME = """
    CurrentDivision DivisionCustomer DivisionCustomerCode DivisionCustomerName DivisionCustomerVatNumber
    DivisionCustomerSiretNumber DossierDivision AccountingDivision IsEmployeeSelfServiceUser IsMyFirmLiteUser
    IsStarterUser IsMyFirmPortalUser IsClientUser FullName PictureUrl ThumbnailPicture ThumbnailPictureFormat UserID
    UserName LanguageCode Legislation Email Title Initials FirstName MiddleName LastName Gender Nationality Language
    Phone PhoneExtension Mobile ServerTime ServerUtcOffset EmployeeID CustomerCode PackageCode
    IsOEIMigrationMandatory
"""


def test_me(api: httpx.Client) -> None:
    answer = api.get("/api/v1/current/Me")
    (row,) = inside(answer)["results"]
    assert row.keys() == {"__metadata", *ME.split()}
    assert row["__metadata"]["uri"].endswith(f"/api/v1/current/Me(guid'{row['UserID']}')")
    assert row["__metadata"]["type"] == "Exact.Web.Api.Models.System.Me"
    assert (
        kinds(row, "CurrentDivision Legislation ServerUtcOffset IsClientUser UserID") == "int string int bool guid"
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", row["ServerTime"])


def test_me_has_no_rate_headers(api: httpx.Client) -> None:
    assert not [name for name in api.get("/api/v1/current/Me").headers if "ratelimit" in name]


DIVISION = """
    AddressLine1 AddressLine2 AddressLine3 BlockingStatus BusinessTypeCode BusinessTypeDescription Code
    ChamberOfCommerceNumber ChamberOfCommerceEstablishment City CompanySizeCode CompanySizeDescription Country
    Created Creator CreatorFullName Currency Current Customer CustomerCode CustomerName DatevAccountantNumber
    DatevClientNumber Description DivisionMoveDate DivisionHRLinkUnlinkDate Email Fax Hid IsDossierDivision
    IsPracticeDivision IsHRDivision IsMainDivision Legislation Modified Modifier ModifierFullName OBNumber Postcode
    Phone SbiCode SbiDescription SectorCode SectorDescription ShareCapital SiretNumber StartDate State Status
    SubsectorCode SubsectorDescription TaxOfficeNumber TaxReferenceNumber TemplateCode VATNumber Website ArchiveDate
    Class_01 Class_02 Class_03 Class_04 Class_05
"""


def test_divisions(get: Get) -> None:
    row, *_ = inside(get("system/Divisions?$skip=0&$top=100"))["results"]
    assert row.keys() == {"__metadata", *DIVISION.split()}
    assert row["__metadata"]["uri"].endswith(f"/api/v1/{FIRST}/system/Divisions({row['Code']})")
    assert row["__metadata"]["type"] == "Exact.Web.Api.Models.System.Division"
    assert kinds(row, "Code Hid Current Created Status Customer") == "int string bool date int guid"
    assert (row["Country"], len(row["CustomerCode"])) == ("NL ", 18)


def test_customers(get: Get, api: httpx.Client) -> None:
    url = f"{api.base_url}/api/v1/{FIRST}/crm/Accounts"
    select = "ID,Name,Email,Phone,Status,IsSales,IsPurchase,IsSupplier,Modified"
    page = inside(get(f"crm/Accounts?$orderby=Modified asc&$select={select}&$skip=0&$top=100"))
    for row in page["results"]:
        assert row.keys() == {"__metadata", *select.split(",")}
    assert row["__metadata"] == {
        "uri": f"{url}(guid'{row['ID']}')",
        "type": "Exact.Web.Api.Models.Account",
    }
    assert [row["Modified"] for row in page["results"]] == sorted(row["Modified"] for row in page["results"])
    assert kinds(row, "ID Modified IsSales Name Status") == "guid date bool string string"


def test_general_ledger_accounts_page_through_the_remainder(get: Get, api: httpx.Client) -> None:
    first = inside(
        get("financial/GLAccounts?$orderby=Modified%20asc&$select=ID,Code,Description,Modified&$top=100")
    )
    assert len(first["results"]) == 60
    last = first["results"][-1]
    path, _, query = first["__next"].partition("?")
    assert path.endswith(f"/api/v1/{FIRST}/financial/GLAccounts")
    assert re.fullmatch(
        r"\$orderby=Modified%20asc&\$select=ID,Code,Description,Modified&\$top=40"
        rf"&\$skiptoken=datetime'\d{{4}}-\d\d-\d\dT\d\d%3A\d\d%3A\d\d(\.\d{{1,3}})?',guid'{last['ID']}'",
        query,
    )
    second = inside(api.get(first["__next"]))
    assert len(second["results"]) <= 40
    assert not {row["ID"] for row in second["results"]} & {row["ID"] for row in first["results"]}


def test_transactions(get: Get) -> None:
    names = "EntryID,EntryNumber,Date,Modified,JournalCode,Status,Type"
    row, *_ = inside(get(f"financialtransaction/Transactions?$orderby=Modified asc&$select={names}&$top=100"))[
        "results"
    ]
    assert row.keys() == {"__metadata", *names.split(",")}
    assert row["__metadata"]["type"] == "Exact.Web.Api.Models.Financial.Transaction"
    assert kinds(row, names.replace(",", " ")) == "guid int date date string int int"


def test_items_within_a_page_are_a_bare_list(get: Get) -> None:
    select = "ID,Code,Description,ItemGroup,IsSalesItem,IsPurchaseItem,Modified"
    rows = inside(get(f"logistics/Items?$orderby=Modified asc&$select={select}&$skip=0&$top=50"))
    assert isinstance(rows, list)
    assert rows[0].keys() == {"__metadata", *select.split(",")}
    assert rows[0]["__metadata"]["type"] == "Exact.Web.Api.Models.Item"


def test_attachments(get: Get) -> None:
    page = inside(get("documents/DocumentAttachments?$skip=0&$top=100"))
    row, *_ = page["results"]
    assert row.keys() == {"__metadata", "ID", "Attachment", "FileName", "FileSize", "Url", "Document"}
    assert row["Attachment"] is None
    assert f"/docs/SysAttachment.aspx?ID={row['ID']}&_Division_={FIRST}" in row["Url"]


def test_no_payments_are_an_empty_list(get: Get) -> None:
    select = "ID,Account,AccountName,AmountDC,EntryDate,Description,PaymentReference"
    nobody = "ID eq guid'00000000-0000-0000-0000-000000000000'"
    assert inside(get(f"cashflow/Payments?$select={select}&$top=60&$filter={nobody}")) == []


def test_a_document_and_its_attachment(api: httpx.Client, simulator: Simulator) -> None:
    account = simulator.control.rows("crm/Accounts", FIRST)[0]["ID"]
    document = {"Subject": "Test attachment", "DocumentDate": "2026-06-25", "Account": account, "Type": 10}
    made = api.post(f"/api/v1/{FIRST}/documents/Documents", json=document)
    assert made.status_code == 201
    row = made.json()["d"]
    assert (row["Subject"], row["Type"], row["Account"], row["Division"]) == ("Test attachment", 10, account, FIRST)
    assert row["DocumentDate"] == "/Date(1782345600000)/"
    assert row["__metadata"]["type"] == "Exact.Web.Api.Models.Document"
    file = {"Document": row["ID"], "Attachment": "dGVzdA==", "FileName": "test.txt"}
    attached = api.post(f"/api/v1/{FIRST}/documents/DocumentAttachments", json=file).json()["d"]
    assert (attached["FileName"], attached["FileSize"], attached["Attachment"]) == ("test.txt", 4, None)
    assert attached["Document"] == row["ID"]


def test_rate_headers_are_six_milliseconds_included(get: Get) -> None:
    headers = get("crm/Accounts?$top=1").headers
    assert {name for name in headers if "ratelimit" in name} == {
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "x-ratelimit-minutely-limit",
        "x-ratelimit-minutely-remaining",
        "x-ratelimit-minutely-reset",
    }
    assert int(headers["x-ratelimit-minutely-reset"]) % 60_000 == 0
    assert int(headers["x-ratelimit-reset"]) % 86_400_000 == 0
