"""How often tables are due: what `EXACT_FREQUENCIES` may say, and what is refused with the nearest right one."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exact_assets.catalogue import select
from exact_assets.catalogue.frequencies import DAY, HOUR, MINUTES, UNITS, WEEK, label, parse, with_frequencies
from exact_assets.errors import SettingsError

LEDGER, ACCOUNTS, UNITS_TABLE = (
    "financialtransaction_transaction_lines",
    "crm_accounts",
    "logistics_units",
)


def due(spec: str | None) -> dict[str, int]:
    chosen = select(f"{LEDGER},{ACCOUNTS},{UNITS_TABLE}")
    return {table.name: table.frequency_minutes for table in with_frequencies(chosen, spec)}


@pytest.mark.parametrize("spec", [None, "", "  ", ",", "hrm=1d"])
def test_what_is_not_named_keeps_its_frequency(spec: str | None) -> None:
    assert due(spec) == {LEDGER: 360, ACCOUNTS: 360, UNITS_TABLE: 360}


def test_tables_are_named_as_in_the_selection_and_later_pairs_win() -> None:
    assert due("all=1d, transaction_lines=15m, crm/*=1h, CRM_Accounts=30M") == {
        LEDGER: 15,
        ACCOUNTS: 30,
        UNITS_TABLE: DAY,
    }


def test_a_file_says_the_same_as_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "due.toml").write_text('all = "1w"\n"crm/*" = "1d"\ntransaction_lines = "15m"  # the ledger\n')
    said = {LEDGER: 15, ACCOUNTS: DAY, UNITS_TABLE: WEEK}
    assert due(str(tmp_path / "due.toml")) == said
    monkeypatch.chdir(tmp_path)
    assert due("due.toml") == said


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("crm_acounts=1d", "'crm_acounts'. Did you mean 'crm_accounts'?"),
        ("crm/*=2d", "crm/*=2d: .* Did you mean '1d'?"),
        ("crm=7m", "crm=7m: .* Did you mean '6m'?"),
        ("crm=3m", "crm=3m: .* Did you mean '5m'?"),
        ("crm=5h", "crm=5h: .* Did you mean '4h'?"),
        ("crm=15min", "Did you mean '15m'?"),
        ("crm=6 hours", "Did you mean '6h'?"),
        ("crm=daily", "Did you mean '1d'?"),
        ("crm=wek", "Did you mean '1w'?"),
        ("crm=0m", "Did you mean '5m'?"),
        ("crm=-1h", "Did you mean '1h'?"),
        ("crm=30q", "such as 30m"),
        ("crm=6", "such as 6m or 6h"),
        ("crm=", "expected pairs such as crm_accounts=1h, not 'crm='"),
        ("=1d", "not '=1d'"),
        ("crm", "not 'crm'"),
        ("nowhere.toml", "nowhere.toml cannot be read"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_nearest_right_one(spec: str, said: str) -> None:
    with pytest.raises(SettingsError, match=r"^EXACT_FREQUENCIES: ") as refused:
        due(spec)
    refused.match(said.replace("?", "[?]").replace("/*", "/[*]"))


@pytest.mark.parametrize(
    ("text", "said"),
    [("crm = 15", "expected lines"), ("crm.accounts = '1d'", "expected lines"), ("crm : 1d", "cannot be read")],
)
def test_a_file_that_makes_no_sense_is_refused_by_its_name(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "due.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=r"EXACT_FREQUENCIES: .*due\.toml") as refused:
        due(str(path))
    refused.match(said)


@given(st.integers(0, 2000), st.sampled_from(sorted(UNITS)))
def test_only_what_divides_an_hour_or_a_day_is_taken(number: int, unit: str) -> None:
    minutes = number * UNITS[unit]
    is_even = minutes in {1, 2, DAY, WEEK} or (
        minutes >= 5 and (HOUR % minutes == 0 or (minutes % HOUR == 0 and DAY % minutes == 0))
    )
    if is_even:
        assert parse(f"{number}{unit}", term="crm") == minutes
    else:
        with pytest.raises(SettingsError, match="Did you mean"):
            parse(f"{number}{unit}", term="crm")


@given(st.text(max_size=8))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    try:
        assert parse(text, term="crm") in MINUTES
    except SettingsError as error:
        assert "EXACT_FREQUENCIES" in str(error)  # noqa: PT017 - either is right, nothing else is


@pytest.mark.parametrize("minutes", MINUTES)
def test_a_frequency_is_written_as_it_is_read(minutes: int) -> None:
    assert parse(label(minutes), term="crm") == minutes
