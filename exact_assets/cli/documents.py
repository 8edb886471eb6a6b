"""`exact-assets documents …`: documents and attachments in Exact Online, one at a time, and the outbox."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from exact_assets.cli.configured import configuration_of_command
from exact_assets.cli.show import show
from exact_assets.control.open import Control
from exact_assets.documents.access import Documents
from exact_assets.documents.lookup import SEARCHABLE
from exact_assets.documents.models import Document, DocumentFields, WrittenDocument
from exact_assets.documents.outbox import OutboxWork
from exact_assets.errors import DocumentError, DocumentNotFoundError
from exact_assets.project import configuration
from exact_assets.warehouse.open import open_configured
from exact_assets.warehouse.outbox import OUTBOX_TABLE
from exact_assets.warehouse.query import Query

DIVISION_ARGUMENT = click.argument("division", type=int)
JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
SET_OPTION = click.option(
    "--set",
    "settings",
    metavar="FIELD=VALUE",
    multiple=True,
    help=f"A field and its value; empty clears it. Fields: {', '.join(DocumentFields.model_fields)}.",
)
SHOWN_FIELDS = ("id", "hid", "subject", "type", "document_date", "account_name", "created", "url")
LATEST_ROWS = (
    "SELECT id, division, operation, status, document_id, error, attempts, retry_at, created_at, finished_at "
    f"FROM {OUTBOX_TABLE} ORDER BY created_at DESC LIMIT 200"
)
pass_documents = click.make_pass_decorator(Documents)


@click.group(name="documents")
@click.pass_context
def documents_command(context: click.Context) -> None:
    """Find, create, update, upsert documents in Exact; attach and download files.

    Writing needs EXACT_WRITE_DOCUMENTS=true.
    """
    # Nothing is read before a command asks for something, so that --help needs no settings.
    read = partial(configuration, Path.cwd(), defs=context.find_root().obj)
    context.obj = context.with_resource(Documents(lambda: Control.open(read())))


@documents_command.command()
@DIVISION_ARGUMENT
@click.option("--by", type=click.Choice(list(SEARCHABLE)), default="subject", show_default=True)
@click.option("--type", "kind", type=int, help="Of this type only.")
@click.argument("value")
@JSON_OPTION
@pass_documents
def find(documents: Documents, *, division: int, by: str, kind: int | None, value: str, as_json: bool) -> None:
    """Show the one document with this subject, or with this value of another field, and its files."""
    found = documents.find_one(division, type=kind, **{by: value})
    if found is None:
        raise DocumentNotFoundError(f"Division {division} has no document of this {by}.")
    files = [one.model_dump(mode="json") for one in documents.find_attachments(division, found.id)]
    if as_json:
        show([{**found.model_dump(mode="json"), "attachments": files}], as_json=True)
        return
    show([_row(found)], as_json=False)
    if files:
        show(files, as_json=False)


@documents_command.command(name="create")
@DIVISION_ARGUMENT
@SET_OPTION
@click.option("--key", help="A name for this write: a second one with it makes nothing new.")
@JSON_OPTION
@pass_documents
def create_command(
    documents: Documents, *, division: int, settings: tuple[str, ...], key: str | None, as_json: bool
) -> None:
    """Make a new document; it needs a subject and a type."""
    _tell(documents.create(division, _fields(settings), key=key, is_complete=True), as_json=as_json)


@documents_command.command()
@DIVISION_ARGUMENT
@click.argument("document_id")
@SET_OPTION
@JSON_OPTION
@pass_documents
def update(
    documents: Documents, *, division: int, document_id: str, settings: tuple[str, ...], as_json: bool
) -> None:
    """Change a document, and verify that it is changed; what is not set stays as it is."""
    _tell(documents.update(division, document_id, _fields(settings)), as_json=as_json)


@documents_command.command()
@DIVISION_ARGUMENT
@SET_OPTION
@click.option("--by", default="subject", show_default=True, help="The field by which it is searched.")
@JSON_OPTION
@pass_documents
def upsert(documents: Documents, *, division: int, settings: tuple[str, ...], by: str, as_json: bool) -> None:
    """Change the one document of this type with the same subject, or another field; make it where there is none."""
    _tell(documents.upsert(division, _fields(settings), by=by, is_complete=True), as_json=as_json)


@documents_command.command()
@DIVISION_ARGUMENT
@click.argument("document_id")
@click.argument("file")
@click.option("--name", help="Under which it is attached; otherwise the file's own.")
@click.option("--replace", is_flag=True, help="Replace a file of the same name with other content.")
@JSON_OPTION
@pass_documents
def attach(
    documents: Documents,
    *,
    division: int,
    document_id: str,
    file: str,
    name: str | None,
    replace: bool,
    as_json: bool,
) -> None:
    """Attach a file, a path or an address such as s3://…, unless the document has it already."""
    added = documents.add_attachment(division, document_id, file, name=name, replace=replace)
    row = {"outcome": added.outcome.value, **added.attachment.model_dump(mode="json"), "sha256": added.sha256}
    show([row], as_json=as_json)


@documents_command.command()
@DIVISION_ARGUMENT
@click.argument("attachment_id")
@click.option("--to", type=click.Path(path_type=Path), default=Path(), help="A file or a folder; otherwise here.")
@pass_documents
def download(documents: Documents, *, division: int, attachment_id: str, to: Path) -> None:
    """Download a file, and print its hash."""
    file = documents.download_attachment(division, attachment_id, to=to)
    click.echo(f"{file.sha256}  {file.name}  {len(file.content):,} bytes")


@documents_command.command()
@click.option("--send", is_flag=True, help="Send now what is due, as a run of the sensor does.")
@JSON_OPTION
@pass_documents
def outbox(documents: Documents, *, send: bool, as_json: bool) -> None:
    """Show the rows of exact.document_outbox, the newest first; make the table where there is none."""
    config = configuration_of_command()
    warehouse = open_configured(config)
    warehouse.prepare_outbox()
    if send:
        report = OutboxWork(warehouse, documents, Control.open(config)).run()
        if report.error is not None:
            raise report.error
        told = f"{len(report.sent)} done, {report.failed} failed, {report.waiting} waiting"
        click.echo("Another process is at it." if report.is_elsewhere else told, err=True)
    (rows,) = warehouse.query([Query(statement=LATEST_ROWS)])
    show([dict(row) for row in rows or ()], as_json=as_json)


def _fields(settings: tuple[str, ...]) -> DocumentFields:
    given: dict[str, Any] = {}
    for one in settings:
        name, equals, value = one.partition("=")
        if not equals:
            raise DocumentError(f"--set {one}: expected FIELD=VALUE, such as subject='Invoice 12'.")
        given[name.strip()] = value or None
    return DocumentFields.read(given)


def _tell(written: WrittenDocument, *, as_json: bool) -> None:
    document = written.document.model_dump(mode="json") if as_json else _row(written.document)
    show([{"outcome": written.outcome.value, **document}], as_json=as_json)


def _row(document: Document) -> dict[str, Any]:
    return {name: getattr(document, name) for name in SHOWN_FIELDS}
