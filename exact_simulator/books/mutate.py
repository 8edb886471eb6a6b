"""Changes on demand. Whole documents come and go, so that the books balance; every change gets new Timestamps."""

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from exact_simulator.books import balance, deletions, divisions, human, ledger, store
from exact_simulator.books.generate import TIMESTAMPS_PER_ROW, Batch, Division, Generator
from exact_simulator.books.plan import Plan
from exact_simulator.books.shape import Shape, base
from exact_simulator.books.sql import guid
from exact_simulator.facts import Endpoint, load_endpoints


@dataclass(frozen=True, kw_only=True)
class Mutator:
    """Changes the rows of one set of books. The caller holds a transaction."""

    connection: sqlite3.Connection
    plan: Plan
    generator: Generator
    divisions: tuple[Division, ...]
    now_ms: Callable[[], int]

    def root(self, shape: Shape) -> Shape:
        """The header that a table is made from, or itself."""
        while shape.model.header is not None:
            shape = self.plan.shapes[shape.model.header]
        return shape
