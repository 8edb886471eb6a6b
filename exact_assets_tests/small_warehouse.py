"""A warehouse of a few statements, on whichever engine a test is about."""

from collections.abc import Iterable
from pathlib import Path

import duckdb
import psycopg
import pytest


def made_of(statements: Iterable[str], *, request: pytest.FixtureRequest, folder: Path) -> str:
    """Run statements in a new warehouse of the kind that the fixture is asked for; return its URL."""
    if request.param == "duckdb":
        url = f"duckdb:///{folder / 'w.duckdb'}"
    else:
        url = str(request.getfixturevalue("postgresql_url"))
    change(url, *statements)
    return url


def change(url: str, *statements: str) -> None:
    """Run statements with the plain driver, as a user would."""
    if url.startswith("duckdb"):
        with duckdb.connect(url.removeprefix("duckdb:///")) as connection:
            for statement in statements:
                connection.execute(statement)
        return
    with psycopg.connect(url) as server:
        for statement in statements:
            server.execute(statement.encode())
