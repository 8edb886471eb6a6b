"""The two steps of connecting: the address at which a user lets the app in, and the answer that comes back.

How a person gets from one to the other (browser, loopback, pasted text) belongs to `callback` and the command.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from exact_assets.control.open import DEFAULT_ZONE, Control
from exact_assets.control.refresh import lock_name_of, store_pair
from exact_assets.errors import NotConnectedError, ReconnectError
from exact_assets.exact.account import Division, Me
from exact_assets.exact.auth import TokenEndpoint, authorize_url, read_redirect

ZONES = (DEFAULT_ZONE, "Europe/London")


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """Who is connected, and what they reach."""

    me: Me
    divisions: tuple[Division, ...]
    zone: str


def begin(control: Control) -> str:
    """Return the address at which the user lets the app in; its state is kept for `finish`."""
    return authorize_url(
        control.config.site_url,
        client_id=control.client_id,
        redirect_uri=control.config.redirect_uri,
        state=control.tokens.begin_connection(at=datetime.now(UTC)),
    )


def finish(control: Control, redirect_url: str, *, is_typed: bool = False) -> None:
    """Exchange the code in the address that the user was sent back to, and store the tokens.

    Args:
        control: where they are stored.
        redirect_url: the address.
        is_typed: the user gave it, so that it need not prove where it comes from. Some sites drop the state.

    Raises:
        ReconnectError: the user said no, the address belongs to another attempt, the code was used or is too old,
            or the app's credentials are wrong.
        ControlError: there is no room for tokens on the disk, so that none were asked for.
    """
    try:
        _exchange(control, redirect_url, is_typed=is_typed)
    except ReconnectError as error:
        if not _is_connected(control):
            raise
        raise ReconnectError(
            f"{error} The connection that is stored was left as it is and still works.",
            endpoint=error.endpoint,
            status=error.status,
            reason=error.reason,
        ) from error


def _is_connected(control: Control) -> bool:
    try:
        return control.tokens.read().dead is None
    except NotConnectedError:
        return False


def _exchange(control: Control, redirect_url: str, *, is_typed: bool) -> None:
    code = read_redirect(redirect_url, state=control.tokens.pending_state(), must_have_state=not is_typed)
    endpoint = TokenEndpoint(
        site_url=control.config.site_url,
        client_id=control.client_id,
        client_secret=control.client_secret(),
        refusals=control.ledger,
        bounds=control.bounds,
    )
    with control.database.reserved():
        token = endpoint.exchange(code, redirect_uri=control.config.redirect_uri)
    name = lock_name_of(site_url=control.config.site_url, client_id=control.client_id)
    with control.locks.hold(name, wait=True):  # a refresh under way would put the old chain in its place
        store_pair(control.tokens, token)
        control.pauses.end()
    control.tokens.end_connection()


async def look_around(control: Control) -> Connected:
    """Ask who is connected and what they reach, and note the site's zone."""
    async with control.client() as client:
        me = await client.me()
        zone = zone_of(me.server_utc_offset_seconds, client.server_now())
        control.tokens.keep_zone(zone)
        return Connected(me=me, divisions=await client.divisions(), zone=zone)


def zone_of(offset_seconds: int | None, at: datetime) -> str:
    """Return the zone whose clock was so far ahead of UTC at that moment: of Exact's sites, else a fixed offset."""
    if offset_seconds is None:
        return DEFAULT_ZONE
    for zone in ZONES:
        offset = at.astimezone(ZoneInfo(zone)).utcoffset()
        if offset is not None and offset.total_seconds() == offset_seconds:
            return zone
    minutes = abs(offset_seconds) // 60
    return f"{'-' if offset_seconds < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"
