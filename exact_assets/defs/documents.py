"""Jobs that write one document in Exact, configured in the Launchpad. They are there if writing is switched on."""

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import dagster as dg
from pydantic import Field

from exact_assets.defs.executor import locking_executor
from exact_assets.defs.location import CodeLocation
from exact_assets.defs.resources import RESOURCE, ExactSession
from exact_assets.documents.access import Documents
from exact_assets.documents.models import WrittenDocument


class DocumentConfig(dg.Config):
    """What the Launchpad asks for."""

    division: int = Field(description="The division's number, as in addresses.")
    fields: dict[str, Any] = Field(
        description="What is written, such as {subject: Invoice 12, type: 55, document_date: 2026-06-25}."
    )
    file: str | None = Field(
        default=None, description="What is attached: a path on the machine of the run, or an fsspec address."
    )
    replace: bool = Field(
        default=False, description="Whether a file of the same name with other content is replaced."
    )


class UpdateConfig(DocumentConfig):
    """What the Launchpad asks for, to change a document."""

    document_id: str = Field(description="The document's ID in Exact.")


class UpsertConfig(DocumentConfig):
    """What the Launchpad asks for, to change or make a document."""

    by: str = Field(default="subject", description="The field by which it is searched, within division and type.")


@dg.op(required_resource_keys={RESOURCE})
def create_document(context: dg.OpExecutionContext, config: DocumentConfig) -> None:
    """Make a document. A run that Dagster begins again makes no second one."""
    documents = _documents(context)
    # A run that is begun again with other values is not the same write.
    values = json.dumps([config.division, config.fields], sort_keys=True, default=str)
    key = f"run {context.run.root_run_id or context.run_id} {sha256(values.encode()).hexdigest()[:12]}"
    _attach(context, config, documents.create(config.division, config.fields, key=key, is_complete=True))


@dg.op(required_resource_keys={RESOURCE})
def update_document(context: dg.OpExecutionContext, config: UpdateConfig) -> None:
    """Change a document, and verify that it is changed."""
    _attach(context, config, _documents(context).update(config.division, config.document_id, config.fields))


@dg.op(required_resource_keys={RESOURCE})
def upsert_document(context: dg.OpExecutionContext, config: UpsertConfig) -> None:
    """Change the one document that fits, or make it."""
    documents = _documents(context)
    _attach(context, config, documents.upsert(config.division, config.fields, by=config.by, is_complete=True))


def document_jobs(location: CodeLocation) -> Iterator[dg.JobDefinition]:
    """Yield `exact_create_document`, `exact_update_document` and `exact_upsert_document`."""
    if not location.config.write_documents:
        return
    for op in (create_document, update_document, upsert_document):
        graph = dg.GraphDefinition(name=f"exact_{op.name}", node_defs=[op], description=op.description)
        yield graph.to_job(executor_def=locking_executor(location))


def _documents(context: dg.OpExecutionContext) -> Documents:
    session: ExactSession = getattr(context.resources, RESOURCE)
    return session.documents


def _attach(context: dg.OpExecutionContext, config: DocumentConfig, written: WrittenDocument) -> None:
    """Attach the file, if there is one, and tell the run what was written and where it is looked at."""
    document = written.document
    told: dict[str, Any] = {"document_id": str(document.id), "outcome": written.outcome.value, "hid": document.hid}
    if document.url:
        told["document"] = dg.MetadataValue.url(document.url)
    if config.file is not None:
        attached = _documents(context).add_attachment(
            config.division, document.id, config.file, replace=config.replace
        )
        told |= {"attachment_id": str(attached.attachment.id), "attachment": attached.outcome.value}
    context.add_output_metadata({name: value for name, value in told.items() if value is not None})
