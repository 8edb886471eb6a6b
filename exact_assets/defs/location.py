"""What all definitions of one code location share: the configuration, its tables, and how Dagster names them.

Each maker of definitions is handed it; none looks for a configuration by itself. Stores are opened here and kept
by nobody: what they hold is shared by all processes.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import dagster as dg

from exact_assets.catalogue import chosen_tables
from exact_assets.catalogue.table import Table
from exact_assets.config import ExactConfig
from exact_assets.control.open import Control
from exact_assets.control.run_locks import RunLocks
from exact_assets.defs.translator import ExactModelProps, ExactTableProps, ExactTranslator
from exact_assets.errors import SettingsError
from exact_assets.models.model import Model
from exact_assets.models.registry import chosen_models
from exact_assets.warehouse.open import open_configured, url_of, warehouse_kind
from exact_assets.warehouse.patience import Patience
from exact_assets.warehouse.protocol import Warehouse

_log = logging.getLogger(__name__)

BRIEF_LOCK_TIMEOUT_SECONDS = 5.0
"""A sensor comes again soon, and does not wait long for its turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeLocation:
    """A configuration and the assets that are made of it."""

    config: ExactConfig
    tables: tuple[Table, ...]
    specs: Mapping[str, dg.AssetSpec]
    """By table name."""
    models: tuple[Model, ...]
    """Those that are made."""
    model_specs: Mapping[str, dg.AssetSpec]
    """By model name."""

    @classmethod
    def of(cls, config: ExactConfig, translator: ExactTranslator) -> Self:
        """Choose tables and models and translate them.

        Raises:
            SettingsError: tables, frequencies or models make no sense, or the translator changed what may not be.
        """
        tables = chosen_tables(config.tables, config.frequencies)
        specs = {table.name: _translated(table, config, translator) for table in tables}
        chosen = chosen_models(config.models, kept=specs)
        for name, tables_lacking in chosen.lacking.items():
            _log.info("The model %s is not made: %s not kept.", name, ", ".join(tables_lacking))
        model_specs = {model.name: _translated_model(model, specs, config, translator) for model in chosen.made}
        keys = [spec.key for spec in (*specs.values(), *model_specs.values())]
        for key, uses in Counter(keys).items():
            if uses > 1:
                raise SettingsError(
                    f"The translator gives {uses} tables the same asset key: {key.to_user_string()}."
                )
        return cls(config=config, tables=tables, specs=specs, models=chosen.made, model_specs=model_specs)

    @property
    def keys(self) -> Sequence[dg.AssetKey]:
        """The keys of all tables and models."""
        return [spec.key for spec in (*self.specs.values(), *self.model_specs.values())]

    def key(self, table: Table) -> dg.AssetKey:
        """Return the asset key of a table that is kept."""
        return self.specs[table.name].key

    def op_name(self, table: Table) -> str:
        """Return the name of a table's op and step, which a project's own asset `crm_accounts` does not have."""
        return f"exact__{table.name}"

    def model_key(self, model: Model) -> dg.AssetKey:
        """Return the asset key of a model that is made."""
        return self.model_specs[model.name].key

    def warehouse(self, *, patience: Patience | None = None) -> Warehouse:
        """Return the warehouse; nothing is opened or locked until it is used.

        Args:
            patience: of a run; None: a minute.
        """
        return open_configured(self.config, patience=patience)

    def warehouse_briefly(self) -> Warehouse:
        """Return the warehouse for a sensor."""
        return open_configured(self.config, lock_timeout_seconds=BRIEF_LOCK_TIMEOUT_SECONDS)

    def control(self, *, since: datetime | None = None) -> Control:
        """Open the control store, for work that began at a moment; None: now.

        Raises:
            SettingsError: there is no app registration, or the control URL is none that can be used.
        """
        return Control.open(self.config, since=since)

    def run_locks(self) -> RunLocks:
        """Return the locks of runs."""
        return RunLocks(self.config.control_url)


def _translated(table: Table, config: ExactConfig, translator: ExactTranslator) -> dg.AssetSpec:
    props = ExactTableProps(
        table=table, start_year=config.start_year, warehouse_kind=warehouse_kind(url_of(config))
    )
    spec = translator.get_asset_spec(props)
    own = ExactTranslator().get_asset_spec(props)
    if spec.partitions_def != own.partitions_def:
        raise SettingsError(f"The translator must leave partitions_def of {table.name} as it is.")
    return spec


def _translated_model(
    model: Model, specs: Mapping[str, dg.AssetSpec], config: ExactConfig, translator: ExactTranslator
) -> dg.AssetSpec:
    props = ExactModelProps(
        model=model,
        source_keys={name: specs[name].key for name in model.sources if name in specs},
        warehouse_kind=warehouse_kind(url_of(config)),
    )
    spec = translator.get_model_spec(props)
    own = ExactTranslator().get_model_spec(props)
    if spec.partitions_def != own.partitions_def or list(spec.deps) != list(own.deps):
        raise SettingsError(f"The translator must leave partitions_def and deps of {model.name} as they are.")
    return spec
