"""What loads and catch-ups cost over HTTP, and that changes arrive."""

from collections.abc import Iterator
from urllib.parse import unquote

import pytest

from exact_assets.catalogue import tables
from exact_assets_tests.feeds.connected import DIVISION, FIRST_YEAR, Connected, connected
from exact_assets_tests.feeds.model import Model
from exact_assets_tests.feeds.test_catalogue_over_http import differences

READ_BY_CHANGES = (
    "crm_accounts",
    "financialtransaction_transaction_lines",
    "logistics_items",
    "salesinvoice_sales_invoices",
    "salesinvoice_sales_invoices_with_lines",
    "salesinvoice_sales_invoice_lines",
    "salesorder_sales_orders",
    "financialtransaction_transactions",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connected]:
    with connected(tmp_path_factory.mktemp("control"), rows=3000) as running:
        yield running


@pytest.mark.parametrize("name", READ_BY_CHANGES)
def test_a_load_costs_its_pages_and_a_catch_up_one_call(site: Connected, name: str) -> None:
    model = Model(tables()[name])
    before = site.calls()
    site.load(model)
    per_page = 60 if name == "salesinvoice_sales_invoice_lines" else model.table.page_size
    # An empty last page is one more.
    assert site.calls() - before <= len(site.truth(model.table)) // per_page + 2
    site.load(model)
    before, steps = site.calls(), len(model.steps)
    site.load(model)
    assert (site.calls() - before, len(model.steps) - steps) == (1, 0)


@pytest.mark.long
@pytest.mark.parametrize("path", ["crm/Accounts", "salesinvoice/SalesInvoices", "logistics/Items"])
def test_rows_that_were_changed_or_added_arrive(site: Connected, path: str) -> None:
    models = [Model(tables()[name]) for name in READ_BY_CHANGES]
    for model in models:
        site.load(model)
    site.simulator.control.update(path, DIVISION, count=3)
    site.simulator.control.insert(path, DIVISION, count=2)
    for model in models:
        site.load(model)
    assert {model.table.name: found for model in models if (found := differences(site, model))} == {}


def test_a_reload_of_a_year_asks_for_that_year_alone(site: Connected) -> None:
    model = Model(tables()["salesinvoice_sales_invoices"])
    site.load(model)
    site.simulator.control.forget_calls()
    site.load(model, years=(FIRST_YEAR,), reload=True)
    first, *_ = site.simulator.control.calls(division=DIVISION)
    assert f"InvoiceDate ge datetime'{FIRST_YEAR}-01-01T00:00:00'" in unquote(first["query"])
    assert differences(site, model) == []


def test_a_reload_drops_what_was_deleted(site: Connected) -> None:
    model = Model(tables()["crm_contacts"])
    keys = site.simulator.control.insert("crm/Contacts", DIVISION, count=2)
    site.load(model)
    site.simulator.control.delete("crm/Contacts", DIVISION, keys=keys)
    site.load(model, reload=True)
    assert differences(site, model) == []
