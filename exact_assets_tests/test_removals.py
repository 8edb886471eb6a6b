"""Answers that would take away all rows, or most of them: asked again, counted, withheld, confirmed."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote_plus

import duckdb
import pytest

from exact_assets.catalogue.tables import tables
from exact_assets.errors import RemovalDoubtedError, RemovalWithheldError
from exact_assets.replicate import Mode, Outcome
from exact_assets.stream import RemovalKind
from exact_assets_tests.installation import Installation, installation, path_of
from exact_assets_tests.one_warehouse import attempt, bring, problems

UNLIMITED = {"minute_limit": 1_000_000, "day_limit": 1_000_000, "filterable": "any"}
HOUR = 3600
UNITS, CODES, OPPORTUNITIES, ACCOUNTS = "logistics_units", "vat_vat_codes", "crm_opportunities", "crm_accounts"
ENTRIES, LINES = "purchaseentry_purchase_entries", "purchaseentry_purchase_entry_lines"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("place"), divisions=1, rows=300, settings=UNLIMITED) as made:
        yield made


@pytest.fixture(autouse=True)
def _no_faults_are_left(place: Installation) -> Iterator[None]:
    yield
    place.simulator.control.clear_faults()
    place.simulator.control.set(**UNLIMITED, page_size_cap=None)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "warehouse.duckdb"


def fault(place: Installation, kind: str, name: str, *, times: int | None = None, value: float = 0) -> None:
    table = tables()[name]
    path = path_of(table.parent.endpoint if table.parent else table.endpoint)
    place.simulator.control.fault(kind, path=rf"/{path}\?", times=times, value=value)


def one(
    place: Installation,
    name: str,
    file: Path,
    *,
    mode: Mode = Mode.AUTO,
    confirm: bool = False,
    years: tuple[int, ...] = (),
    is_soft: bool = False,
) -> Outcome:
    outcomes = attempt(place, name, file=file, mode=mode, confirm=confirm, years=years, is_soft=is_soft)
    return outcomes[name][place.divisions[0]]


def rows(file: Path, name: str, condition: str = "deleted_at IS NULL") -> int:
    with duckdb.connect(str(file), read_only=True) as connection:
        return int(connection.execute(f'SELECT count(*) FROM exact."{name}" WHERE {condition}').fetchall()[0][0])


def kept_aside(file: Path) -> list[str]:
    with duckdb.connect(str(file), read_only=True) as connection:
        found = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE table_name SIMILAR TO '_s(tage|weep)_.*'"
        )
        return [row[0] for row in found.fetchall()]


def asked(place: Installation, name: str) -> int:
    """Count the questions that were answered: a token that ran out with the hours costs one that was not."""
    calls = place.simulator.control.calls(path=path_of(tables()[name].endpoint))
    return sum(1 for call in calls if call["status"] != 401)


QUESTIONS = [
    pytest.param(UNITS, Mode.AUTO, id="read whole"),
    pytest.param(CODES, Mode.AUTO, id="read whole, master data"),
    pytest.param(OPPORTUNITIES, Mode.SWEEP, id="sweep"),
    pytest.param(OPPORTUNITIES, Mode.RELOAD, id="reload, modified"),
    pytest.param(ACCOUNTS, Mode.SWEEP, id="sweep, sync"),
    pytest.param(ACCOUNTS, Mode.RELOAD, id="reload, sync"),
    pytest.param(ENTRIES, Mode.RELOAD, id="reload of years"),
    pytest.param(LINES, Mode.RELOAD, id="reload of lines"),
    pytest.param(LINES, Mode.SWEEP, id="sweep of lines"),
]


@pytest.mark.parametrize(("name", "mode"), QUESTIONS)
def test_an_empty_answer_that_passes_is_asked_again_and_nothing_is_lost(
    place: Installation, file: Path, name: str, mode: Mode
) -> None:
    bring(place, name, file=file)
    before = rows(file, name)
    fault(place, "rows_missing_counted", name, times=2 if mode is Mode.SWEEP else 1)
    outcome = one(place, name, file, mode=mode)
    assert outcome.error is None
    assert before > 1
    assert rows(file, name) == before
    assert outcome.state.withheld is None
    assert problems(place, name, file=file) == {}


@pytest.mark.parametrize(("name", "mode"), QUESTIONS)
def test_an_empty_answer_that_stands_is_withheld_until_it_is_confirmed(
    place: Installation, file: Path, name: str, mode: Mode
) -> None:
    bring(place, name, file=file)
    before = rows(file, name)
    fault(place, "rows_missing_counted", name)
    outcome = one(place, name, file, mode=mode)
    assert isinstance(outcome.error, RemovalWithheldError)
    assert f"{before:,} of {before:,} rows of {name}" in str(outcome.error)
    assert "`confirm: true`" in str(outcome.error)
    assert rows(file, name) == before
    assert kept_aside(file) == []
    # Red at every attempt, also at one that asks for increments alone.
    assert isinstance(one(place, name, file).error, RemovalWithheldError)
    assert rows(file, name) == before
    confirmed = one(place, name, file, mode=Mode.SWEEP, confirm=True)
    assert confirmed.error is None
    assert rows(file, name) == 0
    assert confirmed.state.withheld is None
    assert kept_aside(file) == []


@pytest.mark.parametrize(("name", "mode"), [one for one in QUESTIONS if one.id != "reload of lines"])
def test_an_answer_that_exact_contradicts_is_never_believed(
    place: Installation, file: Path, name: str, mode: Mode
) -> None:
    bring(place, name, file=file)
    before = rows(file, name)
    fault(place, "rows_missing", name)
    outcome = one(place, name, file, mode=mode)
    assert isinstance(outcome.error, RemovalDoubtedError)
    assert "Exact counts" in str(outcome.error)
    place.simulator.control.advance(49 * HOUR)
    again = one(place, name, file)
    assert isinstance(again.error, RemovalDoubtedError)
    assert rows(file, name) == before
    place.simulator.control.clear_faults()
    place.simulator.control.advance(7 * HOUR)
    assert one(place, name, file).error is None
    assert rows(file, name) == before
    assert one(place, name, file).state.withheld is None


@pytest.mark.parametrize(("name", "mode"), QUESTIONS)
def test_an_answer_that_stood_for_a_day_of_the_servers_time_is_applied(
    place: Installation, file: Path, name: str, mode: Mode
) -> None:
    bring(place, name, file=file)
    before = rows(file, name)
    fault(place, "rows_missing_counted", name)
    first = one(place, name, file, mode=mode)
    place.simulator.control.advance(23 * HOUR)
    second = one(place, name, file)
    assert isinstance(second.error, RemovalWithheldError)
    assert first.state.withheld is not None
    assert second.state.withheld is not None
    assert first.state.withheld.since == second.state.withheld.since
    assert rows(file, name) == before
    place.simulator.control.advance(2 * HOUR)
    assert one(place, name, file).error is None
    assert rows(file, name) == 0
    assert one(place, name, file).state.withheld is None
    # What comes back is loaded again.
    place.simulator.control.clear_faults()
    assert one(place, name, file, mode=Mode.RELOAD).error is None
    assert rows(file, name) == before


def test_a_good_answer_in_between_forgets_how_long_it_stood(place: Installation, file: Path) -> None:
    bring(place, UNITS, file=file)
    fault(place, "rows_missing_counted", UNITS)
    one(place, UNITS, file)
    place.simulator.control.advance(20 * HOUR)
    place.simulator.control.clear_faults()
    assert one(place, UNITS, file).state.withheld is None
    fault(place, "rows_missing_counted", UNITS)
    assert one(place, UNITS, file).error is not None
    place.simulator.control.advance(20 * HOUR)
    assert isinstance(one(place, UNITS, file).error, RemovalWithheldError)
    assert rows(file, UNITS) > 0


@pytest.mark.parametrize("mode", [Mode.SWEEP, Mode.RELOAD])
@pytest.mark.parametrize("name", [OPPORTUNITIES, ACCOUNTS])
def test_increments_go_on_while_an_answer_is_withheld(
    place: Installation, file: Path, name: str, mode: Mode
) -> None:
    bring(place, name, file=file)
    control, division = place.simulator.control, place.divisions[0]
    path = path_of(tables()[name].endpoint)
    fault(place, "rows_missing_counted", name)
    assert isinstance(one(place, name, file, mode=mode).error, RemovalWithheldError)
    control.clear_faults()
    before = rows(file, name)
    for _ in range(2):
        control.insert("crm/Accounts" if name == ACCOUNTS else path, division, count=3)
        outcome = one(place, name, file)
        assert isinstance(outcome.error, RemovalWithheldError)
        assert outcome.changes.inserted >= 3
    assert rows(file, name) >= before + 6
    assert kept_aside(file) == []
    # Nor is Exact asked for all of it at each attempt.
    control.forget_calls()
    one(place, name, file)
    assert asked(place, name) == 1


@pytest.mark.parametrize("is_soft", [False, True])
def test_more_than_half_of_a_large_table_is_withheld_and_less_goes(
    place: Installation, file: Path, *, is_soft: bool
) -> None:
    place.simulator.control.insert("crm/Opportunities", place.divisions[0], count=100)
    bring(place, OPPORTUNITIES, file=file, is_soft=is_soft)
    before = rows(file, OPPORTUNITIES)
    assert before >= 100
    fault(place, "rows_missing_counted", OPPORTUNITIES, value=0.4)
    outcome = one(place, OPPORTUNITIES, file, mode=Mode.SWEEP, is_soft=is_soft)
    assert isinstance(outcome.error, RemovalWithheldError)
    assert rows(file, OPPORTUNITIES) == before
    place.simulator.control.clear_faults()
    fault(place, "rows_missing_counted", OPPORTUNITIES, value=0.6)
    assert one(place, OPPORTUNITIES, file, mode=Mode.SWEEP, is_soft=is_soft).error is None
    assert before // 2 < rows(file, OPPORTUNITIES) < before


def test_headers_that_come_with_no_lines_in_many_parts_take_half_at_most(place: Installation, file: Path) -> None:
    control, division = place.simulator.control, place.divisions[0]
    bring(place, LINES, file=file)
    before = rows(file, LINES)
    control.set(page_size_cap=2)
    headers = control.rows(path_of(tables()[ENTRIES].endpoint), division)
    control.update(path_of(tables()[ENTRIES].endpoint), division, count=len(headers))
    fault(place, "lines_missing", LINES)
    for _ in range(3):
        outcome = one(place, LINES, file)
        assert isinstance(outcome.error, RemovalWithheldError)
        assert rows(file, LINES) >= before // 2, "the bound holds over all parts, and over asking again"
    assert outcome.state.withheld is not None
    assert outcome.state.withheld.by is RemovalKind.CHANGES
    place.simulator.control.clear_faults()
    assert one(place, LINES, file).error is None
    assert rows(file, LINES) == before
    assert problems(place, LINES, file=file) == {}
    state = one(place, LINES, file).state
    assert (state.withheld, state.lost) == (None, 0)


def test_a_sweep_of_headers_whose_lines_would_all_go_is_withheld(place: Installation, file: Path) -> None:
    """Two headers of many hold all the lines that are kept."""
    bring(place, f"{ENTRIES},{LINES}", file=file)
    gone = place.simulator.control.delete(path_of(tables()[ENTRIES].endpoint), place.divisions[0], count=2)
    listed = ", ".join(f"'{key}'" for key in gone)
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"DELETE FROM exact.{LINES} WHERE entry_id NOT IN ({listed})")
    left = rows(file, LINES)
    outcome = one(place, ENTRIES, file, mode=Mode.SWEEP)
    assert isinstance(outcome.error, RemovalWithheldError)
    assert f"{left} of {left} rows of {LINES}" in str(outcome.error)
    assert rows(file, LINES) == left > 0


def test_a_year_that_comes_back_empty_is_compared_with_the_rows_of_that_year(
    place: Installation, file: Path
) -> None:
    name = "salesinvoice_sales_invoices"
    bring(place, name, file=file)
    before = rows(file, name)
    year = place.settings.start_year + 1
    fault(place, "rows_missing_counted", name)
    outcome = one(place, name, file, mode=Mode.RELOAD, years=(year,))
    of = rows(file, name, f"_year = {year}")
    assert isinstance(outcome.error, RemovalWithheldError)
    assert f"{of} of {of} rows" in str(outcome.error)
    assert 0 < of < before == rows(file, name)
    # Another year is another question, which has to stand for a day of its own.
    place.simulator.control.advance(25 * HOUR)
    assert isinstance(one(place, name, file, mode=Mode.RELOAD, years=(year + 1,)).error, RemovalWithheldError)
    assert isinstance(one(place, name, file, mode=Mode.RELOAD, years=(year,)).error, RemovalWithheldError)
    assert rows(file, name) == before
    # It stood for a day: the year goes, the others stay, and what changed meanwhile came in.
    place.simulator.control.advance(25 * HOUR)
    assert one(place, name, file).error is None
    assert rows(file, name) == before - of


def test_what_is_gone_by_ones_own_wish_is_not_withheld(place: Installation, file: Path) -> None:
    """A later starting year leaves rows out."""
    name = "financial_reporting_balance"
    bring(place, name, file=file)
    first = place.settings.start_year
    later = first + 4
    outcome = attempt(place, name, file=file, start_year=later)[name][place.divisions[0]]
    assert outcome.error is None
    assert rows(file, name, f"_year < {later}") == 0 < rows(file, name)


@pytest.mark.parametrize("name", [ACCOUNTS, "payroll_employees"])
def test_a_move_that_gives_all_rows_new_versions_or_keys_is_not_withheld(
    place: Installation, file: Path, name: str
) -> None:
    bring(place, name, file=file, epochs={name: "moved never"})
    with duckdb.connect(str(file)) as connection:
        # As if all that is kept had other keys than Exact has now.
        connection.execute(f"UPDATE exact.{name} SET id = uuid()")
    assert bring(place, name, file=file, epochs={name: "moved 2026-01-01"})
    assert problems(place, name, file=file) == {}


def test_an_empty_answer_after_a_move_is_withheld_and_all_is_read_anew_later(
    place: Installation, file: Path
) -> None:
    bring(place, ACCOUNTS, file=file, epochs={ACCOUNTS: "moved never"})
    before = rows(file, ACCOUNTS)
    fault(place, "rows_missing_counted", ACCOUNTS)
    for _ in range(2):
        outcome = attempt(place, ACCOUNTS, file=file, epochs={ACCOUNTS: "moved 2026-01-01"})
        assert isinstance(outcome[ACCOUNTS][place.divisions[0]].error, RemovalWithheldError)
    assert rows(file, ACCOUNTS) == before
    place.simulator.control.clear_faults()
    bring(place, ACCOUNTS, file=file, epochs={ACCOUNTS: "moved 2026-01-01"})
    assert problems(place, ACCOUNTS, file=file) == {}


def fault_in(place: Installation, kind: str, name: str, year: int, *, times: int | None = None) -> None:
    """Set a fault that strikes only questions about a span of years that begins with this one."""
    path = path_of(tables()[name].endpoint)
    place.simulator.control.fault(kind, path=rf"/{path}\?.*ge[^&]*{year}-01-01", times=times, value=0)


def asked_for(place: Installation, name: str, year: int) -> int:
    """Count the questions about a span of years that begins with this one, without those that only count."""
    calls = place.simulator.control.calls(path=path_of(tables()[name].endpoint))
    begins = re.compile(rf"ge datetime'{year}-01-01")
    return sum(
        1 for call in calls if begins.search(unquote_plus(call["query"])) and "inlinecount" not in call["query"]
    )


INVOICES = "salesinvoice_sales_invoices"


@pytest.mark.parametrize("stood", [1, 3])
def test_of_two_years_in_a_reload_only_the_one_that_stood_for_a_day_may_go(
    place: Installation, file: Path, stood: int
) -> None:
    bring(place, INVOICES, file=file)
    first, second = place.settings.start_year + 1, place.settings.start_year + 3
    stood += place.settings.start_year
    other = first if stood == second else second
    kept = rows(file, INVOICES, f"_year = {other}")
    fault(place, "rows_missing_counted", INVOICES)
    assert isinstance(one(place, INVOICES, file, mode=Mode.RELOAD, years=(stood,)).error, RemovalWithheldError)
    place.simulator.control.advance(25 * HOUR)
    outcome = one(place, INVOICES, file, mode=Mode.RELOAD, years=(first, second))
    assert isinstance(outcome.error, RemovalWithheldError)
    assert f"{kept} of {kept} rows" in str(outcome.error)
    assert rows(file, INVOICES, f"_year = {other}") == kept > 0
    assert outcome.state.withheld is not None
    assert outcome.state.withheld.chain is not None
    assert outcome.state.withheld.chain.first_year == other
    if stood == first:
        assert rows(file, INVOICES, f"_year = {stood}") == 0


def test_a_refused_year_that_is_good_the_second_time_says_nothing_of_another_year(
    place: Installation, file: Path
) -> None:
    bring(place, INVOICES, file=file)
    before = rows(file, INVOICES)
    first, second = place.settings.start_year + 1, place.settings.start_year + 3
    of = rows(file, INVOICES, f"_year = {second}")
    fault_in(place, "rows_missing_counted", INVOICES, first, times=1)
    fault_in(place, "rows_missing_counted", INVOICES, second)
    place.simulator.control.forget_calls()
    outcome = one(place, INVOICES, file, mode=Mode.RELOAD, years=(first, second))
    assert isinstance(outcome.error, RemovalWithheldError)
    assert f"{of} of {of} rows" in str(outcome.error)
    assert (asked_for(place, INVOICES, first), asked_for(place, INVOICES, second)) == (2, 2)
    assert rows(file, INVOICES) == before


def test_a_year_that_is_good_the_second_time_leaves_another_year_withheld(place: Installation, file: Path) -> None:
    bring(place, INVOICES, file=file)
    good, bad = place.settings.start_year + 1, place.settings.start_year + 3
    fault_in(place, "rows_missing_counted", INVOICES, bad)
    first = one(place, INVOICES, file, mode=Mode.RELOAD, years=(bad,))
    assert isinstance(first.error, RemovalWithheldError)
    fault_in(place, "rows_missing_counted", INVOICES, good, times=1)
    outcome = one(place, INVOICES, file, mode=Mode.RELOAD, years=(good,))
    assert isinstance(outcome.error, RemovalWithheldError)
    assert first.state.withheld is not None
    assert outcome.state.withheld is not None
    assert outcome.state.withheld.chain == first.state.withheld.chain
    assert outcome.state.withheld.since == first.state.withheld.since


@pytest.mark.parametrize("is_second", [False, True])
def test_only_the_year_that_was_refused_is_asked_for_again(
    place: Installation, file: Path, *, is_second: bool
) -> None:
    bring(place, INVOICES, file=file)
    before = rows(file, INVOICES)
    years = (place.settings.start_year + 1, place.settings.start_year + 3)
    fault_in(place, "rows_missing_counted", INVOICES, years[is_second], times=1)
    place.simulator.control.forget_calls()
    assert one(place, INVOICES, file, mode=Mode.RELOAD, years=years).error is None
    expected = {years[is_second]: 2, years[not is_second]: 1}
    assert {year: asked_for(place, INVOICES, year) for year in years} == expected
    assert rows(file, INVOICES) == before
    assert problems(place, INVOICES, file=file) == {}


@pytest.mark.parametrize("name", [UNITS, CODES])
def test_a_table_that_is_read_whole_is_asked_for_twice_at_most(place: Installation, file: Path, name: str) -> None:
    bring(place, name, file=file)
    before = rows(file, name)
    fault(place, "rows_missing_counted", name, times=1)
    place.simulator.control.forget_calls()
    assert one(place, name, file).error is None
    assert asked(place, name) == 2
    assert rows(file, name) == before


@pytest.mark.parametrize("kind", ["rows_missing", "rows_missing_counted"])
@pytest.mark.parametrize("mode", [Mode.SWEEP, Mode.RELOAD])
@pytest.mark.parametrize("name", [OPPORTUNITIES, ACCOUNTS])
def test_a_doubted_or_withheld_answer_is_not_asked_for_again_within_six_hours(
    place: Installation, file: Path, name: str, mode: Mode, kind: str
) -> None:
    error = RemovalDoubtedError if kind == "rows_missing" else RemovalWithheldError
    bring(place, name, file=file)
    fault(place, kind, name)
    assert isinstance(one(place, name, file, mode=mode).error, error)
    for hours, calls in ((0, 1), (5, 1), (2, 4), (3, 1)):
        place.simulator.control.advance(hours * HOUR)
        place.simulator.control.forget_calls()
        outcome = one(place, name, file)
        assert isinstance(outcome.error, error)
        assert "It is asked again within 6 hours" in str(outcome.error)
        assert asked(place, name) == calls, f"{hours} hours later"


@pytest.mark.parametrize("kind", ["rows_missing", "rows_missing_counted"])
@pytest.mark.parametrize("name", [UNITS, CODES])
def test_a_table_that_is_read_whole_is_asked_for_twice_only_every_six_hours(
    place: Installation, file: Path, name: str, kind: str
) -> None:
    bring(place, name, file=file)
    before = rows(file, name)
    fault(place, kind, name)
    for hours, calls in ((0, 3), (0, 1), (5, 1), (2, 3)):
        place.simulator.control.advance(hours * HOUR)
        place.simulator.control.forget_calls()
        outcome = one(place, name, file)
        assert isinstance(outcome.error, RemovalDoubtedError | RemovalWithheldError)
        assert asked(place, name) == calls, f"{hours} hours later"
        assert rows(file, name) == before
        assert kept_aside(file) == []


def test_an_answer_that_takes_more_than_what_stood_for_a_day_has_to_stand_itself(
    place: Installation, file: Path
) -> None:
    place.simulator.control.insert("crm/Opportunities", place.divisions[0], count=100)
    bring(place, OPPORTUNITIES, file=file)
    before = rows(file, OPPORTUNITIES)
    fault(place, "rows_missing_counted", OPPORTUNITIES, value=0.4)
    assert isinstance(one(place, OPPORTUNITIES, file, mode=Mode.SWEEP).error, RemovalWithheldError)
    place.simulator.control.clear_faults()
    fault(place, "rows_missing_counted", OPPORTUNITIES)
    place.simulator.control.advance(25 * HOUR)
    assert isinstance(one(place, OPPORTUNITIES, file).error, RemovalWithheldError)
    assert rows(file, OPPORTUNITIES) == before
    place.simulator.control.advance(25 * HOUR)
    assert one(place, OPPORTUNITIES, file).error is None
    assert rows(file, OPPORTUNITIES) == 0
