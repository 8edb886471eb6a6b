"""People and time off: the tables of HRM and payroll, which a link of HR data renews. Models and names only."""

from exact_simulator.books.shape import Model
from exact_simulator.books.sizes import Sizes

SERVICES = ("hrm_", "payroll_")
"""Base tables with these prefixes are HR data."""


def models(sizes: Sizes) -> dict[str, Model]:
    """Models by base table: more hours than a page of 1,000 holds, however small the books."""
    return {"hrm_LeaveAbsenceHoursByDay": Model(count=max(1100, min(20_000, sizes.rows // 50)))}
