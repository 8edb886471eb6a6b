"""Which machines use a control store that is a file: one at a time, as its locks and log hold on one machine only.

A folder that two machines share looks like any other, and SQLite would corrupt the file in silence. So each leaves
its mark, which is the kernel's: containers of one machine have the same. Where the system gives none, nothing is
known, and nothing refused.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from exact_assets.control.database import insert_into, transaction
from exact_assets.control.tables import HOSTS
from exact_assets.errors import ControlError

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
UPTIME = Path("/proc/uptime")
SEEN_EVERY = timedelta(minutes=1)
SEEN_LATELY = timedelta(minutes=5)
"""A machine that was not seen for longer has ended, or gave the folder to this one."""


def require_one_host(engine: sa.Engine, *, now: datetime | None = None) -> None:
    """Leave this machine's mark, and refuse where another one's is fresh.

    Raises:
        ControlError: another machine uses the store as well.
    """
    boot_id, booted_at = _this_machine()
    if engine.dialect.name != "sqlite" or boot_id is None or booted_at is None:
        return
    seen_at = now or datetime.now(UTC)
    with transaction(engine) as connection:
        found = {name: datetime.fromtimestamp(at, UTC) for name, at in connection.execute(sa.select(HOSTS))}
        mine = found.pop(boot_id, None)
        # What was seen before this machine was started may have been itself.
        others = [at for at in found.values() if at > booted_at and timedelta(0) <= seen_at - at < SEEN_LATELY]
        # One that is refused leaves no mark, which would keep out the one that was there first.
        if not others and (mine is None or abs(seen_at - mine) >= SEEN_EVERY):
            # Those of other machines, and of this one before it was started anew, are forgotten once they are old.
            old = (HOSTS.c.boot_id == boot_id) | (HOSTS.c.seen_at < (seen_at - SEEN_LATELY).timestamp())
            connection.execute(sa.delete(HOSTS).where(old))
            connection.execute(insert_into(engine, HOSTS).values(boot_id=boot_id, seen_at=seen_at.timestamp()))
    if others:
        raise ControlError(
            f"{engine.url.database} is a file, and another machine used it at {max(others):%H:%M:%S} UTC: a file "
            "is for runs on one machine. Set EXACT_CONTROL_URL and EXACT_WAREHOUSE_URL to a PostgreSQL database, "
            "or let all run on one. Where the other one has ended, this goes on "
            f"{SEEN_LATELY.seconds // 60} minutes later."
        )


def _this_machine() -> tuple[str | None, datetime | None]:
    """Return the mark of the running kernel, and when it was started."""
    try:
        uptime = timedelta(seconds=float(UPTIME.read_text().split()[0]))
        return BOOT_ID.read_text().strip(), datetime.now(UTC) - uptime
    except (OSError, ValueError, IndexError):
        return None, None
