"""What checks found in each division, kept from run to run: a run looks at its own divisions only.

Values and their storage. What a result means, and when it is worth nothing any more, is decided where checks are.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from exact_assets.control.database import insert_into, transaction
from exact_assets.control.purges import forget_purged
from exact_assets.control.tables import CHECK_RESULTS

Example = Mapping[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptResult:
    """The result of a check in one division."""

    status: str
    words: str
    rows: int | None
    examples: tuple[Example, ...]
    checked_at: datetime


class CheckResultStore:
    """The results of one app at one site."""

    def __init__(self, engine: sa.Engine, *, site: str, client: str, since: datetime | None = None) -> None:
        """Prepare; nothing is read. `since` is when the work began, now: what is purged later is not written of."""
        self._engine = engine
        self._names = {"site": site, "client": client}
        self._since = since or datetime.now(UTC)
        self._mine = (CHECK_RESULTS.c.site == site) & (CHECK_RESULTS.c.client == client)

    def read(self, table: str) -> Mapping[str, Mapping[int, KeptResult]]:
        """Read the results of a table's checks, by check and division."""
        names = ("check_name", "division", "status", "words", "rows", "examples", "checked_at")
        query = sa.select(*(CHECK_RESULTS.c[name] for name in names)).where(
            self._mine & (CHECK_RESULTS.c.table_name == table)
        )
        found: dict[str, dict[int, KeptResult]] = {}
        with transaction(self._engine) as connection:
            for check, division, status, words, rows, examples, checked_at in connection.execute(query):
                found.setdefault(check, {})[division] = KeptResult(
                    status=status,
                    words=words,
                    rows=rows,
                    examples=tuple(json.loads(examples)),
                    checked_at=datetime.fromtimestamp(checked_at, UTC),
                )
        return found

    def write(self, table: str, results: Mapping[str, Mapping[int, KeptResult | None]]) -> None:
        """Put results of a table's checks in the place of those before, by check and division; None: forget it."""
        rows = [
            self._row(table, check, division, result)
            for check, by_division in results.items()
            for division, result in by_division.items()
            if result is not None
        ]
        gone = [
            {"of_check": check, "of_division": division}
            for check, by_division in results.items()
            for division, result in by_division.items()
            if result is None
        ]
        if not rows and not gone:
            return
        upsert = insert_into(self._engine, CHECK_RESULTS)
        values = {name: upsert.excluded[name] for name in ("status", "words", "rows", "examples", "checked_at")}
        with transaction(self._engine) as connection:
            if rows:
                connection.execute(
                    upsert.on_conflict_do_update(index_elements=list(CHECK_RESULTS.primary_key), set_=values), rows
                )
                forget_purged(connection, CHECK_RESULTS, **self._names, since=self._since)
            if gone:
                its = (CHECK_RESULTS.c.table_name == table) & (
                    CHECK_RESULTS.c.check_name == sa.bindparam("of_check")
                )
                one = its & (CHECK_RESULTS.c.division == sa.bindparam("of_division"))
                connection.execute(sa.delete(CHECK_RESULTS).where(self._mine & one), gone)

    def forget(self, divisions: Collection[int]) -> None:
        """Forget all results of divisions."""
        with transaction(self._engine) as connection:
            connection.execute(
                sa.delete(CHECK_RESULTS).where(self._mine & CHECK_RESULTS.c.division.in_(list(divisions)))
            )

    def _row(self, table: str, check: str, division: int, result: KeptResult) -> dict[str, Any]:
        return {
            **self._names,
            "table_name": table,
            "check_name": check,
            "division": division,
            "status": result.status,
            "words": result.words,
            "rows": result.rows,
            "examples": json.dumps(result.examples),
            "checked_at": result.checked_at.timestamp(),
        }
