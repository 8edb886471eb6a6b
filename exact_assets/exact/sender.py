"""Sends one question until it is answered, refused, or not worth asking again. The only place that does HTTP.

Every attempt is booked in the ledger before it is sent, and holds the division's only slot while it is under way.
What answers mean stands in `responses` and `limits`; which error it is where none can be used, in `failures`; what
is asked, in `client`.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

import httpx

from exact_assets.errors import (
    AnswerError,
    ExactError,
    UnreachableError,
)
from exact_assets.exact import failures, limits, responses
from exact_assets.exact.bodies import Bounds, HttpAnswer, TooSlowError, ask
from exact_assets.exact.clock import Skew
from exact_assets.exact.failures import Exchange, TimedAnswer
from exact_assets.exact.json_repair import NotJsonError
from exact_assets.exact.numbers import read_integer
from exact_assets.exact.ports import Booking, Ledger, Slots, Tokens
from exact_assets.exact.steady import SteadyClock
from exact_assets.exact.token import Token
from exact_assets.exact.urls import endpoint_of
from exact_assets.exact.write import Write

logger = logging.getLogger(__name__)

Read = TypeVar("Read")

MOST_ATTEMPTS = 5
MOST_TIMEOUTS = 2
"""A 408 mostly means that the request is too broad, which does not pass; so does an answer that takes minutes."""
SHORTEST_WAIT_SECONDS = 0.01
BACKOFF_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 30.0
LONGEST_HINTED_WAIT_SECONDS = 120
LONGEST_ROOM_WAIT_SECONDS = 62.0
"""A minute, and what we may be behind the server's clock."""
SKEW_WORTH_KEEPING = timedelta(milliseconds=50)
LARGEST_KEPT_SKEW = timedelta(minutes=5)
"""One that a process before us kept counts until our first answer. A larger one is of a clock that was wrong, and
may have been set right since: then it would do the harm that it is there to prevent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply(Generic[Read]):
    """What came of a question."""

    content: Read
    server_time: datetime
    calls: int


class Sender:
    """Sends questions to one site on behalf of one app and user."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        tokens: Tokens,
        ledger: Ledger,
        slots: Slots,
        bounds: Bounds | None = None,
        now: Callable[[], datetime] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Prepare; nothing is sent.

        Args:
            http: keeps the connections.
            tokens: the shared access token.
            ledger: the shared quota.
            slots: one call in flight per division.
            bounds: what one answer may take.
            now: our clock, aware; by default one that cannot be set.
            sleep: waits for so many seconds.
            chance: a number from 0 to 1, for jitter.
        """
        self._http = http
        self._tokens = tokens
        self._ledger = ledger
        self._slots = slots
        self._bounds = bounds or Bounds()
        self._now = now or SteadyClock()
        self._sleep = sleep
        self._chance = chance
        kept = ledger.skew()
        self._skew = Skew(kept if kept is not None and abs(kept) <= LARGEST_KEPT_SKEW else None)
        self._is_told = False
        """Whether an answer has told the server's time."""
        self.calls: Counter[int | None] = Counter()
        """What was sent so far, per division, retries included."""

    def server_now(self) -> datetime:
        """Return the server's time, or somewhat earlier."""
        return self._skew.now(self._now())

    @property
    def knows_time(self) -> bool:
        """Return whether the server's time was told by any answer, to this process or one before."""
        return self._skew.at_least is not None

    async def ask(
        self,
        url: str,
        read: Callable[[bytes], Read],
        *,
        division: int | None = None,
        write: Write | None = None,
    ) -> Reply[Read]:
        """GET an address, or change something there, and read its answer, trying again what may pass.

        Args:
            url: sent as it is.
            read: makes the content of a body; raises NotJsonError where the body is cut or no JSON.
            division: whose quota it costs; None: addresses without a division cost none.
            write: what is to be changed; None: nothing.

        Raises:
            UncertainWriteError: the answer to a POST was lost: nobody knows whether it was carried out.
            ExactError: the kind says what can be done; see `exact_assets.errors`.
        """
        question = Exchange(url=url, division=division, endpoint=endpoint_of(url), write=write)
        while True:
            outcome = await self._attempt(question)
            if isinstance(outcome, Booking):
                await self._await_room(question, outcome)
            elif isinstance(outcome, ExactError):
                await self._back_off(question, outcome)
            elif not question.is_done(outcome.status):
                await self._overcome(question, outcome)
            else:
                try:
                    content = read(outcome.body)
                except NotJsonError as error:
                    await self._back_off(question, failures.no_page(question, outcome, str(error)))
                except AnswerError as error:
                    error.division = division
                    raise failures.with_words(question, outcome, error) from error
                else:
                    return Reply(content=content, server_time=outcome.server_time, calls=question.calls)

    async def _attempt(self, question: Exchange) -> TimedAnswer | Booking | ExactError:
        """Send once, where a call may go."""
        async with self._slot(question.division):
            token = await self._tokens.current(server_now=self.server_now() if self._is_told else None)
            booking = self._ledger.book(question.division, question.endpoint, now=self.server_now())
            return await self._send(question, token) if booking.is_booked else booking

    def _slot(self, division: int | None) -> AbstractAsyncContextManager[None]:
        return nullcontext() if division is None else self._slots.slot(division)

    async def _send(self, question: Exchange, token: Token) -> TimedAnswer | ExactError:
        question.calls += 1
        self.calls[question.division] += 1
        sent_at = self._now()
        try:
            write = question.write
            headers = {"Authorization": f"Bearer {token.access_token}", **(write.headers if write else {})}
            answer = await ask(
                self._http,
                write.method if write else "GET",
                question.url,
                headers=headers,
                content=write.body if write else None,
                bounds=self._bounds,
            )
        except httpx.TransportError as error:
            # If Exact did count it, the next answer says so; if not, the call is still ours to use.
            self._ledger.unsent(question.division)
            if isinstance(error, TooSlowError):
                question.beyond += 1
                return failures.broken(question, str(error))
            if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
                return failures.unreachable(question, error)
            return failures.broken(question, f"the connection broke ({type(error).__name__})")
        return self._settled(question, answer, token, sent_at)

    def _settled(
        self, question: Exchange, answer: HttpAnswer, token: Token, sent_at: datetime
    ) -> TimedAnswer | ExactError:
        """Note what an answer says of quota and time; what came of one that was cut says so too."""
        date = responses.server_time(answer.headers)
        if date is not None:
            self._observe(date, sent_at)
        now = date or self.server_now()
        news = limits.read_headers(answer.headers)
        self._ledger.settle(question.division, question.endpoint, news=news, status=answer.status, now=now)
        if answer.trouble is not None:
            question.beyond += answer.is_beyond
            return failures.broken(question, answer.trouble)
        return TimedAnswer(
            status=answer.status,
            headers=answer.headers,
            body=answer.body,
            token=token,
            server_time=now,
            is_dated=date is not None,
        )

    def _observe(self, date: datetime, sent_at: datetime) -> None:
        before = self._skew.at_least
        self._is_told = True
        self._skew = self._skew.observed(date, sent_at=sent_at, received_at=self._now())
        at_least = self._skew.at_least
        if at_least is not None and (before is None or abs(at_least - before) > SKEW_WORTH_KEEPING):
            self._ledger.keep_skew(at_least)

    async def _await_room(self, question: Exchange, booking: Booking) -> None:
        """Wait until the minute's calls are back, or say why waiting is no use."""
        now = self.server_now()
        if booking.held_until is not None:
            raise failures.endpoint_held_back(question, booking.held_until)
        if not booking.quota.has_day:
            raise failures.day_is_used(question, booking, now)
        storm = booking.quota.storm
        if storm.until is not None and storm.until > now + timedelta(seconds=LONGEST_ROOM_WAIT_SECONDS):
            raise failures.left_alone(question, storm)
        resets_at = storm.until or booking.quota.minute.resets_at or limits.end_of_minute(now)
        seconds = max((resets_at - now).total_seconds(), SHORTEST_WAIT_SECONDS)
        await self._sleep(min(seconds, LONGEST_ROOM_WAIT_SECONDS))

    async def _overcome(self, question: Exchange, response: TimedAnswer) -> None:
        """Do what a refusal asks for, so that the question can be sent again, or raise it."""
        error = responses.refusal(
            response.status, response.headers, response.body, division=question.division, endpoint=question.endpoint
        )
        if response.status == 429:
            await self._wait_for_quota(question, response)
        elif response.status == 401:
            await self._replace_token(question, response, error)
        elif responses.may_pass(response.status):
            await self._back_off(question, error)
        elif self._may_be_blocked(question, response, error):
            raise failures.key_blocked(question, 403) from error
        else:
            raise error

    def _may_be_blocked(self, question: Exchange, response: TimedAnswer, error: ExactError) -> bool:
        """Return whether a bare 403 came from before calls are counted; all others carry rate headers."""
        if response.status != 403 or question.division is None or error.reason not in {None, "Forbidden"}:
            return False
        is_counted = limits.is_known(limits.read_headers(response.headers))
        return not is_counted and limits.is_known(self._ledger.quota(question.division))

    async def _wait_for_quota(self, question: Exchange, response: TimedAnswer) -> None:
        """Count a 429; the ledger knows its window by now, so booking waits for it or raises."""
        is_named = limits.exhausted_window(limits.read_headers(response.headers)) is not None
        if is_named and question.division is not None:
            return
        if question.is_blind:
            raise failures.key_blocked(question, 429)
        question.is_blind = True
        await self._sleep(_hinted_wait_seconds(response))

    async def _replace_token(self, question: Exchange, response: TimedAnswer, error: ExactError) -> None:
        """Get another token for one that was refused, once."""
        if question.refused_token is None:
            question.refused_token = response.token
            server_time = response.server_time if response.is_dated else None
            other = await self._tokens.replacement(response.token, server_time=server_time)
            if other is not None:
                return
        raise error

    async def _back_off(self, question: Exchange, error: ExactError) -> None:
        """Wait a little before the next attempt, or raise when there were enough.

        A POST that may have been carried out is not sent again: only where no connection was made is it sure that
        it was not.
        """
        if not question.is_repeatable and not isinstance(error, UnreachableError):
            raise failures.uncertain(question, error) from error
        question.failures.append(error)
        tries = len(question.failures)
        timeouts = sum(failure.status == 408 for failure in question.failures)
        if tries >= MOST_ATTEMPTS or timeouts >= MOST_TIMEOUTS or question.beyond >= MOST_TIMEOUTS:
            unreachable = all(isinstance(failure, UnreachableError) for failure in question.failures)
            raise error if unreachable or not isinstance(error, UnreachableError) else question.failures[0]
        seconds = min(LONGEST_BACKOFF_SECONDS, BACKOFF_SECONDS * 2 ** (tries - 1)) * self._chance()
        logger.info("%s; attempt %d of %d follows in %.1f s", error, tries + 1, MOST_ATTEMPTS, seconds)
        await self._sleep(seconds)


def _hinted_wait_seconds(response: TimedAnswer) -> float:
    """Wait as the answer says, within bounds, else until the minute is over, in case it is about that."""
    hint = read_integer(response.headers.get("retry-after"), lowest=0, highest=10**9)
    if hint is not None:
        return float(min(max(hint, 1), LONGEST_HINTED_WAIT_SECONDS))
    return 60.0 - response.server_time.second
