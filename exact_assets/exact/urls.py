"""Addresses and literals of Exact's OData dialect. Text to text; no I/O.

Exact's own links have plain `$`, `%20` and `%3A`, and quotes as they are; so have ours.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote, urlsplit

from exact_assets.errors import PagingError, RequestRefusedError

LONGEST_URL = 6_000
"""Characters that Exact takes in an address."""
LONGEST_LINK = 60_000
"""No library sends longer ones; Exact's own may be longer than what it takes."""
DEFAULT_PORTS = {"http": 80, "https": 443}
EXACT = re.compile(r"https://start\.exactonline\.(?:nl|be|de|fr|es|com|co\.uk)(?::443)?", re.IGNORECASE)
"""Scheme, host and port of Exact's own sites."""


def build_url(site_url: str, path: str, params: Mapping[str, str], *, division: int | None = None) -> str:
    """Return an address; `{division}` in `path` is filled in, parameters are encoded.

    Raises:
        RequestRefusedError: Exact would refuse an address of this length.
    """
    filled = path.replace("{division}", str(division)) if division is not None else path
    query = encode_query(params)
    url = f"{site_url}{filled}{'?' if query else ''}{query}"
    if len(url) > LONGEST_URL:
        raise RequestRefusedError(
            f"The address would have {len(url)} characters, Exact takes {LONGEST_URL}: ask for fewer columns.",
            division=division,
            endpoint=endpoint_of(url),
        )
    return url


def encode_query(params: Mapping[str, str]) -> str:
    """Return parameters as they stand in an address."""
    return "&".join(f"{quote(name, safe='$')}={quote(value, safe=_PLAIN)}" for name, value in params.items())


_PLAIN = "$'(),/*!~"


def endpoint_of(url: str) -> str:
    """Return the path below the division (or below `v1`), such as `sync/CRM/Accounts`, without the query.

    Nor has it a key: Exact counts what it refuses by endpoint, whichever row was asked for.
    """
    parts = [part for part in _KEY.sub("", urlsplit(url).path).split("/") if part]
    if parts[:2] == ["api", "v1"]:
        parts = parts[2:]
    if parts and (parts[0].isdecimal() or parts[0] == "{division}"):
        parts = parts[1:]
    return "/".join(parts)


_KEY = re.compile(r"\([^()/]*\)")


def through_proxy(link: str, site_url: str) -> str:
    """Return the address at which a link of Exact's is reached where Exact is asked through a proxy.

    Exact knows nothing of the proxy before it, and its links name its own host. The access token goes to the proxy,
    as with every other call.
    """
    own = EXACT.match(link)
    if own is None or not link[own.end() :].startswith("/") or EXACT.fullmatch(site_url):
        return link
    return f"{site_url}{link[own.end() :]}"


def check_same_site(
    link: str, site_url: str, *, division: int | None = None, what: str = "link to the next page"
) -> None:
    """Refuse a link to another scheme, host or port: the access token must not go there.

    Nor is one stored that no library would send: the next run would go on from it, and the one after that.

    Raises:
        PagingError: the link leads elsewhere, or is no address.
    """
    is_text = link.isprintable() and "\ufffd" not in link
    origin = _origin(link) if is_text and len(link) <= LONGEST_LINK else None
    if origin is None:
        raise PagingError(
            f"The {what} is no address ({len(link):,} characters, or one that is none); it was not followed.",
            division=division,
        )
    if origin != _origin(site_url):
        raise PagingError(
            f"The {what} leads to {_shown(link)}, not to {_shown(site_url)}; it was not followed. "
            "Behind a proxy, EXACT_BASE_URL is the address that it is asked at. See docs/errors.md#link.",
            division=division,
            endpoint=endpoint_of(link),
        )


def _origin(url: str) -> tuple[str, str | None, int | None] | None:
    """Return scheme, host and port; None: it is no address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    return parts.scheme.lower(), parts.hostname, port or DEFAULT_PORTS.get(parts.scheme.lower())


def _shown(url: str) -> str:
    """Return scheme, host and port, as they are compared; `nowhere` where there is none."""
    scheme, host, port = _origin(url) or ("", None, None)
    if not host:
        return "nowhere"
    return f"{scheme}://{host}{'' if port in {None, DEFAULT_PORTS.get(scheme)} else f':{port}'}"


def guid_literal(value: str) -> str:
    """Return a guid literal: `guid'…'`."""
    return f"guid'{value}'"


def datetime_literal(wall: datetime) -> str:
    """Return a datetime literal of a wall clock of the site, which is what Exact compares with."""
    precision = "milliseconds" if wall.microsecond else "seconds"
    return f"datetime'{wall.replace(tzinfo=None).isoformat(timespec=precision)}'"
