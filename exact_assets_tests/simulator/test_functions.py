"""Functions, and lists below `read`: which parameters they take, and what they give."""

import pytest

from exact_assets_tests.simulator.conftest import Get, inside, message
from exact_assets_tests.simulator.test_collections import SYNTAX
from exact_simulator.process import Simulator


def test_functions_give_a_bare_list(get: Get) -> None:
    assert isinstance(inside(get("read/financial/AgingReceivablesList?$select=AccountCode")), dict | list)
    assert isinstance(inside(get("read/financial/AgingOverview")), list)


@pytest.mark.parametrize(
    "path",
    [
        "read/financial/AgingOverview?ageGroup=1",
        "read/financial/AgingReceivablesListByAgeGroup",
        "read/financial/AgingReceivablesListByAgeGroup?nonsense=1",
        "read/logistics/StockPosition?$filter=ItemId eq guid'00000000-0000-0000-0000-000000000000'",
        "read/financial/RevenueListByYear",
        "read/sync/Sync/SyncTimestamp?modified=datetime'2026-01-01'",
        "read/sync/Sync/SyncTimestamp?modified=datetime'2026-01-01'&endPoint='Accounts'",
    ],
)
def test_functions_with_other_parameters_are_refused(get: Get, path: str) -> None:
    answer = get(path)
    assert (answer.status_code, message(answer)) == (400, SYNTAX)


def test_a_filter_on_a_list_is_refused_where_that_is_asked_for(get: Get, simulator: Simulator) -> None:
    path = "read/financial/AgingOverview?$filter=AgeGroup eq 1"
    assert get(path).status_code == 200
    simulator.control.set(list_filters_refused=True)
    assert (get(path).status_code, message(get(path))) == (400, SYNTAX)


def test_a_parameter_bounds_a_function(get: Get) -> None:
    rows = inside(get("read/financial/AgingReceivablesListByAgeGroup?ageGroup=1"))
    assert isinstance(rows, list | dict)


def test_item_extra_field_takes_no_select(get: Get) -> None:
    text = "Query option $select cannot be applied to the requested resource."
    assert message(get("read/logistics/ItemExtraField?$select=Number")) == text
