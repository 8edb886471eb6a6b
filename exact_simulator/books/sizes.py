"""How many rows each table has in a division, from the number of transaction lines asked for."""

import zlib
from dataclasses import dataclass
from math import isqrt

LINES_PER_ENTRY = 4.1
"""Transaction lines of an average entry; see the pattern of kinds in `ledger`."""


def kept(count: int) -> int:
    """Of so many rows, those that documents refer to; the last ones can be deleted."""
    return count * 9 // 10


def _between(low: int, value: float, high: int) -> int:
    return max(low, min(high, int(value)))


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Rows per division."""

    rows: int
    """Transaction lines, about."""

    @property
    def entries(self) -> int:
        """Financial entries."""
        return max(4, round(self.rows / LINES_PER_ENTRY))

    @property
    def accounts(self) -> int:
        """Customers and suppliers."""
        return _between(20, 2 * isqrt(self.rows), 3000)

    @property
    def items(self) -> int:
        """Items."""
        return _between(15, 1.5 * isqrt(self.rows), 2000)

    @property
    def projects(self) -> int:
        """Projects."""
        return _between(6, isqrt(self.rows) / 3, 400)

    @property
    def orders(self) -> int:
        """Sales orders."""
        return _between(10, self.rows / 12, 20_000)

    @property
    def documents(self) -> int:
        """Documents."""
        return _between(12, self.rows / 20, 5_000)

    @property
    def times(self) -> int:
        """Time and cost transactions."""
        return _between(10, self.rows / 8, 50_000)

    @property
    def invoice_stride(self) -> int:
        """Of so many sales entries one has a sales invoice, so that there are 20,000 invoices at most."""
        return max(1, self.entries // 50_000)

    def other(self, name: str) -> int:
        """Rows of a table that nobody modelled: some have none, some more than a page, however small the books."""
        dice = zlib.crc32(name.encode())
        growth = _between(1, isqrt(self.rows) / 40, 20)
        if dice % 17 == 0:
            return 0
        if dice % 11 == 0:
            return 61 + dice // 11 % 80 * growth
        return (1 + dice // 7 % 22) * growth
