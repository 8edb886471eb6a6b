"""Any subject that Exact takes is found again as it was given."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exact_assets.documents.access import Documents
from exact_assets.documents.models import LONGEST_SUBJECT, WriteOutcome
from exact_assets_tests.documents.conftest import DIVISION
from exact_assets_tests.installation import Installation

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=LONGEST_SUBJECT)
SUBJECTS = st.one_of(
    TEXT,
    st.text("'\"%&+#/?\\ é😀", min_size=1, max_size=60),
    st.integers(1, LONGEST_SUBJECT).map(lambda length: "é😀'x"[length % 4] * length),
    st.text("a ", min_size=1, max_size=20),
)


@pytest.mark.parametrize("filterable", ["listed", "any"])
def test_any_subject_is_found_again(documents: Documents, place: Installation, filterable: str) -> None:
    place.simulator.control.set(filterable=filterable)

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(SUBJECTS.filter(lambda text: bool(text.strip())))
    def finds(text: str) -> None:
        first = documents.upsert(DIVISION, {"subject": text, "type": 55})
        again = documents.upsert(DIVISION, {"subject": text, "type": 55})
        assert (again.document.id, again.outcome) == (first.document.id, WriteOutcome.UNCHANGED)

    finds()


def test_a_long_subject_is_told_from_others_that_begin_alike(documents: Documents, place: Installation) -> None:
    place.simulator.control.set(filterable="any")
    texts = ["😀" * 3_000 + end for end in ("a", "b")]
    made = [documents.upsert(DIVISION, {"subject": text, "type": 55}) for text in texts]
    assert [one.outcome for one in made] == [WriteOutcome.CREATED] * 2
    assert documents.find_one(DIVISION, subject=texts[1]) is not None
