"""Whatever may pass does pass: a load through every fault that Exact is known for ends with the same rows."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from exact_assets.catalogue import select
from exact_assets.errors import ExactAssetsError, PagingError, WrongDivisionError
from exact_assets.request import Request
from exact_assets_tests.every_table import bring, problems
from exact_assets_tests.installation import YEARS_BACK, Installation, installation

DIVISION = 100001
PASSING = (
    "reset", "scraper", "too_broad", "server_error", "minute_limit", "cut_body", "garbage", "html", "empty_body",
    "stale_counters", "unknown_property", "rows_twice", "wrong_division",
)  # fmt: skip
TABLES = ("financialtransaction_transaction_lines", "crm_opportunities", "purchaseentry_purchase_entry_lines")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    # Short minutes: a 429 is waited out. Small pages: a chain has pages enough for a fault in its middle.
    settings = {"minute_seconds": 3, "minute_limit": 1000, "page_size_cap": 60}
    with installation(tmp_path_factory.mktemp("faults"), divisions=1, rows=400, settings=settings) as made:
        yield made


@pytest.fixture(autouse=True)
def _no_faults_are_left(place: Installation) -> Iterator[None]:
    yield
    place.simulator.control.clear_faults()
    place.simulator.control.forget_quota()


def load(place: Installation, folder: Path, names: str) -> list[ExactAssetsError | None]:
    start_year = place.config.start_year
    request = Request(start_year=start_year, years=tuple(range(start_year, start_year + YEARS_BACK + 1)))
    outcomes = bring(place, select(names), request, folder=folder)
    return [outcomes[name][DIVISION].error for name in names.split(",")]


def differences(place: Installation, folder: Path, names: str) -> dict[str, str]:
    return problems(place, select(names), start_year=place.config.start_year, folder=folder)


@pytest.mark.parametrize("kind", PASSING)
def test_a_fault_that_passes_costs_nothing_but_time(place: Installation, tmp_path: Path, kind: str) -> None:
    value = "Surprise" if kind == "unknown_property" else 20 if kind == "stale_counters" else None
    for name in TABLES:
        place.simulator.control.fault(kind, path=select(name)[0].entity, after=1, value=value)
    assert load(place, tmp_path, ",".join(TABLES)) == [None] * len(TABLES)
    assert differences(place, tmp_path, ",".join(TABLES)) == {}
    assert kind in {call["fault"] for call in place.simulator.control.calls()}


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("next_repeats", PagingError),
        ("next_elsewhere", PagingError),
        ("wrong_division", WrongDivisionError),
    ],
)
def test_an_answer_that_cannot_be_believed_is_refused_and_the_next_load_makes_it_good(
    place: Installation, tmp_path: Path, kind: str, error: type[Exception]
) -> None:
    place.simulator.control.fault(kind, path="TransactionLines", after=2, times=2)
    [refusal] = load(place, tmp_path, TABLES[0])
    assert isinstance(refusal, error)
    place.simulator.control.clear_faults()
    assert load(place, tmp_path, TABLES[0]) == [None]
    assert differences(place, tmp_path, TABLES[0]) == {}
