"""Which runs are ours, and the tags that such a run carries so that it is begun again and goes on as it was.

Jobs of ours have the tags from their definition. A run that materialises assets from the UI has no definition of
ours: the executor sets them before its first event. Pure functions; who writes tags, and when, is known elsewhere.
"""

from collections.abc import Collection, Mapping
from typing import Any

import dagster as dg

from exact_assets.defs import tags
from exact_assets.defs.internals import (
    BACKFILL_ID_TAG,
    IMPLICIT_ASSET_JOB_NAME,
    MAX_RETRIES_TAG,
    RETRY_NUMBER_TAG,
    RETRY_ON_ASSET_OR_OP_FAILURE_TAG,
)

RETRIES = 3
OF_JOBS: Mapping[str, str] = {
    MAX_RETRIES_TAG: str(RETRIES),
    # A step says itself what is to be done about it, and its table is due again soon.
    RETRY_ON_ASSET_OR_OP_FAILURE_TAG: "false",
    tags.TAKES_LOCK: tags.TRUE,
}


def is_ours(run: dg.DagsterRun, asset_keys: Collection[dg.AssetKey], *, location: str | None = None) -> bool:
    """Whether a run takes the lock as it begins: a job of ours, or one from the UI of assets of ours alone.

    Jobs that somebody defined of our assets may have another executor, which takes none.

    Args:
        run: as it is stored.
        asset_keys: our assets'.
        location: our code location's name; another in the installation may have the same names. None: not known.
    """
    origin = run.remote_job_origin
    if origin is not None and location is not None and origin.location_name != location:
        return False
    if run.tags.get(tags.TAKES_LOCK) == tags.TRUE:
        return True
    chosen = {*(run.asset_selection or ()), *(one.asset_key for one in run.asset_check_selection or ())}
    return run.job_name == IMPLICIT_ASSET_JOB_NAME and bool(chosen) and chosen <= set(asset_keys)


def missing_tags(run: dg.DagsterRun) -> Mapping[str, str]:
    """Return the tags that a run of ours lacks; what somebody set by hand stays."""
    own = {name: value for name, value in OF_JOBS.items() if name not in run.tags}
    return own | {name: value for name, value in _reload_tags(run).items() if run.tags.get(name) != value}


def reload_id(run: dg.DagsterRun, *, is_reload: bool) -> str | None:
    """Return what a reload goes by, so that a stream is asked for once; None: the run is none.

    That is the backfill, or the run itself. A run that Dagster begins again by itself goes on with what the first
    one began; one that a person begins again is a reload of its own. Once a backfill is over, Dagster leaves its
    tags out where it begins a run again: it is told by a tag of our own.
    """
    is_again = RETRY_NUMBER_TAG in run.tags
    backfill = run.tags.get(BACKFILL_ID_TAG) or (run.tags.get(tags.BACKFILL) if is_again else None)
    first = (run.tags.get(tags.FIRST_RUN) or run.root_run_id) if is_again else None
    return backfill or ((first or run.run_id) if is_reload else None)


def _reload_tags(run: dg.DagsterRun) -> Mapping[str, str]:
    if RETRY_NUMBER_TAG in run.tags:
        return {}
    backfill = run.tags.get(BACKFILL_ID_TAG)
    found = {tags.FIRST_RUN: run.run_id} if _asks_for_reload(run.run_config) else {}
    if backfill or run.tags.get(tags.BACKFILL):
        # A person who begins a run of a backfill again gets its tags, and no part in it.
        found[tags.BACKFILL] = backfill or ""
    return found


def _asks_for_reload(run_config: Mapping[str, Any]) -> bool:
    ops = run_config.get("ops") or {}
    return any(((one or {}).get("config") or {}).get("mode") == "reload" for one in ops.values())
