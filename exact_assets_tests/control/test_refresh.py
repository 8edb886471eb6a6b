"""The refresh token is good once: who uses it, and what is left when that goes wrong."""

import asyncio
import os
import signal
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from exact_assets.control.access import SharedTokens
from exact_assets.control.open import Control
from exact_assets.errors import (
    AccessTokenRefusedError,
    ExactError,
    NotConnectedError,
    ReconnectError,
    TokenExpiredError,
    TokenUsedElsewhereError,
)
from exact_assets.exact.token import Token
from exact_assets_tests.control.processes import output_of, start
from exact_simulator.process import Simulator

ASK = """
import asyncio, sys
from exact_assets.control.open import Control
from exact_assets.config import ExactConfig

async def main():
    config = ExactConfig.from_env()
    async with Control.open(config).client() as client:
        for _ in range(int(sys.argv[1])):
            me = await client.me()
            print(me.current_division, flush=True)
            await asyncio.sleep(float(sys.argv[2]))

asyncio.run(main())
"""


def age(control: Control, *, seconds: float = 571) -> None:
    """Let the stored token look as old as it would be after so long, for us and for the simulator."""
    token = control.tokens.read().token
    control.tokens.keep(replace(token, received_at=datetime.now(UTC) - timedelta(seconds=seconds)))


async def ask_me(control: Control) -> int:
    async with control.client() as client:
        return (await client.me()).current_division


@pytest.mark.usefixtures("environment")
def test_processes_that_find_the_token_due_refresh_it_once(connected: Control, simulator: Simulator) -> None:
    simulator.control.advance(575)
    age(connected)
    before = simulator.control.refreshes()
    simulator.control.forget_calls()
    for process in [start(ASK, "2", "0") for _ in range(3)]:
        assert output_of(process).split() == ["100001"] * 2
    assert simulator.control.refreshes() == before + 1
    assert len(simulator.control.calls(path="/oauth2/token")) == 1


@pytest.mark.long
@pytest.mark.usefixtures("environment")
def test_tokens_change_under_processes_that_go_on(connected: Control, simulator: Simulator) -> None:
    """Tokens of two seconds: each process outlives several, and none is refused or refreshed twice."""
    simulator.control.set(token_seconds=2)
    simulator.control.advance(575)
    age(connected)
    simulator.control.forget_calls()
    for process in [start(ASK, "9", "0.5") for _ in range(2)]:
        assert len(output_of(process).split()) == 9
    statuses = [call["status"] for call in simulator.control.calls(path="/oauth2/token")]
    assert set(statuses) == {200}
    assert len(statuses) >= 2


@pytest.mark.long
@pytest.mark.usefixtures("environment")
def test_a_run_that_is_killed_while_it_refreshes_loses_no_token(connected: Control, simulator: Simulator) -> None:
    simulator.control.advance(575)
    age(connected)
    simulator.control.fault("slow", path="oauth2/token", value=1.5)
    before = connected.tokens.read().token.generation
    run = start(ASK, "1", "0")
    wait_for(lambda: connected.tokens.read().attempted_at is not None)
    os.killpg(os.getpgid(run.pid), 0)
    os.kill(run.pid, signal.SIGKILL)
    run.communicate()
    wait_for(lambda: connected.tokens.read().token.generation == before + 1)
    assert asyncio.run(ask_me(connected)) == 100001


def wait_for(condition: object, *, seconds: float = 20) -> None:
    assert callable(condition)
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize(("server_age_seconds", "refreshes"), [(601, 1), (300, 0)])
def test_a_refused_token_is_refreshed_where_the_servers_clock_says_that_it_is_old(
    connected: Control, server_age_seconds: float, refreshes: int
) -> None:
    """Ours may have stood still, as in a machine that was asleep."""
    asked = []
    token = connected.tokens.read().token
    assert token.issued_at is not None
    server_time = token.issued_at + timedelta(seconds=server_age_seconds)

    async def refresh(due: Token) -> None:
        asked.append(due.generation)
        connected.tokens.keep(token)

    async def replace_it() -> bool:
        return (
            await SharedTokens(connected.tokens, refresh, connected.pauses).replacement(
                token, server_time=server_time
            )
            is not None
        )

    assert asyncio.run(replace_it()) == bool(refreshes)
    assert len(asked) == refreshes


