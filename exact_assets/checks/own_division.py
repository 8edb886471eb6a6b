"""All rows are of divisions that were asked for, and no record is in two divisions."""

from collections.abc import Collection

from exact_assets.catalogue.table import Table
from exact_assets.checks.check import RowCheck, Search
from exact_assets.checks.sql import key_columns, live
from exact_assets.checks.subject import Subject
from exact_assets.warehouse.sql.names import DIVISION, SELECTION, STREAMS, qualified, quoted, text

SHARED_IDS = frozenset({"hrm", "payroll"})
"""Groups in which one record may be in two divisions: people, where divisions are linked for HR."""


def _is_offered(table: Table, *, kept: Collection[Table]) -> bool:  # noqa: ARG001 - a rule gets both
    return True


def _search(subject: Subject) -> Search:
    statement = _other_divisions(subject)
    if _is_of_one_division(subject.table):
        statement = f"{statement}\nUNION ALL\n{_shared_records(subject)}"
    return Search(statement=statement)


def _is_of_one_division(table: Table) -> bool:
    """Return whether a row's key is one record's of one division, so that it cannot be in two."""
    guids = {column.name for column in table.columns if column.edm_type == "Edm.Guid"}
    return table.checks_division and table.group not in SHARED_IDS and len(table.key) == 1 and table.key[0] in guids


def _other_divisions(subject: Subject) -> str:
    """Rows come with a division that was asked; the state of that stream is stored with them."""
    table = subject.table
    asked = f"(SELECT DISTINCT {DIVISION} FROM {qualified(STREAMS)} WHERE table_name = {text(table.name)})"
    return f"""
SELECT r.{DIVISION}, a.{DIVISION} IS NULL AS is_certain,
    CASE WHEN a.{DIVISION} IS NULL THEN 'this division was never asked for'
        ELSE 'the selection has no such division' END AS problem{key_columns(table, of="r")}
FROM {subject.live(table)} AS r
LEFT JOIN {asked} AS a ON a.{DIVISION} = r.{DIVISION}
LEFT JOIN {qualified(SELECTION)} AS s ON s.{DIVISION} = r.{DIVISION}
WHERE a.{DIVISION} IS NULL
    OR (s.{DIVISION} IS NULL AND EXISTS (SELECT 1 FROM {qualified(SELECTION)}))
"""


def _shared_records(subject: Subject) -> str:
    """Rows of records that any other division has as well, whichever divisions are looked at."""
    table = subject.table
    key, ours = quoted(table.key[0]), subject.live(table)
    return f"""
SELECT r.{DIVISION}, FALSE, 'another division has this record too'{key_columns(table, of="r")}
FROM {ours} AS r
JOIN (
    SELECT {key} FROM {live(table)} AS q WHERE {key} IN (SELECT o.{key} FROM {ours} AS o)
    GROUP BY {key} HAVING min({DIVISION}) <> max({DIVISION})
) AS d ON d.{key} = r.{key}
"""


IN_OWN_DIVISION = RowCheck(
    name="own_division",
    description="All rows are of divisions that were asked for, and no record is in two divisions.",
    advice=(
        "Rows of a division that was never asked for came from elsewhere: delete them. Where the selection lacks "
        "the division, run `exact-assets divisions refresh`. Where two divisions have one record, reload both."
    ),
    is_offered=_is_offered,
    search=_search,
)
