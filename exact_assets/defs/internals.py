"""What this package needs of Dagster that Dagster does not export, in one place: an upgrade is checked here.

Each name is used where its module says why.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._check import CheckError
from dagster._cli.utils import get_possibly_temporary_instance_for_cli
from dagster._config.config_schema import UserConfigSchema
from dagster._core.definitions.assets.job.asset_job import IMPLICIT_ASSET_JOB_NAME
from dagster._core.definitions.executor_definition import (
    IN_PROC_CONFIG,
)
from dagster._core.definitions.executor_definition import (
    _core_in_process_executor_creation as core_in_process_executor_creation,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS, PIPELINE_EVENTS
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus
from dagster._core.execution.context.metadata_logging import AssetMetadataHandle, OutputMetadataAccumulator
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.executor.in_process import InProcessExecutor
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecord,
    AssetCheckExecutionRecordStatus,
)
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    AUTO_RETRY_RUN_ID_TAG,
    BACKFILL_ID_TAG,
    MAX_RETRIES_TAG,
    PARTITION_NAME_TAG,
    PRIORITY_TAG,
    RETRY_NUMBER_TAG,
    RETRY_ON_ASSET_OR_OP_FAILURE_TAG,
    RUN_KEY_TAG,
    WILL_RETRY_TAG,
)
from dagster._serdes import ConfigurableClass, ConfigurableClassData
from dagster.components.component_scaffolding import ComponentDumper
from dagster.components.utils.translation import TranslationFn, TranslationFnResolver

__all__ = [
    "ASSET_PARTITION_RANGE_END_TAG",
    "ASSET_PARTITION_RANGE_START_TAG",
    "AUTO_RETRY_RUN_ID_TAG",
    "BACKFILL_ID_TAG",
    "IMPLICIT_ASSET_JOB_NAME",
    "IN_PROC_CONFIG",
    "KEPT_EVENT_TYPES",
    "MAX_RETRIES_TAG",
    "NOT_FINISHED_STATUSES",
    "PARTITION_NAME_TAG",
    "PRIORITY_TAG",
    "RETRY_NUMBER_TAG",
    "RETRY_ON_ASSET_OR_OP_FAILURE_TAG",
    "RUN_KEY_TAG",
    "SQLITE_BUSY_TIMEOUT_SECONDS",
    "WILL_RETRY_TAG",
    "AssetCheckExecutionRecord",
    "AssetCheckExecutionRecordStatus",
    "BulkActionStatus",
    "BulkActionsFilter",
    "CheckError",
    "ComponentDumper",
    "ConfigurableClass",
    "ConfigurableClassData",
    "DagsterSqliteStorage",
    "DagsterStorage",
    "ExecutionPlan",
    "InProcessExecutor",
    "PlanOrchestrationContext",
    "SqlEventLogStorage",
    "SqlEventLogStorageTable",
    "SqliteEventLogStorage",
    "TranslationFn",
    "TranslationFnResolver",
    "UnresolvedAssetJobDefinition",
    "UserConfigSchema",
    "add_partition_metadata",
    "core_in_process_executor_creation",
    "get_possibly_temporary_instance_for_cli",
]

KEPT_EVENT_TYPES = tuple(sorted(one.value for one in {*ASSET_EVENTS, *ASSET_CHECK_EVENTS, *PIPELINE_EVENTS}))
"""Of what is known of assets, their checks, and how runs went."""


def add_partition_metadata(
    context: dg.AssetExecutionContext, key: dg.AssetKey, metadata: Mapping[str, Mapping[str, Any]]
) -> None:
    """Add metadata to the partitions of an asset, by partition.

    `context.add_asset_metadata` finds out anew for each one which partitions the run has: of 4,000 it took minutes.
    """
    step = context.get_step_execution_context()
    gathered = dict(step._metadata_accumulator.per_output_metadata)  # noqa: SLF001 - Dagster has no method for many
    for partition, values in metadata.items():
        gathered[AssetMetadataHandle(asset_key=key, partition_key=partition)] = values
    step._metadata_accumulator = OutputMetadataAccumulator(per_output_metadata=gathered)  # noqa: SLF001 - likewise
