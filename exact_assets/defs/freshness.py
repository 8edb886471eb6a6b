"""The check `fresh` of every table, and the sensor that keeps it up to date without any run.

A freshness policy holds per table; this says which divisions are not fresh, and why. The verdict is
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
from exact_assets.selection.freshness import Level, Verdict, fail_after, judge_table
from exact_assets.selection.kept import kept_choices, problems
from exact_assets.warehouse.protocol import Warehouse

CHECK = "fresh"
LOOK_SECONDS = 60
AGAIN_AFTER = timedelta(hours=1)
"""A verdict that stays the same is told again, so that the check does not look forgotten."""
NAMED = 5
"""Divisions that the description names; the metadata has more."""
LISTED = 100
FIGURES = re.compile(r"\d+")
LEVELS = {Level.LATE: dg.AssetCheckSeverity.WARN, Level.STALE: dg.AssetCheckSeverity.ERROR}


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What was last told of a table."""

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
            verdict = found.judge(by_key[key.asset_key], now=now)
            yield dg.AssetCheckResult(**_shown(key.asset_key, verdict))

    return fresh


def freshness_sensor(location: CodeLocation) -> dg.SensorDefinition:
    """Make the sensor that tells a table's verdict when it changes."""
    tables = location.tables

    @dg.sensor(
        name="exact_freshness",
        minimum_interval_seconds=LOOK_SECONDS,
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
        verdicts = {table: found.judge(table, now=now, since=since) for table in tables}
        keys = {dg.AssetCheckKey(location.key(table), CHECK): table.name for table in tables}
        hidden = {keys[key] for key in hidden_checks(context.instance, list(keys), now=now)}
        told = news(verdicts, before, hidden=hidden, now=now)
        kept = _cursor({**before, **told})
        return dg.SensorResult(
            asset_events=[
                dg.AssetCheckEvaluation(**_shown(location.key(table), verdict))
                for table, verdict in verdicts.items()
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

    def judge(self, table: Table, *, now: datetime, since: datetime | None = None) -> Verdict:
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
    if verdict.remarks:
        return "\n".join(
            (*verdict.remarks, *((describe(replace(verdict, remarks=())),) if verdict.is_known else ()))
        )
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


def _shown(key: dg.AssetKey, verdict: Verdict) -> dict[str, Any]:
    """Give what a run of the check and the sensor both tell of a verdict."""
    return {
        "check_name": CHECK,
        "asset_key": key,
        "passed": verdict.level is Level.FRESH,
        "severity": LEVELS.get(verdict.level, dg.AssetCheckSeverity.ERROR),
        "description": describe(verdict),
        "metadata": metadata(verdict),
    }


def _digest(verdict: Verdict) -> str:
    facts = [
        f"{verdict.divisions} {verdict.new}",
        # Who holds a file, and how long it has waited, is no news by the minute, which would be written each time.
        *(FIGURES.sub("", one) if verdict.is_unusable else one for one in verdict.remarks),
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
