"""No key occurs twice in a division."""

from collections.abc import Collection

from exact_assets.catalogue.table import Table
from exact_assets.checks.check import RowCheck, Search
from exact_assets.checks.subject import Subject
from exact_assets.warehouse.sql.names import DIVISION, listed


def _is_offered(table: Table, *, kept: Collection[Table]) -> bool:  # noqa: ARG001 - a rule gets both
    return bool(table.key)


def _search(subject: Subject) -> Search:
    table = subject.table
    return Search(
        statement=f"""
SELECT {DIVISION}, TRUE AS is_certain, {listed(table.key)}, count(*) AS copies
FROM {subject.live(table)} AS r GROUP BY {listed(table.primary_key)} HAVING count(*) > 1
"""
    )


KEYS_UNIQUE = RowCheck(
    name="keys_unique",
    description="No key occurs twice in a division.",
    advice=(
        "Reload the divisions named (mode: reload). If duplicates come back, the table in the warehouse has lost "
        "its primary key: drop the table there and load it again."
    ),
    is_offered=_is_offered,
    search=_search,
)
