"""Finds documents and attachments in Exact: by ID, by any property that names one, or by when they were made.

Exact's reference marks few properties of documents as fit for `$filter`, and the subject is none of them; some
installations take it all the same. So it is tried, and a refusal is remembered by all processes. Then the sync feed
is read once, at 1,000 documents a call, and what is new since with each search.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pyarrow as pa

from exact_assets.control.document_writes import DocumentWrites
from exact_assets.documents.models import Attachment, Document, one_line, schema_of
from exact_assets.errors import AnswerError, DocumentError, RequestRefusedError
from exact_assets.exact.client import ExactClient
from exact_assets.exact.question import Question
from exact_assets.exact.urls import LONGEST_URL, build_url, datetime_literal, guid_literal
from exact_assets.feeds.wall_clock import tzinfo_of, wall_literal

DOCUMENTS = "/api/v1/{division}/documents/Documents"
ATTACHMENTS = "/api/v1/{division}/documents/DocumentAttachments"
SYNC = "/api/v1/{division}/sync/Documents/Documents"
FILTERED = "documents/Documents"
DOCUMENT_SCHEMA = schema_of(Document)
ATTACHMENT_SCHEMA = schema_of(Attachment)
SEARCHABLE: Mapping[str, str] = {
    "id": "ID",
    "hid": "HID",
    "subject": "Subject",
    "account": "Account",
    "account_code": "AccountCode",
    "financial_transaction_entry_id": "FinancialTransactionEntryID",
    "sales_invoice_number": "SalesInvoiceNumber",
    "sales_order_number": "SalesOrderNumber",
    "shop_order_number": "ShopOrderNumber",
    "document_date": "DocumentDate",
    "contract_id": "ContractID",
}
"""What a document can be searched by: our name and Exact's."""
INDEXED = [name for name in SEARCHABLE.values() if name in DOCUMENT_SCHEMA.names] + ["Type"]
TIMESTAMP_OVERLAP = 10_000
"""A transaction that was long under way can show rows below those that were seen."""
CODE_LENGTH = 18
"""Exact pads codes of accounts on their left, and compares them so."""
CREATED_SLACK = timedelta(minutes=5)
CREATED_SLACK_WITHOUT_TIME = timedelta(hours=26)
"""Where no answer has told the server's clock yet, and ours may be wrong by hours."""
SHOWN_TWICE = timedelta(minutes=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSearch:
    """What a document is searched by, within a division."""

    by: str
    """Of `SEARCHABLE`."""
    value: Any
    type: int | None = None
    """None: documents of all types."""

    @classmethod
    def of(cls, by: str, value: Any, *, type: int | None = None) -> "DocumentSearch":  # noqa: A002 - Exact's own name
        """Check a search.

        Raises:
            DocumentError: there is no such property to search by, or its value is none.
        """
        if by not in SEARCHABLE:
            raise DocumentError(f"Documents cannot be searched by {by!r}; expected one of {', '.join(SEARCHABLE)}.")
        try:
            return cls(by=by, value=_READ.get(by, _text)(value), type=type)
        except (ValueError, TypeError, AttributeError) as error:
            raise DocumentError(f"Documents cannot be searched by this {by}: {error}.") from error

    def fits(self, row: Mapping[str, Any]) -> bool:
        """Return whether a row is one of those that are searched for; Exact compares more loosely."""
        found = row.get(SEARCHABLE[self.by])
        if isinstance(found, datetime):
            found = found.date()
        if isinstance(self.value, UUID):
            is_same = str(found).lower() == str(self.value)
        else:
            is_same = (found.strip() if isinstance(found, str) else found) == self.value
        return is_same and self.type in {None, row.get("Type")}

    def __str__(self) -> str:
        """Return it as people read it."""
        kind = "" if self.type is None else f" of type {self.type}"
        return f"{self.by} {str(self.value)[:200]!r}{kind}"


@dataclass(slots=True)
class _Index:
    """What the sync feed told of a division's documents."""

    cursor: int = 1
    rows: dict[str, Mapping[str, Any]] = field(default_factory=dict)


class DocumentLookup:
    """Finds documents and attachments."""

    def __init__(self, client: ExactClient, writes: DocumentWrites) -> None:
        """Prepare; nothing is asked."""
        self._client = client
        self._writes = writes
        self._indexes: dict[int, _Index] = {}

    async def by_id(self, division: int, document_id: UUID) -> Document | None:
        """Return a document; None: there is none. By a filter: a 404 would count as an error."""
        found = await self._filtered(division, f"ID eq {guid_literal(str(document_id))}", DOCUMENT_SCHEMA)
        return next((Document.from_row(row) for row in found if str(row["ID"]).lower() == str(document_id)), None)

    async def find(self, division: int, search: DocumentSearch) -> Sequence[Document]:
        """Return all documents that a search fits."""
        if search.by == "id":
            one = await self.by_id(division, search.value)
            return [] if one is None or search.type not in {None, one.type} else [one]
        name = SEARCHABLE[search.by]
        if not self._writes.is_filter_refused(FILTERED, name):
            try:
                found = await self._filtered(division, _filter(name, search.value), DOCUMENT_SCHEMA)
            except RequestRefusedError:
                # Its words are in the user's language. No other part of this question can be wrong.
                self._writes.refuse_filter(FILTERED, name)
            else:
                return [Document.from_row(row) for row in found if search.fits(row)]
        return await self._found_in_index(division, search)

    async def made_since(self, division: int, moment: datetime, *, is_sure: bool) -> Sequence[Document]:
        """Return the documents made since a moment of the server's clock, or somewhat earlier."""
        slack = CREATED_SLACK if is_sure else CREATED_SLACK_WITHOUT_TIME
        since = _earliest_wall(moment - slack, self._client.zone)
        found = await self._filtered(division, f"Created ge {wall_literal(since)}", DOCUMENT_SCHEMA)
        return [Document.from_row(row) for row in found]

    async def attachments(self, division: int, document_id: UUID) -> Sequence[Attachment]:
        """Return the attachments of a document."""
        question = f"Document eq {guid_literal(str(document_id))}"
        found = await self._filtered(division, question, ATTACHMENT_SCHEMA, path=ATTACHMENTS)
        return [Attachment.from_row(row) for row in found if str(row["Document"]).lower() == str(document_id)]

    async def attachment(self, division: int, attachment_id: UUID) -> Attachment | None:
        """Return an attachment; None: there is none."""
        question = f"ID eq {guid_literal(str(attachment_id))}"
        found = await self._filtered(division, question, ATTACHMENT_SCHEMA, path=ATTACHMENTS)
        return next(
            (Attachment.from_row(row) for row in found if str(row["ID"]).lower() == str(attachment_id)), None
        )

    async def _filtered(
        self, division: int, condition: str, schema: pa.Schema, *, path: str = DOCUMENTS
    ) -> Sequence[Mapping[str, Any]]:
        params = {"$select": ",".join(schema.names), "$filter": condition}
        question = Question(path=path, params=params, schema=schema, key=("ID",))
        return [row async for page in self._client.pages(division, question) for row in page.rows.to_pylist()]

    async def _found_in_index(self, division: int, search: DocumentSearch) -> Sequence[Document]:
        index = self._indexes.setdefault(division, _Index())
        schema = pa.schema([("Timestamp", pa.int64()), *(DOCUMENT_SCHEMA.field(name) for name in INDEXED)])
        since = max(index.cursor - TIMESTAMP_OVERLAP, 1)
        params = {"$select": ",".join(schema.names), "$filter": f"Timestamp gt {since}L"}
        question = Question(path=SYNC, params=params, schema=schema, key=("ID",))
        async for page in self._client.pages(division, question):
            rows = page.rows.to_pylist()
            if any(row["Timestamp"] is None or row["ID"] is None for row in rows):
                raise AnswerError("sync/Documents/Documents: Exact gives no ID or Timestamp.", division=division)
            for row in rows:
                index.cursor = max(index.cursor, row["Timestamp"])
                held = index.rows.get(row["ID"])
                if held is None or held["Timestamp"] <= row["Timestamp"]:
                    index.rows[row["ID"]] = row
        fitting = [UUID(row["ID"]) for row in index.rows.values() if search.fits(row)]
        found = [await self.by_id(division, one) for one in fitting]
        # One that was deleted since is in the index still.
        return [
            one for one in found if one is not None and search.fits(one.model_dump(mode="python", by_alias=True))
        ]


def _text(value: Any) -> str:
    return one_line("" if value is None else str(value))


def _day(value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def _number(value: Any) -> int:
    number = int(value)
    if not -(2**31) <= number < 2**31:
        raise ValueError("it is too large")
    return number


def _guid(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(str(value))


_READ: Mapping[str, Any] = {
    "id": _guid,
    "hid": _number,
    "account": _guid,
    "financial_transaction_entry_id": _guid,
    "sales_invoice_number": _number,
    "sales_order_number": _number,
    "shop_order_number": _number,
    "document_date": _day,
    "contract_id": _guid,
}


def _filter(name: str, value: Any) -> str:
    """Write a condition; of a text that is too long for an address, its beginning is asked for."""
    if isinstance(value, UUID):
        return f"{name} eq {guid_literal(str(value))}"
    if isinstance(value, date):
        return f"{name} eq {datetime_literal(datetime(value.year, value.month, value.day))}"  # noqa: DTZ001 - a day
    if not isinstance(value, str):
        return f"{name} eq {value}"
    if name == "AccountCode":
        value = value.rjust(CODE_LENGTH)
    condition = f"{name} eq {_quoted(value)}"
    if _fits_address(condition):
        return condition
    low, high = 1, len(value)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _fits_address(_beginning(name, value, middle)) else (low, middle - 1)
    return _beginning(name, value, low)


def _beginning(name: str, value: str, length: int) -> str:
    return f"startswith({name},{_quoted(value[:length].rstrip())})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _fits_address(condition: str) -> bool:
    """Return whether there is room for the rest: host, columns, and the token of the next page."""
    try:
        url = build_url("", DOCUMENTS, {"$select": ",".join(DOCUMENT_SCHEMA.names), "$filter": condition})
    except RequestRefusedError:
        return False
    return len(url) <= LONGEST_URL - 300


def _earliest_wall(moment: datetime, zone: str) -> datetime:
    """Return what the site's clock showed at a moment; less, where it was put back within the hour after."""
    clock = tzinfo_of(zone)
    later = moment + SHOWN_TWICE + CREATED_SLACK
    offsets = [one.astimezone(clock).utcoffset() or timedelta() for one in (moment, later)]
    return moment.replace(tzinfo=None) + min(offsets)