def test_a_token_that_another_process_replaced_is_taken_from_the_store(connected: Control) -> None:
    old = connected.tokens.read().token
    connected.tokens.keep(replace(old, access_token="newer"))

    async def refresh(due: Token) -> None:
        raise AssertionError(due)

    found = asyncio.run(
        SharedTokens(connected.tokens, refresh, connected.pauses).replacement(old, server_time=None)
    )
    assert found is not None
    assert found.access_token == "newer"


def test_a_young_token_that_is_refused_is_not_refreshed(connected: Control, simulator: Simulator) -> None:
    simulator.control.forget_calls()
    simulator.control.fault("unauthorized", path="current/Me")
    with pytest.raises(AccessTokenRefusedError):
        asyncio.run(ask_me(connected))
    assert simulator.control.calls(path="/oauth2/token") == []


def test_a_token_that_exact_finds_too_young_stays_in_use(connected: Control, simulator: Simulator) -> None:
    """Our clock was set: the token looks old to us, and not to Exact."""
    age(connected)
    simulator.control.forget_calls()

    async def ask_twice() -> None:
        async with connected.client() as client:
            await client.me()
            await client.me()

    asyncio.run(ask_twice())
    assert [call["status"] for call in simulator.control.calls(path="/oauth2/token")] == [400]
    assert connected.tokens.read().attempted_at is None


def test_a_token_that_another_installation_used_is_said_to_be(connected: Control, simulator: Simulator) -> None:
    token = connected.tokens.read().token
    simulator.control.advance(575)
    connected.tokens.keep(replace(token, received_at=datetime.now(UTC) - timedelta(seconds=575)))
    asyncio.run(ask_me(connected))
    connected.tokens.keep(replace(token, received_at=datetime.now(UTC) - timedelta(seconds=601)))
    simulator.control.forget_calls()
    for _ in range(3):
        with pytest.raises(TokenUsedElsewhereError, match="second installation"):
            asyncio.run(ask_me(connected))
    assert len(simulator.control.calls(path="/oauth2/token")) == 1, "a dead chain is not asked about again"


def test_an_answer_lost_on_the_way_is_not_blamed_on_another(connected: Control, simulator: Simulator) -> None:
    simulator.control.advance(601)
    age(connected, seconds=601)
    simulator.control.fault("token_lost", path="oauth2/token")
    with pytest.raises(ReconnectError, match="lost on the way") as caught:
        asyncio.run(ask_me(connected))
    assert not isinstance(caught.value, TokenUsedElsewhereError)


def test_a_refresh_whose_process_was_killed_is_named(connected: Control, simulator: Simulator) -> None:
    token = connected.tokens.read().token
    simulator.control.advance(575)
    age(connected)
    asyncio.run(ask_me(connected))
    connected.tokens.keep(replace(token, received_at=datetime.now(UTC) - timedelta(seconds=601)))
    connected.tokens.note_attempt(datetime(2026, 11, 22, 12, tzinfo=UTC))
    with pytest.raises(ReconnectError, match="2026-11-22 12:00 UTC was interrupted"):
        asyncio.run(ask_me(connected))


def test_gateway_faults_and_empty_answers_pass(connected: Control, simulator: Simulator) -> None:
    simulator.control.advance(601)
    age(connected, seconds=601)
    simulator.control.fault("token_gateway", path="oauth2/token")
    assert asyncio.run(ask_me(connected)) == 100001


def test_thirty_idle_days_end_the_connection(connected: Control, simulator: Simulator) -> None:
    simulator.control.advance(31 * 86_400)
    age(connected, seconds=31 * 86_400)
    with pytest.raises(TokenExpiredError, match="exact-assets connect"):
        asyncio.run(ask_me(connected))


def test_a_token_endpoint_that_is_down_does_not_stop_a_token_that_is_good(connected: Control) -> None:
    age(connected)
    tries = []

    async def fail(due: Token) -> None:
        tries.append(due.generation)
        raise_unavailable()

    async def ask_twice() -> list[int]:
        tokens = SharedTokens(connected.tokens, fail, connected.pauses)
        return [(await tokens.current()).generation for _ in range(2)]

    assert len(set(asyncio.run(ask_twice()))) == 1
    assert len(tries) == 1, "the next try comes some seconds later"


