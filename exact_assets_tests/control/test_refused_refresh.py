"""A refresh that is refused is remembered by all processes: one refused call, then a pause that grows."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from exact_assets.cli import main
from exact_assets.config import ExactConfig
from exact_assets.control.access import SharedTokens
from exact_assets.control.database import open_database, transaction
from exact_assets.control.open import Control
from exact_assets.control.pauses import RefreshPauses
from exact_assets.control.tables import REFRESH_PAUSES
from exact_assets.errors import (
    ExactError,
    KeyBlockedError,
    NotConnectedError,
    ReconnectError,
    RequestRefusedError,
    UnavailableError,
)
from exact_assets.exact.auth import TokenEndpoint
from exact_assets.exact.token import Token
from exact_assets_tests.control.conftest import connect
from exact_assets_tests.control.processes import output_of, start
from exact_assets_tests.control.test_refresh import ask_me
from exact_simulator.process import Simulator

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ASK = """
import asyncio
from exact_assets.config import ExactConfig
from exact_assets.control.open import Control
from exact_assets.errors import ExactError

async def main():
    for _ in range(3):
        try:
            async with Control.open(ExactConfig.from_env()).client() as client:
                await client.me()
        except ExactError as error:
            print(type(error).__name__)

asyncio.run(main())
"""


def expire(control: Control, simulator: Simulator) -> None:
    """Let the token be of no use any more, for us and for the simulator."""
    simulator.control.advance(601)
    token = control.tokens.read().token
    earlier = timedelta(seconds=601)
    issued_at = None if token.issued_at is None else token.issued_at - earlier
    control.tokens.keep_age(replace(token, received_at=token.received_at - earlier, issued_at=issued_at))
    simulator.control.forget_calls()


def asked(simulator: Simulator) -> list[int]:
    """Return the statuses of what the token endpoint was asked."""
    return [call["status"] for call in simulator.control.calls(path="/oauth2/token")]


def let_pause_pass(control: Control) -> None:
    """Move the pause back in time."""
    with transaction(open_database(control.config.control_url, is_durable=True)) as connection:
        connection.execute(REFRESH_PAUSES.update().values(until=datetime.now(UTC).timestamp() - 1))


def with_secret(config: ExactConfig, secret: str) -> Control:
    return Control.open(config.model_copy(update={"client_secret": SecretStr(secret)}))


def put_in_environment(config: ExactConfig, monkeypatch: pytest.MonkeyPatch, *, secret: str, folder: Path) -> None:
    monkeypatch.setenv("EXACT_BASE_URL", config.site_url)
    monkeypatch.setenv("EXACT_CLIENT_ID", config.client_id or "")
    monkeypatch.setenv("EXACT_CLIENT_SECRET", secret)
    monkeypatch.setenv("EXACT_CONTROL_URL", config.control_url)
    monkeypatch.setenv("EXACT_WAREHOUSE_URL", f"duckdb:///{folder / 'warehouse.duckdb'}")


@pytest.mark.long
def test_a_wrong_secret_costs_one_refused_call_over_all_processes(
    connected: Control, config: ExactConfig, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It was asked again for every table and division: 11 answers of 400, then 116 of 429."""
    put_in_environment(config, monkeypatch, secret="renewed", folder=tmp_path)
    expire(connected, simulator)
    for process in [start(ASK) for _ in range(3)]:
        assert output_of(process).split() == ["RequestRefusedError"] * 3
    assert asked(simulator) == [400]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 429])
def test_whatever_refuses_a_refresh_is_asked_once(connected: Control, simulator: Simulator, status: int) -> None:
    """A firewall answers 403, the daily limit 429."""
    expire(connected, simulator)
    simulator.control.fault("status", path="oauth2/token", value=status, times=None)
    with pytest.raises(ExactError):
        asyncio.run(ask_me(connected))
    for _ in range(4):
        with pytest.raises(ExactError, match="not asked for again before"):
            asyncio.run(ask_me(connected))
    assert asked(simulator) == [status]


