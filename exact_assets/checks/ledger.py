"""What the checks of the ledger share: its tables, and what counts in it."""

from collections.abc import Collection

from exact_assets.catalogue.table import Table

LEDGER = "financialtransaction_transaction_lines"
BALANCE = "financial_reporting_balance"
IN_THE_BOOKS = 20
"""Status of open lines; those below are drafts and rejected ones, which no balance counts. 50 are processed."""
ENTRIES_NAMED = 8
"""Entries that a difference names, those that changed last before the others."""


def is_ledger(table: Table, *, kept: Collection[Table]) -> bool:  # noqa: ARG001 - a rule gets both
    """Return whether a table is the ledger: the rule of checks that only the ledger has."""
    return table.name == LEDGER
