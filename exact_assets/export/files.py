"""Relations as files, each whole or not at all: CSV and Parquet. A workbook is `workbook`'s business."""

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import fsspec
import pyarrow as pa
from pyarrow import parquet

from exact_assets.errors import SettingsError
from exact_assets.export.relations import Relation, Rows

DRAFT = ".draft"
OnRows = Callable[[int], None]
"""Is on_rows of rows that were written."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A folder on this machine, or an address that fsspec knows (`s3://bucket/exact`)."""

    system: Any
    root: str

    @classmethod
    def at(cls, address: str) -> "Destination":
        """Return the place of an address, which is made where it is missing.

        Raises:
            SettingsError: there is none, or the library for it is not installed.
        """
        try:
            system, root = fsspec.core.url_to_fs(address)
            system.makedirs(root, exist_ok=True)
        except (OSError, ValueError, ImportError) as error:
            raise SettingsError(f"{address} cannot be written to: {error}") from error
        return cls(system, root.rstrip("/"))

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """Write a file under another name, and give it its own when it is whole.

        Raises:
            SettingsError: it cannot be written.
        """
        path = f"{self.root}/{name}"
        draft = f"{self.root}/.{name}{DRAFT}"
        try:
            try:
                with self.system.open(draft, "wb") as file:
                    yield file
                self.system.mv(draft, path)
            except BaseException:
                if self.system.exists(draft):
                    self.system.rm(draft)
                raise
        except OSError as error:
            raise SettingsError(f"{path} cannot be written: {error}") from error


def write_csv(file: BinaryIO, relation: Relation, batches: Iterator[Rows], on_rows: OnRows) -> None:
    """Write comma separated values in UTF-8 with a header; null and an empty text look alike."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(name for name, _ in relation.columns)
    for batch in batches:
        writer.writerows(batch)
        on_rows(len(batch))
    text.flush()
    text.detach()


def write_parquet(file: BinaryIO, relation: Relation, batches: Iterator[Rows], on_rows: OnRows) -> None:
    """Write Parquet with exact numbers, dates and moments."""
    schema = relation.arrow_schema
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in batches:
            columns = zip(*batch, strict=True)
            arrays = [_array(column, field, relation) for column, field in zip(columns, schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            on_rows(len(batch))


def _array(column: tuple[Any, ...], field: pa.Field, relation: Relation) -> pa.Array:
    try:
        return pa.array(column, field.type)
    except (pa.ArrowException, OverflowError) as error:
        raise SettingsError(f"{relation.name}.{field.name} cannot be written as {field.type}: {error}") from error
