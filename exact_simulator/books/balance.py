"""The reporting balance: sums of the transaction lines by GL account, year and period, kept in whole cents."""

import sqlite3

from exact_simulator.books.ledger import LINES
from exact_simulator.books.shape import Model, Reference, base

TABLE = "financial_ReportingBalance"


def models() -> dict[str, Model]:
    """The balance has no rows of its own making: `add` fills it."""
    none = "NULL"
    return {
        TABLE: Model(
            count=0,
            is_lean=True,
            is_dated=True,
            stored={
                "ID": none,
                "_debit": none,
                "_credit": none,
                "Count": none,
                "ReportingYear": none,
                "ReportingPeriod": none,
            },
            refers={"GLAccount": Reference(table="financial_GLAccounts", expression=none)},
            shown={
                "Amount": "(@._debit-@._credit)/100.0",
                "AmountDebit": "@._debit/100.0",
                "AmountCredit": "@._credit/100.0",
                "BalanceType": "@GLAccount.BalanceType",
                "Status": "50",
                "Type": "20",
            },
        )
    }


def add(connection: sqlite3.Connection, *, first: int, last: int, sign: int = 1) -> None:
    """Add the lines of a range of entries to the balance, or with `sign` -1 take them off.

    Args:
        connection: within a transaction.
        first: `_n` of the first entry.
        last: `_n` of the last entry.
        sign: 1 or -1.
    """
    connection.execute(
        f"""INSERT INTO {base(TABLE)}
            (_n, _division, ID, GLAccount, ReportingYear, ReportingPeriod, _debit, _credit, Count)
        SELECT (_header>>32<<32) + number, max(_division), number, GLAccount, FinancialYear, FinancialPeriod,
            :sign*sum(max(_cents,0)), -:sign*sum(min(_cents,0)), :sign*count(*)
        FROM (SELECT *, (GLAccount&4294967295)*100000+(FinancialYear-2000)*100+FinancialPeriod AS number
            FROM {base(LINES)} WHERE _n BETWEEN :first_line AND :last_line)
        GROUP BY number
        ON CONFLICT (_n) DO UPDATE SET _debit=_debit+excluded._debit, _credit=_credit+excluded._credit,
            Count=Count+excluded.Count""",
        {
            "sign": sign,
            "first_line": (first >> 32 << 32) + (first & 0xFFFFFFFF) * 8,
            "last_line": (last >> 32 << 32) + (last & 0xFFFFFFFF) * 8 + 7,
        },
    )
    connection.execute(f"DELETE FROM {base(TABLE)} WHERE Count=0")
