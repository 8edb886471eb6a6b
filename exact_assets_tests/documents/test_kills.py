"""A process that is killed while it writes leaves one document and one file, whoever goes on with its work."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from exact_assets.config import ExactConfig
from exact_assets.control.open import Control
from exact_assets.documents.access import Documents
from exact_assets_tests.documents.outbox import DIVISION
from exact_assets_tests.installation import CHECKOUT, Installation

CREATES = """
import sys
from exact_assets import open_documents
with open_documents() as documents:
    documents.create({division}, {{"subject": sys.argv[1], "type": 55}}, key=sys.argv[2] or None)
"""
ATTACHES = """
import sys
from exact_assets import open_documents
with open_documents() as documents:
    documents.add_attachment({division}, sys.argv[1], b"content", name="a.txt")
"""


def killed_while_it_posts(place: Installation, code: str, *arguments: str) -> None:
    """Run a script and kill it when its POST has arrived, half a second before it is carried out."""
    place.simulator.control.fault("slow", path=r"documents/\w+\?$", value=0.5)
    place.simulator.control.forget_calls()
    environment = {**os.environ, **place.environment, "EXACT_WRITE_DOCUMENTS": "true", "PYTHONPATH": str(CHECKOUT)}
    with subprocess.Popen(
        [sys.executable, "-c", code.format(division=DIVISION), *arguments], env=environment
    ) as one:
        while not any(call["method"] == "POST" for call in place.simulator.control.calls(path="documents/")):
            assert one.poll() is None
            time.sleep(0.02)
        one.kill()


@pytest.fixture
def survivor(config: ExactConfig) -> Documents:
    return Documents(lambda: Control.open(config), settle_seconds=0.8)


@pytest.mark.parametrize("key", ["", "of its own"])
def test_a_document_is_made_once_though_its_maker_was_killed(
    place: Installation, survivor: Documents, stored: Callable[[str], list[dict[str, Any]]], key: str
) -> None:
    subject = f"Letter {uuid4()}"
    named = f"{key} {subject}" if key else ""
    killed_while_it_posts(place, CREATES, subject, named)
    with survivor:
        made = survivor.create(DIVISION, {"subject": subject, "type": 55}, key=named or None).document
    assert [row["ID"] for row in stored(subject)] == [str(made.id)]


def test_a_file_is_attached_once_though_its_process_was_killed(
    place: Installation, survivor: Documents, files: Callable[[UUID], list[dict[str, Any]]]
) -> None:
    with survivor:
        document = survivor.create(DIVISION, {"subject": f"Letter {uuid4()}", "type": 55}).document.id
        killed_while_it_posts(place, ATTACHES, str(document))
        added = survivor.add_attachment(DIVISION, document, b"content", name="a.txt")
    assert [row["ID"] for row in files(document)] == [str(added.attachment.id)]
