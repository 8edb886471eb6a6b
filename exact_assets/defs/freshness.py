"""The check `fresh` of every table, and the sensor that keeps it up to date without any run.

A freshness policy holds per table; this says which divisions are not fresh, and why. The result is
`exact_assets.selection.freshness`'s; here it becomes what Dagster shows.
"""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import msgspec

from exact_assets.catalogue.table import Table
from exact_assets.config import NO_APP
from exact_assets.control.attempts import Attempts, expected
from exact_assets.defs.location import CodeLocation
from exact_assets.defs.shown import hidden_checks
from exact_assets.defs.trouble import UNUSABLE, cursor_of, is_lasting, marked, over, sentence, since_of
from exact_assets.errors import SettingsError
from exact_assets.selection.freshness import Level, TableFreshness, fail_after, judge_table
from exact_assets.selection.kept import kept_choices, problems
from exact_assets.warehouse.protocol import Warehouse

CHECK = "fresh"
FRESHNESS_INTERVAL_SECONDS = 60
AGAIN_AFTER = timedelta(hours=1)
"""A result that stays the same is reported again, so that the check does not look forgotten."""
NAMED = 5
"""Divisions that the description names; the metadata has more."""
LISTED = 100
FIGURES = re.compile(r"\d+")
LEVELS = {Level.LATE: dg.AssetCheckSeverity.WARN, Level.STALE: dg.AssetCheckSeverity.ERROR}


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What was last reported of a table."""

    digest: str
    at: datetime


def check_spec(location: CodeLocation, table: Table) -> dg.AssetCheckSpec:
    """Describe the check of a table."""
    minutes = round(fail_after(table).total_seconds() / 60)
    time = f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    return dg.AssetCheckSpec(
        CHECK,
        asset=location.key(table),
        description=f"Each enabled division was up to date within {time}, and nothing stands in the way.",
    )


def fresh_checks(location: CodeLocation) -> dg.AssetChecksDefinition:
    """Make the check of all tables as one, so that a run of many tables looks once."""
    by_key = {location.key(table): table for table in location.tables}
    specs = [check_spec(location, table) for table in location.tables]

    @dg.multi_asset_check(name=f"exact_{CHECK}", specs=specs, can_subset=True)
    def fresh(
        context: dg.AssetCheckExecutionContext,
    ) -> Iterator[dg.AssetCheckResult]:
        now = datetime.now(UTC)
        found = look(location, location.warehouse(), now=now)
        for key in sorted(context.selected_asset_check_keys):
            freshness = found.judge(by_key[key.asset_key], now=now)
            yield dg.AssetCheckResult(**_shown(key.asset_key, freshness))

    return fresh


def freshness_sensor(location: CodeLocation) -> dg.SensorDefinition:
    """Make the sensor that reports a table's check result when it changes."""
    tables = location.tables

    @dg.sensor(
        name="exact_freshness",
        minimum_interval_seconds=FRESHNESS_INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks every minute whether each division of each table is fresh, and tells what has changed.",
    )
    def exact_freshness(
        context: dg.SensorEvaluationContext,
    ) -> dg.SensorResult | dg.SkipReason:
        now, before = datetime.now(UTC), _told(cursor_of(context))
        if not location.config.client_id:
            return over(context, dg.SkipReason(NO_APP))
        found = look(location, location.warehouse_briefly(), now=now)
        since = (since_of(context) or now) if found.error else None
        if since is not None and not is_lasting(since, now):
            found = replace(found, error=None)
            if found.attempts is None:
                context.update_cursor(marked(cursor_of(context), since))
                return dg.SkipReason("The control store cannot be read; looks again in a minute.")
        results = {table: found.judge(table, now=now, since=since) for table in tables}
        keys = {dg.AssetCheckKey(location.key(table), CHECK): table.name for table in tables}
        hidden = {keys[key] for key in hidden_checks(context.instance, list(keys), now=now)}
        told = news(results, before, hidden=hidden, now=now)
        kept = _cursor({**before, **told})
        return dg.SensorResult(
            asset_events=[
                dg.AssetCheckEvaluation(**_shown(location.key(table), freshness))
                for table, freshness in results.items()
                if table.name in told
            ],
            cursor=kept if since is None else marked(kept, since),
            skip_reason=f"{len(told)} of {len(tables)} tables have news.",
        )

    return exact_freshness


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a look at the two stores found, as far as they could be read."""

    divisions: Sequence[int] = ()
    attempts: Attempts | None = None
    """None: the control store cannot be read."""
    error: str | None = None
    """Why a store cannot be used; None: both can."""
    remarks: tuple[str, ...] = ()
    """What is wrong with the selection."""

    def judge(self, table: Table, *, now: datetime, since: datetime | None = None) -> TableFreshness:
        """Judge a table. A store that cannot be used is worse than anything that could be read in the other."""
        known = judge_table(table, self.divisions, self.attempts or {}, now=now)
        if self.error is not None:
            return replace(
                known,
                level=Level.STALE,
                remarks=(sentence(self.error, since),),
                is_unusable=True,
                is_known=self.attempts is not None,
            )
        if self.remarks:
            return replace(known, level=max(known.level, Level.LATE), remarks=self.remarks)
        return known


def look(location: CodeLocation, warehouse: Warehouse, *, now: datetime) -> Look:
    """Read which divisions are enabled and how the last attempts at their streams ended. Raises nothing.

    While the selection cannot be read, those count that were enabled when it last could: a warehouse that is held
    by another for hours must not hide that nothing is loaded.
    """
    error: str | None = None
    remarks: tuple[str, ...] = ()
    selection, attempts = None, None
    try:
        selection = warehouse.selection()
        error = warehouse.obstacle()
    except UNUSABLE as unusable:
        error = str(unusable)
    try:
        control = location.control()
        remarks = problems(selection, kept_choices(control)) if error is None else ()
        if selection is not None and selection.choices and not remarks:
            enabled = [one.division for one in selection.choices if one.sync_enabled]
            control.attempts.expect(enabled, [table.name for table in location.tables], at=now)
        attempts = control.attempts.read()
        error = error or control.obstacle()
    except (SettingsError, *UNUSABLE) as unusable:
        error = f"{error} {unusable}" if error else str(unusable)
    return Look(divisions=sorted(expected(attempts or {})), attempts=attempts, error=error, remarks=remarks)


def news(
    results: Mapping[Table, TableFreshness],
    told: Mapping[str, Told],
    *,
    hidden: Collection[str] = (),
    now: datetime,
) -> Mapping[str, Told]:
    """Return what is to be reported: what has changed, was not reported for long, or is not on show."""
    found: dict[str, Told] = {}
    for table, freshness in results.items():
        before, digest = told.get(table.name), _digest(freshness)
        if before is None or before.digest != digest or now >= before.at + AGAIN_AFTER or table.name in hidden:
            found[table.name] = Told(digest=digest, at=now)
    return found


def description_of(freshness: TableFreshness) -> str:
    """Describe the freshness of a table, for people."""
    if freshness.remarks:
        return "\n".join(
            (*freshness.remarks, *((description_of(replace(freshness, remarks=())),) if freshness.is_known else ()))
        )
    if not freshness.divisions:
        return "No division is enabled."
    new = f"{freshness.new} of {freshness.divisions} divisions wait for their first load." if freshness.new else ""
    if not freshness.findings:
        return new or f"Enabled divisions: {freshness.divisions}. All are fresh."
    named = [f"{one.division}: {one.reason}" for one in freshness.findings[:NAMED]]
    if len(freshness.findings) > NAMED:
        named.append(f"and {len(freshness.findings) - NAMED} more")
    lines = [f"{len(freshness.findings)} of {freshness.divisions} divisions are not fresh.", *named, new]
    return "\n".join(line for line in lines if line)


def metadata(freshness: TableFreshness) -> Mapping[str, dg.MetadataValue]:
    """Return the divisions with their reasons, at most as many as anyone would read."""
    levels = {level: [one for one in freshness.findings if one.level is level] for level in LEVELS}
    return {
        "divisions": dg.MetadataValue.int(freshness.divisions),
        "stale": dg.MetadataValue.json({str(one.division): one.reason for one in levels[Level.STALE][:LISTED]}),
        "late": dg.MetadataValue.json({str(one.division): one.reason for one in levels[Level.LATE][:LISTED]}),
    }


def _shown(key: dg.AssetKey, freshness: TableFreshness) -> dict[str, Any]:
    """Return what a run of the check and the sensor both report of a table."""
    return {
        "check_name": CHECK,
        "asset_key": key,
        "passed": freshness.level is Level.FRESH,
        "severity": LEVELS.get(freshness.level, dg.AssetCheckSeverity.ERROR),
        "description": description_of(freshness),
        "metadata": metadata(freshness),
    }


def _digest(freshness: TableFreshness) -> str:
    facts = [
        f"{freshness.divisions} {freshness.new}",
        # Who holds a file, and how long it has waited, is no news by the minute, which would be written each time.
        *(FIGURES.sub("", one) if freshness.is_unusable else one for one in freshness.remarks),
        *(f"{one.division} {one.level} {one.reason}" for one in freshness.findings),
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
