"""Repairs of JSON that a strict reader refuses though nothing of it is missing. Shapes and values are for others.

Texts that Exact cuts at a fixed length can end in half a surrogate pair, and texts that users paste hold control
characters, and a number may be NaN. One such value would otherwise stop its table for good.
"""

import re

STRING_OR_WORD = re.compile(r'"(?:[^"\\]++|\\.)*+"?|-?(?:NaN|Infinity)', re.DOTALL)
"""Gives nothing back of what it has read: in a text that is cut, each quote inside it would be tried anew. The
words are no JSON, and are written all the same by whoever writes floats without thinking of them."""
ODD_IN_STRING = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair: good
    r"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"  # half of one
    r"|\\."
    r"|[\x00-\x1f]",
    re.DOTALL,
)
HALF_LENGTH = len("\\ud83d")


class NotJsonError(ValueError):
    """The body is cut, empty, or no JSON at all (HTML, say). Asking again may help."""


def repair_json(body: bytes) -> bytes:
    """Return JSON that means the same, with U+FFFD where half a character stood.

    Raises:
        NotJsonError: the body does not even begin as JSON. What is cut is found by decoding the outcome.
    """
    text = body.decode("utf-8-sig", errors="replace").strip()
    if not text.startswith("{"):
        raise NotJsonError("the answer is not JSON" if text else "the answer is empty")
    return STRING_OR_WORD.sub(_mend, text).encode("utf-8", errors="replace")


def _mend(found: re.Match[str]) -> str:
    """Repair a string; put a word into quotes, so that it is told as a value that does not fit."""
    return ODD_IN_STRING.sub(_replace, found[0]) if found[0].startswith('"') else f'"{found[0]}"'


def _replace(found: re.Match[str]) -> str:
    odd = found[0]
    if len(odd) == 1:
        return f"\\u{ord(odd):04x}"
    return "\\ufffd" if len(odd) == HALF_LENGTH else odd
