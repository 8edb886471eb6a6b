"""The client's ports, in memory, and a clock that only moves when somebody waits."""
# ruff: noqa: ARG002 - a fake takes what its port takes

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from exact_assets.exact.limits import Quota
from exact_assets.exact.ports import Booking
from exact_assets.exact.token import Token

NOON = datetime(2026, 11, 22, 12, 0, 20, tzinfo=UTC)


@dataclass
class Clock:
    moment: datetime = NOON
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.moment += timedelta(seconds=seconds)


def token(number: int = 1, *, received_at: datetime = NOON) -> Token:
    return Token(
        access_token=f"access-{number}",
        refresh_token=f"refresh-{number}",
        received_at=received_at,
        issued_at=received_at,
        lifetime_seconds=600,
        generation=number,
    )


@dataclass
class MemoryTokens:
    held: Token = field(default_factory=token)
    following: Token | None = None
    refused: list[int] = field(default_factory=list)

    async def current(self, *, server_now: datetime | None = None) -> Token:
        return self.held

    async def replacement(self, refused: Token, *, server_time: datetime | None) -> Token | None:
        self.refused.append(refused.generation)
        if self.following is not None:
            self.held = self.following
        return self.following


@dataclass
class MemoryLedger:
    quotas: dict[int, Quota] = field(default_factory=dict)
    booked: int = 0
    held_until: datetime | None = None
    kept_skew: timedelta | None = None

    def quota(self, division: int) -> Quota:
        return self.quotas.get(division, Quota())

    def book(self, division: int | None, endpoint: str, *, now: datetime) -> Booking:
        quota = Quota() if division is None else self.quota(division).at(now)
        if self.held_until is not None or not quota:
            if division is not None:
                self.quotas[division] = quota
            return Booking(quota=quota, is_booked=False, held_until=self.held_until)
        self.booked += 1
        if division is not None:
            self.quotas[division] = quota.booked()
        return Booking(quota=quota, is_booked=True)

    def settle(self, division: int | None, endpoint: str, *, news: Quota, status: int, now: datetime) -> Quota:
        if division is None:
            return Quota()
        self.quotas[division] = self.quota(division).told(news, status=status, now=now)
        return self.quotas[division]

    def unsent(self, division: int | None) -> None:
        if division is not None:
            self.quotas[division] = self.quota(division).unsent()

    def skew(self) -> timedelta | None:
        return self.kept_skew

    def keep_skew(self, at_least: timedelta) -> None:
        self.kept_skew = at_least


class NoSlots:
    @asynccontextmanager
    async def slot(self, division: int) -> AsyncIterator[None]:
        yield
