"""A control store that is a file serves one machine; a second one that shares the folder is refused."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from exact_assets.config import ExactConfig
from exact_assets.control import hosts
from exact_assets.control.database import open_database, transaction
from exact_assets.control.hosts import BOOT_ID, SEEN_LATELY, require_one_host
from exact_assets.control.open import Control
from exact_assets.control.tables import HOSTS
from exact_assets.errors import ControlError
from exact_assets_tests.control.conftest import ON_POSTGRESQL

NOW = datetime.now(UTC)
pytestmark = pytest.mark.skipif(not BOOT_ID.exists(), reason="only Linux tells machines apart")


@pytest.fixture
def engine(control_url: str) -> sa.Engine:
    return open_database(control_url, is_durable=False)


def seen(engine: sa.Engine, boot_id: str, at: datetime) -> None:
    with transaction(engine) as connection:
        connection.execute(sa.insert(HOSTS).values(boot_id=boot_id, seen_at=at.timestamp()))


def marks(engine: sa.Engine) -> set[str]:
    with transaction(engine) as connection:
        return set(connection.scalars(sa.select(HOSTS.c.boot_id)))


def test_a_second_machine_is_refused_and_the_first_goes_on_once_it_is_alone(
    config: ExactConfig, engine: sa.Engine
) -> None:
    now = datetime.now(UTC)
    Control.open(config)
    seen(engine, "of another machine", now - timedelta(seconds=30))
    with pytest.raises(ControlError, match=r"another machine used it at .* a PostgreSQL database"):
        Control.open(config)
    require_one_host(engine, now=now + SEEN_LATELY)
    assert marks(engine) == {BOOT_ID.read_text().strip()}


def test_this_machine_before_it_was_started_anew_is_no_other(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen(engine, "of this one before", NOW - timedelta(seconds=40))
    monkeypatch.setattr(hosts, "_this_machine", lambda: ("now", NOW - timedelta(seconds=20)))
    require_one_host(engine, now=NOW)
    assert marks(engine) == {"of this one before", "now"}


def test_one_that_is_refused_leaves_no_mark_that_would_keep_the_first_out(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_one_host(engine, now=NOW)
    monkeypatch.setattr(hosts, "_this_machine", lambda: ("a laptop", NOW - timedelta(hours=1)))
    with pytest.raises(ControlError):
        require_one_host(engine, now=NOW)
    assert marks(engine) == {BOOT_ID.read_text().strip()}


@pytest.mark.parametrize("at", [NOW + timedelta(days=365), NOW - timedelta(days=365)])
def test_a_mark_of_a_wrong_clock_keeps_nobody_out(engine: sa.Engine, at: datetime) -> None:
    seen(engine, "of another machine", at)
    require_one_host(engine, now=NOW)


def test_a_mark_is_written_once_a_minute(engine: sa.Engine) -> None:
    require_one_host(engine, now=NOW)
    for seconds in (1, 30, 59):
        require_one_host(engine, now=NOW + timedelta(seconds=seconds))
    with transaction(engine) as connection:
        assert connection.scalars(sa.select(HOSTS.c.seen_at)).all() == [NOW.timestamp()]


@ON_POSTGRESQL
def test_on_a_server_any_number_of_machines_is_welcome(engine: sa.Engine) -> None:
    seen(engine, "of another machine", NOW)
    require_one_host(engine, now=NOW)
    assert marks(engine) == {"of another machine"}
