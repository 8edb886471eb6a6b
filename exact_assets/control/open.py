"""Puts the shared store and the client together. What each keeps stands in its own module."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Self

from exact_assets.exact.client import ExactClient
from exact_assets.settings import Settings


class Control:
    """What all processes of one installation share: tokens, quota ledger, leases."""

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Open the store, creating it where there is none."""
        raise NotImplementedError

    @contextmanager
    def lease(self, name: str, *, wait: bool = False) -> Iterator[bool]:
        """Hold `name` against all processes; yields False where another holds it and `wait` is false.

        The operating system lets go when the process dies, however it dies.
        """
        raise NotImplementedError


@asynccontextmanager
async def open_client(settings: Settings) -> AsyncIterator[ExactClient]:
    """Open a client that shares tokens and quota with all other processes."""
    raise NotImplementedError
    yield
