"""What a build makes of rows: the same on each engine, a division at a time, and nothing where it fails."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from exact_assets_tests.models.made import ACCOUNTS, BANK, ITEMS, LEDGER, UNKNOWN, MakeModel, ledger, line
from exact_assets_tests.models.rows import DIVISION, amount, day, fill, guid


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
