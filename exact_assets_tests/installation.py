"""A whole installation for a test: a simulator, a configuration, a connection, and folders of its own.

What a user does with commands is done here with the same commands; nothing is patched.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from click.testing import CliRunner
from pydantic import SecretStr

from exact_assets.catalogue.table import Table
from exact_assets.cli import main
from exact_assets.config import ExactConfig
from exact_simulator.process import Simulator, start

CHECKOUT = Path(__file__).parents[1]
YEARS_BACK = 4


SECRET_KEY = "a key of the tests"


@dataclass(frozen=True)
class Installation:
    """Where everything of one installation is."""

    folder: Path
    simulator: Simulator
    divisions: tuple[int, ...]
    database_url: str | None = None
    """Of a warehouse on PostgreSQL; None: it is a file."""
    control_database_url: str | None = None
    """Of a control store on PostgreSQL; None: it is a file."""

    @property
    def warehouse(self) -> Path:
        return self.folder / "warehouse.duckdb"

    @property
    def readable(self) -> Path | str:
        """Where the warehouse is, for whoever compares."""
        return self.database_url or self.warehouse

    @property
    def environment(self) -> dict[str, str]:
        return {
            "DAGSTER_HOME": str(self.folder),
            "EXACT_COUNTRY": "nl",
            "EXACT_BASE_URL": self.simulator.base_url,
            "EXACT_CLIENT_ID": self.simulator.client_id,
            "EXACT_CLIENT_SECRET": self.simulator.client_secret,
            "EXACT_REDIRECT_URI": self.simulator.redirect_uri,
            "EXACT_START_YEAR": str(datetime.now(UTC).year - YEARS_BACK),
            "EXACT_WAREHOUSE_URL": self.database_url or f"duckdb:///{self.warehouse}",
            "EXACT_CONTROL_URL": self.control_database_url or f"sqlite:///{self.folder / 'control.sqlite'}",
            "EXACT_SECRET_KEY": SECRET_KEY if self.control_database_url else "",
        }

    @property
    def config(self) -> ExactConfig:
        """What a command reads from this environment, for a test that calls the product in its own process."""
        return ExactConfig(
            dagster_home=self.folder,
            base_url=self.simulator.base_url,
            client_id=self.simulator.client_id,
            client_secret=SecretStr(self.simulator.client_secret),
            redirect_uri=self.simulator.redirect_uri,
            start_year=int(self.environment["EXACT_START_YEAR"]),
            warehouse_url=self.environment["EXACT_WAREHOUSE_URL"],
            control_url=self.environment["EXACT_CONTROL_URL"],
            secret_key=SecretStr(SECRET_KEY) if self.control_database_url else None,
        )

    def command(self, *arguments: str, module: str = "exact_assets.cli", **environment: str) -> str:
        """Run a command as a user would; its standard output."""
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=self.folder,
            env={**os.environ, **self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def truth(self, table: Table, division: int) -> list[dict[str, Any]]:
        """What the simulator holds of a table."""
        return self.simulator.control.rows(path_of(table.endpoint), division)

    def headers(self, table: Table, division: int) -> list[dict[str, Any]]:
        """What the simulator holds of the headers through which a table is read; empty: it is read as it is."""
        return self.simulator.control.rows(path_of(table.parent.endpoint), division) if table.parent else []

    def quick(self, *arguments: str) -> str:
        """Run a command in this process, which saves the seconds of a new one; its standard output."""
        done = CliRunner(env=self.environment).invoke(main, list(arguments), catch_exceptions=False)
        assert done.exit_code == 0, f"{arguments}: {done.output[-3000:]}"
        return done.stdout

    def connect(self) -> None:
        printed = self.quick("connect", "--no-browser", "--wait-seconds", "0")
        address = next(word for word in printed.split() if "/api/oauth2/auth" in word)
        answer = httpx.get(address, follow_redirects=False)
        self.quick("connect", "--redirect-url", answer.headers["location"])

    def enable(self, *divisions: int) -> None:
        self.quick("divisions", "refresh")
        self.quick("divisions", "enable", *(str(division) for division in divisions))


def path_of(endpoint: str) -> str:
    """Give an endpoint's path as the simulator names it: `crm/Accounts`."""
    return endpoint.removeprefix("/api/v1/{division}/")


@contextmanager
def installation(
    folder: Path,
    *,
    divisions: int = 2,
    rows: int = 200,
    database_url: str | None = None,
    control_database_url: str | None = None,
    **options: Any,
) -> Iterator[Installation]:
    """Start a simulator and connect to it."""
    this_year = datetime.now(UTC).year
    codes = tuple(range(100_001, 100_001 + divisions))
    years = (this_year - YEARS_BACK, this_year)
    with start(divisions=codes, years=years, rows=rows, **options) as simulator:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "dagster.yaml").write_text((CHECKOUT / "dagster.yaml").read_text())
        place = Installation(folder, simulator, codes, database_url, control_database_url)
        place.connect()
        yield place
