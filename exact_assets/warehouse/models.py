"""Models in any engine: made where they are missing, and filled anew for some divisions, in one transaction.

What a model is made of stands in its file; nothing here knows any. A model that has changed since it was made is
made anew, for all divisions that it has rows of.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial

from exact_assets.catalogue.tables import tables as every_table
from exact_assets.errors import StatementError, WarehouseError
from exact_assets.models.model import SELECTED_DIVISIONS, Model
from exact_assets.warehouse import prepare
from exact_assets.warehouse.connection import Connection
from exact_assets.warehouse.present import columns_present, tables_of
from exact_assets.warehouse.session import Sessions
from exact_assets.warehouse.sql.dialect import Dialect
from exact_assets.warehouse.sql.models import (
    BUILT_AT,
    create_model,
    delete_divisions,
    empty_relation,
    insert_model,
    live_relation,
    version_of,
)
from exact_assets.warehouse.sql.names import DIVISION, MODELS_SCHEMA, one_of

BUILT_AT_ONCE = 25
"""Built in one transaction: openings cost time, and whoever holds the warehouse keeps others waiting."""

BuiltModel = Mapping[int, int | WarehouseError]
"""By division: how many rows it has now, or why it keeps those it had."""


def build_model(
    sessions: Sessions,
    model: Model,
    divisions: Collection[int],
    *,
    kept: Collection[str],
    at: datetime,
    is_soft: bool,
) -> BuiltModel:
    """Replace the rows of divisions by what their tables give now.

    Args:
        sessions: of the warehouse.
        model: to be built.
        divisions: whose rows are replaced.
        kept: names of the tables that are kept: the others tell nothing.
        at: our clock.
        is_soft: whether rows that are gone from Exact are marked.
    """
    prepare.ensure(sessions, [every_table()[name] for name in model.sources if name in kept], is_soft=is_soft)
    built, every = _renewed(sessions, model, divisions, kept=kept, at=at)
    rest = sorted(every - built.keys())
    for first in range(0, len(rest), BUILT_AT_ONCE):
        built |= _filled(sessions, model, rest[first : first + BUILT_AT_ONCE], kept=kept, at=at)
    return built


def model_divisions(connection: Connection, model_name: str) -> frozenset[int]:
    """Return the divisions that a model has rows of; none, where it is not there."""
    dialect = connection.dialect
    if dialect.fitted(model_name) not in tables_of(connection, MODELS_SCHEMA).tables:
        return frozenset()
    name = dialect.qualified(model_name, schema=MODELS_SCHEMA)
    return frozenset(division for (division,) in connection.rows(f"SELECT DISTINCT {DIVISION} FROM {name}"))


def models_holding(connection: Connection, divisions: Collection[int]) -> Sequence[str]:
    """Name the models that have rows of divisions."""
    columns = columns_present(connection, MODELS_SCHEMA)
    return [
        name
        for name in sorted(tables_of(connection, MODELS_SCHEMA).tables)
        if {DIVISION, BUILT_AT} <= columns[name].keys() and _has_rows(connection, name, divisions)
    ]


def purge_models(connection: Connection, divisions: Collection[int]) -> Mapping[str, int]:
    """Delete the rows of divisions in all models, within the caller's transaction; return how many each lost."""
    return {
        name: connection.affected(delete_divisions(connection.dialect, name, divisions))
        for name in models_holding(connection, divisions)
    }


def _has_rows(connection: Connection, name: str, divisions: Collection[int]) -> bool:
    table = connection.dialect.qualified(name, schema=MODELS_SCHEMA)
    return bool(connection.rows(f"SELECT 1 FROM {table} WHERE {DIVISION} IN {one_of(divisions)} LIMIT 1"))


def _renewed(
    sessions: Sessions, model: Model, divisions: Collection[int], *, kept: Collection[str], at: datetime
) -> tuple[dict[int, int | WarehouseError], frozenset[int]]:
    """Make a model that is missing or has changed, for the divisions that it has rows of and those asked for.

    Returns:
        What was built, and all divisions that are to be.

    Raises:
        WarehouseError: it cannot be made, such as where a view depends on what it was before.
    """
    every = frozenset(divisions)
    if sessions.read(lambda connection: _is_current(connection, model)):
        return {}, every

    def make(connection: Connection, *, fills: bool) -> tuple[dict[int, int | WarehouseError], frozenset[int]]:
        with connection.defining():
            if _is_current(connection, model):
                return {}, every
            its = every | model_divisions(connection, model.name)
            with connection.about(f"exact_bi.{model.name}"):
                if not connection.dialect.has_transactional_ddl:
                    _create(connection, model)
                with connection.transaction(divisions=its):
                    if connection.dialect.has_transactional_ddl:
                        _create(connection, model)
                    rows = _fill(connection, model, its, kept=kept, at=at) if fills else {}
                return {**rows}, its

    try:
        return sessions.write(partial(make, fills=True))
    except StatementError:
        pass  # the rows of one division may be at fault: then the others are filled beside an empty table
    try:
        return sessions.write(partial(make, fills=False))
    except StatementError as error:
        raise WarehouseError(
            f"exact_bi.{model.name} cannot be made: {error} Drop views and other relations of your own that depend "
            "on it, and make them again afterwards."
        ) from error


def _create(connection: Connection, model: Model) -> None:
    for statement in create_model(connection.dialect, model):
        connection.run(statement)


def _is_current(connection: Connection, model: Model) -> bool:
    found = tables_of(connection, MODELS_SCHEMA).tables.get(connection.dialect.fitted(model.name))
    return found is not None and version_of(found[0]) == model.version


def _filled(
    sessions: Sessions, model: Model, divisions: Sequence[int], *, kept: Collection[str], at: datetime
) -> BuiltModel:
    """Fill a model for divisions; where that fails, for each by itself, so that one does not keep the others."""

    def fill(connection: Connection) -> Mapping[int, int]:
        with connection.about(f"exact_bi.{model.name}"):
            return _fill(connection, model, divisions, kept=kept, at=at)

    try:
        return sessions.change(fill, divisions=divisions)
    except StatementError as error:
        if len(divisions) == 1:
            return {divisions[0]: error}
    built: dict[int, int | WarehouseError] = {}
    for division in divisions:
        built |= _filled(sessions, model, [division], kept=kept, at=at)
    return built


def _fill(
    connection: Connection, model: Model, divisions: Collection[int], *, kept: Collection[str], at: datetime
) -> Mapping[int, int]:
    """Replace the rows of divisions, within the caller's transaction; return how many each has."""
    dialect = connection.dialect
    connection.run(delete_divisions(dialect, model.name, divisions))
    connection.run(insert_model(dialect, model, _over(dialect, model, divisions, kept=kept), at=at))
    name = dialect.qualified(model.name, schema=MODELS_SCHEMA)
    counts = dict(
        connection.rows(
            f"SELECT {DIVISION}, count(*) FROM {name} WHERE {DIVISION} IN {one_of(divisions)} GROUP BY {DIVISION}"
        )
    )
    return {division: int(counts.get(division, 0)) for division in divisions}


def _over(dialect: Dialect, model: Model, divisions: Collection[int], *, kept: Collection[str]) -> str:
    """Return the model's statement over the rows of divisions that Exact still has."""

    def relation(name: str) -> str:
        if name == SELECTED_DIVISIONS:
            of_these = f"{DIVISION} IN {one_of(divisions)}"
            return f"(SELECT * FROM {dialect.qualified(name)} WHERE {of_these})"
        if name not in kept:
            return empty_relation(dialect, every_table()[name])
        return live_relation(dialect, name, divisions)

    return model.over(relation)