def raise_unavailable() -> None:
    from exact_assets.errors import UnavailableError

    raise UnavailableError("down")


def test_without_a_connection_the_command_is_named(control: Control) -> None:
    with pytest.raises(NotConnectedError, match="exact-assets connect"):
        asyncio.run(ask_me(control))


def test_errors_cross_the_process_with_their_facts(connected: Control, simulator: Simulator) -> None:
    simulator.control.advance(601)
    age(connected, seconds=601)
    simulator.control.revoke(chain=True)
    with pytest.raises(ExactError) as caught:
        asyncio.run(ask_me(connected))
    assert caught.value.status in {400, 401}


def set_clock(control: Control, *, ahead: timedelta, age_seconds: float) -> None:
    """Let our clock look set since the token came: ahead by so much (negative: back)."""
    token = control.tokens.read().token
    received_at = datetime.now(UTC) - timedelta(seconds=age_seconds) - ahead
    control.tokens.keep_age(replace(token, received_at=received_at))


@pytest.mark.long
@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("ahead", [timedelta(minutes=20), timedelta(hours=1), timedelta(days=365)])
def test_a_clock_set_ahead_costs_one_refused_refresh_over_all_processes(
    connected: Control, simulator: Simulator, ahead: timedelta
) -> None:
    """Each process asked again, every ten seconds: ten such errors block the app."""
    set_clock(connected, ahead=ahead, age_seconds=30)
    simulator.control.forget_calls()
    for process in [start(ASK, "3", "0.1") for _ in range(3)]:
        assert output_of(process).split() == ["100001"] * 3
    for _ in range(2):
        assert asyncio.run(ask_me(connected)) == 100001
    assert [call["status"] for call in simulator.control.calls(path="/oauth2/token")] == [400]


@pytest.mark.parametrize("behind", [timedelta(hours=1), timedelta(days=365)])
def test_a_clock_set_back_does_not_keep_a_token_that_has_expired(
    connected: Control, simulator: Simulator, behind: timedelta
) -> None:
    simulator.control.advance(650)
    set_clock(connected, ahead=-behind, age_seconds=650)
    simulator.control.forget_calls()
    began = time.monotonic()
    for _ in range(3):
        assert asyncio.run(ask_me(connected)) == 100001
    assert time.monotonic() - began < 30
    assert [call["status"] for call in simulator.control.calls(path="/oauth2/token")] == [200]
    assert [call["status"] for call in simulator.control.calls(path="current/Me")].count(401) <= 1


def test_a_token_is_refreshed_by_the_servers_clock_while_ours_stands_still(
    connected: Control, simulator: Simulator
) -> None:
    async def ask_later() -> None:
        async with connected.client() as client:
            await client.me()
            simulator.control.advance(575)
            await client.me()
            await client.me()

    simulator.control.forget_calls()
    asyncio.run(ask_later())
    assert [call["status"] for call in simulator.control.calls(path="/oauth2/token")] == [200]
    assert {call["status"] for call in simulator.control.calls(path="current/Me")} == {200}


@pytest.mark.long
@pytest.mark.usefixtures("environment")
def test_a_token_of_which_no_clock_knows_the_age_is_not_asked_about_in_a_storm(
    connected: Control, simulator: Simulator
) -> None:
    """Exact's answer had no Date, and our clock was set ahead."""
    token = connected.tokens.read().token
    connected.tokens.keep_age(replace(token, issued_at=None, received_at=datetime.now(UTC) - timedelta(hours=1)))
    simulator.control.forget_calls()
    for process in [start(ASK, "3", "0.1") for _ in range(3)]:
        assert output_of(process).split() == ["100001"] * 3
    assert [call["status"] for call in simulator.control.calls(path="/oauth2/token")] == [400]


@pytest.mark.parametrize("lifetime_seconds", [float("inf"), 1e300, -1.0, 0.0, 86_401.0])
def test_a_stored_lifetime_that_cannot_be_is_the_usual(connected: Control, lifetime_seconds: float) -> None:
    connected.tokens.keep(replace(connected.tokens.read().token, lifetime_seconds=lifetime_seconds))
    assert connected.tokens.read().token.lifetime_seconds == 600
    assert asyncio.run(ask_me(connected)) == 100001
