"""The check `fresh` of every table, and the sensor that keeps it up to date without any run.

A freshness policy holds per table; this says which divisions are not fresh, and why. The verdict is
`exact_assets.selection.freshness`'s; here it becomes what Dagster shows.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import msgspec

from exact_assets.catalogue.table import Table
from exact_assets.control.open import Control
from exact_assets.control.visits import VisitLog, Visits, expected
from exact_assets.defs.resources import WarehouseResource
from exact_assets.defs.shown import hidden_checks
from exact_assets.defs.specs import asset_key
from exact_assets.errors import ControlError, SettingsError, WarehouseError
from exact_assets.selection.freshness import Level, Verdict, fail_after, judge_table
from exact_assets.settings import Settings
from exact_assets.warehouse.protocol import Warehouse

CHECK = "fresh"
LOOK_SECONDS = 60
AGAIN_AFTER = timedelta(hours=1)
"""A verdict that stays the same is told again, so that the check does not look forgotten."""
NAMED = 5
"""Divisions that the description names; the metadata has more."""
LISTED = 100
LEVELS = {Level.LATE: dg.AssetCheckSeverity.WARN, Level.STALE: dg.AssetCheckSeverity.ERROR}


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What was last told of a table."""

    digest: str
    at: datetime


def check_spec(table: Table) -> dg.AssetCheckSpec:
    """Describe the check of a table."""
    minutes = round(fail_after(table).total_seconds() / 60)
    time = f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    return dg.AssetCheckSpec(
        CHECK,
        asset=asset_key(table),
        description=f"Each enabled division was up to date within {time}, and nothing stands in the way.",
    )


def fresh_checks(tables: Sequence[Table]) -> dg.AssetChecksDefinition:
    """Make the check of all tables as one, so that a run of many tables looks once."""
    by_key = {asset_key(table): table for table in tables}

    @dg.multi_asset_check(name=f"exact_{CHECK}", specs=[check_spec(table) for table in tables], can_subset=True)
    def fresh(
        context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource
    ) -> Iterator[dg.AssetCheckResult]:
        now = datetime.now(UTC)
        divisions, visits = gather(tables, warehouse.open(), Control.open(Settings()).visits, now=now)
        for key in sorted(context.selected_asset_check_keys):
            table = by_key[key.asset_key]
            yield _result(table, judge_table(table, divisions, visits, now=now))

    return fresh


def freshness_sensor(tables: Sequence[Table]) -> dg.SensorDefinition:
    """Make the sensor that tells a table's verdict when it changes."""

    @dg.sensor(
        name="exact_freshness",
        minimum_interval_seconds=LOOK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks every minute whether each division of each table is fresh, and tells what has changed.",
    )
    def exact_freshness(
        context: dg.SensorEvaluationContext, warehouse: WarehouseResource
    ) -> dg.SensorResult | dg.SkipReason:
        now = datetime.now(UTC)
        try:
            log = Control.open(Settings()).visits
            divisions, visits = gather(tables, warehouse.open_briefly(), log, now=now)
        except (SettingsError, ControlError) as error:
            return dg.SkipReason(str(error))
        verdicts = {table: judge_table(table, divisions, visits, now=now) for table in tables}
        keys = {dg.AssetCheckKey(asset_key(table), CHECK): table.name for table in tables}
        hidden = {keys[key] for key in hidden_checks(context.instance, list(keys), now=now)}
        told = news(verdicts, _told(context.cursor), hidden=hidden, now=now)
        return dg.SensorResult(
            asset_events=[_evaluation(table, verdict) for table, verdict in verdicts.items() if table.name in told],
            cursor=_cursor({**_told(context.cursor), **told}),
            skip_reason=f"{len(told)} of {len(tables)} tables have news.",
        )

    return exact_freshness


def gather(
    tables: Sequence[Table], warehouse: Warehouse, log: VisitLog, *, now: datetime
) -> tuple[Sequence[int], Visits]:
    """Read which divisions are enabled and how their streams were last visited.

    While the selection cannot be read, those count that were enabled when it last could: a warehouse that is held
    by another for hours must not hide that nothing is loaded.
    """
    try:
        choices = warehouse.list_divisions()
    except WarehouseError:
        choices = None
    if choices is not None:
        log.expect([one.division for one in choices if one.sync_enabled], [table.name for table in tables], at=now)
    visits = log.read()
    return sorted(expected(visits)), visits


def news(
    verdicts: Mapping[Table, Verdict], told: Mapping[str, Told], *, hidden: Collection[str] = (), now: datetime
) -> Mapping[str, Told]:
    """Give what is to be told: a verdict or reasons that changed, were not told for long, or are not on show."""
    found: dict[str, Told] = {}
    for table, verdict in verdicts.items():
        before, digest = told.get(table.name), _digest(verdict)
        if before is None or before.digest != digest or now >= before.at + AGAIN_AFTER or table.name in hidden:
            found[table.name] = Told(digest=digest, at=now)
    return found


def describe(verdict: Verdict) -> str:
    """Say it for people."""
    if not verdict.divisions:
        return "No division is enabled."
    new = f"{verdict.new} of {verdict.divisions} divisions wait for their first load." if verdict.new else ""
    if not verdict.findings:
        return new or f"Enabled divisions: {verdict.divisions}. All are fresh."
    named = [f"{one.division}: {one.reason}" for one in verdict.findings[:NAMED]]
    if len(verdict.findings) > NAMED:
        named.append(f"and {len(verdict.findings) - NAMED} more")
    lines = [f"{len(verdict.findings)} of {verdict.divisions} divisions are not fresh.", *named, new]
    return "\n".join(line for line in lines if line)


def metadata(verdict: Verdict) -> Mapping[str, dg.MetadataValue]:
    """Give the divisions with their reasons, at most as many as anyone would read."""
    levels = {level: [one for one in verdict.findings if one.level is level] for level in LEVELS}
    return {
        "divisions": dg.MetadataValue.int(verdict.divisions),
        "stale": dg.MetadataValue.json({str(one.division): one.reason for one in levels[Level.STALE][:LISTED]}),
        "late": dg.MetadataValue.json({str(one.division): one.reason for one in levels[Level.LATE][:LISTED]}),
    }


def _result(table: Table, verdict: Verdict) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(**_shown(table, verdict))


def _evaluation(table: Table, verdict: Verdict) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(**_shown(table, verdict))


def _shown(table: Table, verdict: Verdict) -> dict[str, Any]:
    """Give what a run of the check and the sensor both tell of a verdict."""
    return {
        "check_name": CHECK,
        "asset_key": asset_key(table),
        "passed": verdict.level is Level.FRESH,
        "severity": LEVELS.get(verdict.level, dg.AssetCheckSeverity.ERROR),
        "description": describe(verdict),
        "metadata": metadata(verdict),
    }


def _digest(verdict: Verdict) -> str:
    facts = [
        f"{verdict.divisions} {verdict.new}",
        *(f"{one.division} {one.level} {one.reason}" for one in verdict.findings),
    ]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def _told(cursor: str | None) -> Mapping[str, Told]:
    try:
        return msgspec.json.decode(cursor or "{}", type=dict[str, Told])
    except msgspec.DecodeError:
        # What was told is forgotten, and told again.
        return {}


def _cursor(told: Mapping[str, Told]) -> str:
    return msgspec.json.encode(told).decode()
