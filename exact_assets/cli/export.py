"""`exact-assets export`."""

from contextlib import closing

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from exact_assets.cli.configured import configuration_of_command
from exact_assets.cli.show import number_of
from exact_assets.errors import SettingsError
from exact_assets.export.files import Destination, OnRows, write_csv, write_parquet
from exact_assets.export.relations import Relation, read_rows, relations, size_of
from exact_assets.export.workbook import LONGEST_CELL, Workbook
from exact_assets.warehouse.connection import Connection
from exact_assets.warehouse.open import open_engine, url_of

WORKBOOK = "exact.xlsx"
WRITERS = {"csv": write_csv, "parquet": write_parquet}


@click.command(name="export")
@click.argument("folder")
@click.option(
    "--format",
    "form",
    type=click.Choice(["parquet", "csv", "xlsx"]),
    default="parquet",
    show_default=True,
    help="A file for each, or one workbook with a sheet for each.",
)
@click.option(
    "--select", "selection", help="Names and globs, comma separated; otherwise the models, else all tables."
)
def export_command(folder: str, form: str, selection: str | None) -> None:
    """Write tables or models to FOLDER, or to an address that fsspec knows, such as s3://bucket/exact.

    Each file is replaced when its successor is whole. The warehouse is read as it is at one moment.
    """
    engine = open_engine(url_of(configuration_of_command()))
    if not engine.exists:
        raise SettingsError("There is no warehouse yet: `exact-assets status` prints where it will be.")

    def work() -> tuple[int, int]:
        with engine.connection() as connection, connection.opened(is_read_only=True):
            chosen = relations(connection, selection)
            counts = {one: size_of(connection, one) for one in chosen}
            _write(connection, Destination.at(folder), counts, form)
            return len(counts), sum(counts.values())

    written, rows = engine.persist(work)
    what = f"{WORKBOOK} with {number_of(written, 'sheet')}" if form == "xlsx" else number_of(written, "file")
    click.echo(f"{what} and {number_of(rows, 'row')} in {folder}")


def _write(connection: Connection, place: Destination, counts: dict[Relation, int], form: str) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Rows", total=sum(counts.values()))

        def advance(rows: int) -> None:
            progress.advance(task, rows)

        if form == "xlsx":
            _write_workbook(connection, place, counts, advance)
            return
        for relation in counts:
            progress.update(task, description=relation.name)
            with place.writing(f"{relation.name}.{form}") as file:
                WRITERS[form](file, relation, read_rows(connection, relation), advance)


def _write_workbook(
    connection: Connection, place: Destination, counts: dict[Relation, int], on_rows: OnRows
) -> None:
    with place.writing(WORKBOOK) as file, closing(Workbook(file)) as book:
        for relation, rows in counts.items():
            book.add(relation, read_rows(connection, relation), on_rows, rows=rows)
    if book.cut_texts:
        click.echo(
            f"{number_of(book.cut_texts, 'text')} of over {LONGEST_CELL:,} characters are cut, as a cell holds no "
            "more: CSV and Parquet have them whole.",
            err=True,
        )
