"""What the warehouse should hold, in plain Python: a dictionary for rows with a key, a counter for others."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from exact_assets.catalogue.table import Table
from exact_assets.stream import Changes, Verb
from exact_assets_tests.warehouse.tables import SYNC


class Row(NamedTuple):
    """A row of any of the tables: what a table has no column for is ignored there."""

    key: int
    version: int | None
    year: int | None
    value: str | None
    header: int


@dataclass
class Model:
    """The rows of one stream, and those kept aside."""

    table: Table
    rows: dict[int, Row] = field(default_factory=dict)
    bag: Counter[Row] = field(default_factory=Counter)
    staged: list[Row] = field(default_factory=list)

    def store(
        self, verb: Verb, rows: Sequence[Row], *, parents: Iterable[int] | None, years: tuple[int, int] | None
    ) -> Changes:
        """Store a step; say what changed."""
        if verb is Verb.STAGE:
            self.staged.extend(rows)
            return Changes()
        arrived, self.staged = [*(self.staged if verb is Verb.REPLACE else []), *rows], []
        if not self.table.key:
            return self._store_bag(verb, arrived, years)
        new = self._newest(arrived)
        before = dict(self.rows)
        if verb is Verb.REPLACE:
            gone = {key for key, row in before.items() if _within(row, years) and key not in new}
        else:
            headers = set(parents or ())
            gone = {key for key, row in before.items() if row.header in headers and key not in new}
        for key in gone:
            del self.rows[key]
        for key, row in new.items():
            if key not in before or self._wins(row, before[key], verb, years):
                self.rows[key] = row
        return _changes(before, self.rows)

    def _newest(self, arrived: list[Row]) -> dict[int, Row]:
        newest: dict[int, Row] = {}
        for row in arrived:
            known = newest.get(row.key)
            if known is None or self.table.version is None or _rank(row) >= _rank(known):
                newest[row.key] = row
        return newest

    def _wins(self, new: Row, old: Row, verb: Verb, years: tuple[int, int] | None) -> bool:
        if verb is Verb.REPLACE and _within(old, years):
            return True
        if self.table.version is None or new.version is None or old.version is None:
            return True
        if new.version == old.version:
            return verb is Verb.REPLACE or self.table is not SYNC
        return new.version > old.version

    def _store_bag(self, verb: Verb, arrived: list[Row], years: tuple[int, int] | None) -> Changes:
        new = Counter(arrived)
        old = Counter({row: n for row, n in self.bag.items() if verb is Verb.REPLACE and _within(row, years)})
        if verb is Verb.REPLACE and new == old:
            return Changes()
        self.bag = self.bag - old + new
        years_changed = Counter(row.year for row in (old + new).elements())
        return Changes(inserted=new.total(), deleted=old.total(), years=dict(years_changed))


def _rank(row: Row) -> int:
    return -1 if row.version is None else row.version


def _within(row: Row, years: tuple[int, int] | None) -> bool:
    return years is None or (row.year is not None and years[0] <= row.year <= years[1])


def _changes(before: dict[int, Row], after: dict[int, Row]) -> Changes:
    years: Counter[int | None] = Counter()
    both = before.keys() & after.keys()
    changed = {key for key in both if before[key] != after[key]}
    for key in changed:
        years.update({before[key].year, after[key].year})
    years.update(before[key].year for key in before.keys() - after.keys())
    years.update(after[key].year for key in after.keys() - before.keys())
    return Changes(
        inserted=len(after.keys() - before.keys()),
        updated=len(changed),
        deleted=len(before.keys() - after.keys()),
        years=dict(years),
    )
