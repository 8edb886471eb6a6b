"""What is not foreseen: made an error of this package where one division's work begins, and told without secrets.

What is foreseen is raised as one of `errors` where it is found. Interruptions are no `Exception`, and end the run.
"""

import asyncio
import logging
import re
import traceback
from collections.abc import Callable, Coroutine

from exact_assets.errors import UnforeseenError

_log = logging.getLogger(__name__)

LONGEST_MESSAGE = 500
"""Of another's message that is passed on: a parser can quote all it was given."""
HIDDEN = "…"
_BEARER = re.compile(r"(Bearer\s+)[^\s'\"]+", re.IGNORECASE)
_NAMED = re.compile(
    r"((?:access_token|refresh_token|client_secret|secret_key|password)\\*['\"]?\s*[=:]\s*b?['\"]?)[^\s'\"&,}]+",
    re.IGNORECASE,
)
_IN_ADDRESS = re.compile(r"(://[^/\s:@]*:)[^@\s]+(?=@)")
_LONG = re.compile(r"[A-Za-z0-9+=_.~!-]{60,}")
"""Exact's tokens are hundreds of such characters; no key, path or word is so long."""


def contained(error: Exception, *, subject: str) -> UnforeseenError:
    """Log an error that nobody foresaw, with its traceback, and return it as one of this package.

    Args:
        error: as it was caught.
        subject: whose work it was, such as `crm_accounts of division 123`.
    """
    # Not as `exc_info`: a handler would write the secrets that the messages of a chain may hold.
    trace = without_secrets("".join(traceback.format_exception(error)))
    _log.error("%s failed in a way that was not foreseen.\n%s", subject, trace)
    text = without_secrets(str(error))
    text = text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}{HIDDEN}"
    return UnforeseenError(
        f"{subject}: {type(error).__name__}: {text or 'without a message'}. This was not foreseen: please report "
        "it, with the traceback from the log. What was stored before is kept; the next run goes on from there."
    )


def without_secrets(text: str) -> str:
    """Return a text with whatever may be a token or a password left out."""
    for pattern in (_BEARER, _NAMED, _IN_ADDRESS):
        text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return _LONG.sub(HIDDEN, text)


async def side_by_side(work: Callable[[], Coroutine[None, None, None]], *, count: int) -> None:
    """Do work several times at once; an interruption is raised as what it is."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(count):
                tasks.create_task(work())
    except BaseExceptionGroup as group:
        # Divisions contain what goes wrong in them: this is an interruption, which Dagster knows by its class.
        raise group.exceptions[0] from None
