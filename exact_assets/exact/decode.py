"""The bytes of one answer to typed columns: puts shapes, values and repairs together."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pyarrow as pa

from exact_assets.errors import AnswerError
from exact_assets.exact.json_repair import NotJsonError, repair_json
from exact_assets.exact.page import Decoded, Unexpanded
from exact_assets.exact.question import Question
from exact_assets.exact.reader import ReadRows, RowReader
from exact_assets.exact.shapes import ExpandedRows, Row, first_row, parts_of, require_dense, rows_of

PARENT_KEY = "parent_key"
_DIVISION = "Division"
NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError)


class PageDecoder:
    """Decodes the answers of one chain, and learns from each for the next."""

    def __init__(self, question: Question, *, endpoint: str, zone: str) -> None:
        """Prepare for answers of one kind.

        Args:
            question: of which they are the answers.
            endpoint: for messages.
            zone: the site's zone, for instants.
        """
        expand = question.expand
        vital = [_DIVISION] if question.check_division else []
        kept = [expand.navigation] if expand else []
        self._endpoint = endpoint
        self._rows = RowReader(
            schema=question.schema,
            endpoint=endpoint,
            zone=zone,
            key=question.key,
            kept=kept,
            required=question.required,
            indispensable=question.indispensable,
            vital=[name for name in vital if name in question.schema.names],
        )
        self._expand = expand
        self._lines = RowReader(
            schema=expand.schema if expand else pa.schema([]),
            endpoint=f"{endpoint}/{'/'.join(kept)}",
            zone=zone,
            key=expand.line_key if expand else (),
            required=expand.line_required if expand else (),
            vital=[name for name in vital if expand and name in expand.schema.names],
        )

    def __call__(self, body: bytes) -> Decoded:
        """Decode one answer.

        Raises:
            NotJsonError: the body is cut, empty or no JSON at all.
            AnswerError: JSON, but none of the three shapes of `d`, or without what cannot be done without.
        """
        try:
            return self._repaired(body)
        except RecursionError as error:
            raise AnswerError(
                f"{self._endpoint}: the answer holds lists in lists, deeper than can be read. Load again later; if "
                "it stays so, leave the table out.",
                endpoint=self._endpoint,
            ) from error

    def _repaired(self, body: bytes) -> Decoded:
        try:
            return self._decoded(body)
        except NOT_JSON:
            repaired = repair_json(body)
        try:
            return self._decoded(repaired)
        except NOT_JSON as error:
            raise NotJsonError("the answer is cut or not JSON") from error

    def _decoded(self, body: bytes) -> Decoded:
        require_dense(
            body,
            len(self._rows.schema),
            endpoint=self._endpoint,
            count=lambda shape: len(rows_of(body, shape, endpoint=self._endpoint)[0]),
        )
        seen = tuple(first_row(body))
        found = self._rows.read(
            seen, lambda shape: rows_of(body, shape, endpoint=self._endpoint), rows_in=lambda taken: taken[0]
        )
        (rows, link), unknown = found.taken, self._rows.unknown(seen)
        if self._expand is None:
            return Decoded(
                rows=found.table, next_link=link, unknown=unknown, unfit=found.unfit, absent=found.absent
            )
        keys = found.table.column(self._expand.key).cast(pa.string()).to_pylist()
        place = found.order.index(self._expand.navigation)
        headers = rows if found.kept is None else [rows[one] for one in found.kept]
        lines, expanded, unexpanded = self._expanded(keys, [row[place] for row in headers])
        of_headers = (replace(one, property=f"{one.property} of the header") for one in found.unfit)
        return Decoded(
            rows=found.table,
            next_link=link,
            unknown=unknown,
            expanded=expanded,
            unexpanded=unexpanded,
            unfit=(*of_headers, *lines.unfit),
            absent=lines.absent,
        )

    def _expanded(
        self, keys: Sequence[str], collections: Sequence[msgspec.Raw]
    ) -> tuple[ReadRows[list[ExpandedRows]], pa.Table, tuple[Unexpanded, ...]]:
        require_dense(
            b",".join(collections),
            len(self._lines.schema),
            endpoint=self._endpoint,
            count=lambda shape: len(_lines_in(parts_of(collections, shape))),
        )
        found = self._lines.read(
            tuple(_first_line(collections)), lambda shape: parts_of(collections, shape), rows_in=_lines_in
        )
        parts = found.taken
        parents = [key for key, part in zip(keys, parts, strict=True) for _ in part.rows or ()]
        if found.kept is not None:
            parents = [parents[place] for place in found.kept]
        unexpanded = tuple(
            Unexpanded(key=key, link=part.link)
            for key, part in zip(keys, parts, strict=True)
            if part.rows is None or part.link is not None
        )
        return found, found.table.add_column(0, PARENT_KEY, pa.array(parents, pa.string())), unexpanded


def _first_line(collections: Sequence[msgspec.Raw]) -> dict[str, object]:
    for collection in collections:
        if line := first_row(b'{"d":' + bytes(collection) + b"}"):
            return line
    return {}


def _lines_in(parts: Sequence[ExpandedRows]) -> list[Row]:
    return [row for part in parts for row in part.rows or ()]
