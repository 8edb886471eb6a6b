"""What a warehouse does with steps, in plain Python: the meaning of the verbs in `exact_assets.stream`."""

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import msgspec

from exact_assets.catalogue.table import Table
from exact_assets.feeds import ReadRequest, Source, read
from exact_assets.stream import Step, StreamState, Verb, decode_state, encode_state

Row = dict[str, Any]


@dataclass
class Model:
    """One stream's rows, stage and state."""

    table: Table
    rows: list[Row] = field(default_factory=list)
    stage: list[Row] = field(default_factory=list)
    state: StreamState = field(default_factory=StreamState)
    steps: list[Step] = field(default_factory=list)

    def store(self, step: Step) -> None:
        """Store a step as the warehouse would."""
        new = step.rows.to_pylist()
        self.steps.append(step)
        if step.verb is Verb.STAGE:
            self.stage = self._without_gone(self.stage + new, step)
        elif step.verb is Verb.UPSERT:
            self.stage = []
            self._upsert(new, step)
            self.rows = self._without_gone(self.rows, step)
        else:
            self._replace(self._without_gone(self.stage + new, step), step.years)
            self.stage = []
        # The state survives a kill as JSON, no other way.
        state = decode_state(encode_state(step.state))
        self.state = msgspec.structs.replace(state, load_seq=self.state.load_seq + 1)

    async def bring(
        self,
        source: Source,
        request: ReadRequest,
        *,
        division: int = 123456,
        stop: Callable[[int], bool] = lambda _: False,
    ) -> bool:
        """Read and store steps until the end, or until `stop` says that the process is killed after one."""
        async with aclosing(read(source, self.table, division, self.state, request=request)) as steps:
            async for step in steps:
                self.store(step)
                if stop(len(self.steps)):
                    return False
        return True

    def ids(self) -> list[Any]:
        """Give the keys that are stored, sorted."""
        return sorted(tuple(row[name] for name in self.table.key) for row in self.rows)

    def values(self, name: str) -> dict[Any, Any]:
        """Give a column by key."""
        return {tuple(row[key] for key in self.table.key): row[name] for row in self.rows}

    def _without_gone(self, rows: list[Row], step: Step) -> list[Row]:
        version = self.table.version
        if step.gone is None or version is None:
            return rows
        gone = {self._key(row): row[version] for row in step.gone.to_pylist()}
        return [row for row in rows if self._key(row) not in gone or row[version] > gone[self._key(row)]]

    def _key(self, row: Row) -> Any:
        return tuple(row[name] for name in self.table.key)

    def _upsert(self, new: list[Row], step: Step) -> None:
        version = self.table.version
        have = {self._key(row): row for row in self.rows}
        if step.parents is not None and self.table.parent is not None:
            gone = set(step.parents.to_pylist())
            foreign = next(c.name for c in self.table.columns if c.property == self.table.parent.foreign_key)
            keys = {self._key(row) for row in new}
            have = {key: row for key, row in have.items() if row[foreign] not in gone or key in keys}
        for row in new:
            old = have.get(self._key(row))
            if old is None or version is None or row[version] >= old[version]:
                have[self._key(row)] = row
        self.rows = list(have.values())

    def _replace(self, new: list[Row], years: tuple[int, int] | None) -> None:
        keys = {self._key(row) for row in new} if self.table.key else set()
        stay = [
            row
            for row in self.rows
            if years is not None and not years[0] <= row["_year"] <= years[1] and self._key(row) not in keys
        ]
        self.rows = stay
        if self.table.key:
            table = Model(self.table, rows=stay)
            table._upsert(
                new, Step(verb=Verb.UPSERT, rows=self.table.arrow_schema.empty_table(), state=StreamState())
            )
            self.rows = table.rows
        else:
            self.rows = stay + new
