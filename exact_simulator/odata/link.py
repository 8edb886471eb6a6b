"""Writes the links of a page: `__next`, and the keys in URLs. Spelling follows the recorded links.

Recorded: plain `$`, commas and quotes raw, spaces `%20`, colons `%3A`; `$top` rewritten to the remainder, `$skip`
dropped, the skip token last: the values of `$orderby`, then the key of the page's last row.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from exact_simulator.odata.query import Query

_SAFE = "$,'()*!~-._/;@"
_QUOTES = {
    "Edm.Guid": ("guid'", "'"),
    "Edm.String": ("'", "'"),
    "Edm.DateTime": ("datetime'", "'"),
    "Edm.Int64": ("", "L"),
    "Edm.Double": ("", "D"),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def next_link(url: str, query: Query, *, token: str, top: int | None, dollar: str = "$") -> str:
    """Write the link to the page behind this one; `url` has no query, `top` is what is left to be served."""
    kept = [(name, value) for name, value in query.pairs if name not in {"$skip", "$skiptoken"}]
    parts = [
        f"{quote(name, safe=_SAFE)}={quote(str(top) if name == '$top' else value, safe=_SAFE)}"
        for name, value in kept
    ]
    return f"{url}?{'&'.join([*parts, f'{dollar}skiptoken={quote(token, safe=_SAFE)}'])}"


def literal(value: Any, edm_type: str) -> str:
    """Write a value of the books as an OData literal."""
    if value is None:
        return "null"
    if edm_type == "Edm.Boolean":
        return "true" if value else "false"
    text = moment(value) if edm_type == "Edm.DateTime" else str(value).replace("'", "''")
    before, after = _QUOTES.get(edm_type, ("", ""))
    return f"{before}{text}{after}"


def moment(ms: int) -> str:
    """Write a wall clock in milliseconds as in a literal: no fraction where it is zero, no trailing zeros."""
    text = (_EPOCH + timedelta(milliseconds=ms)).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f"{ms % 1000:03d}".rstrip("0")
    return f"{text}.{fraction}" if fraction else text


def token_text(row: Sequence[Any], edm_types: Sequence[str]) -> str:
    """Write a skip token."""
    return ",".join(literal(value, edm_type) for value, edm_type in zip(row, edm_types, strict=True))
