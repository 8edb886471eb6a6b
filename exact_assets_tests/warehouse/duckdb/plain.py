"""The file as a user sees it: with plain DuckDB, and nothing of ours."""

from pathlib import Path
from typing import Any

import duckdb


def query(path: Path, statement: str) -> list[tuple[Any, ...]]:
    """Ask plain DuckDB."""
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(statement).fetchall()


def run(path: Path, statement: str) -> None:
    """Change the file with plain DuckDB, as a user would."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(statement)
