"""Faults on cue: which one strikes a call. What each does to the answer is done in `api` and `damage`."""

import re
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

FaultKind = Literal[
    # Before anything is looked at
    "reset",
    "slow",
    "scraper",
    # Instead of the answer
    "too_broad",
    "server_error",
    "status",
    "minute_limit",
    "day_limit",
    "blocked",
    "unauthorized",
    # The answer is damaged on its way
    "cut_body",
    "garbage",
    "html",
    "empty_body",
    "stale_counters",
    # The answer is lost, after what was asked for has been done
    "answer_lost",
    "answer_failed",
    # The page is not what it should be
    "next_repeats",
    "next_elsewhere",
    "next_missing",
    "rows_twice",
    "wrong_division",
    "unknown_property",
    "missing_property",
    "value_out_of_range",
    "rows_missing",
    "rows_missing_counted",
    "lines_missing",
    # The token endpoint
    "token_lost",
    "token_empty",
    "token_gateway",
    "token_chain_broken",
]
"""`slow` waits `value` seconds and then answers; `status` answers `value` (599 and others); `stale_counters`
tells `value` calls more than remain; `token_lost` rotates and cuts the connection; `answer_lost` resets it once all
is done, and `answer_failed` answers `value` (500) then; `value_out_of_range` puts
`value` in the first whole number; `missing_property` and `unknown_property` take a name as `value`. `rows_missing`
leaves a share of `value` of a page's rows (none by default), `rows_missing_counted` counts no more either,
`lines_missing` does so to what is expanded in rows."""

KINDS: tuple[str, ...] = get_args(FaultKind)


class Match(BaseModel):
    """Which calls a fault strikes."""

    model_config = ConfigDict(extra="forbid")

    path: str = ""
    """A regular expression searched for in the path and query."""
    division: int | None = None

    @field_validator("path")
    @classmethod
    def _is_regular(cls, text: str) -> str:
        re.compile(text)
        return text


class Fault(BaseModel):
    """A fault that strikes `times` calls, after letting `after` of them pass."""

    model_config = ConfigDict(extra="forbid")

    kind: FaultKind
    match: Match = Field(default_factory=Match)
    times: int | None = 1
    """None: until it is taken away."""
    after: int = 0
    value: Any = None
    struck: int = 0


class Faults:
    """The faults that are set, oldest first."""

    def __init__(self) -> None:
        """Start with none."""
        self.all: list[Fault] = []

    def strike(self, target: str, division: int | None) -> Fault | None:
        """Pick the fault that strikes a call (path and query), and count it."""
        for fault in self.all:
            if fault.match.division not in {None, division} or not re.search(fault.match.path, target):
                continue
            if fault.after > 0:
                fault.after -= 1
                continue
            if fault.times is None or fault.struck < fault.times:
                fault.struck += 1
                return fault
        return None
