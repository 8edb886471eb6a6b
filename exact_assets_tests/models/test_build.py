"""What a build makes of rows: the same on each engine, a division at a time, and nothing where it fails."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exact_assets.errors import WarehouseError
from exact_assets.models.registry import models
from exact_assets.warehouse.divisions import KnownDivision
from exact_assets_tests.models.rows import DIVISION, KEPT, OTHER, amount, day, fill, guid
from exact_assets_tests.warehouse.engines import ENGINES, Place

LEDGER, ACCOUNTS, ITEMS = "financialtransaction_transaction_lines", "financial_gl_accounts", "logistics_items"
BANK, SALES, UNKNOWN = guid(901), guid(902), guid(903)


@pytest.fixture(params=["duckdb", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return ENGINES[request.param](tmp_path)


class Model:
    """A model that is built in a place and read back."""

    def __init__(self, place: Place, name: str) -> None:
        self.place, self.name = place, name
        self.warehouse = place.open()

    def build(self, *divisions: int, kept: frozenset[str] = KEPT) -> Any:
        return self.warehouse.build_model(models()[self.name], divisions or (DIVISION,), kept=kept)

    def read(self, columns: str, *, order: str = "1") -> list[tuple[Any, ...]]:
        return self.place.query(f"SELECT {columns} FROM exact_bi.{self.name} ORDER BY {order}")


MakeModel = Callable[[str], Model]


@pytest.fixture
def make(place: Place) -> MakeModel:
    return lambda name: Model(place, name)


def line(number: int, entry: int, account: str, value: str, period: tuple[int, int], **more: Any) -> dict[str, Any]:
    return {
        "id": guid(number),
        "entry_id": guid(entry),
        "entry_number": entry,
        "gl_account": account,
        "amount_dc": amount(value),
        "financial_year": period[0],
        "financial_period": period[1],
        "status": 50,
        "type": 20,
        **more,
    }


def ledger(make: MakeModel) -> Sequence[dict[str, Any]]:
    """Store accounts and a small ledger; its lines."""
    warehouse = make("fct_ledger").warehouse
    fill(
        warehouse,
        ACCOUNTS,
        {"id": BANK, "code": "1100", "description": "Bank", "balance_type": "B", "type": 12},
        {"id": SALES, "code": "8000", "description": "Sales", "balance_type": "W", "type": 110},
    )
    lines = [
        line(1, 1, BANK, "121.005", (2024, 1), line_number=0, date=day("2024-01-31"), cost_center="A  "),
        line(2, 1, SALES, "-121.005", (2024, 1), line_number=1, date=day("2024-01-31")),
        line(3, 2, BANK, "50", (2024, 12), line_number=0),
        line(4, 2, SALES, "-50", (2024, 12), line_number=1),
        line(5, 3, BANK, "-20", (2025, 2), line_number=0),
        line(6, 3, SALES, "20", (2025, 2), line_number=1),
        line(7, 4, SALES, "999", (2025, 2), status=5),
        line(8, 5, UNKNOWN, "7", (2025, 2), status=None, type=320),
        line(9, 5, BANK, "-7", (2025, 2), status=20),
    ]
    fill(warehouse, LEDGER, *lines)
    return lines


def test_the_ledger_keeps_line_0_and_leaves_out_what_was_rejected(make: MakeModel) -> None:
    model, lines = make("fct_ledger"), ledger(make)
    assert model.build() == {DIVISION: len(lines) - 1}
    found = model.read("entry_number, line_number, statement, is_revenue, amount_exact, debit, credit")
    assert (1, 0, "balance sheet", False, amount("121.005"), amount("121.005"), 0) in found
    assert (1, 1, "result", True, amount("-121.005"), 0, amount("121.005")) in found
    assert sum(row[4] for row in found) == 0
    [unknown] = model.place.query(
        "SELECT statement, is_closing, is_processed FROM exact_bi.fct_ledger WHERE amount = 7"
    )
    assert unknown == (None, True, False)


def test_amounts_are_in_cents_beside_the_exact_ones_and_keys_are_text_that_joins_divisions(make: MakeModel) -> None:
    model, _ = make("fct_ledger"), ledger(make)
    model.build()
    [row] = model.place.query(
        "SELECT amount, amount_exact, gl_account_key, day, day_key, cost_center_code, cost_center_key "
        f"FROM exact_bi.fct_ledger WHERE line_id = '{guid(1)}'"
    )
    assert row[:2] == (amount("121.01"), amount("121.005"))
    assert row[2:5] == (f"{DIVISION}:{BANK}", date(2024, 1, 31), f"{DIVISION}:2024-01-31")
    assert row[5:] == ("A", f"{DIVISION}:A")


def test_balances_go_on_from_year_to_year_and_results_begin_anew(make: MakeModel) -> None:
    model, _ = make("fct_balance_by_period"), ledger(make)
    model.build()
    found = model.read(
        "gl_account_code, financial_year, financial_period, opening, movement, closing, lines", order="1, 2, 3"
    )
    bank = [row[1:] for row in found if row[0] == "1100"]
    assert [row[2:5] for row in bank] == [
        (0, amount("121.01"), amount("121.01")),
        (amount("121.01"), 50, amount("171.01")),
        (amount("171.01"), -27, amount("144.01")),
    ]
    sales = [row[1:] for row in found if row[0] == "8000"]
    assert [row[2:5] for row in sales] == [
        (0, amount("-121.01"), amount("-121.01")),
        (amount("-121.01"), -50, amount("-171.01")),
        (0, 20, 20),
    ]
    assert [row[5] for row in sales] == [1, 1, 1]


def test_an_account_of_the_balance_sheet_has_a_row_in_each_later_period(make: MakeModel) -> None:
    model = make("fct_balance_by_period")
    ledger(make)
    fill(model.warehouse, LEDGER, line(20, 9, UNKNOWN, "3", (2024, 1)), line(21, 9, BANK, "-3", (2024, 1)))
    model.build()
    unknown = model.place.query(
        "SELECT financial_year, financial_period, closing, lines FROM exact_bi.fct_balance_by_period "
        f"WHERE gl_account_id = '{UNKNOWN}' ORDER BY 1, 2"
    )
    assert unknown == [(2024, 1, 3, 1), (2024, 12, 3, 0), (2025, 2, 10, 1)]


def test_headers_and_lines_of_vat_are_no_revenue(make: MakeModel) -> None:
    model = make("fct_revenue_lines")
    fill(model.warehouse, ITEMS, {"id": guid(1), "code": "A", "cost_price_standard": amount("3.5")})
    rows = [
        {"id": guid(number), "line_number": line_number, "quantity": amount("2"), "amount_dc": amount("10"), **more}
        for number, line_number, more in (
            (1, 0, {}),
            (2, 1, {"item": guid(1), "status": 50}),
            (3, 2, {"item": guid(7), "type": 8021}),
            (4, 9999, {}),
            (5, 3, {"status": 10}),
        )
    ]
    fill(model.warehouse, "salesinvoice_sales_invoices_with_lines", *rows)
    model.build()
    assert model.read("line_number, amount, cost, margin, is_credit_note") == [
        (1, 10, 7, 3, False),
        (2, 10, None, None, True),
    ]


def test_open_items_have_days_and_a_group_on_the_day_of_the_build(make: MakeModel) -> None:
    model, today = make("fct_receivables"), datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = {1: 0, 2: 1, 3: 30, 4: 31, 5: 61, 6: 90, 7: 91}
    rows = [
        {"hid": number, "amount": amount("1"), "due_date": (today - timedelta(days=days)).replace(tzinfo=None)}
        for number, days in days.items()
    ]
    fill(model.warehouse, "financial_receivables_list", *rows, {"hid": 8, "amount": amount("1")})
    model.build()
    found = {row[0]: row[1:] for row in model.read("item_number, days_overdue, ageing_group, as_of")}
    assert {number: found[number][0] for number in days} == days
    assert [found[number][1] for number in range(1, 9)] == [
        *("not due", "1-30", "1-30", "31-60", "61-90", "61-90", "over 90", "not due"),
    ]
    assert {row[2] for row in found.values()} == {today.date()}


def test_two_headers_of_one_order_make_no_more_lines(make: MakeModel) -> None:
    model = make("fct_order_lines")
    header: dict[str, Any] = {
        "order_id": guid(50),
        "order_date": day("2025-03-01"),
        "ordered_by_name": "Somebody",
        "currency": "EUR",
    }
    fill(model.warehouse, "salesorder_sales_orders", {"id": guid(1), **header}, {"id": guid(2), **header})
    lines: list[dict[str, Any]] = [
        {"quantity_delivered": amount("1"), "delivery_status": 20},
        {"quantity_delivered": amount("0"), "delivery_status": 12},
        {"quantity_delivered": amount("1"), "delivery_status": 45},
        {"quantity_delivered": amount("9"), "delivery_status": 20},
        {"order_id": guid(99)},
    ]
    of_each = {"order_id": guid(50), "quantity": amount("4"), "amount_dc": amount("10")}
    rows = [{"id": guid(number), **of_each, **one} for number, one in enumerate(lines, 1)]
    fill(model.warehouse, "salesorder_sales_order_lines", *rows)
    assert model.build() == {DIVISION: 5}
    found = model.read("relation_name, quantity_to_deliver, amount_to_deliver", order="line_id")
    assert found == [
        ("Somebody", 3, amount("7.50")),
        ("Somebody", 4, 10),
        ("Somebody", 0, 0),
        ("Somebody", 0, 0),
        (None, 4, 10),
    ]


def test_large_amounts_and_quantities_are_multiplied_without_an_overflow(make: MakeModel) -> None:
    """DuckDB multiplies decimals of up to 18 digits within 18 digits."""
    large, stock, orders, invoices = (
        amount("99999999999.99"),
        make("fct_stock"),
        make("fct_order_lines"),
        make("fct_revenue_lines"),
    )
    fill(stock.warehouse, ITEMS, {"id": guid(1), "cost_price_standard": large, "average_cost": amount("-0.5")})
    fill(stock.warehouse, "inventory_stock_positions", {"item_id": guid(1), "current_stock": amount("10000")})
    fill(
        stock.warehouse,
        "salesorder_sales_order_lines",
        {"amount_dc": large, "quantity": amount("1000000"), "quantity_delivered": amount("500000")},
    )
    fill(
        stock.warehouse,
        "salesinvoice_sales_invoices_with_lines",
        {"line_number": 1, "item": guid(1), "quantity": amount("-10000"), "amount_dc": large},
    )
    for model in (stock, orders, invoices):
        assert model.build() == {DIVISION: 1}
    assert stock.read("value_at_standard_cost, value_at_average_cost") == [(large * 10_000, -5_000)]
    assert orders.read("amount_to_deliver") == [(amount("50000000000.00"),)]
    assert invoices.read("cost, margin") == [(large * -10_000, large * 10_001)]


def test_the_calendar_has_each_day_once_with_its_period(make: MakeModel) -> None:
    model = make("dim_calendar")
    periods = [
        {"fin_year": 2025, "fin_period": 1, "start_date": day("2024-12-30"), "end_date": day("2025-06-30")},
        {"fin_year": 2025, "fin_period": 13, "start_date": day("2025-06-30"), "end_date": day("2025-06-30")},
        {"fin_year": 9999, "fin_period": 1, "start_date": day("1753-01-01"), "end_date": day("9999-12-31")},
    ]
    fill(model.warehouse, "financial_financial_periods", *periods)
    assert model.build() == {DIVISION: 366 + 365}
    found = {
        row[0]: row[1:]
        for row in model.read(
            "day, year, quarter, month, iso_week, weekday, is_weekend, financial_year, financial_period, day_key"
        )
    }
    assert min(found) == date(2024, 1, 1)
    assert max(found) == date(2025, 12, 31)
    assert found[date(2025, 6, 30)] == (2025, 2, 6, 27, 1, False, 2025, 1, f"{DIVISION}:2025-06-30")
    assert found[date(2024, 12, 29)] == (2024, 4, 12, 52, 7, True, None, None, f"{DIVISION}:2024-12-29")


def test_an_account_has_the_classification_of_the_main_scheme_and_its_rgs_code(make: MakeModel) -> None:
    model = make("dim_account")
    fill(
        model.warehouse,
        ACCOUNTS,
        {"id": BANK, "code": " 1100", "description": "Bank", "balance_type": "B", "type": 12},
    )
    fill(model.warehouse, "financial_gl_schemes", {"id": guid(1), "main": 0}, {"id": guid(2), "main": 1})
    mappings = [
        {
            "gl_account": BANK,
            "gl_scheme_id": guid(1),
            "gl_scheme_description": "RGS 3.5",
            "classification_code": "BLim",
        },
        {"gl_account": BANK, "gl_scheme_id": guid(2), "gl_scheme_code": "9", "classification_code": "20"},
        {"gl_account": BANK, "gl_scheme_id": guid(2), "gl_scheme_code": "9", "classification_code": "10"},
    ]
    fill(model.warehouse, "financial_gl_account_classification_mappings", *mappings)
    assert model.build() == {DIVISION: 1}
    columns = "gl_account_code, statement, account_type_name, scheme_code, classification_code, rgs_code"
    assert model.read(columns) == [("1100", "balance sheet", "bank", "9", "10", "BLim")]


def test_a_table_that_is_not_kept_tells_nothing_though_rows_of_it_are_left(make: MakeModel) -> None:
    model = make("dim_division")
    model.warehouse.refresh_divisions([KnownDivision(division=DIVISION, name="As selected")])
    model.warehouse.set_enabled([DIVISION], enabled=True)
    fill(
        model.warehouse,
        "financial_journals",
        {"currency": "USD", "code": "1"},
        {"currency": "EUR", "code": "2"},
        {"currency": "EUR", "code": "3"},
    )
    fill(
        model.warehouse, "system_divisions", {"code": DIVISION, "description": "As Exact has it", "currency": "SEK"}
    )
    model.build(kept=KEPT - {"system_divisions", "hrm_divisions"})
    assert model.read("division_name, currency, is_enabled") == [("As selected", "EUR", True)]
    model.build()
    assert model.read("division_name, currency") == [("As Exact has it", "SEK")]


def test_rows_that_are_gone_from_exact_are_in_no_model(place: Place) -> None:
    warehouse = place.open(is_soft=True)
    fill(warehouse, ITEMS, {"code": "A"}, {"code": "B"})
    warehouse.build_model(models()["dim_item"], [DIVISION], kept=KEPT)
    place.run(f"UPDATE exact.{ITEMS} SET deleted_at = now() WHERE code = 'A'")
    assert warehouse.build_model(models()["dim_item"], [DIVISION], kept=KEPT) == {DIVISION: 1}


def test_a_build_replaces_the_rows_of_its_divisions_and_of_no_other(make: MakeModel) -> None:
    model = make("dim_item")
    for division in (DIVISION, OTHER):
        fill(model.warehouse, ITEMS, {"code": "before"}, division=division)
    model.build(DIVISION, OTHER)
    for division in (DIVISION, OTHER):
        fill(model.warehouse, ITEMS, {"code": "after"}, {"code": "new"}, division=division)
    assert model.build(OTHER) == {OTHER: 2}
    assert model.read("division, item_code", order="1, 2") == [
        (DIVISION, "before"),
        (OTHER, "after"),
        (OTHER, "new"),
    ]


def test_a_division_that_cannot_be_built_keeps_its_rows_and_the_others_are_built(make: MakeModel) -> None:
    model = make("fct_budget")
    for division in (DIVISION, OTHER):
        fill(model.warehouse, "budget_budgets", {"amount_dc": amount("1")}, division=division)
    model.build(DIVISION, OTHER)
    fill(model.warehouse, "budget_budgets", {"amount_dc": Decimal(10) ** 20}, division=DIVISION)
    fill(model.warehouse, "budget_budgets", {"amount_dc": amount("2")}, division=OTHER)
    built = model.build(DIVISION, OTHER)
    assert built[OTHER] == 1
    assert isinstance(built[DIVISION], WarehouseError)
    assert "exact_bi.fct_budget" in str(built[DIVISION])
    assert model.read("division, amount") == [(DIVISION, 1), (OTHER, 2)]


def test_a_model_that_has_changed_is_made_anew_for_all_divisions_that_it_has(make: MakeModel) -> None:
    model, item = make("dim_item"), models()["dim_item"]
    for division in (DIVISION, OTHER):
        fill(model.warehouse, ITEMS, {"code": "A"}, division=division)
    model.build(DIVISION, OTHER)
    fewer = replace(item, columns=item.columns[:4])
    assert model.warehouse.build_model(fewer, [OTHER], kept=KEPT) == {DIVISION: 1, OTHER: 1}
    names = (
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'exact_bi' "
        "AND table_name = 'dim_item' ORDER BY ordinal_position"
    )
    assert [name for (name,) in model.place.query(names)] == [
        *("division", "item_key", "item_id", "item_code", "item_name", "_built_at"),
    ]
    assert model.warehouse.build_model(fewer, [OTHER], kept=KEPT) == {OTHER: 1}


def test_a_model_is_made_where_tables_cannot_be_made_within_a_transaction(tmp_path: Path) -> None:
    model = Model(ENGINES["duckdb-ddl-apart"](tmp_path), "dim_item")
    fill(model.warehouse, ITEMS, {"code": "A"})
    assert model.build() == {DIVISION: 1}
    assert model.build() == {DIVISION: 1}


def test_a_model_that_a_view_depends_on_says_what_to_do_and_keeps_its_rows(tmp_path: Path) -> None:
    model = Model(ENGINES["postgresql"](tmp_path), "dim_item")
    fill(model.warehouse, ITEMS, {"code": "A"})
    model.build()
    model.place.run("CREATE VIEW exact_bi.mine AS SELECT item_code FROM exact_bi.dim_item")
    item = models()["dim_item"]
    with pytest.raises(WarehouseError, match=r"exact_bi.dim_item cannot be made: .*\. Drop views"):
        model.warehouse.build_model(replace(item, columns=item.columns[:4]), [DIVISION], kept=KEPT)
    assert model.read("item_code") == [("A",)]
    assert model.build() == {DIVISION: 1}


def test_a_model_without_rows_is_there(make: MakeModel) -> None:
    model = make("fct_stock")
    assert model.build() == {DIVISION: 0}
    assert model.read("*") == []


def test_meanings_are_comments_in_the_warehouse(make: MakeModel) -> None:
    model = make("dim_vat_code")
    model.build()
    catalogue = {
        "DuckDB": "SELECT comment FROM duckdb_columns() WHERE table_name = 'dim_vat_code' "
        "AND column_name = 'percentage'",
        "PostgreSQL": "SELECT col_description('exact_bi.dim_vat_code'::regclass, attnum) FROM pg_attribute "
        "WHERE attrelid = 'exact_bi.dim_vat_code'::regclass AND attname = 'percentage'",
    }
    assert model.place.query(catalogue[model.place.engine().dialect.engine]) == [
        ("VAT as a share of one: 0.21 is 21 %",)
    ]


def test_a_purge_takes_the_rows_of_models_as_well(make: MakeModel) -> None:
    model = make("dim_item")
    for division in (DIVISION, OTHER):
        fill(model.warehouse, ITEMS, {"code": "A"}, division=division)
    model.build(DIVISION, OTHER)
    assert model.warehouse.model_names([DIVISION]) == ("dim_item",)
    assert model.warehouse.purge_models([DIVISION]) == {"dim_item": 1}
    assert model.read("division") == [(OTHER,)]
    assert model.warehouse.model_names([DIVISION]) == ()


def test_nothing_is_there_to_purge_where_no_model_was_ever_built(make: MakeModel) -> None:
    assert make("dim_item").warehouse.purge_models([DIVISION]) == {}


def test_a_table_of_a_users_own_in_the_schema_is_left_alone(make: MakeModel) -> None:
    model = make("dim_item")
    model.build()
    model.place.run(f"CREATE TABLE exact_bi.mine AS SELECT {DIVISION} AS division")
    assert model.warehouse.purge_models([DIVISION]) == {}
    assert model.place.query("SELECT count(*) FROM exact_bi.mine") == [(1,)]
