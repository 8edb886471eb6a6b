"""An answer that would take most rows away: asked again, withheld while it stands, applied when confirmed."""

from pathlib import Path

import duckdb
import pytest

from exact_assets.catalogue.tables import tables
from exact_assets.errors import RemovalDoubtedError, RemovalWithheldError
from exact_assets.request import Mode
from exact_assets.stream import RemovalKind
from exact_assets_tests.installation import Installation, path_of
from exact_assets_tests.one_warehouse import attempt, bring, problems
from exact_assets_tests.removals.asking import (
    ACCOUNTS,
    CODES,
    ENTRIES,
    HOUR,
    LINES,
    OPPORTUNITIES,
    UNITS,
    asked,
    fault,
    kept_aside,
    one,
    rows,
)

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


@pytest.mark.long
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


@pytest.mark.long
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


@pytest.mark.long
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
    year = place.config.start_year + 1
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
    first = place.config.start_year
    later = first + 4
    outcome = attempt(place, name, file=file, start_year=later)[name][place.divisions[0]]
    assert outcome.error is None
    assert rows(file, name, f"_year < {later}") == 0 < rows(file, name)


@pytest.mark.parametrize("name", [ACCOUNTS, "payroll_employees"])
def test_a_move_that_gives_all_rows_new_versions_or_keys_is_not_withheld(
    place: Installation, file: Path, name: str
) -> None:
    bring(place, name, file=file, generations={name: "moved never"})
    with duckdb.connect(str(file)) as connection:
        # As if all that is kept had other keys than Exact has now.
        connection.execute(f"UPDATE exact.{name} SET id = uuid()")
    assert bring(place, name, file=file, generations={name: "moved 2026-01-01"})
    assert problems(place, name, file=file) == {}


def test_an_empty_answer_after_a_move_is_withheld_and_all_is_read_anew_later(
    place: Installation, file: Path
) -> None:
    bring(place, ACCOUNTS, file=file, generations={ACCOUNTS: "moved never"})
    before = rows(file, ACCOUNTS)
    fault(place, "rows_missing_counted", ACCOUNTS)
    for _ in range(2):
        outcome = attempt(place, ACCOUNTS, file=file, generations={ACCOUNTS: "moved 2026-01-01"})
        assert isinstance(outcome[ACCOUNTS][place.divisions[0]].error, RemovalWithheldError)
    assert rows(file, ACCOUNTS) == before
    place.simulator.control.clear_faults()
    bring(place, ACCOUNTS, file=file, generations={ACCOUNTS: "moved 2026-01-01"})
    assert problems(place, ACCOUNTS, file=file) == {}
