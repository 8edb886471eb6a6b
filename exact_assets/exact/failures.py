"""A question under way, and what is said of it where no answer comes that can be used: which error, in which words.

What refusals mean is in `responses`; whether anything is sent again is for `sender`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from exact_assets.errors import (
    AnswerError,
    DayQuotaError,
    ExactError,
    KeyBlockedError,
    UnavailableError,
    UncertainWriteError,
    UnreachableError,
)
from exact_assets.exact import limits, responses
from exact_assets.exact.ports import Booking
from exact_assets.exact.token import Token
from exact_assets.exact.write import DONE, Write


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One question and what has come of it so far."""

    url: str
    division: int | None
    endpoint: str
    write: Write | None = None
    """None: nothing is changed by it."""
    calls: int = 0
    failures: list[ExactError] = field(default_factory=list)
    is_blind: bool = False
    """Whether a 429 without headers was waited out already."""
    refused_token: Token | None = None
    beyond: int = 0
    """Answers that took too long, or were too large."""

    @property
    def is_repeatable(self) -> bool:
        """Return whether it may be sent again without a look at what it did."""
        return self.write is None or self.write.is_repeatable

    def is_done(self, status: int) -> bool:
        """Return whether a status says that it was carried out."""
        return status == 200 if self.write is None else status in DONE

    def facts(self, status: int | None) -> dict[str, Any]:
        """Return what its errors carry beside their words."""
        return {"division": self.division, "endpoint": self.endpoint, "status": status}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TimedAnswer:
    """An answer that came as a whole, with the token that was sent and the server's time."""

    status: int
    headers: httpx.Headers
    body: bytes
    token: Token
    server_time: datetime
    is_dated: bool
    """Whether the answer itself told the time."""


def unreachable(question: Exchange, error: httpx.TransportError) -> UnreachableError:
    """Return the error of a host to which there is no connection."""
    return UnreachableError(
        responses.no_connection(urlsplit(question.url).netloc, str(error) or type(error).__name__),
        **question.facts(None),
    )


def broken(question: Exchange, what: str) -> UnavailableError:
    """Return the error of an answer that did not come, or not as a whole."""
    later = f"Load again later. {responses.see('unavailable')}"
    return UnavailableError(f"{question.endpoint}: {what}. {later}", **question.facts(None))


def no_page(question: Exchange, response: TimedAnswer, what: str) -> ExactError:
    """Return the error of a body that is no JSON: a page for people comes from elsewhere, or before a sign-in."""
    if (said := responses.error_in_page(response.body)) is not None:
        return broken(question, f"Exact answers with an error as if it were a page. Exact says: {said.rstrip('.')}")
    is_for_people = "html" in response.headers.get("content-type", "") or response.body.lstrip()[:1] == b"<"
    if not is_for_people:
        return broken(question, what)
    return UnavailableError(
        f"{question.endpoint}: the answer is a web page, not JSON. {responses.NO_PAGE}", **question.facts(200)
    )


def with_words(question: Exchange, response: TimedAnswer, error: AnswerError) -> AnswerError:
    """Return the error of a page that is none: with Exact's words, where it is an error in the place of a page."""
    said = responses.error_in_page(response.body)
    if said is None:
        return error
    return AnswerError(
        f"{question.endpoint}: Exact answers with an error as if it were a page (HTTP 200). Exact says: "
        f"{said.rstrip('.')}. {responses.see('answer')}",
        **{**question.facts(200), "reason": said},
    )


def uncertain(question: Exchange, error: ExactError) -> UncertainWriteError:
    """Return the error of a change of which it is not known whether it was carried out."""
    return UncertainWriteError(
        f"{question.endpoint}: the answer was lost, so that it is not known whether what was sent was carried out. "
        f"({error})",
        **question.facts(error.status),
    )


def key_blocked(question: Exchange, status: int, *, until: datetime | None = None) -> KeyBlockedError:
    """Return the error of calls that are refused without a reason, as those of an app that is blocked."""
    later = "later" if until is None else f"after {until:%H:%M} UTC; nothing is sent before"
    often = ", again after a wait" if status == 429 else ""
    return KeyBlockedError(
        f"{question.endpoint}: Exact refuses calls without naming a limit or a reason (HTTP {status}){often}. "
        "Either the app is blocked, as Exact does for an hour or more after many refused requests (the log has "
        f"them), or something before Exact refuses them. Load again {later}. {responses.see('key-blocked')}",
        **question.facts(status),
    )


def endpoint_held_back(question: Exchange, until: datetime) -> KeyBlockedError:
    """Return the error of an endpoint that is not asked, lest one more refusal blocks the app."""
    return KeyBlockedError(
        f"{question.endpoint}: Exact refused it so often within an hour that one more refusal would block the app. "
        f"It is not asked again before {until:%H:%M} UTC; see the earlier errors for the reason.",
        **question.facts(None),
    )


def left_alone(question: Exchange, storm: limits.Storm) -> ExactError:
    """Return the error of a division that is left alone for a while; who asks it for another table is told too."""
    if not storm.is_named:
        return key_blocked(question, 429, until=storm.until)
    return UnavailableError(
        f"{question.endpoint}: Exact answered {storm.refused} times in a row that the minute's calls of division "
        f"{question.division} are used, however long was waited. It is not asked again before "
        f"{storm.until:%H:%M} UTC: load again then.",
        **question.facts(429),
    )


def day_is_used(question: Exchange, booking: Booking, now: datetime) -> DayQuotaError:
    """Return the error of a division whose calls of the day are used."""
    day = booking.quota.day
    resets_at = day.resets_at or now
    calls = "" if day.limit is None else f" {day.limit:,}"
    kept = f", but for {booking.reserve:,} that are kept for runs that people ask for" if booking.reserve else ""
    return DayQuotaError(
        f"The day's{calls} calls of division {question.division} are used{kept}; they are back at "
        f"{resets_at:%Y-%m-%d %H:%M} UTC. What was loaded is kept: load again then.",
        resets_at=resets_at,
        division=question.division,
    )
