"""Clients that are in use with Exact itself work with the simulator: one is run, the requests of another are told.

`exactonline` runs in a process of its own, from a folder beside the environment; its rule that only https may be
spoken is lifted there. `n8n-nodes-exact-online` is for another runtime: these are requests as it makes them.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from exact_assets_tests.simulator.conftest import FIRST, Get, chain, inside
from exact_simulator.process import Simulator
from exact_simulator.settings import STRICT

CLIENT = Path(sys.prefix) / "exactonline-0.4"
"""Where `make test` puts it."""
PROGRAM = """
import http.client, json, sys
from datetime import date
from urllib.parse import parse_qs, urlsplit
import exactonline.http
from exactonline.api import ExactApi
from exactonline.http import HTTPError
from exactonline.resource import POST
from exactonline.storage import ExactOnlineConfig, MissingSetting

exactonline.http.opt_secure.protocols = ("http", "https")
settings, calls = json.loads(sys.argv[1]), json.loads(sys.argv[2])

class Memory(ExactOnlineConfig):
    def get(self, section, option):
        if option not in settings:
            raise MissingSetting()
        return settings[option]
    def set(self, section, option, value):
        settings[option] = value

api = ExactApi(storage=Memory())
address = urlsplit(api.create_auth_request_url())
browser = http.client.HTTPConnection(address.netloc)
browser.request("GET", address.path + "?" + address.query)
api.request_token(parse_qs(urlsplit(browser.getresponse().headers["Location"]).query)["code"][0])
choices, current = api.get_divisions()
api.set_division(calls["division"])
said = {"divisions": sorted(choices), "current": current}
said["relations"] = api.relations.all()
said["relation"] = api.relations.filter(relation_code=calls["code"])
said["vat"] = api.vatcodes.all()
said["accounts"] = api.ledgeraccounts.all()
said["document"] = api.restv1(POST("documents/Documents", {"Subject": "A letter", "Type": 55}))
for name, work in {
    "by_ref": lambda: api.invoices.filter(invoice_number=calls["ref"]),
    "numbers": lambda: api.invoices.map_foreign2exact_invoice_numbers([calls["ref"]]),
    "owed": lambda: api.receivables.filter(relation_id=calls["customer"]),
    "due": lambda: api.receivables.filter(duedate__lt=date(2100, 1, 1), duedate__gte=date(2000, 1, 1)),
}.items():
    try:
        said[name] = work()
    except HTTPError as error:
        said[name] = error.code
print(json.dumps(said))
"""


@pytest.fixture
def unlimited(simulator: Simulator) -> Simulator:
    simulator.control.set(error_limit=1000)
    return simulator


def run_client(simulator: Simulator, calls: dict[str, Any]) -> dict[str, Any]:
    assert CLIENT.is_dir(), "run `make test` once: it brings the client"
    base = simulator.base_url
    settings = {
        "auth_url": f"{base}/api/oauth2/auth",
        "rest_url": f"{base}/api",
        "token_url": f"{base}/api/oauth2/token",
        "base_url": simulator.redirect_uri,
        "client_id": simulator.client_id,
        "client_secret": simulator.client_secret,
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(settings), json.dumps(calls)],
        env={**os.environ, "PYTHONPATH": str(CLIENT), "no_proxy": "*"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@pytest.fixture
def calls(simulator: Simulator) -> dict[str, Any]:
    """What the client asks about: a booked invoice with a reference, its customer, and who owes anything."""
    invoice = next(row for row in simulator.control.rows("salesentry/SalesEntries", FIRST) if row["YourRef"])
    account = simulator.control.rows("crm/Accounts", FIRST)[0]
    debtor = simulator.control.rows("read/financial/ReceivablesList", FIRST)[0]
    return {
        "division": FIRST,
        "ref": invoice["YourRef"],
        "code": account["Code"].strip(),
        "customer": debtor["AccountId"],
    }


def test_exactonline_connects_lists_filters_and_creates(unlimited: Simulator, calls: dict[str, Any]) -> None:
    said = run_client(unlimited, calls)
    assert FIRST in said["divisions"]
    assert len(said["relations"]) == len(unlimited.control.rows("crm/Accounts", FIRST))
    assert [row["Code"].strip() for row in said["relation"]] == [calls["code"]]
    assert said["vat"]
    assert said["accounts"]
    assert {row["YourRef"] for row in said["by_ref"]} == {calls["ref"]}
    assert said["numbers"][calls["ref"]]
    assert {row["AccountId"] for row in said["owed"]} == {calls["customer"]}
    due = [row for row in unlimited.control.rows("read/financial/ReceivablesList", FIRST) if row["DueDate"]]
    assert len(said["due"]) == len(due)
    assert said["document"]["ID"] in {row["ID"] for row in unlimited.control.rows("documents/Documents", FIRST)}


def test_what_the_reference_does_not_mark_is_refused_where_that_is_asked_for(
    unlimited: Simulator, calls: dict[str, Any]
) -> None:
    unlimited.control.set(**{name: STRICT[name] for name in ("filterable", "list_filters_refused")})
    said = run_client(unlimited, calls)
    assert [said[name] for name in ("by_ref", "numbers", "owed", "due")] == [400] * 4


@pytest.mark.parametrize(
    "path",
    [
        "crm/Accounts?$select=ID,Name&$filter=substringof('a', Name)",
        "crm/Accounts?$select=ID,Name&$filter=IsSupplier eq true and Name ne 'x'",
        "salesentry/SalesEntries?$select=EntryID,YourRef,AmountDC&$filter=AmountDC gt 0 or YourRef eq 'x'",
        "salesentry/SalesEntries?$select=EntryID&$filter=EntryDate ge datetime'2024-01-01'",
        "logistics/Items?$select=ID,Code&$filter=",
        "financial/GLAccounts?$select=ID&$filter=Type eq 110",
    ],
)
def test_n8n_lists_with_filters_of_any_property(api: httpx.Client, path: str) -> None:
    """It offers every property as a filter, and older versions send an empty one where none was chosen."""
    division = inside(api.get("/api/v1/current/Me?$select=CurrentDivision"))["results"][0]["CurrentDivision"]
    inside(api.get(f"/api/v1/{division}/system/Divisions?$select=Code,CustomerName,Description"))
    assert chain(api, f"/api/v1/{division}/{path}")


def test_n8n_asks_for_lines_below_their_header_and_for_one_record(api: httpx.Client, get: Get) -> None:
    (entry,) = inside(get("financialtransaction/BankEntries?$top=1&$select=EntryID"))
    below = inside(get(f"financialtransaction/BankEntries(guid'{entry['EntryID']}')/BankEntryLines"))
    assert {row["EntryID"] for row in below["results"]} == {entry["EntryID"]}
    one = inside(get(f"financialtransaction/BankEntries(guid'{entry['EntryID']}')"))
    assert one["EntryID"] == entry["EntryID"]


@pytest.mark.parametrize("path", ["logistics/Items?$select=ID&$filter=", "read/financial/ReceivablesList?$filter="])
def test_an_empty_filter_is_refused_where_that_is_asked_for(simulator: Simulator, get: Get, path: str) -> None:
    assert get(path).status_code == 200
    simulator.control.set(empty_filter_refused=True)
    assert get(path).status_code == 400
