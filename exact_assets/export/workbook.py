"""Relations as sheets of one workbook, as people want to see them: formats, widths, a header that stays."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from math import isfinite
from typing import Any, BinaryIO

import pyarrow as pa

from exact_assets.errors import SettingsError
from exact_assets.export.files import OnRows
from exact_assets.export.relations import Relation, Rows

SHEET_ROWS = 1_048_576
"""Of a sheet, with its header: Excel's own limit."""
LONGEST_SHEET_NAME = 31
LONGEST_CELL = 32_767
"""Of a cell: Excel's own limit, as those above."""
MOST_SHEETS = 1_000
_NO_SHEET_NAME = re.compile(r"[\[\]:*?/\\']")
NARROWEST, WIDEST = 8, 50
LARGEST_EXACT = 10**15
"""Excel has 15 digits: a larger whole number, such as a Timestamp, is written as text."""
AMOUNT, DATE, MOMENT = "#,##0.00", "yyyy-mm-dd", "yyyy-mm-dd hh:mm"


class Workbook:
    """A workbook that is being written to a file."""

    def __init__(self, file: BinaryIO) -> None:
        """Begin.

        Raises:
            SettingsError: the library for it is not installed.
        """
        try:
            import xlsxwriter  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise SettingsError("A workbook needs XlsxWriter: pip install 'exact-assets[excel]'") from error
        # Rows go to a file as they come: a workbook of a million rows does not fit into memory.
        self._book = xlsxwriter.Workbook(file, {"constant_memory": True, "strings_to_urls": False})
        self.cut_texts = 0
        """Texts that did not fit into a cell."""
        self._header = self._book.add_format({"bold": True, "bottom": 1})
        self._formats = {name: self._book.add_format({"num_format": name}) for name in (AMOUNT, DATE, MOMENT)}

    def close(self) -> None:
        """Write what is left."""
        self._book.close()

    def add(self, relation: Relation, batches: Iterator[Rows], on_rows: OnRows, *, rows: int) -> None:
        """Add a sheet.

        Raises:
            SettingsError: it has more rows than a sheet can have.
        """
        if rows >= SHEET_ROWS:
            raise SettingsError(
                f"{relation.name} has {rows:,} rows, and a sheet of Excel {SHEET_ROWS - 1:,}: leave it out of "
                "--select, or write it as Parquet or CSV."
            )
        sheet = self._book.add_worksheet(self._sheet_name(relation.name))
        sheet.freeze_panes(1, 0)
        for number, (name, type_) in enumerate(relation.columns):
            # Widths have to be known before the rows are.
            sheet.set_column(number, number, _width(name, type_), self._formats.get(_format(type_)))
            sheet.write_string(0, number, name, self._header)
        sheet.autofilter(0, 0, rows, len(relation.columns) - 1)
        at = 1
        for batch in batches:
            for row in batch:
                self._write(sheet, at, row)
                at += 1
            on_rows(len(batch))

    def _sheet_name(self, name: str) -> str:
        """Return a name that Excel takes and no other sheet has."""
        whole = _NO_SHEET_NAME.sub("_", name)
        taken = {sheet.get_name().lower() for sheet in self._book.worksheets()}
        for number in range(1, MOST_SHEETS):
            end = f"~{number}" if number > 1 else ""
            short = f"{whole[: LONGEST_SHEET_NAME - len(end)]}{end}"
            if short.lower() not in taken:
                return short
        raise SettingsError(f"{name}: the workbook has {MOST_SHEETS} sheets of that name already.")

    def _write(self, sheet: Any, at: int, row: Sequence[Any]) -> None:
        for number, value in enumerate(row):
            match value:
                case None:
                    continue
                case bool():
                    sheet.write_boolean(at, number, value)
                case datetime():
                    moment = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
                    sheet.write_datetime(at, number, moment, self._formats[MOMENT])
                case date():
                    sheet.write_datetime(at, number, value, self._formats[DATE])
                case int() if abs(value) >= LARGEST_EXACT:
                    sheet.write_string(at, number, str(value))
                case Decimal():
                    sheet.write_number(at, number, float(value), self._formats[AMOUNT])
                case float() if not isfinite(value):
                    sheet.write_string(at, number, str(value))
                case int() | float():
                    sheet.write_number(at, number, value)
                case _:
                    sheet.write_string(at, number, self._fitted(str(value)))

    def _fitted(self, text: str) -> str:
        if len(text) <= LONGEST_CELL:
            return text
        self.cut_texts += 1
        return text[:LONGEST_CELL]


def _format(type_: pa.DataType) -> str:
    if pa.types.is_decimal(type_):
        return AMOUNT
    return DATE if pa.types.is_date(type_) else MOMENT if pa.types.is_timestamp(type_) else ""


def _width(name: str, type_: pa.DataType) -> int:
    least = {AMOUNT: 14, DATE: 11, MOMENT: 16}.get(_format(type_), NARROWEST)
    likely = 24 if pa.types.is_string(type_) else least
    return min(max(likely, least, len(name) + 2), WIDEST)
