"""Every value that Exact sent is here: none that did not fit its column, no column missing or half filled."""

from collections.abc import Collection, Iterator, Mapping

from exact_assets.catalogue.table import Table
from exact_assets.checks.check import StateCheck
from exact_assets.checks.result import CheckStatus, DivisionResult
from exact_assets.checks.subject import Subject
from exact_assets.stream import StreamState, UnfitValues

_ADVICE = (
    "A value that does not fit: correct it in Exact Online; the next load brings the row, and a reload clears what "
    "was set aside. A column that does not come: look in Exact's reference whether it was renamed, and for a newer "
    "version of exact-assets; what Exact refused to know is asked for again after a month or an upgrade. A column "
    "that is being filled: nothing; the next loads read it anew as far as the day's calls allow, and a reload does "
    "so at once."
)


def _is_offered(table: Table, *, kept: Collection[Table]) -> bool:  # noqa: ARG001 - a rule gets both
    return True


def _judge(subject: Subject) -> Mapping[int, DivisionResult]:
    """Return what the loads of each division have noted."""
    return {division: _result(division, subject.table, state) for division, (state, _) in subject.streams.items()}


def _result(division: int, table: Table, state: StreamState) -> DivisionResult:
    words = [*map(_unfit, state.unfit), *_columns(table, state)]
    if not words:
        return DivisionResult(status=CheckStatus.PASSED)
    examples = tuple(
        {"division": division, "property": one.property, "example": text}
        for one in state.unfit
        for text in one.rows.values()
        if text
    )
    return DivisionResult(status=CheckStatus.WARNING, words="; ".join(words), examples=examples)


def _unfit(one: UnfitValues) -> str:
    count = f"more than {len(one.rows):,}" if one.is_more else f"{len(one.rows):,}"
    is_one = len(one.rows) == 1 and not one.is_more
    example = next((text for text in one.rows.values() if text), "")
    such = f", such as {example}" if example and not is_one else f": {example}" if example else ""
    if one.is_set_aside:
        rows = "1 row is" if is_one else f"{count} rows are"
        return f"{rows} set aside for want of {one.property}{such}"
    return f"{count} value{'' if is_one else 's'} of {one.property} {'does' if is_one else 'do'} not fit{such}"


def _columns(table: Table, state: StreamState) -> Iterator[str]:
    names = {column.name: column.property for column in table.columns}
    if state.absent:
        listed = ", ".join(names.get(name, name) for name in state.absent)
        yield f"Exact does not send {listed}: what is stored of it stays, and new rows have none"
    if filling := [name for name in state.unfilled if name not in state.absent]:
        yield f"rows that were read before lack {', '.join(filling)}: they are read anew"


VALUES_COMPLETE = StateCheck(
    name="values_complete",
    description="Each value that Exact sent is here: none did not fit, and no column is missing or half filled.",
    advice=_ADVICE,
    is_offered=_is_offered,
    judge=_judge,
)
