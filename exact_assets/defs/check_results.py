"""From a check's result to what Dagster shows of it."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg

from exact_assets.checks.result import CheckResult, CheckStatus

MOST_DIVISIONS_SHOWN = 500
MARKUP = re.compile(r"[&<>\"'\\`*_{}\[\]#!|~$@]|:(?=/)|(?<=www)\.", re.IGNORECASE)
"""What means something in Markdown or HTML, and what makes an address of words."""


def asset_check_result(result: CheckResult, key: dg.AssetKey) -> dg.AssetCheckResult:
    """Return a result in Dagster's terms: what is certainly wrong is an error, the rest a warning."""
    is_error = result.status is CheckStatus.FAILED
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=result.check,
        passed=result.status is CheckStatus.PASSED,
        severity=dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
        description=result.summary,
        metadata=_metadata(result),
    )


def _metadata(result: CheckResult) -> dict[str, Any]:
    metadata: dict[str, Any] = {"divisions_checked": result.divisions_checked}
    if result.calls:
        metadata["calls"] = result.calls
    if result.oldest_at is not None:
        metadata["oldest_result_at"] = dg.TimestampMetadataValue(result.oldest_at.timestamp())
    if result.divisions:
        rows = [{"division": division, "what": what} for division, what in sorted(result.divisions.items())]
        metadata["divisions"] = dg.MarkdownMetadataValue(_markdown(rows[:MOST_DIVISIONS_SHOWN]))
    if result.examples:
        metadata["examples"] = dg.MarkdownMetadataValue(_markdown(result.examples))
    if result.advice is not None:
        metadata["what_to_do"] = result.advice
    return metadata


def _markdown(rows: Iterable[Mapping[str, Any]]) -> str:
    """Write rows of the same columns as a table."""
    listed = list(rows)
    names = list(listed[0])
    lines = [names, ["---"] * len(names), *([_cell(row.get(name)) for name in names] for row in listed)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    """Write data as it is: Markdown and HTML in it would be a link, a picture or a script on our page."""
    words = " ".join(str(value).split()) if value is not None else ""
    return MARKUP.sub(lambda found: f"&#{ord(found[0])};", words)
