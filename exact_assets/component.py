"""Exact Online as a component of Dagster's: one YAML becomes the definitions that `build_defs` makes.

Here stands what YAML may say and how it becomes a configuration; what follows from that is known elsewhere. Nothing
is fetched to build the definitions, so the component keeps no state of its own.
https://docs.dagster.io/guides/build/components
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import dagster as dg
from pydantic import BaseModel, ValidationInfo, create_model, field_validator

from exact_assets.build import build_defs
from exact_assets.catalogue import chosen_tables
from exact_assets.config import Country, Deletions, ExactConfig, problem_with, variable_of
from exact_assets.control.database import database_at
from exact_assets.defs.assets import Event, TableRun
from exact_assets.defs.internals import TranslationFn, TranslationFnResolver
from exact_assets.defs.translator import ExactModelProps, ExactTableProps, ExactTranslator
from exact_assets.errors import SettingsError
from exact_assets.models.registry import chosen_models
from exact_assets.scaffold import ExactOnlineScaffolder
from exact_assets.warehouse.open import open_warehouse

TEMPLATE = "{{"
MEANINGS: Mapping[str, Callable[[str], object]] = {
    "tables": lambda text: chosen_tables(text, None),
    "frequencies": lambda text: chosen_tables(None, text),
    "models": lambda text: chosen_models(text, kept=()),
    "warehouse_url": open_warehouse,
    "control_url": database_at,
}
"""What only the part that uses a setting can tell of it; nothing is opened. Each raises SettingsError."""


def _words(name: str) -> str:
    """Describe a field as the configuration does."""
    return ExactConfig.model_fields[name].description or ""


def _setting(name: str, *examples: Any) -> dg.Resolver:
    resolver: dg.Resolver = dg.Resolver.default(description=_words(name), examples=list(examples) or None)
    return resolver


def _vars_of(props: ExactTableProps) -> Mapping[str, Any]:
    return {"table": props.table, "props": props}


Translation = Annotated[TranslationFn[ExactTableProps], TranslationFnResolver[ExactTableProps](_vars_of)]
TRANSLATION = (
    "Key, group, description, tags, owners, kinds and metadata of each asset; {{ table.name }}, {{ table.group }}, "
    "{{ table.endpoint }} and {{ table.feed }} tell the table."
)


@dg.scaffold_with(ExactOnlineScaffolder)
class ExactOnlineComponent(dg.Component, dg.Model, dg.Resolvable):
    """Keeps a copy of Exact Online in your warehouse: each table an asset, partitioned by division and year.

    What is not set here is read from the environment, as `EXACT_START_YEAR`; so are the app's credentials, which
    never stand in YAML: `EXACT_CLIENT_ID` and `EXACT_CLIENT_SECRET`.

        type: exact_assets.ExactOnlineComponent
        attributes:
          country: nl
          start_year: 2024
          tables: default, inventory_*, -hrm
          translation:
            group_name: "erp_{{ table.group }}"
        requirements:
          env:
            - EXACT_CLIENT_ID
            - EXACT_CLIENT_SECRET
    """

    country: Annotated[Country | None, _setting("country")] = None
    base_url: Annotated[str | None, _setting("base_url")] = None
    redirect_uri: Annotated[str | None, _setting("redirect_uri")] = None
    start_year: Annotated[int | None, _setting("start_year")] = None
    tables: Annotated[str | list[str] | None, _setting("tables", ["default", "inventory_*", "-hrm"])] = None
    frequencies: Annotated[
        str | dict[str, str] | None, _setting("frequencies", {"crm/*": "1d", "transaction_lines": "15m"})
    ] = None
    models: Annotated[str | list[str] | None, _setting("models", ["default", "-fct_hours"])] = None
    deletions: Annotated[Deletions | None, _setting("deletions")] = None
    warehouse_url: Annotated[str | None, _setting("warehouse_url")] = None
    warehouse_wait_seconds: Annotated[float | None, _setting("warehouse_wait_seconds")] = None
    control_url: Annotated[str | None, _setting("control_url")] = None
    answer_seconds: Annotated[float | None, _setting("answer_seconds")] = None
    answer_mb: Annotated[int | None, _setting("answer_mb")] = None
    write_documents: Annotated[bool | None, _setting("write_documents")] = None
    document_files: Annotated[
        str | list[str] | None, _setting("document_files", ["/srv/invoices", "s3://bucket/invoices"])
    ] = None
    translation: Annotated[Translation | None, dg.Resolver.default(description=TRANSLATION)] = None

    @classmethod
    def get_spec(cls) -> dg.ComponentTypeSpec:
        """Return what the component is."""
        return dg.ComponentTypeSpec(
            description="A faithful copy of Exact Online in your warehouse.",
            tags=["exact online", "erp", "accounting", "ingestion"],
            produces=["asset", "asset_check", "job", "schedule", "sensor", "resource"],
        )

    @classmethod
    def model(cls) -> type[BaseModel]:
        """Return the model of the YAML, which refuses a wrong value at its line."""
        model: type[BaseModel] = super().model()
        names = [name for name in ExactConfig.model_fields if name in model.model_fields]
        checks: dict[str, Any] = {"_check": field_validator(*names, mode="after")(_refuse_wrong_values)}
        return create_model(model.__name__, __base__=model, __validators__=checks)

    def config(self, *, project_root: Path | None = None) -> ExactConfig:
        """Return the configuration: what is set here, else as the environment has it.

        Args:
            project_root: where `.env` is, and state that has no other place; None: the working directory.

        Raises:
            SettingsError: the environment makes no sense.
        """
        values: dict[str, Any] = {name: _as_setting(getattr(self, name, None)) for name in ExactConfig.model_fields}
        values["dagster_home"] = project_root
        given = {name: value for name, value in values.items() if value is not None}
        return ExactConfig.from_env(folder=project_root, **given)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Build assets, checks, jobs, schedules and sensors of the chosen tables."""
        return build_defs(
            self.config(project_root=context.project_root),
            translator=ComponentTranslator(self),
            execute=self.execute,
        )

    def get_asset_spec(self, props: ExactTableProps) -> dg.AssetSpec:
        """Describe a table as an asset, before `translation`. May be overridden; `partitions_def` must stay."""
        return ExactTranslator().get_asset_spec(props)

    def get_model_spec(self, props: ExactModelProps) -> dg.AssetSpec:
        """Describe a business model as an asset. May be overridden; `partitions_def` and `deps` must stay."""
        return ExactTranslator().get_model_spec(props)

    def execute(self, context: dg.AssetExecutionContext, run: TableRun) -> Iterator[Event]:
        """Bring the run's partitions of a table up to date. May be overridden, around `super().execute(…)`.

        Args:
            context: of the step.
            run: which table, what the run asks of it, and `run.events(context)`, which does the work.
        """
        yield from run.events(context)


