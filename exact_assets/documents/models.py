"""Documents and attachments as values: what may be written, and what Exact says there is. No I/O belongs here.

Names are ours in snake case, with Exact's own as alias; either may be given.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Self
from uuid import UUID

import msgspec
import pyarrow as pa
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from exact_assets.errors import AnswerError, DocumentError

LONGEST_SUBJECT = 4_000
LONGEST_FILE_NAME = 255
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_JSON = msgspec.json.Encoder(decimal_format="number", uuid_format="canonical")


def one_line(value: str) -> str:
    """Return a text without white space around it.

    Raises:
        ValueError: it is empty, or holds what no line of text can.
    """
    text = value.strip()
    if not text:
        raise ValueError("expected some text")
    if UNPRINTABLE.search(text):
        raise ValueError("expected one line of text, without control characters or lone surrogates")
    return text


def _day(value: object) -> object:
    return value.date() if isinstance(value, datetime) else value


def _text(value: str) -> str:
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError("expected text without lone surrogates")
    return value


Text = Annotated[str, AfterValidator(_text)]
SubjectText = Annotated[str, AfterValidator(one_line), Field(max_length=LONGEST_SUBJECT)]
Int32 = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]
"""As Exact's Int32."""
Day = Annotated[date, BeforeValidator(_day)]


def exact_name(name: str) -> str:
    """Return Exact's name of a field: `amount_fc` is `AmountFC`."""
    return "".join(word.upper() if word in {"id", "hid", "fc"} else word.capitalize() for word in name.split("_"))


class _Exact(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        alias_generator=exact_name,
        hide_input_in_errors=True,
    )

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Read a row of an answer.

        Raises:
            AnswerError: a value is none that Exact promises.
        """
        try:
            return cls.model_validate(dict(row))
        except ValidationError as error:
            raise AnswerError(
                f"Exact answered with values that cannot be: {'; '.join(problems_of(error))}."
            ) from None


class DocumentFields(_Exact):
    """What may be written of a document. What is not given stays as it is; None clears it."""

    subject: SubjectText | None = None
    """1 to 4,000 characters in one line; white space around it is dropped. Not unique in Exact."""
    type: int | None = Field(default=None, ge=0, le=2**31 - 1)
    """A number of `documents/DocumentTypes` to be created: 10 sales invoice, 20 purchase invoice, 55 other."""
    account: UUID | None = None
    """The relation's ID (`crm/Accounts`)."""
    contact: UUID | None = None
    """ID of `crm/Contacts`."""
    category: UUID | None = None
    """ID of `documents/DocumentCategories`."""
    document_folder: UUID | None = None
    """ID of `documents/DocumentFolders`."""
    document_date: Day | None = None
    """A day, without a time."""
    expiry_date: Day | None = None
    """A day, without a time."""
    body: Text | None = Field(default=None, repr=False)
    """HTML or plain text. Exact may write it otherwise, so that it is not compared afterwards."""
    financial_transaction_entry_id: UUID | None = None
    """EntryID of the booking that the document belongs to."""
    amount_fc: Decimal | None = Field(default=None, max_digits=28, decimal_places=10)
    """In `currency`."""
    currency: Text | None = Field(default=None, min_length=3, max_length=3)
    """ISO 4217, such as `EUR`."""
    language: Text | None = None
    """A language code, such as `nl`."""
    item: UUID | None = None
    """ID of `logistics/Items`."""
    project: UUID | None = None
    """ID of `project/Projects`."""
    opportunity: UUID | None = None
    """ID of `crm/Opportunities`."""
    contract_id: UUID | None = None
    """ID of the contract."""
    sales_invoice_number: Int32 | None = None
    """The invoice's number, not its ID."""
    sales_order_number: Int32 | None = None
    """The order's number, not its ID."""
    shop_order_number: Int32 | None = None
    """The shop order's number, not its ID."""
    send_method: Int32 | None = None
    """As Exact numbers them."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """Read fields from plain values, by our names or Exact's.

        Raises:
            DocumentError: one line for each value that makes no sense.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise DocumentError("\n".join(problems_of(error))) from None

    def given(self) -> Mapping[str, Any]:
        """Return what is given, by Exact's names."""
        return {EXACT_NAMES[name]: getattr(self, name) for name in type(self).model_fields if self.is_given(name)}

    def is_given(self, name: str) -> bool:
        """Return whether a field is given, be it None."""
        return name in self.model_fields_set

    def payload(self) -> bytes:
        """Return the JSON that is sent."""
        return _JSON.encode(dict(self.given()))


