"""What must be true of the business models, and how that is found out: rules, words and SQL of their checks.

A model's rows are compared with the tables that it is made of, with the books as such, and with Exact's own lists.
Nobody but the warehouse is asked. The SQL is what DuckDB and PostgreSQL share.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from exact_assets.catalogue.tables import tables
from exact_assets.checks.check import Search
from exact_assets.checks.ledger import IN_THE_BOOKS, LEDGER
from exact_assets.checks.result import CheckRun, DivisionResult
from exact_assets.checks.run import NOT_THERE
from exact_assets.checks.sql import live, values
from exact_assets.checks.subject import Streams, unsettled
from exact_assets.checks.violations import find_violations, results_of
from exact_assets.cursors import SnapshotCursor
from exact_assets.errors import WarehouseBusyError
from exact_assets.models.model import Model
from exact_assets.warehouse.protocol import Warehouse
from exact_assets.warehouse.query import Query
from exact_assets.warehouse.sql.models import BUILT_AT
from exact_assets.warehouse.sql.names import DIVISION, LOADED_AT, MODELS_SCHEMA, listed, one_of, qualified, text

AGEING = {
    "fct_receivables": ("financial_receivables_list", "financial_aging_receivables_list"),
    "fct_payables": ("financial_payables_list", "financial_aging_payables_list"),
}
"""Models of open items: Exact's list of items, and its ageing list."""
FACTS, BALANCES, REVENUE, ACCOUNTS = (
    "fct_ledger",
    "fct_balance_by_period",
    "fct_revenue_lines",
    "financial_gl_accounts",
)
_STOOD = timedelta(days=1)
"""Lists that are read some time apart may differ for as long as that; both are read several times a day."""
_REBUILD = "Materialise the model for the divisions named; if it stays so, reload its tables there (mode: reload)."


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSubject:
    """A model that is to be checked, in some divisions."""

    model: Model
    divisions: Collection[int]
    streams: Mapping[str, Streams]
    """Of the tables that are kept, by name."""

    @property
    def rows(self) -> str:
        """The model's rows, as a relation."""
        name = qualified(self.model.name, schema=MODELS_SCHEMA)
        return f"(SELECT * FROM {name} WHERE {DIVISION} IN {one_of(self.divisions)})"

    def source(self, name: str) -> str:
        """Return the rows of a table that Exact still has, as a relation."""
        return live(tables()[name], divisions=self.divisions)

    def read_at(self, name: str) -> str:
        """Return when what a list says was read first in each division, as a relation: `division`, `read_at`."""
        moments = [
            (division, state.cursor.read_at)
            for division, (state, _) in self.streams.get(name, {}).items()
            if isinstance(state.cursor, SnapshotCursor)
        ]
        return values((DIVISION, "read_at"), moments, types={"read_at": "TIMESTAMP WITH TIME ZONE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCheck:
    """A check of a model."""

    name: str
    """As Dagster shows it."""
    description: str
    advice: str
    """What to do about violations."""
    is_offered: Callable[[Model, Collection[str]], bool]
    """Whether a model can be held to it, where tables of these names are kept."""
    statement: Callable[[ModelSubject], str]
    """Finds violations, as a `Search` does."""


def _copies(subject: ModelSubject) -> str:
    key = listed((DIVISION, *subject.model.key))
    return (
        f"SELECT {key}, TRUE AS is_certain, count(*) AS copies FROM {subject.rows} AS m "
        f"GROUP BY {key} HAVING count(*) > 1"
    )


def _differences(subject: ModelSubject) -> str:
    """Compare rows and sums; where the table has changed since, the next build may bring them in line."""
    origin = subject.model.origin
    if origin is None:
        raise ValueError(f"{subject.model.name} has no table with which its rows could be compared")
    sums = list(origin.sums.items())
    own = "".join(f", sum({name}) AS sum_{name}" for name, _ in sums)
    theirs = "".join(f", sum({expression}) AS sum_{name}" for name, expression in sums)
    shown = "".join(f", m.sum_{name}, s.sum_{name} AS {name}_in_table" for name, _ in sums)
    differs = "".join(f" OR m.sum_{name} IS DISTINCT FROM s.sum_{name}" for name, _ in sums)
    return f"""
SELECT coalesce(m.{DIVISION}, s.{DIVISION}) AS {DIVISION},
    coalesce(s.changed_at <= m.built_at, s.changed_at IS NULL) AS is_certain,
    m.found AS rows_here, s.found AS rows_in_table{shown}
FROM (SELECT {DIVISION}, count(*) AS found, max({BUILT_AT}) AS built_at{own} FROM {subject.rows} AS r
    GROUP BY {DIVISION}) AS m
FULL JOIN (SELECT {DIVISION}, count(*) AS found, max({LOADED_AT}) AS changed_at{theirs}
    FROM {subject.source(origin.table)} AS r WHERE {origin.condition} GROUP BY {DIVISION}) AS s
    ON s.{DIVISION} = m.{DIVISION}
WHERE m.found IS DISTINCT FROM s.found{differs}
"""


def _unbalanced(subject: ModelSubject) -> str:
    """Search entries, years and divisions in which debits and credits differ, and lines of unknown accounts.

    The first year of the ledger may lack lines of entries that began before it.
    """
    return f"""
WITH lines AS (SELECT * FROM {subject.rows} AS r), firsts AS (
    SELECT {DIVISION}, min(financial_year) AS first_year FROM lines GROUP BY {DIVISION}
), found AS (
    SELECT {DIVISION}, 'entry' AS unbalanced, min(financial_year) AS financial_year,
        min(entry_number) AS entry_number, sum(amount_exact) AS difference
    FROM lines WHERE entry_id IS NOT NULL GROUP BY {DIVISION}, entry_id
    UNION ALL
    SELECT {DIVISION}, 'year', financial_year, NULL, sum(amount_exact)
    FROM lines GROUP BY {DIVISION}, financial_year
    UNION ALL
    SELECT {DIVISION}, 'result and balance sheet', min(financial_year), NULL, sum(amount_exact)
    FROM lines WHERE statement IS NOT NULL GROUP BY {DIVISION}
)
SELECT f.{DIVISION}, coalesce(f.financial_year > y.first_year, FALSE) AS is_certain, f.unbalanced, f.financial_year,
    f.entry_number, round(f.difference, 2) AS difference
FROM found AS f JOIN firsts AS y ON y.{DIVISION} = f.{DIVISION} WHERE round(f.difference, 2) <> 0
"""


def _periods(subject: ModelSubject) -> str:
    """Compare the movement of each account and period with the ledger, and each closing with its opening."""
    return f"""
WITH periods AS (SELECT * FROM {subject.rows} AS r), built AS (
    SELECT {DIVISION}, max({BUILT_AT}) AS built_at FROM periods GROUP BY {DIVISION}
), both_sides AS (
    SELECT {DIVISION}, financial_year, financial_period, gl_account_id, movement_exact AS amount,
        lines AS line_count, cast(NULL AS TIMESTAMP WITH TIME ZONE) AS changed_at
    FROM periods
    UNION ALL
    SELECT {DIVISION}, coalesce(financial_year, 0), coalesce(financial_period, 0), gl_account,
        -coalesce(amount_dc, 0), -1, {LOADED_AT}
    FROM {subject.source(LEDGER)} AS l WHERE status >= {IN_THE_BOOKS} OR status IS NULL
), differences AS (
    SELECT {DIVISION}, financial_year, financial_period, gl_account_id, sum(amount) AS difference,
        sum(line_count) AS line_count
    FROM both_sides GROUP BY {DIVISION}, financial_year, financial_period, gl_account_id
    HAVING sum(amount) <> 0 OR sum(line_count) <> 0
), changed AS (
    SELECT {DIVISION}, max(changed_at) AS changed_at FROM both_sides GROUP BY {DIVISION}
)
SELECT d.{DIVISION}, coalesce(c.changed_at <= b.built_at, FALSE) AS is_certain, 'ledger' AS differs_from,
    d.financial_year, d.financial_period, d.gl_account_id, d.difference
FROM differences AS d LEFT JOIN built AS b ON b.{DIVISION} = d.{DIVISION}
LEFT JOIN changed AS c ON c.{DIVISION} = d.{DIVISION}
UNION ALL
SELECT {DIVISION}, TRUE, 'its own opening', financial_year, financial_period, gl_account_id,
    closing_exact - opening_exact - movement_exact
FROM periods WHERE closing_exact <> opening_exact + movement_exact
"""


def _ages(subject: ModelSubject) -> str:
    """Compare what is open of each relation with Exact's ageing list.

    Both lists are read at moments of their own: a difference is certain once both sides have stood for a day. Where
    a relation is missing, that is the list. Items in another currency than the list's cannot be added up.
    """
    items, ageing = AGEING[subject.model.name]
    settled = f"cast({text((datetime.now(UTC) - _STOOD).isoformat())} AS TIMESTAMP WITH TIME ZONE)"
    return f"""
WITH items AS (
    SELECT i.{DIVISION}, i.relation_id, sum(i.amount_exact) AS amount, min(i.currency) AS lowest,
        max(i.currency) AS highest
    FROM {subject.rows} AS i GROUP BY i.{DIVISION}, i.relation_id
), loaded AS (
    SELECT {DIVISION}, account_id, max({LOADED_AT}) AS loaded_at FROM {subject.source(items)} AS r
    GROUP BY {DIVISION}, account_id
), ageing AS (
    SELECT {DIVISION}, account_id, sum(total_amount) AS amount, max({LOADED_AT}) AS loaded_at,
        min(currency_code) AS currency
    FROM {subject.source(ageing)} AS r GROUP BY {DIVISION}, account_id
), compared AS (
    SELECT coalesce(i.{DIVISION}, a.{DIVISION}) AS {DIVISION}, coalesce(i.relation_id, a.account_id) AS relation_id,
        coalesce(i.amount, 0) AS open_items, coalesce(a.amount, 0) AS ageing_list, a.loaded_at AS ageing_loaded_at,
        coalesce(i.lowest = i.highest AND (a.currency IS NULL OR a.currency = i.lowest), TRUE) AS has_one_currency
    FROM items AS i FULL JOIN ageing AS a ON a.{DIVISION} = i.{DIVISION} AND a.account_id = i.relation_id
)
SELECT c.{DIVISION}, (
        coalesce(coalesce(l.loaded_at, x.read_at) < {settled}, FALSE)
        AND coalesce(coalesce(c.ageing_loaded_at, y.read_at) < {settled}, FALSE)
        AND c.has_one_currency AND c.relation_id IS NOT NULL
    ) AS is_certain, c.relation_id, c.open_items, c.ageing_list
FROM compared AS c
LEFT JOIN loaded AS l ON l.{DIVISION} = c.{DIVISION} AND l.account_id = c.relation_id
LEFT JOIN {subject.read_at(items)} AS x ON x.{DIVISION} = c.{DIVISION}
LEFT JOIN {subject.read_at(ageing)} AS y ON y.{DIVISION} = c.{DIVISION}
WHERE round(c.open_items, 2) <> round(c.ageing_list, 2)
"""


def _revenue(subject: ModelSubject) -> str:
    """Compare each invoice that is in the ledger with what it moved on accounts of revenue.

    Never certain: a line may be booked on an account of another kind.
    """
    return f"""
WITH invoices AS (
    SELECT {DIVISION}, invoice_number, sum(amount_exact) AS invoiced
    FROM {subject.rows} AS r WHERE invoice_number > 0 GROUP BY {DIVISION}, invoice_number
), booked AS (
    SELECT l.{DIVISION}, l.invoice_number, -sum(l.amount_dc) AS booked
    FROM {subject.source(LEDGER)} AS l
    JOIN {subject.source(ACCOUNTS)} AS a ON a.{DIVISION} = l.{DIVISION} AND a.id = l.gl_account
    WHERE (l.status >= {IN_THE_BOOKS} OR l.status IS NULL) AND l.type IN (20, 21) AND a.type = 110
        AND a.balance_type = 'W'
    GROUP BY l.{DIVISION}, l.invoice_number
)
SELECT i.{DIVISION}, FALSE AS is_certain, i.invoice_number, i.invoiced, b.booked,
    i.invoiced - b.booked AS difference
FROM invoices AS i JOIN booked AS b ON b.{DIVISION} = i.{DIVISION} AND b.invoice_number = i.invoice_number
WHERE round(i.invoiced, 2) <> round(b.booked, 2)
"""


MODEL_CHECKS: tuple[ModelCheck, ...] = (
    ModelCheck(
        name="keys_unique",
        description="No key occurs twice in a division.",
        advice=_REBUILD,
        is_offered=lambda model, kept: True,  # noqa: ARG005 - a rule gets both
        statement=_copies,
    ),
    ModelCheck(
        name="rows_equal_source",
        description="Rows and sums are those of the table that the model is made of: no join made more of them.",
        advice=_REBUILD,
        is_offered=lambda model, kept: model.origin is not None,  # noqa: ARG005 - likewise
        statement=_differences,
    ),
    ModelCheck(
        name="trial_balance_is_zero",
        description="Debits equal credits in each entry, year and division, and result equals balance sheet.",
        advice="Load the ledger of the divisions named; if it stays so, reload the year named (mode: reload).",
        is_offered=lambda model, kept: model.name == FACTS,  # noqa: ARG005 - likewise
        statement=_unbalanced,
    ),
    ModelCheck(
        name="periods_equal_ledger",
        description="The periods of each account add up to its lines in the ledger, and each closing follows.",
        advice=_REBUILD,
        is_offered=lambda model, kept: model.name == BALANCES,  # noqa: ARG005 - likewise
        statement=_periods,
    ),
    ModelCheck(
        name="equals_ageing_list",
        description="What is open of each relation is what Exact's own ageing list says, to the cent.",
        advice="Load both lists of the divisions named; if it stays so, look at the relation in Exact Online.",
        is_offered=lambda model, kept: model.name in AGEING and AGEING[model.name][1] in kept,
        statement=_ages,
    ),
    ModelCheck(
        name="revenue_equals_ledger",
        description="Each booked invoice moved accounts of revenue by its amount; where not, both are named.",
        advice="Look where the invoices named are booked: on other accounts than those of revenue, they are none.",
        is_offered=lambda model, kept: model.name == REVENUE and {LEDGER, ACCOUNTS} <= set(kept),
        statement=_revenue,
    ),
)


def checks_of_model(model: Model, *, kept: Collection[str]) -> tuple[ModelCheck, ...]:
    """Return the checks that are offered for a model where tables of these names are kept."""
    return tuple(check for check in MODEL_CHECKS if check.is_offered(model, kept))


def run_model_checks(
    model: Model,
    checks: Sequence[ModelCheck],
    *,
    warehouse: Warehouse,
    kept: Collection[str],
    divisions: Iterable[int],
) -> Sequence[CheckRun]:
    """Check a model in some divisions, at one opening of the warehouse; a busy one is no fault of the rows."""
    wanted = frozenset(divisions)
    try:
        streams = warehouse.streams(
            [tables()[name] for name in {*model.sources, *_lists_of(model)} if name in kept]
        )
        skipped = _unsettled(model, streams, wanted)
        subject = ModelSubject(model=model, divisions=wanted - skipped.keys(), streams=streams)
        searches = [Search(statement=check.statement(subject), skipped=skipped) for check in checks]
        found = find_violations(warehouse, searches)
        rows = _count_rows(subject, warehouse)
    except WarehouseBusyError as error:
        return [CheckRun(check=check.name, obstacle=str(error)) for check in checks]
    return [
        CheckRun(
            check=check.name,
            divisions=_not_there(wanted)
            if violations is None
            else results_of(violations, checked=subject.divisions, rows=rows, skipped=skipped),
        )
        for check, violations in zip(checks, found, strict=True)
    ]


def _not_there(divisions: Iterable[int]) -> Mapping[int, DivisionResult]:
    return dict.fromkeys(divisions, NOT_THERE)


def _lists_of(model: Model) -> Sequence[str]:
    return AGEING.get(model.name, ())


def _unsettled(model: Model, streams: Mapping[str, Streams], divisions: Collection[int]) -> dict[int, str]:
    """Return the divisions in which a table of the model is being loaded, with the words for it."""
    found: dict[int, str] = {}
    for name in model.required:
        for division in divisions:
            state, _ = streams.get(name, {}).get(division, (None, None))
            if state is None or (why := unsettled(state)) is None:
                continue
            found.setdefault(division, f"{name}: {why}")
    return found


def _count_rows(subject: ModelSubject, warehouse: Warehouse) -> Mapping[int, int]:
    statement = f"SELECT {DIVISION}, count(*) AS found FROM {subject.rows} AS r GROUP BY {DIVISION}"
    (found,) = warehouse.query([Query(statement=statement)])
    counts = {row[DIVISION]: row["found"] for row in found or ()}
    return {division: counts.get(division, 0) for division in subject.divisions}
