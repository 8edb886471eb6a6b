"""What Exact refuses to do, though its reference allows it, a feed does without: another filter, or none.

Said once for all feeds; which filter comes next is theirs. A refusal counts towards a block of the app, so each is
noted in the stream's state (`StreamState.refused`) and not tried again.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from exact_assets.errors import RequestRefusedError
from exact_assets.feeds.questions import SELECT
from exact_assets.stream import Step, StreamState


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way to ask for what is requested."""

    steps: AsyncGenerator[Step, None]
    relies_on: str | None
    """What Exact might refuse, as in `StreamState.refused`; None: there is no other way."""
    without: Callable[[], "Variant"]
    """Returns the way that does without it."""
    first: Step | None = None
    """A step that comes before Exact is asked."""


async def first_accepted(variant: Variant) -> AsyncGenerator[Step, None]:
    """Take the steps of the first way that Exact does not refuse.

    Raises:
        RequestRefusedError: there is no other way, or it would not help, or rows had come already.
    """
    while True:
        if variant.first is not None:
            yield variant.first
        began = False
        try:
            async with aclosing(variant.steps) as steps:
                async for step in steps:
                    began = True
                    yield step
                    # What has been stored goes before the next pages come.
                    del step
        except RequestRefusedError as error:
            if began or variant.relies_on is None or not may_help(error, variant.relies_on):
                raise
            variant = variant.without()
        else:
            return


def with_refusal(state: StreamState, refused: str | None) -> tuple[str, ...]:
    """Return what Exact is known to refuse, one thing more."""
    return state.refused if refused is None else (*state.refused, refused)


def may_help(error: RequestRefusedError, relies_on: str) -> bool:
    """Return whether another filter, or none, may help; without `$select` anything may.

    Exact's texts come in the user's language; what stays is the name of the option that they are about.
    """
    reason = error.reason or ""
    return relies_on == SELECT or (error.status not in {404, 405} and ("$filter" in reason or SELECT not in reason))
