"""How commands print rows, for people or for programs. What the rows say is not known here."""

import json
import sys
from datetime import datetime
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

MOST_ROWS_SHOWN = 2_000
"""A table that somebody filled with 100,000 rows took minutes to draw."""


def number_of(number: int, thing: str) -> str:
    """Return a number of things, `1 division` or `2 divisions`."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def show(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    """Print rows."""
    if as_json:
        click.echo(json.dumps(rows, default=str, indent=2))
        return
    grid = Table(box=box.SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    for name in rows[0] if rows else ():
        grid.add_column(name.replace("_", " "), overflow="fold")
    for row in rows[:MOST_ROWS_SHOWN]:
        grid.add_row(*(_cell(value) for value in row.values()))
    console().print(grid)
    if len(rows) > MOST_ROWS_SHOWN:
        click.echo(f"and {len(rows) - MOST_ROWS_SHOWN} more: --json shows all")


def console() -> Console:
    """Return where to print."""
    # In a file or a pipe, where nobody looks, lines are not cut to the width of a screen.
    return Console(width=None if sys.stdout.isatty() else 1000)


def _cell(value: Any) -> Text:
    # Not as markup of rich's: a division called "Acme [/b] BV" ended a command, and "[nl]" was not shown.
    return Text("".join(sign if sign.isprintable() else " " for sign in _text(value)))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}" + (" UTC" if value.tzinfo else "")
    return "" if value is None else str(value)
