"""`exact-assets sql`."""

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
from pyarrow import parquet as parquet_files

from exact_assets.cli.configured import configuration_of_command
from exact_assets.cli.show import show
from exact_assets.errors import SettingsError
from exact_assets.warehouse.connection import Fetched
from exact_assets.warehouse.open import WAREHOUSE_LOCK_TIMEOUT_SECONDS, open_engine, url_of

PLAIN = (bool, int, float, str, Decimal, datetime, date, time)
"""What Parquet has a type for; whatever else is written as text."""


@click.command(name="sql")
@click.argument("statement", default="-")
@click.option("--csv", "form", flag_value="csv", help="Print comma separated values, with a header.")
@click.option("--json", "form", flag_value="json", help="Print a list of objects.")
@click.option("--parquet", type=click.Path(dir_okay=False, path_type=Path), help="Write this file.")
@click.option(
    "--attach",
    "attached",
    multiple=True,
    metavar="[NAME=]FILE",
    help="Read another DuckDB, a CSV or a Parquet file beside the copy; may be repeated.",
)
def sql_command(statement: str, form: str | None, parquet: Path | None, attached: tuple[str, ...]) -> None:
    """Run STATEMENT on the copy, which it can only read; without one it is read from standard input.

    The warehouse is open only while the statement runs.
    """
    config = configuration_of_command()
    text = sys.stdin.read() if statement == "-" else statement
    if not text.strip():
        raise click.UsageError("Give a statement, such as: exact-assets sql 'SELECT * FROM exact.divisions'")
    found = _run(url_of(config), text, _named(attached))
    if parquet is not None:
        _write_parquet(found, parquet)
    elif form == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(found.names)
        writer.writerows(found.rows)
    elif form == "json":
        click.echo(json.dumps(_objects(found), default=str, indent=2))
    else:
        show(_objects(found), as_json=False)


def _run(url: str, statement: str, attached: Mapping[str, Path]) -> Fetched:
    engine = open_engine(url, lock_timeout_seconds=WAREHOUSE_LOCK_TIMEOUT_SECONDS)
    if not engine.exists:
        raise SettingsError("There is no warehouse yet: `exact-assets status` prints where it will be.")

    def work() -> Fetched:
        with engine.connection() as connection, connection.opened(is_read_only=True):
            for name, path in attached.items():
                connection.attach(name, path)
            return connection.fetched(statement)

    return engine.persist(work)


def _named(attached: Sequence[str]) -> dict[str, Path]:
    """Return the files by name: the one that is given, or their own.

    Raises:
        UsageError: a file is not there, or two have the same name.
    """
    found: dict[str, Path] = {}
    for one in attached:
        # A folder on the way may have an = in its name.
        name, path = ("", one) if Path(one).expanduser().is_file() else one.partition("=")[::2]
        file = Path(path or one).expanduser()
        if not file.is_file():
            raise click.UsageError(f"--attach: there is no file {file}")
        if (chosen := name or file.stem) in found:
            raise click.UsageError(f"--attach: two files are named {chosen}; give one as NAME=FILE")
        found[chosen] = file
    return found


def _objects(found: Fetched) -> list[dict[str, Any]]:
    """Return rows by column; of columns with the same name, each after the first gets a number."""
    names: list[str] = []
    for name in found.names:
        same = sum(other == name or other.startswith(f"{name}:") for other in names)
        names.append(f"{name}:{same}" if same else name)
    return [dict(zip(names, row, strict=True)) for row in found.rows]


def _write_parquet(found: Fetched, path: Path) -> None:
    """Write a file whole, or not at all."""
    columns = [[_plain(value) for value in column] for column in zip(*found.rows, strict=True)]
    draft = path.with_name(f".{path.name}.draft")
    try:
        arrays = [pa.array(column) for column in columns or [[]] * len(found.names)]
        parquet_files.write_table(pa.Table.from_arrays(arrays, names=list(found.names)), draft)
        draft.replace(path)
    except (OSError, OverflowError, pa.ArrowException) as error:
        draft.unlink(missing_ok=True)
        raise SettingsError(f"{path} cannot be written: {error}") from error


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, PLAIN) else str(value)
