"""A model that is built in a place and read back, and a small ledger to build it of."""

from collections.abc import Callable, Sequence
from typing import Any

from exact_assets.models.registry import models
from exact_assets_tests.models.rows import DIVISION, KEPT, amount, day, fill, guid
from exact_assets_tests.warehouse.engines import Place

LEDGER, ACCOUNTS, ITEMS = "financialtransaction_transaction_lines", "financial_gl_accounts", "logistics_items"
BANK, SALES, UNKNOWN = guid(901), guid(902), guid(903)


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
