"""What a trial is asked for on its command line, and the databases that it has for that."""

import argparse
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from exact_assets_tests import postgresql

WAREHOUSES = ("duckdb", "postgresql")


def arguments(**first: float) -> argparse.Namespace:
    """Read how much (of one name, with its default), a seed, and the kind of warehouse."""
    parser = argparse.ArgumentParser()
    for name, default in first.items():
        parser.add_argument(name, nargs="?", type=float, default=default)
    parser.add_argument("seed", nargs="?", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--warehouse", choices=WAREHOUSES, default=WAREHOUSES[0])
    parser.add_argument("--outages", action="store_true", help="strike the server as well, where there is one")
    return parser.parse_args()


@contextmanager
def trial_databases(warehouse: str) -> Iterator[ExitStack | None]:
    """Have a server, for as long as the trial lasts, and what drops the databases on it; None: files are enough."""
    if warehouse != "postgresql":
        yield None
        return
    with postgresql.session(), ExitStack() as databases:
        yield databases
