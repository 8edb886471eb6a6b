"""The checks of models: green on books that look like a firm's, and red where a row was damaged, on each engine."""

from collections.abc import Mapping

import pytest

from exact_assets.checks.models import AGEING, MODEL_CHECKS, checks_of_model, run_model_checks
from exact_assets.checks.result import CheckStatus, DivisionResult
from exact_assets.models.registry import models
from exact_assets_tests.models.conftest import Books
from exact_assets_tests.models.rows import DIVISION, KEPT, OTHER

LEDGER = "financialtransaction_transaction_lines"


def results(books: Books, name: str) -> Mapping[str, Mapping[int, DivisionResult]]:
    """Check a model in all divisions; results by check and division."""
    model = models()[name]
    runs = run_model_checks(
        model,
        checks_of_model(model, kept=KEPT),
        warehouse=books.warehouse,
        kept=KEPT,
        divisions=books.divisions,
    )
    assert {run.obstacle for run in runs} == {None}
    return {run.check: run.divisions for run in runs}


def statuses(books: Books, name: str) -> Mapping[str, CheckStatus]:
    """Return how each check of a model ended in the division that tests damage; the other must be well."""
    found = results(books, name)
    assert {one[OTHER].status for one in found.values()} == {CheckStatus.PASSED}
    return {check: by_division[DIVISION].status for check, by_division in found.items()}


@pytest.mark.parametrize("name", models())
def test_all_is_well_in_plausible_books(books: Books, name: str) -> None:
    found = results(books, name)
    wrong = {
        (check, division): one
        for check, by_division in found.items()
        for division, one in by_division.items()
        if one.status is not CheckStatus.PASSED
    }
    assert wrong == {}
    assert all(one.rows for by_division in found.values() for one in by_division.values()), "there is something"


def test_every_check_is_offered_for_a_model() -> None:
    offered = {check.name for model in models().values() for check in checks_of_model(model, kept=KEPT)}
    assert offered == {check.name for check in MODEL_CHECKS}
    assert "equals_ageing_list" not in {
        check.name
        for check in checks_of_model(models()["fct_receivables"], kept=models()["fct_receivables"].sources)
    }, "without the ageing list there is nothing to compare with"


IS_LAST = "entry_number = (SELECT max(entry_number) FROM {rows} WHERE {its})"
OF_ANOTHER = "(SELECT relation_id FROM {rows} WHERE {its} AND item_number = 5)"
DAMAGES = {
    "a row twice": (
        "fct_ledger",
        f"INSERT INTO {{rows}} SELECT * FROM {{rows}} WHERE {{its}} AND line_number = 0 AND {IS_LAST}",
        {"keys_unique", "rows_equal_source", "trial_balance_is_zero"},
    ),
    "a row gone": (
        "dim_item",
        "DELETE FROM {rows} WHERE {its} AND item_code = 'ART-00001'",
        {"rows_equal_source"},
    ),
    "an amount of the last year": (
        "fct_ledger",
        f"UPDATE {{rows}} SET amount_exact = amount_exact + 0.01 WHERE {{its}} AND line_number = 0 AND {IS_LAST}",
        {"rows_equal_source", "trial_balance_is_zero"},
    ),
    "a movement": (
        "fct_balance_by_period",
        "UPDATE {rows} SET movement_exact = movement_exact + 1, closing_exact = closing_exact + 1 WHERE {its}",
        {"periods_equal_ledger"},
    ),
    "a closing": (
        "fct_balance_by_period",
        "UPDATE {rows} SET closing_exact = closing_exact + 1 WHERE {its} AND gl_account_code = '1300'",
        {"periods_equal_ledger"},
    ),
    "an open item of a customer": (
        "fct_receivables",
        "UPDATE {rows} SET amount_exact = amount_exact - 1 WHERE {its} AND item_number = 1",
        {"rows_equal_source", "equals_ageing_list"},
    ),
    "an open item that is another's": (
        "fct_payables",
        f"UPDATE {{rows}} SET relation_id = {OF_ANOTHER} WHERE {{its}} AND item_number = 1",
        {"equals_ageing_list"},
    ),
    "days of one key": (
        "dim_calendar",
        "UPDATE {rows} SET day = DATE '2000-01-01' WHERE {its} AND month = 2",
        {"keys_unique"},
    ),
}
"""The model, what is done to its rows (`rows`) of a division (`its`), and the checks that are to be red."""


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_turns_the_checks_red_that_look_for_it_and_a_build_repairs_it(books: Books, damage: str) -> None:
    name, statement, expected = DAMAGES[damage]
    for lists in AGEING.get(name, ()):
        books.place.run(f"UPDATE exact.{lists} SET _loaded_at = _loaded_at - INTERVAL '2 days'")
    books.place.run(statement.format(rows=f"exact_bi.{name}", its=f"division = {DIVISION}"))
    try:
        found = {check for check, status in statuses(books, name).items() if status is CheckStatus.FAILED}
        assert found == expected
    finally:
        books.build(name)
    assert set(statuses(books, name).values()) == {CheckStatus.PASSED}


def test_an_invoice_that_the_ledger_has_otherwise_is_named_and_no_certain_fault(books: Books) -> None:
    books.place.run(
        f"UPDATE exact_bi.fct_revenue_lines SET amount_exact = amount_exact + 10 WHERE division = {DIVISION} "
        "AND line_number = 1"
    )
    try:
        found = results(books, "fct_revenue_lines")["revenue_equals_ledger"][DIVISION]
    finally:
        books.build("fct_revenue_lines")
    assert found.status is CheckStatus.WARNING
    assert {round(example["difference"], 2) for example in found.examples} == {10}
    assert all(example["invoice_number"] and example["booked"] for example in found.examples)


def test_a_table_that_has_changed_since_is_no_certain_fault(books: Books) -> None:
    books.place.run(
        f"UPDATE exact.budget_budgets SET amount_dc = amount_dc + 1, _loaded_at = now() WHERE division = {DIVISION}"
    )
    assert statuses(books, "fct_budget")["rows_equal_source"] is CheckStatus.WARNING
    books.build("fct_budget")
    assert statuses(books, "fct_budget")["rows_equal_source"] is CheckStatus.PASSED


def test_lists_that_have_just_changed_may_differ_as_they_were_read_at_different_moments(books: Books) -> None:
    ageing = "exact.financial_aging_receivables_list"
    first = f"SELECT relation_id FROM exact_bi.fct_receivables WHERE division = {DIVISION} AND item_number = 1"
    its = f"division = {DIVISION} AND account_id = ({first})"
    books.place.run(f"UPDATE {ageing} SET total_amount = total_amount + 5, _loaded_at = now() WHERE {its}")
    try:
        found = results(books, "fct_receivables")["equals_ageing_list"][DIVISION]
        assert found.status is CheckStatus.WARNING
        assert [round(one["ageing_list"] - one["open_items"], 2) for one in found.examples] == [5]
    finally:
        books.place.run(
            f"UPDATE {ageing} SET total_amount = total_amount - 5, _loaded_at = now() - INTERVAL '2 days' "
            f"WHERE {its}"
        )


def test_a_division_that_is_being_loaded_is_not_judged(books: Books) -> None:
    books.place.run("UPDATE exact._streams SET state = '{\"cursor\": null}' WHERE table_name = 'logistics_items'")
    found = results(books, "dim_item")
    assert {one.status for one in found["rows_equal_source"].values()} == {CheckStatus.NOT_CHECKED}
    assert "logistics_items: its first load has not ended" in found["keys_unique"][DIVISION].words
