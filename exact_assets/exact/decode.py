"""The bytes of one answer to typed columns: puts shapes, values and repairs together."""

from collections.abc import Sequence

import msgspec
import pyarrow as pa

from exact_assets.errors import AnswerError
from exact_assets.exact.json_repair import NotJsonError, repair_json
from exact_assets.exact.page import Decoded, Unexpanded
from exact_assets.exact.question import Question
from exact_assets.exact.reader import RowReader
from exact_assets.exact.shapes import ExpandedRows, Row, first_row, parts_of, require_dense, rows_of

PARENT_KEY = "parent_key"
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
        kept = [expand.navigation] if expand else []
        self._endpoint = endpoint
        self._rows = RowReader(schema=question.schema, endpoint=endpoint, zone=zone, key=question.key, kept=kept)
        self._expand = expand
        self._lines = RowReader(
            schema=expand.schema if expand else pa.schema([]), endpoint=f"{endpoint}/{'/'.join(kept)}", zone=zone
        )

    def __call__(self, body: bytes) -> Decoded:
        """Decode one answer.

        Raises:
            NotJsonError: the body is cut, empty or no JSON at all.
            AnswerError: JSON, but none of the three shapes of `d`.
            ValueRangeError: a value that its type cannot hold.
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
        order = self._rows.order(seen)
        (rows, link), table = self._rows.read(
            order, lambda shape: rows_of(body, shape, endpoint=self._endpoint), rows_in=lambda taken: taken[0]
        )
        unknown = self._rows.unknown(seen)
        if self._expand is None:
            return Decoded(rows=table, next_link=link, unknown=unknown)
        keys = table.column(self._expand.key).cast(pa.string()).to_pylist()
        place = order.index(self._expand.navigation)
        expanded, unexpanded = self._expanded(keys, [row[place] for row in rows])
        return Decoded(rows=table, next_link=link, unknown=unknown, expanded=expanded, unexpanded=unexpanded)

    def _expanded(
        self, keys: Sequence[str], collections: Sequence[msgspec.Raw]
    ) -> tuple[pa.Table, tuple[Unexpanded, ...]]:
        require_dense(
            b",".join(collections),
            len(self._lines.schema),
            endpoint=self._endpoint,
            count=lambda shape: len(_lines_in(parts_of(collections, shape))),
        )
        order = self._lines.order(tuple(_first_line(collections)))
        parts, table = self._lines.read(order, lambda shape: parts_of(collections, shape), rows_in=_lines_in)
        parents = [key for key, part in zip(keys, parts, strict=True) for _ in part.rows or ()]
        unexpanded = tuple(
            Unexpanded(key=key, link=part.link)
            for key, part in zip(keys, parts, strict=True)
            if part.rows is None or part.link is not None
        )
        return table.add_column(0, PARENT_KEY, pa.array(parents, pa.string())), unexpanded


def _first_line(collections: Sequence[msgspec.Raw]) -> dict[str, object]:
    for collection in collections:
        if line := first_row(b'{"d":' + bytes(collection) + b"}"):
            return line
    return {}


def _lines_in(parts: Sequence[ExpandedRows]) -> list[Row]:
    return [row for part in parts for row in part.rows or ()]
