"""The language in which tables are chosen, and the list of them."""

import pytest

from exact_assets.catalogue import listing, select, tables
from exact_assets.errors import SettingsError


def chosen(spec: str | None) -> set[str]:
    return {table.name for table in select(spec)}


def group(name: str) -> set[str]:
    return {table.name for table in tables().values() if table.group == name}


DEFAULT = {table.name for table in tables().values() if table.is_default}


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        (None, DEFAULT),
        (" ", DEFAULT),
        ("default", DEFAULT),
        ("all", set(tables())),
        ("crm_accounts", {"crm_accounts"}),
        ("transaction_lines", {"financialtransaction_transaction_lines"}),
        ("crm", group("crm")),
        ("hrm_costcenters", {"hrm_cost_centers"}),
        ("costcenters,hrm/costunits", {"hrm_cost_centers", "hrm_cost_units"}),
        ("*supplier_item", {"logistics_supplier_items"}),
        ("crm/*", group("crm")),
        ("crm/acc*s", {name for name in group("crm") if name.startswith("crm_acc")}),
        ("*entry_lines", {name for name in tables() if name.endswith("entry_lines")}),
        ("crm, -crm_contacts", group("crm") - {"crm_contacts"}),
        ("-crm_contacts", DEFAULT - {"crm_contacts"}),
        ("CRM_Accounts", {"crm_accounts"}),
        ("crm,-crm,crm_accounts", {"crm_accounts"}),
    ],
)
def test_a_selection(spec: str | None, names: set[str]) -> None:
    assert names
    assert chosen(spec) == names


@pytest.mark.parametrize(("spec", "hint"), [("crm_acounts", "crm_accounts"), ("-logistic", "logistics")])
def test_an_unknown_name_is_refused_with_the_nearest_right_one(spec: str, hint: str) -> None:
    with pytest.raises(SettingsError, match=f"Did you mean '{hint}'"):
        select(spec)


def test_a_selection_of_nothing_is_refused() -> None:
    with pytest.raises(SettingsError, match="leaves no table"):
        select("crm,-crm")


def test_tables_come_in_order_of_name_and_once() -> None:
    names = [table.name for table in select("crm,crm_accounts,assets")]
    assert names == sorted(set(names))


def test_the_list_says_what_a_thousand_rows_cost() -> None:
    costs = {one.name: one.calls_per_thousand_rows for one in listing()}
    assert (costs["crm_accounts"], costs["financial_journals"]) == (1, 17)
    assert len(costs) == len(tables())


def test_the_list_may_be_of_some_tables() -> None:
    assert [one.name for one in listing(select("crm_accounts"))] == ["crm_accounts"]
