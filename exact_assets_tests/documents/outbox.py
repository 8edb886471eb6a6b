"""An outbox for a test, and what a person does to it."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb

from exact_assets.config import ExactConfig
from exact_assets.control.open import Control
from exact_assets.documents.access import Documents
from exact_assets.documents.outbox import OutboxReport, OutboxWork
from exact_assets.warehouse.open import open_warehouse
from exact_assets.warehouse.protocol import Warehouse

DIVISION = 100_001


class Outbox:
    """In a file of its own."""

    def __init__(self, path: Path, config: ExactConfig) -> None:
        self.path, self.config = path, config
        self.warehouse: Warehouse = open_warehouse(f"duckdb:///{path}", lock_timeout_seconds=10)
        self.warehouse.prepare_outbox()
        self.later = timedelta()

    def add(self, **values: Any) -> str:
        """Insert a row as a person would; return its name."""
        (name,) = self.add_all([values])
        return name

    def add_all(self, many: Sequence[Mapping[str, Any]]) -> list[str]:
        """Insert rows; return their names."""
        rows = [{"id": str(uuid4()), "division": DIVISION, "operation": "create", **values} for values in many]
        with duckdb.connect(str(self.path)) as connection:
            for row in rows:
                given = [json.dumps(value) if isinstance(value, dict) else value for value in row.values()]
                places = ", ".join("?" * len(row))
                connection.execute(f"INSERT INTO exact.document_outbox ({', '.join(row)}) VALUES ({places})", given)
        return [row["id"] for row in rows]

    def run(self, statement: str, *values: Any) -> None:
        with duckdb.connect(str(self.path)) as connection:
            connection.execute(statement, values)

    def row(self, name: str) -> dict[str, Any]:
        return self.rows()[name]

    def rows(self) -> dict[str, dict[str, Any]]:
        with duckdb.connect(str(self.path), read_only=True) as connection:
            found = connection.execute("FROM exact.document_outbox")
            names = [column[0] for column in found.description or ()]
            rows = [dict(zip(names, values, strict=True)) for values in found.fetchall()]
        return {row["id"]: row for row in rows}

    def send(self, documents: Documents) -> OutboxReport:
        work = OutboxWork(
            self.warehouse, documents, Control.open(self.config), now=lambda: datetime.now(UTC) + self.later
        )
        return work.run()
