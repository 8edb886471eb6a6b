"""What users set, and what they are told when it makes no sense."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from exact_assets.config import ExactConfig
from exact_assets.errors import SettingsError
from exact_assets.warehouse.open import url_of

THIS_YEAR = datetime.now(UTC).year

WRONG = [
    ("COUNTRY", "nll", "did you mean nl"),
    ("COUNTRY", "germany", "expected one of nl, be, de"),
    ("BASE_URL", "start.exactonline.nl", "scheme and host"),
    ("BASE_URL", "https://start.exactonline.nl/api/v1", "scheme and host only"),
    ("BASE_URL", "ftp://x", "scheme and host"),
    ("REDIRECT_URI", "callback", "registered redirect URI"),
    ("START_YEAR", "20022", str(THIS_YEAR)),
    ("START_YEAR", "last", "integer"),
    ("START_YEAR", str(THIS_YEAR + 1), str(THIS_YEAR)),
    ("WAREHOUSE_URL", "warehouse.duckdb", "database URL"),
    ("CONTROL_URL", "control.sqlite", "database URL"),
    ("ANSWER_SECONDS", "inf", "3600"),
    ("ANSWER_SECONDS", "0", "5"),
    ("ANSWER_MB", "much", "integer"),
    ("ANSWER_MB", "0", "1"),
    ("SECRET_KEY", "short", "8 characters"),
]


@pytest.mark.parametrize(("name", "value", "expected"), WRONG)
def test_a_value_that_makes_no_sense_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(f"EXACT_{name}", value)
    with pytest.raises(SettingsError, match=f"^EXACT_{name}: ") as caught:
        ExactConfig.from_env()
    assert expected in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_all_problems_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXACT_COUNTRY", "xx")
    monkeypatch.setenv("EXACT_START_YEAR", "1")
    with pytest.raises(SettingsError) as caught:
        ExactConfig.from_env()
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == [
        "EXACT_COUNTRY",
        "EXACT_START_YEAR",
    ]


@pytest.mark.parametrize(
    ("country", "host"),
    [
        ("nl", "nl"),
        ("BE", "be"),
        ("de", "de"),
        ("fr", "fr"),
        ("es", "es"),
        ("com", "com"),
        ("uk", "co.uk"),
        ("co.uk", "co.uk"),
    ],
)
def test_the_country_selects_the_host(monkeypatch: pytest.MonkeyPatch, country: str, host: str) -> None:
    monkeypatch.setenv("EXACT_COUNTRY", country)
    assert ExactConfig.from_env().site_url == f"https://start.exactonline.{host}"


def test_the_base_url_goes_before_the_country(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXACT_BASE_URL", "http://127.0.0.1:8000/")
    assert ExactConfig.from_env().site_url == "http://127.0.0.1:8000"


def test_defaults_need_nothing(tmp_path: Path) -> None:
    config = ExactConfig.from_env()
    assert (config.country, config.start_year) == ("nl", THIS_YEAR - 4)
    assert url_of(config) == f"duckdb:///{tmp_path.resolve()}/.state/warehouse.duckdb"


def test_state_goes_to_dagsters_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    assert ExactConfig.from_env().control_url == f"sqlite:///{(tmp_path / 'home').resolve()}/.state/control.sqlite"


def test_an_env_file_is_read_and_the_environment_goes_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("EXACT_CLIENT_ID=file\nEXACT_COUNTRY=be\nDAGSTER_HOME=home\nOTHER=1\n")
    monkeypatch.setenv("EXACT_CLIENT_ID", "environment")
    config = ExactConfig.from_env()
    assert (config.client_id, config.country) == ("environment", "be")
    assert "/home/.state/" in config.control_url


def test_an_empty_value_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXACT_START_YEAR", "")
    monkeypatch.setenv("EXACT_CLIENT_SECRET", "")
    assert ExactConfig.from_env().start_year == THIS_YEAR - 4
    assert ExactConfig.from_env().client_secret is None


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXACT_CLIENT_SECRET", "hush-hush")
    monkeypatch.setenv("EXACT_SECRET_KEY", "quiet-quiet")
    assert "hush" not in repr(ExactConfig.from_env())
    assert "quiet" not in str(ExactConfig.from_env())