EXACT_NAMES: Mapping[str, str] = {
    name: str(field.alias or name) for name, field in DocumentFields.model_fields.items()
}


class Document(_Exact):
    """A document as Exact says it is. After a `create` only what its answer held is known; None is unknown or none.

    Texts are without the white space that Exact pads some with.
    """

    id: UUID
    hid: int | None = None
    """The number that users see."""
    division: int | None = None
    subject: str | None = None
    type: int | None = None
    type_description: str | None = None
    account: UUID | None = None
    account_code: str | None = None
    account_name: str | None = None
    contact: UUID | None = None
    category: UUID | None = None
    category_description: str | None = None
    document_folder: UUID | None = None
    document_date: Day | None = None
    expiry_date: Day | None = None
    body: str | None = Field(default=None, repr=False)
    financial_transaction_entry_id: UUID | None = None
    amount_fc: Decimal | None = None
    currency: str | None = None
    language: str | None = None
    item: UUID | None = None
    project: UUID | None = None
    opportunity: UUID | None = None
    contract_id: UUID | None = None
    sales_invoice_number: int | None = None
    sales_order_number: int | None = None
    shop_order_number: int | None = None
    send_method: int | None = None
    created: datetime | None = None
    """Aware, UTC."""
    creator: UUID | None = None
    modified: datetime | None = None
    """Aware, UTC."""
    document_view_url: str | None = None

    @property
    def url(self) -> str | None:
        """Where it is looked at in Exact Online."""
        return self.document_view_url


class Attachment(_Exact):
    """A file that is attached to a document."""

    id: UUID
    document: UUID | None = None
    file_name: str | None = None
    file_size: int | None = None
    """Bytes."""
    url: str | None = None
    """Where it is; needs a token."""


class WriteOutcome(StrEnum):
    """What a write came to."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    """All was there already: nothing was sent."""
    ADDED = "added"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenDocument:
    """A document, and what became of it."""

    document: Document
    outcome: WriteOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenAttachment:
    """An attachment, and what became of it."""

    attachment: Attachment
    outcome: WriteOutcome
    sha256: str
    """Of the content, in hexadecimal."""


def _arrow_type(annotation: Any) -> pa.DataType:
    words = str(annotation)
    kinds = {
        "datetime.datetime": pa.timestamp("us", tz="UTC"),
        "datetime.date": pa.timestamp("us"),
        "Decimal": pa.decimal128(38, 10),
        "int": pa.int64(),
    }
    return next((kind for word, kind in kinds.items() if word in words), pa.string())


def schema_of(model: type[Document | Attachment]) -> pa.Schema:
    """Return as what the properties of a model are read from an answer."""
    return pa.schema([(str(field.alias), _arrow_type(field.annotation)) for field in model.model_fields.values()])


def differences(wanted: DocumentFields, found: Document) -> Iterator[str]:
    """Yield the fields of which a document has another value; the body is not compared."""
    for name in type(wanted).model_fields:
        if (
            wanted.is_given(name)
            and name != "body"
            and _plain(getattr(wanted, name)) != _plain(getattr(found, name))
        ):
            yield name


def _plain(value: Any) -> Any:
    """Return a value as it is compared: Exact pads texts, and has the empty one for none."""
    return (value.strip() or None) if isinstance(value, str) else value


def problems_of(error: ValidationError) -> list[str]:
    """Return a line for each value that makes no sense. The values themselves stay out."""
    return [
        f"{'.'.join(map(str, one['loc'])) or 'document'}: {one['msg'].removeprefix('Value error, ')}"
        for one in error.errors(include_input=False, include_url=False)
    ]
