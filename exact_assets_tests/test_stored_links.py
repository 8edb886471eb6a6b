"""A chain that was cut goes on from a stored link. One that leads nowhere is let go: no stream fails for ever."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from msgspec.structs import replace

from exact_assets.catalogue import select
from exact_assets.catalogue.table import Table
from exact_assets.control.open import Control
from exact_assets.errors import (
    AnswerError,
    ExactAssetsError,
    ForbiddenError,
    KeyBlockedError,
    RequestRefusedError,
    UnavailableError,
    UnreachableError,
    ValueRangeError,
)
from exact_assets.feeds.chain import after_failure
from exact_assets.replicate import replicate
from exact_assets.request import Mode, Outcome, Request
from exact_assets.stream import Chain
from exact_assets.warehouse.open import open_warehouse
from exact_assets_tests.installation import YEARS_BACK, Installation, installation
from exact_assets_tests.one_warehouse import problems

DIVISION = 100001
SYNC, MODIFIED = "crm_accounts", "financialtransaction_transaction_lines"
PAGE = 10


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    settings = {"minute_seconds": 3, "minute_limit": 1000, "page_size_cap": PAGE}
    with installation(tmp_path_factory.mktemp("links"), divisions=1, rows=300, settings=settings) as made:
        yield made


@pytest.fixture(autouse=True)
def _no_faults_are_left(place: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("exact_assets.exact.sender.BACKOFF_SECONDS", 0.01)
    yield
    place.simulator.control.clear_faults()
    place.simulator.control.set(page_size_cap=PAGE)


def load(
    place: Installation, file: Path, name: str, *, mode: Mode = Mode.AUTO, reload_id: str | None = None
) -> Outcome:
    start_year = place.config.start_year
    years = tuple(range(start_year, start_year + YEARS_BACK + 1))
    request = Request(start_year=start_year, years=years, mode=mode, reload_id=reload_id)
    control = Control.open(place.config)

    async def work() -> Outcome:
        async with control.client() as client:
            found = await replicate(
                table_of(name),
                {DIVISION: request},
                client=client,
                warehouse=open_warehouse(f"duckdb:///{file}"),
                leases=control,
            )
        return found[DIVISION]

    return asyncio.run(work())


def table_of(name: str) -> Table:
    return select(name)[0]


def under_way(file: Path, name: str, *, is_sweep: bool = False) -> Chain | None:
    state = open_warehouse(f"duckdb:///{file}").states_of([DIVISION], names=[name])[DIVISION][name]
    return state.sweep if is_sweep else state.chain


def cut(place: Installation, file: Path, name: str, *, mode: Mode = Mode.AUTO, reload_id: str | None = None) -> str:
    """Load until the third page, which does not come; return what tells the stored link from others."""
    place.simulator.control.fault("status", path=table_of(name).entity, value=500, after=2, times=None)
    outcome = load(place, file, name, mode=mode, reload_id=reload_id)
    assert isinstance(outcome.error, UnavailableError)
    place.simulator.control.clear_faults()
    place.simulator.control.forget_quota()
    chain = under_way(file, name, is_sweep=mode is Mode.SWEEP)
    assert chain is not None
    assert chain.link is not None
    return re.escape(chain.link.partition("skiptoken=")[2])


def assert_whole(place: Installation, file: Path, name: str, outcome: Outcome) -> None:
    assert outcome.error is None
    assert problems(place, name, file=file) == {}


@pytest.mark.parametrize("name", [SYNC, MODIFIED])
@pytest.mark.parametrize("elsewhere", ["https://proxy.example:8443", "http://127.0.0.1:1", "http://[::1"])
def test_a_link_to_another_site_is_let_go_at_once(
    place: Installation, tmp_path: Path, name: str, elsewhere: str
) -> None:
    """EXACT_BASE_URL was changed, or a proxy came or went."""
    file = tmp_path / "warehouse.duckdb"
    cut(place, file, name)
    move(file, name, elsewhere)
    assert_whole(place, file, name, load(place, file, name))


def move(file: Path, name: str, site: str) -> None:
    """Store a link as it would be had another site been asked."""
    import duckdb

    with duckdb.connect(str(file)) as connection:
        query = "SELECT state FROM exact._streams WHERE table_name = ? AND division = ?"
        [(text,)] = connection.execute(query, [name, DIVISION]).fetchall()
        moved = re.sub(r'"link":"http://127.0.0.1:\d+', f'"link":"{site}', text)
        assert moved != text
        connection.execute(
            "UPDATE exact._streams SET state = ? WHERE table_name = ? AND division = ?", [moved, name, DIVISION]
        )


@pytest.mark.parametrize("name", [SYNC, MODIFIED])
@pytest.mark.parametrize("kind", ["server_error", "garbage"])
def test_a_link_that_brings_no_rows_is_let_go_after_a_few_broken_answers(
    place: Installation, tmp_path: Path, name: str, kind: str
) -> None:
    file = tmp_path / "warehouse.duckdb"
    link = cut(place, file, name)
    place.simulator.control.set(page_size_cap=PAGE + 7)  # so that a chain from the first page has other links
    place.simulator.control.fault(kind, path=link, times=None)
    for _ in range(2):
        assert isinstance(load(place, file, name).error, UnavailableError)
        assert under_way(file, name) is not None
    assert_whole(place, file, name, load(place, file, name))


def test_what_a_reload_put_aside_is_whole_when_its_link_works_again(place: Installation, tmp_path: Path) -> None:
    """Broken answers are counted beside what was put aside, which stays."""
    file = tmp_path / "warehouse.duckdb"
    assert load(place, file, SYNC).error is None
    link = cut(place, file, SYNC, mode=Mode.RELOAD, reload_id="one")
    place.simulator.control.fault("server_error", path=link, times=None)
    for _ in range(2):
        assert isinstance(load(place, file, SYNC, mode=Mode.RELOAD, reload_id="one").error, UnavailableError)
    place.simulator.control.clear_faults()
    outcome = load(place, file, SYNC, mode=Mode.RELOAD, reload_id="one")
    assert_whole(place, file, SYNC, outcome)
    assert outcome.changes.deleted == 0


def test_while_exact_answers_nothing_no_link_is_let_go(place: Installation, tmp_path: Path) -> None:
    file = tmp_path / "warehouse.duckdb"
    cut(place, file, SYNC)
    place.simulator.control.fault("server_error", path="", times=None)
    for _ in range(4):
        assert isinstance(load(place, file, SYNC).error, UnavailableError)
    chain = under_way(file, SYNC)
    assert chain is not None
    assert (chain.link is not None, chain.broken) == (True, 0)


def test_a_forbidden_link_is_let_go_and_asked_about_once(place: Installation, tmp_path: Path) -> None:
    file = tmp_path / "warehouse.duckdb"
    link = cut(place, file, SYNC)
    place.simulator.control.set(page_size_cap=PAGE + 7)
    place.simulator.control.fault("status", path=link, value=403, times=None)
    place.simulator.control.forget_calls()
    assert isinstance(load(place, file, SYNC).error, ForbiddenError | KeyBlockedError)
    refused = [call for call in place.simulator.control.calls() if call["status"] == 403]
    assert len(refused) == 1
    assert_whole(place, file, SYNC, load(place, file, SYNC))


@pytest.mark.parametrize("name", [SYNC, MODIFIED])
def test_a_reload_lets_go_of_a_link_at_once(place: Installation, tmp_path: Path, name: str) -> None:
    file = tmp_path / "warehouse.duckdb"
    link = cut(place, file, name)
    place.simulator.control.set(page_size_cap=PAGE + 7)
    place.simulator.control.fault("server_error", path=link, times=None)
    assert_whole(place, file, name, load(place, file, name, mode=Mode.RELOAD, reload_id=str(uuid4())))


def test_a_reload_that_is_begun_again_goes_on_where_it_was(place: Installation, tmp_path: Path) -> None:
    file = tmp_path / "warehouse.duckdb"
    whole = load(place, file, SYNC)
    assert whole.error is None
    cut(place, file, SYNC, mode=Mode.RELOAD, reload_id="one")
    again = load(place, file, SYNC, mode=Mode.RELOAD, reload_id="one")
    assert_whole(place, file, SYNC, again)
    cut(place, file, SYNC, mode=Mode.RELOAD, reload_id="two")
    other = load(place, file, SYNC, mode=Mode.RELOAD, reload_id="three")
    assert_whole(place, file, SYNC, other)
    assert other.calls == again.calls + 2, "the two pages that had come are asked for again"


def test_a_sweeps_link_is_let_go_too(place: Installation, tmp_path: Path) -> None:
    file = tmp_path / "warehouse.duckdb"
    assert load(place, file, SYNC).error is None
    keys_alone = r"^(?=.*select=[^&]{1,60}(&|$))(?=.*skiptoken).*Accounts"
    place.simulator.control.fault("status", path=keys_alone, value=500, times=None)
    assert isinstance(load(place, file, SYNC, mode=Mode.SWEEP).error, UnavailableError)
    keys = under_way(file, SYNC, is_sweep=True)
    assert keys is not None
    assert keys.link is not None
    place.simulator.control.clear_faults()
    place.simulator.control.set(page_size_cap=PAGE + 7)
    link = re.escape(keys.link.partition("Accounts?")[2])
    place.simulator.control.fault("status", path=link, value=500, times=None)
    for _ in range(2):
        assert isinstance(load(place, file, SYNC, mode=Mode.SWEEP).error, UnavailableError)
    assert_whole(place, file, SYNC, load(place, file, SYNC, mode=Mode.SWEEP))
    assert under_way(file, SYNC, is_sweep=True) is None


CHAIN = Chain(link="https://start.exactonline.nl/x", pages=3, reload=True, first_year=2025, last_year=2026)
FRESH = Chain(reload=True, first_year=2025, last_year=2026)


@pytest.mark.parametrize("error", [RequestRefusedError("no"), ForbiddenError("no")])
def test_a_final_refusal_lets_go(error: ExactAssetsError) -> None:
    assert after_failure(CHAIN, error) == FRESH  # type: ignore[arg-type]  # both are of Exact's


@pytest.mark.parametrize("error", [UnavailableError("no"), AnswerError("no")])
def test_the_third_broken_answer_lets_go(error: ExactAssetsError) -> None:
    once = after_failure(CHAIN, error)  # type: ignore[arg-type]  # both are of Exact's
    assert once == replace(CHAIN, broken=1)
    assert after_failure(after_failure(once, error), error) == FRESH  # type: ignore[arg-type]  # likewise


@pytest.mark.parametrize("error", [UnreachableError("no"), KeyBlockedError("no"), ValueRangeError("no")])
def test_what_is_no_fault_of_the_link_keeps_it(error: ExactAssetsError) -> None:
    assert after_failure(CHAIN, error) == CHAIN  # type: ignore[arg-type]  # all are of Exact's
