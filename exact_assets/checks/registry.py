"""The list of all checks. What a check looks for stands in its own file."""

from collections.abc import Collection

from exact_assets.catalogue.table import Table
from exact_assets.checks.balances_equal_exact import BALANCES_EQUAL_EXACT
from exact_assets.checks.check import Check, ExactCheck
from exact_assets.checks.debits_equal_credits import DEBITS_EQUAL_CREDITS
from exact_assets.checks.has_header import HAS_HEADER
from exact_assets.checks.keys_unique import KEYS_UNIQUE
from exact_assets.checks.own_division import IN_OWN_DIVISION
from exact_assets.checks.row_count import ROW_COUNT
from exact_assets.checks.values_complete import VALUES_COMPLETE
from exact_assets.checks.year_in_partition import YEAR_IN_PARTITION

CHECKS: tuple[Check, ...] = (
    KEYS_UNIQUE,
    VALUES_COMPLETE,
    IN_OWN_DIVISION,
    YEAR_IN_PARTITION,
    HAS_HEADER,
    ROW_COUNT,
    DEBITS_EQUAL_CREDITS,
    BALANCES_EQUAL_EXACT,
)


def checks_of(table: Table, *, kept: Collection[Table]) -> tuple[Check, ...]:
    """Return the checks that are offered for a table where `kept` are the tables that are kept."""
    return tuple(check for check in CHECKS if check.is_offered(table, kept=kept))


def calls_per_division(kept: Collection[Table]) -> int:
    """Return how many calls all checks of the tables that are kept take, as a rule, in one division."""
    return sum(
        check.calls_per_division
        for table in kept
        for check in checks_of(table, kept=kept)
        if isinstance(check, ExactCheck)
    )
