"""Any subject that Exact takes is found again as it was given."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from exact_assets.config import ExactConfig
from exact_assets.control.open import Control
from exact_assets.documents.access import Documents
from exact_assets.documents.models import LONGEST_SUBJECT, WriteOutcome
from exact_assets.documents.outbox import OutboxWork
from exact_assets.warehouse.open import open_warehouse
from exact_assets_tests.documents.outbox import DIVISION
from exact_assets_tests.installation import Installation

Stored = Callable[[str], list[dict[str, Any]]]
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=LONGEST_SUBJECT)
SUBJECTS = st.one_of(
    TEXT,
    st.text("'\"%&+#/?\\ é😀", min_size=1, max_size=60),
    st.integers(1, LONGEST_SUBJECT).map(lambda length: "é😀'x"[length % 4] * length),
    st.text("a ", min_size=1, max_size=20),
)


@pytest.mark.parametrize("filterable", ["listed", "any"])
def test_any_subject_is_found_again(
    documents: Documents, place: Installation, filterable: str, stored: Stored
) -> None:
    place.simulator.control.set(filterable=filterable)

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(SUBJECTS.filter(lambda text: bool(text.strip())))
    @example("x")
    @example("  padded\u2003 ")
    @example("' or ''='")
    @example("é" * LONGEST_SUBJECT)
    @example("😀'" * (LONGEST_SUBJECT // 2))
    @example("e\u0301 is not \u00e9")
    def finds(text: str) -> None:
        first = documents.upsert(DIVISION, {"subject": text, "type": 55})
        again = documents.upsert(DIVISION, {"subject": text, "type": 55})
        assert (again.document.id, again.outcome) == (first.document.id, WriteOutcome.UNCHANGED)
        assert [row["ID"] for row in stored(text.strip())] == [str(first.document.id)]

    finds()


def test_any_subject_goes_through_the_outbox_as_it_is(
    documents: Documents, config: ExactConfig, tmp_path: Path, stored: Stored
) -> None:
    warehouse = open_warehouse(f"duckdb:///{tmp_path / 'warehouse.duckdb'}")
    warehouse.prepare_outbox()
    texts = [
        "'; DROP TABLE exact.document_outbox; --",
        '"$subject" %(id)s \\ {} ? #',
        "😀" * LONGEST_SUBJECT,
        "\u202eعربى",
    ]
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        for text in texts:
            fields = json.dumps(
                {"subject": f"{text[:-3]}{uuid4().hex[:3]}", "type": 55}, ensure_ascii=len(text) < 99
            )
            connection.execute(
                "INSERT INTO exact.document_outbox (id, division, operation, fields) VALUES (?, ?, 'upsert', ?)",
                [f"{text[:150]} {uuid4()}", DIVISION, fields],
            )
        given = connection.execute("SELECT id, fields FROM exact.document_outbox").fetchall()
    report = OutboxWork(warehouse, documents, Control.open(config)).run()
    assert (len(report.sent), report.failed, report.waiting) == (len(texts), 0, 0)
    made = {sent.name: str(sent.document.id) for sent in report.sent}
    assert {name: [row["ID"] for row in stored(json.loads(fields)["subject"])] for name, fields in given} == {
        name: [document] for name, document in made.items()
    }


def test_a_long_subject_is_told_from_others_that_begin_alike(documents: Documents, place: Installation) -> None:
    place.simulator.control.set(filterable="any")
    texts = ["😀" * 3_000 + end for end in ("a", "b")]
    made = [documents.upsert(DIVISION, {"subject": text, "type": 55}) for text in texts]
    assert [one.outcome for one in made] == [WriteOutcome.CREATED] * 2
    assert documents.find_one(DIVISION, subject=texts[1]) is not None
