"""From tables and models to Dagster's terms: key, group, kinds, columns, tags, freshness, code version.

Naming is decided here and nowhere else in this package; a project that wants other names subclasses the translator.
What a table is, the catalogue says; what a model is, its file.
"""

import hashlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from exact_assets.catalogue.table import Column, Table, YearKind
from exact_assets.defs.partitions import DIVISIONS, grid
from exact_assets.models.model import Model
from exact_assets.selection.freshness import fail_after, warn_after
from exact_assets.warehouse.sql.names import DIVISION, MODELS_SCHEMA
from exact_assets.warehouse.sql.types import sql_columns

NEW_DAY = "5 0 * * *"
"""When models are built that have the day in them, by UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactTableProps:
    """What a translator is told of a table."""

    table: Table
    start_year: int
    """The first year that has partitions."""
    warehouse_kind: str
    """As Dagster names it: `duckdb`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactModelProps:
    """What a translator is told of a business model."""

    model: Model
    source_keys: Mapping[str, dg.AssetKey]
    """The assets of its tables that are kept, by table name."""
    warehouse_kind: str
    """As Dagster names it: `duckdb`."""


class ExactTranslator:
    """Decides key, group, description, tags, owners, kinds and metadata of the assets; may be subclassed.

    Change what `super()` returns, for instance:

        class Mine(ExactTranslator):
            def get_asset_spec(self, props: ExactTableProps) -> dg.AssetSpec:
                spec = super().get_asset_spec(props)
                return spec.replace_attributes(key=spec.key.with_prefix("erp"), owners=["team:finance"])
    """

    def get_asset_spec(self, props: ExactTableProps) -> dg.AssetSpec:
        """Describe a table as an asset."""
        table = props.table
        return dg.AssetSpec(
            dg.AssetKey(["exact", table.name]),
            group_name=table.group,
            description=table.description,
            kinds={"exact", props.warehouse_kind},
            code_version=code_version(table),
            partitions_def=grid(props.start_year),
            freshness_policy=dg.FreshnessPolicy.time_window(
                fail_window=fail_after(table), warn_window=warn_after(table)
            ),
            tags={"exact/feed": table.feed.value},
            metadata={
                "dagster/table_name": f"exact.{table.name}",
                "dagster/column_schema": _column_schema(table),
                "exact/endpoint": table.endpoint,
                "exact/key": ", ".join(table.key) or "none",
                "exact/year": _year(table),
                "exact/references": dg.JsonMetadataValue(dict(_references(table))),
                "exact/rows_per_call": table.page_size,
            },
        )

    def get_model_spec(self, props: ExactModelProps) -> dg.AssetSpec:
        """Describe a business model as an asset, which follows its tables in the divisions that changed."""
        model = props.model
        return dg.AssetSpec(
            dg.AssetKey([MODELS_SCHEMA, model.name]),
            deps=[dg.AssetDep(key, partition_mapping=_by_division()) for key in props.source_keys.values()],
            group_name=MODELS_SCHEMA,
            description=model.description,
            kinds={"exact", "sql", props.warehouse_kind},
            code_version=model.version,
            partitions_def=DIVISIONS,
            automation_condition=_condition(model),
            metadata={
                "dagster/table_name": f"{MODELS_SCHEMA}.{model.name}",
                "dagster/column_schema": _model_schema(model),
                "dagster/column_lineage": _lineage(model, props.source_keys),
                "exact/key": ", ".join((DIVISION, *model.key)),
            },
        )


def _by_division() -> dg.PartitionMapping:
    """Map all years of a division to the division. That this is beta is nothing that users could act on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.MultiToSingleDimensionPartitionMapping("division")


def _condition(model: Model) -> dg.AutomationCondition[Any]:
    """Return when a model is built: when a table of its division changed, and where it is not there yet.

    Much as `eager`, which never fires where one partition of a table is missing, as in each new division, nor where
    the tables were there before the model was; and which takes a table that changes within the same tick as the
    model was built for one that the model has seen. A build that failed waits for a change.
    """
    conditions = dg.AutomationCondition
    changed = conditions.any_deps_updated()
    is_handled = conditions.newly_requested() | conditions.newly_updated() | conditions.initial_evaluation()
    is_missing = conditions.missing() & conditions.any_deps_match(~conditions.missing())
    due = changed.since(is_handled & ~changed) | (is_missing & ~conditions.execution_failed())
    is_new_day = conditions.cron_tick_passed(NEW_DAY) & ~conditions.missing()
    is_free = ~conditions.in_progress() & ~conditions.any_deps_in_progress()
    return (due | is_new_day) & is_free if model.follows_day else due & is_free


def _model_schema(model: Model) -> dg.TableSchema:
    """Show a model's columns with their meanings."""
    key = {DIVISION, *model.key}
    columns = [(DIVISION, "integer", "the division"), *((one.name, one.type, one.meaning) for one in model.columns)]
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=name,
                type=type_,
                description=meaning,
                constraints=dg.TableColumnConstraints(nullable=name not in key),
            )
            for name, type_, meaning in columns
        ]
    )


def _lineage(model: Model, keys: Mapping[str, dg.AssetKey]) -> dg.TableColumnLineage:
    """Show of which columns of the tables that are kept each column is made."""
    found = {
        column.name: [
            dg.TableColumnDep(asset_key=keys[table], column_name=name)
            for table, _, name in (source.partition(".") for source in column.sources)
            if table in keys
        ]
        for column in model.columns
    }
    of_division = [dg.TableColumnDep(asset_key=key, column_name=DIVISION) for key in keys.values()]
    return dg.TableColumnLineage({DIVISION: of_division, **{name: deps for name, deps in found.items() if deps}})


def code_version(table: Table) -> str:
    """Return a version that changes when the rows of a reload could look different: columns, key, feed or year."""
    # By Exact's names: under another name in the warehouse it is the same column.
    properties = {column.name: column.property for column in table.columns}
    facts = [table.endpoint, table.feed, *(properties[name] for name in (*table.key, *table.year))]
    facts += [f"{column.property} {column.type}" for column in table.columns]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]


def _column_schema(table: Table) -> dg.TableSchema:
    """Show columns as the warehouse has them, each with Exact's own name and type, its meaning and reference."""
    own = {column.name: column for column in table.columns if column.name != DIVISION}
    references = _references(table)
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.type,
                description=_description(own[column.name]) if column.name in own else column.comment,
                constraints=dg.TableColumnConstraints(
                    nullable=not column.is_required,
                    other=[f"references {references[column.name]}"] if column.name in references else [],
                ),
            )
            for column in sql_columns(table)
        ]
    )


def _description(column: Column) -> str:
    named = f"{column.property} ({column.edm_type})"
    return f"{named}: {column.meaning}" if column.meaning else named


def _references(table: Table) -> Mapping[str, str]:
    """Return which column of which table a column refers to.

    Metadata, and no `deps`: Dagster would skip a table, in all divisions, where the one that it refers to is not up
    to date in one, and order loads that need no order. What reads several tables is downstream of each.
    """
    return {column.name: f"exact.{column.references}" for column in table.columns if column.references}


def _year(table: Table) -> str:
    if table.year_kind is YearKind.NONE:
        return "undated: in the first year's partition"
    if table.parent is not None:
        # Lines have no year of their own: it is their header's.
        names = {column.property: column.name for column in table.parent.columns}
        return ", else ".join(f"{names[one]} of the header" for one in table.parent.year)
    return ", else ".join(table.year)
