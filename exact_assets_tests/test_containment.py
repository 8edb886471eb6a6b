"""What nobody foresaw in one division's answers costs that division alone, and is told without secrets."""

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import duckdb
import pytest

from exact_assets.catalogue import select
from exact_assets.containment import contained, without_secrets
from exact_assets.errors import ControlError, UnforeseenError
from exact_assets_tests.comparison import differences
from exact_assets_tests.installation import Installation, installation
from exact_assets_tests.test_replicate import run

LEDGER = select("financialtransaction_transaction_lines")[0]
DIVISIONS = [100001, 100002, 100003]
TOKEN = "stampNL001.gAAAAI8_" + "xY9-" * 40


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("containment"), divisions=3, rows=300) as made:
        yield made


class Interrupted(BaseException):
    """As Dagster's own, which is no Exception either."""


class Failing:
    """Leases of which one division's raises."""

    def __init__(self, division: int, error: BaseException) -> None:
        self.division, self.error = division, error

    def lease(self, name: str) -> AbstractContextManager[bool]:
        if name.endswith(f"/{self.division}"):
            raise self.error
        return _Held()


class _Held(AbstractContextManager[bool]):
    def __enter__(self) -> bool:
        return True

    def __exit__(self, *_: object) -> None:
        pass


def is_equal(place: Installation, path: Path, division: int) -> bool:
    truth = place.truth(LEDGER, division)
    start_year = min(int(row["FinancialYear"]) for row in truth)
    return not differences(path, LEDGER, division, truth, start_year=start_year)


@pytest.mark.long
def test_what_nobody_foresaw_fails_its_division_and_the_others_are_brought_up_to_date(
    place: Installation, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "warehouse.duckdb"
    with caplog.at_level(logging.ERROR, logger="exact_assets"):
        outcomes = run(place, path, LEDGER, DIVISIONS, leases=Failing(100002, ValueError("no address")))
    error = outcomes[100002].error
    assert isinstance(error, UnforeseenError)
    assert "ValueError: no address" in str(error)
    assert LEDGER.name in str(error)
    assert "100002" in str(error)
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "Traceback (most recent call last)" in record.getMessage()
    assert "raise self.error" in record.getMessage()
    for division in (100001, 100003):
        assert outcomes[division].error is None
        assert is_equal(place, path, division)
    again = run(place, path, LEDGER, DIVISIONS)
    assert [again[division].error for division in DIVISIONS] == [None] * 3
    assert is_equal(place, path, 100002)


def test_a_store_of_leases_that_fails_for_one_division_costs_that_division_alone(
    place: Installation, tmp_path: Path
) -> None:
    path = tmp_path / "warehouse.duckdb"
    error = ControlError("The lock cannot be written.")
    outcomes = run(place, path, LEDGER, DIVISIONS, leases=Failing(100001, error))
    assert outcomes[100001].error is error
    assert [outcomes[division].error for division in (100002, 100003)] == [None, None]
    assert is_equal(place, path, 100003)


def test_a_stored_state_that_cannot_be_read_costs_its_division_alone(place: Installation, tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    run(place, path, LEDGER, DIVISIONS)
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE exact._streams SET state = '[' WHERE division = 100003")
    outcomes = run(place, path, LEDGER, DIVISIONS)
    assert "100003: its state in exact._streams cannot be read" in str(outcomes[100003].error)
    assert [outcomes[division].error for division in (100001, 100002)] == [None, None]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, Interrupted])
def test_an_interruption_ends_the_run_and_keeps_its_class(
    place: Installation, tmp_path: Path, interruption: type[BaseException]
) -> None:
    with pytest.raises(interruption):
        run(place, tmp_path / "warehouse.duckdb", LEDGER, DIVISIONS, leases=Failing(100002, interruption()))


@pytest.mark.parametrize(
    "text",
    [
        f"Illegal header value b'Bearer {TOKEN}'",
        f"unexpected: {{'access_token': '{TOKEN}', 'n': 1}}",
        f'{{"refresh_token":"{TOKEN}"}}',
        f"grant_type=refresh_token&refresh_token={TOKEN}&client_secret=s3cret",
        f"cannot parse {TOKEN}",
    ],
)
def test_a_token_in_an_error_reaches_neither_the_message_nor_the_log(
    text: str, caplog: pytest.LogCaptureFixture
) -> None:
    told = contained(TypeError(text), subject="crm_accounts of division 1")
    for written in (str(told), caplog.text):
        assert "TypeError" in written
        assert "crm_accounts of division 1" in written
        assert "xY9-xY9-" not in written
        assert "s3cret" not in written


def test_what_is_no_secret_is_told_as_it_is() -> None:
    text = "2b6f0cc9-04d1-4bc9-9f3d-f42f9f0d2d1c of https://start.exactonline.nl/api/v1/100001/crm/Accounts: a code"
    assert without_secrets(text) == text


def test_a_message_without_end_is_cut() -> None:
    assert len(str(contained(ValueError("no " * 100_000), subject="x"))) < 1_000
