"""A change that the demo makes at the simulated Exact, so that a second one has something to catch up with."""

from dataclasses import dataclass
from datetime import UTC, datetime

import click
import httpx

from exact_assets.demo.loading import Tally
from exact_assets.errors import DemoError
from exact_assets.warehouse.protocol import Warehouse
from exact_assets.warehouse.query import Query
from exact_assets.warehouse.sql.names import qualified

CHANGED_TABLE = "crm_accounts"


@dataclass(frozen=True, slots=True, kw_only=True)
class RenamedCustomer:
    """A customer that has another name at Exact now."""

    division: int
    name: str


def rename_customer(site_url: str, division: int) -> RenamedCustomer:
    """Rename a customer at the simulated Exact.

    Raises:
        DemoError: it says no.
    """
    name = f"Bakkerij De Ochtend {datetime.now(UTC):%H:%M:%S}"
    change = {
        "action": "update",
        "endpoint": "crm/Accounts",
        "division": division,
        "count": 1,
        "values": {"Name": name},
    }
    answer = httpx.post(f"{site_url}/_simulator/mutate", json=change)
    if answer.status_code != httpx.codes.OK:
        raise DemoError(f"the simulator made no change: {answer.text[:200]}")
    return RenamedCustomer(division=division, name=name)


def print_arrival(warehouse: Warehouse, change: RenamedCustomer, tally: Tally) -> None:
    """Print whether a change arrived, and what the tables without any cost.

    Raises:
        DemoError: it did not arrive.
    """
    statement = f"SELECT name FROM {qualified(CHANGED_TABLE)} WHERE division = {change.division}"
    (rows,) = warehouse.query([Query(statement=statement)])
    if not any(row["name"] == change.name for row in rows or ()):
        raise DemoError(f"{change.name} was changed at Exact and is not in the warehouse")
    click.echo(f"A customer of {change.division} was renamed at Exact to {change.name!r}: it is in the warehouse.")
    click.echo(unchanged_line(tally))


def unchanged_line(tally: Tally) -> str:
    """Return how many tables had nothing new, and what that cost."""
    names = [name for names in tally.tables_by_group.values() for name in names if not tally.changed.get(name)]
    calls = [tally.calls.get(name, 0) for name in names]
    most = sum(one <= tally.divisions for one in calls)
    return (
        f"{len(names)} tables had nothing new and cost {sum(calls)} calls; "
        f"{most} of them a call per division or none, the others are read whole."
    )
