"""What all definitions of one code location share: the configuration, its tables, and how Dagster names them.

Each maker of definitions is handed it; none looks for a configuration by itself. Stores are opened here and kept
by nobody: what they hold is shared by all processes.
"""

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
from exact_assets.defs.translator import ExactTableProps, ExactTranslator
from exact_assets.errors import SettingsError
from exact_assets.warehouse.open import open_configured, url_of, warehouse_kind
from exact_assets.warehouse.patience import Patience
from exact_assets.warehouse.protocol import Warehouse

BRIEF_LOCK_TIMEOUT_SECONDS = 5.0
"""A sensor comes again soon, and does not wait long for its turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeLocation:
    """A configuration and the assets that are made of it."""

    config: ExactConfig
    tables: tuple[Table, ...]
    specs: Mapping[str, dg.AssetSpec]
    """By table name."""

    @classmethod
    def of(cls, config: ExactConfig, translator: ExactTranslator) -> Self:
        """Choose the tables and translate them.

        Raises:
            SettingsError: tables or frequencies make no sense, or the translator changed what may not be.
        """
        tables = chosen_tables(config.tables, config.frequencies)
        specs = {table.name: _translated(table, config, translator) for table in tables}
        for key, uses in Counter(spec.key for spec in specs.values()).items():
            if uses > 1:
                raise SettingsError(
                    f"The translator gives {uses} tables the same asset key: {key.to_user_string()}."
                )
        return cls(config=config, tables=tables, specs=specs)

    @property
    def keys(self) -> Sequence[dg.AssetKey]:
        """The keys of all tables."""
        return [self.key(table) for table in self.tables]

    def key(self, table: Table) -> dg.AssetKey:
        """Return the asset key of a table that is kept."""
        return self.specs[table.name].key

    def op_name(self, table: Table) -> str:
        """Return the name of a table's op and step, which a project's own asset `crm_accounts` does not have."""
        return f"exact__{table.name}"

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