@pytest.mark.long
def test_the_pause_grows_to_an_hour(connected: Control, simulator: Simulator) -> None:
    expire(connected, simulator)
    simulator.control.fault("status", path="oauth2/token", value=403, times=None)
    seconds = []
    for _ in range(8):
        began = datetime.now(UTC)
        with pytest.raises(RequestRefusedError):
            asyncio.run(ask_me(connected))
        pause = connected.pauses.read()
        assert pause is not None
        seconds.append((pause.until - began).total_seconds())
        let_pause_pass(connected)
    wanted = [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert seconds == pytest.approx(wanted, abs=50)


@pytest.mark.long
def test_nothing_is_sent_after_ten_refusals(connected: Control, simulator: Simulator) -> None:
    """Exact blocks an app after more than ten on one endpoint within an hour, the token endpoint included."""
    simulator.control.set(token_errors_block=True)
    expire(connected, simulator)
    simulator.control.fault("status", path="oauth2/token", value=400, times=None)
    for _ in range(10):
        with pytest.raises(RequestRefusedError):
            asyncio.run(ask_me(connected))
        let_pause_pass(connected)
    for _ in range(3):
        with pytest.raises(KeyBlockedError, match="Nothing is sent before"):
            asyncio.run(ask_me(connected))
    with pytest.raises(KeyBlockedError):
        connect(connected)
    assert asked(simulator) == [400] * 10
    simulator.control.set(token_errors_block=False)


def test_a_changed_secret_ends_the_pause(connected: Control, config: ExactConfig, simulator: Simulator) -> None:
    expire(connected, simulator)
    wrong = with_secret(config, "renewed")
    for _ in range(2):
        with pytest.raises(RequestRefusedError, match="EXACT_CLIENT_SECRET"):
            asyncio.run(ask_me(wrong))
    assert asyncio.run(ask_me(connected)) == 100001
    assert asked(simulator) == [400, 200]
    assert wrong.pauses.read() is None, "and nothing is left of it"


def test_connecting_ends_the_pause(connected: Control, simulator: Simulator) -> None:
    expire(connected, simulator)
    simulator.control.fault("status", path="oauth2/token", value=403)
    with pytest.raises(RequestRefusedError):
        asyncio.run(ask_me(connected))
    connect(connected)
    assert asyncio.run(ask_me(connected)) == 100001


@pytest.mark.long
def test_a_token_endpoint_that_is_down_is_left_alone_for_some_seconds(
    connected: Control, simulator: Simulator
) -> None:
    """Each table and division asked four times."""
    expire(connected, simulator)
    simulator.control.fault("status", path="oauth2/token", value=503, times=None)
    for _ in range(3):
        with pytest.raises(UnavailableError):
            asyncio.run(ask_me(connected))
    assert asked(simulator) == [503] * 4
    pause = connected.pauses.read()
    assert pause is not None
    assert pause.until - datetime.now(UTC) < timedelta(seconds=10)


def test_a_refused_refresh_does_not_stop_a_token_that_is_good(connected: Control, simulator: Simulator) -> None:
    simulator.control.advance(575)
    token = connected.tokens.read().token
    earlier = timedelta(seconds=575)
    connected.tokens.keep_age(replace(token, received_at=token.received_at - earlier, issued_at=None))
    simulator.control.fault("status", path="oauth2/token", value=403, times=None)
    simulator.control.forget_calls()
    for _ in range(2):
        assert asyncio.run(ask_me(connected)) == 100001
    assert asked(simulator) == [403]


def test_status_tells_of_the_pause(
    connected: Control, config: ExactConfig, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put_in_environment(config, monkeypatch, secret="renewed", folder=tmp_path)
    expire(connected, simulator)
    told = CliRunner().invoke(main, ["status"])
    assert "not asked for again" not in told.output
    with pytest.raises(RequestRefusedError):
        asyncio.run(ask_me(with_secret(config, "renewed")))
    told = CliRunner().invoke(main, ["status"])
    assert told.exit_code == 1
    assert "The token endpoint refuses the request (HTTP 400" in told.output
    assert "is not asked for again before" in told.output


@pytest.mark.parametrize("jump", [timedelta(hours=2), timedelta(days=365), -timedelta(days=365)])
def test_a_pause_that_a_wrong_clock_wrote_holds_nobody_up(connected: Control, jump: timedelta) -> None:
    for _ in range(20):
        connected.pauses.note(RequestRefusedError("no", status=403), now=NOW + jump)
    pause = connected.pauses.read()
    assert pause is not None
    assert not pause.holds(NOW)
    after = connected.pauses.note(RequestRefusedError("no", status=403), now=NOW)
    assert after is not None
    assert (after.refused, after.until) == (1, NOW + timedelta(minutes=1))


@pytest.mark.parametrize("value", ["soon", b"x", 1e300, float("inf")])
def test_a_damaged_pause_holds_nobody_up(connected: Control, value: object) -> None:
    connected.pauses.note(RequestRefusedError("no", status=403), now=datetime.now(UTC))
    with transaction(open_database(connected.config.control_url, is_durable=True)) as connection:
        connection.exec_driver_sql("UPDATE refresh_pauses SET until = ?, refused = ?", (value, value))
    assert connected.pauses.read() is None
    assert asyncio.run(ask_me(connected)) == 100001


def test_no_secret_can_be_read_from_what_is_remembered(config: ExactConfig) -> None:
    control = with_secret(config, "a-secret-of-the-app")
    control.pauses.note(RequestRefusedError("no", status=403), now=NOW)
    assert b"a-secret-of-the-app" not in Path(config.control_url.removeprefix("sqlite:///")).read_bytes()
    other = RefreshPauses(
        open_database(config.control_url, is_durable=True), site="elsewhere", client="x", client_secret=None
    )
    assert other.read() is None


def test_without_a_connection_there_is_no_trouble_to_tell(control: Control) -> None:
    assert control.trouble() is None
    with pytest.raises(NotConnectedError):
        asyncio.run(ask_me(control))


def refuse_ten_times(control: Control) -> None:
    """Count refusals of the token endpoint as they come from a wrong secret."""
    endpoint = TokenEndpoint(
        site_url=control.config.site_url,
        client_id=control.client_id,
        client_secret=control.client_secret(),
        refusals=control.ledger,
    )
    for _ in range(10):
        with pytest.raises(ReconnectError, match="EXACT_CLIENT_SECRET"):
            endpoint.exchange("no code", redirect_uri=control.config.redirect_uri)
    with pytest.raises(KeyBlockedError):
        endpoint.exchange("no code", redirect_uri=control.config.redirect_uri)


def test_after_ten_refusals_a_secret_that_was_put_right_connects_at_once(
    config: ExactConfig, simulator: Simulator
) -> None:
    """`connect` waited for up to an hour."""
    wrong = with_secret(config, "wrong")
    simulator.control.forget_calls()
    refuse_ten_times(wrong)
    assert len(asked(simulator)) == 10
    connect(Control.open(config))
    assert Control.open(config).trouble() is None
    assert "Nothing is sent before" in str(wrong.trouble())


def test_after_ten_refusals_another_wrong_secret_is_tried_once(config: ExactConfig, simulator: Simulator) -> None:
    refuse_ten_times(with_secret(config, "wrong"))
    other = with_secret(config, "wrong too")
    simulator.control.forget_calls()
    for kind in (ReconnectError, KeyBlockedError, KeyBlockedError):
        with pytest.raises(kind):
            connect(other)
    assert len(asked(simulator)) == 1


def test_after_ten_refusals_no_process_is_started_to_hear_of_it(
    connected: Control, config: ExactConfig, simulator: Simulator
) -> None:
    """Each table started one that sent nothing."""
    wrong = with_secret(config, "wrong")
    refuse_ten_times(wrong)
    expire(connected, simulator)
    started = 0

    async def refresh(_: Token) -> None:
        nonlocal started
        started += 1

    async def ask() -> None:
        tokens = SharedTokens(wrong.tokens, refresh, wrong.pauses, held_until=wrong.token_held_until)
        for _ in range(5):
            with pytest.raises(KeyBlockedError, match="Nothing is sent before"):
                await tokens.current()

    asyncio.run(ask())
    assert started == 0
