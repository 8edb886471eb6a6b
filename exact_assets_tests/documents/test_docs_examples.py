"""The examples of docs/documents.md do what they say: each is run against the simulator."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
import yaml
from click.testing import CliRunner

from exact_assets import ExactConfig, ExactTranslator, build_defs
from exact_assets.cli import main
from exact_assets.demo.run import Place
from exact_assets.documents.models import WriteOutcome
from exact_assets_tests.installation import CHECKOUT, Installation

PAGE = (CHECKOUT / "docs" / "documents.md").read_text()


def blocks() -> Iterator[str]:
    """Yield the indented blocks of the page."""
    for found in re.finditer(r"(?:^    .*\n|^\n(?=    ))+", PAGE, re.MULTILINE):
        yield "\n".join(line[4:] for line in found[0].strip("\n").splitlines())


def of_kind(kind: str) -> list[str]:
    kinds = {"exact-assets ": "shell", "ops:": "launchpad", "import dagster": "asset", "INSERT": "sql"}
    named = [(next((kinds[word] for word in kinds if one.startswith(word)), "python"), one) for one in blocks()]
    return [one for name, one in named if name == kind]


@pytest.fixture(autouse=True)
def _at_home(place: Installation, letter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    letter.rename(tmp_path / "lease.pdf")
    monkeypatch.chdir(tmp_path)
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("EXACT_WRITE_DOCUMENTS", "true")
    yield
    for row in place.simulator.control.rows("documents/Documents", 100001):
        if "Lease" in row["Subject"] or "471" in row["Subject"]:
            place.simulator.control.delete("documents/Documents", 100001, keys=[row["ID"]])


def test_the_python_examples_run_one_after_the_other(tmp_path: Path) -> None:
    names: dict[str, Any] = {}
    try:
        for block in of_kind("python"):
            exec(compile(block, "docs/documents.md", "exec"), names)  # noqa: S102 - our own page
    finally:
        names["documents"].close()
    assert names["written"].outcome is WriteOutcome.CREATED
    assert names["written"].document.url
    assert names["found"] == names["same"]
    assert names["changed"].outcome is WriteOutcome.UPDATED
    assert names["upserted"].outcome is WriteOutcome.UNCHANGED
    assert (names["added"].outcome, names["replaced"].outcome) == (WriteOutcome.ADDED, WriteOutcome.ADDED)
    assert (tmp_path / "copy.pdf").read_bytes() == (tmp_path / "lease.pdf").read_bytes()
    assert names["once"].document.id == names["again"].document.id


def test_the_shell_examples_run_one_after_the_other(tmp_path: Path) -> None:
    import json

    ids: dict[str, str] = {}
    (block,) = of_kind("shell")
    for line in block.splitlines():
        words = [ids.get(word.removeprefix("$"), word) for word in shlex.split(line)[1:]]
        extra = [] if "download" in words else ["--json"]
        done = CliRunner().invoke(main, [*words, *extra])
        assert (done.exit_code, done.stderr) == (0, ""), line
        if extra:
            (row,) = json.loads(done.stdout)
            ids.setdefault("DOCUMENT", row["id"])
            ids["ATTACHMENT"] = row["id"]
    assert (tmp_path / "copy.pdf").read_bytes() == (tmp_path / "lease.pdf").read_bytes()


def test_the_example_of_the_outbox_becomes_documents(
    place: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import json

    (tmp_path / "files").mkdir()
    (tmp_path / "lease.pdf").rename(tmp_path / "files" / "lease.pdf")
    monkeypatch.setenv("EXACT_DOCUMENT_FILES", str(tmp_path / "files"))
    made = CliRunner().invoke(main, ["documents", "outbox", "--json"])
    assert (made.exit_code, json.loads(made.stdout)) == (0, [])
    (block,) = of_kind("sql")
    with duckdb.connect(str(place.warehouse)) as warehouse:
        warehouse.execute(block)
    done = CliRunner().invoke(main, ["documents", "outbox", "--send", "--json"])
    assert (done.exit_code, done.stderr) == (0, "4 done, 0 failed, 0 waiting\n")
    rows = json.loads(done.stdout)
    assert [(row["status"], row["error"], row["attempts"]) for row in rows] == [("done", None, 1)] * 4
    documents = {row["ID"]: row for row in place.simulator.control.rows("documents/Documents", 100001)}
    assert {documents[row["document_id"]]["Subject"] for row in rows} == {"Lease of the bus", "Invoice 4712"}
    attached = place.simulator.control.rows("documents/DocumentAttachments", 100001)
    assert [row["FileName"] for row in attached if row["Document"] == rows[-1]["document_id"]] == ["lease.pdf"]


def test_the_launchpad_example_runs_as_a_job() -> None:
    (block,) = of_kind("launchpad")
    job = build_defs(ExactConfig.from_env(tables="crm_accounts")).resolve_job_def("exact_upsert_document")
    for outcome in ("created", "unchanged"):
        with dg.DagsterInstance.ephemeral() as instance:
            done = job.execute_in_process(run_config=yaml.safe_load(block), instance=instance)
        (output,) = [event for event in done.all_events if event.event_type is dg.DagsterEventType.STEP_OUTPUT]
        told = {name: one.value for name, one in output.event_specific_data.metadata.items()}  # type: ignore[union-attr]
        assert told["outcome"] == outcome
        assert str(told["document"]).startswith("http")
        assert told["attachment"] == {"created": "added", "unchanged": "unchanged"}[outcome]


def test_the_example_asset_files_each_invoice_once(place: Installation) -> None:
    from exact_assets.defs.location import CodeLocation
    from exact_assets.defs.resources import RESOURCE, exact_resource
    from exact_assets_tests.one_warehouse import bring

    bring(place, "salesinvoice_sales_invoices")
    names: dict[str, Any] = {}
    (block,) = of_kind("asset")
    exec(compile(block, "docs/documents.md", "exec"), names)  # noqa: S102 - our own page
    location = CodeLocation.of(ExactConfig.from_env(), ExactTranslator())
    before = len(place.simulator.control.rows("documents/DocumentAttachments", 100001))
    invoices = len(place.simulator.control.rows("salesinvoice/SalesInvoices", 100001))
    assert invoices > 0
    for is_first in (True, False):
        with dg.DagsterInstance.ephemeral() as instance:
            done = dg.materialize(
                [names["filed_invoices"]], resources={RESOURCE: exact_resource(location)}, instance=instance
            )
        (event,) = done.asset_materializations_for_node("filed_invoices")
        told = {name: one.value for name, one in event.metadata.items()}
        assert (told["invoices"], told["filed"]) == (invoices, invoices if is_first else 0)
        assert ("latest" in told) is is_first
    after = place.simulator.control.rows("documents/DocumentAttachments", 100001)
    assert len(after) == before + invoices


def test_jobs_are_there_only_where_writing_is_switched_on() -> None:
    off = build_defs(ExactConfig.from_env(tables="crm_accounts", write_documents=False))
    assert [job.name for job in off.jobs or () if "document" in job.name] == []


def test_a_command_tells_what_is_wrong_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXACT_WRITE_DOCUMENTS", "false")
    done = CliRunner().invoke(main, shlex.split("documents create 100001 --set subject=a --set type=55"))
    assert (done.exit_code, "EXACT_WRITE_DOCUMENTS" in done.stderr) == (1, True)
    done = CliRunner().invoke(main, shlex.split("documents find 100001 nothing-of-the-kind"))
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    done = CliRunner().invoke(main, shlex.split("documents create 100001 --set subject"))
    assert (done.exit_code, "FIELD=VALUE" in done.stderr) == (1, True)
    monkeypatch.setenv("EXACT_COUNTRY", "nowhere")
    assert CliRunner().invoke(main, shlex.split("documents create --help")).exit_code == 0


def test_commands_in_the_demos_folder_are_about_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    demo = Place(tmp_path / "it's a demo")
    demo.folder.mkdir()
    monkeypatch.chdir(demo.folder)
    for name in demo.environment(""):
        monkeypatch.delenv(name, raising=False)
    demo.keep(demo.environment("http://127.0.0.1:8080"))
    demo.keep(demo.environment("http://127.0.0.1:8081"))
    read = ExactConfig.from_env()
    assert (read.base_url, read.write_documents) == ("http://127.0.0.1:8081", True)
    assert read.control_url == demo.environment("")["EXACT_CONTROL_URL"]
    (demo.folder / ".env").write_text("EXACT_COUNTRY=be\n")
    demo.keep(demo.environment("http://127.0.0.1:8082"))
    assert (demo.folder / ".env").read_text() == "EXACT_COUNTRY=be\n"