class ComponentTranslator(ExactTranslator):
    """Names assets as a component says."""

    def __init__(self, component: ExactOnlineComponent) -> None:
        """Note whose names they are."""
        self._component = component

    def get_asset_spec(self, props: ExactTableProps) -> dg.AssetSpec:
        """Describe a table as an asset."""
        spec = self._component.get_asset_spec(props)
        translation = self._component.translation
        return spec if translation is None else translation(spec, props)

    def get_model_spec(self, props: ExactModelProps) -> dg.AssetSpec:
        """Describe a business model as an asset."""
        return self._component.get_model_spec(props)


def _as_setting(value: str | Sequence[str] | Mapping[str, str] | float | None) -> Any:
    """Turn what is natural in YAML into what the configuration takes."""
    if isinstance(value, Mapping):
        return ",".join(f"{name}={often}" for name, often in value.items())
    return value if value is None or isinstance(value, str | int | float) else ",".join(value)


def _refuse_wrong_values(value: Any, info: ValidationInfo) -> Any:
    """Refuse a value that makes no sense; a template is judged when it is known what it gives."""
    if value is None or (isinstance(value, str) and TEMPLATE in value):
        return value
    name, setting = str(info.field_name), _as_setting(value)
    problem = problem_with(name, setting)
    if problem is None and name in MEANINGS:
        try:
            MEANINGS[name](setting)
        except SettingsError as error:
            problem = str(error).removeprefix(f"{variable_of(name)}: ")
    if problem is not None:
        raise ValueError(problem)
    return value
