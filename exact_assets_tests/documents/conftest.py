"""A simulator that all tests of this folder share, and documents that are written there."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from exact_assets.config import ExactConfig
from exact_assets.control.open import Control
from exact_assets.documents.access import Documents
from exact_assets_tests.documents.outbox import DIVISION, Outbox
from exact_assets_tests.installation import Installation, installation

LETTER: dict[str, Any] = {"subject": "A letter", "type": 55}


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("documents"), divisions=1, rows=100) as place:
        yield place


@pytest.fixture
def place(running: Installation) -> Installation:
    """Give it as it was at the start, but for the documents that tests have made."""
    running.simulator.control.reset()
    running.simulator.control.set(minute_limit=100_000, day_limit=100_000)
    return running


@pytest.fixture
def config(place: Installation) -> ExactConfig:
    return place.config.model_copy(update={"write_documents": True})


@pytest.fixture
def documents(config: ExactConfig) -> Iterator[Documents]:
    with Documents(lambda: Control.open(config), actor="a test", settle_seconds=0.05) as opened:
        yield opened


@pytest.fixture
def subject(request: pytest.FixtureRequest) -> str:
    """Give a subject of the test's own."""
    return f"Letter of {request.node.name}"


@pytest.fixture
def stored(place: Installation) -> Callable[[str], list[dict[str, Any]]]:
    """Give a function that reads what the simulator truly holds under a subject."""

    def read(subject: str) -> list[dict[str, Any]]:
        rows = place.simulator.control.rows("documents/Documents", DIVISION)
        return [row for row in rows if row["Subject"] == subject]

    return read


@pytest.fixture
def files(place: Installation) -> Callable[[UUID], list[dict[str, Any]]]:
    """Give a function that reads which files the simulator truly has with a document."""

    def read(document: UUID) -> list[dict[str, Any]]:
        rows = place.simulator.control.rows("documents/DocumentAttachments", DIVISION)
        return [row for row in rows if row["Document"] == str(document)]

    return read


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    """Give a file to attach."""
    path = tmp_path / "letter.pdf"
    path.write_bytes(b"%PDF-1.7 " + bytes(range(256)) * 20)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the folder that files of the outbox may be in."""
    made = tmp_path / "files"
    made.mkdir()
    (made / "a.txt").write_bytes(b"content")
    return made


@pytest.fixture
def outbox(tmp_path: Path, config: ExactConfig, folder: Path) -> Outbox:
    return Outbox(tmp_path / "warehouse.duckdb", config.model_copy(update={"document_files": str(folder)}))
