"""While `connect` waits, whatever is no answer to it is answered and not counted, and the wait goes on."""

import io
import socket
from collections.abc import Iterator

import httpx
import pytest

from exact_assets.control.callback import NOT_IT, PAGE, PASTED_NOT_IT, Receiver, ReturnAddress
from exact_assets.errors import ReconnectError
from exact_assets.exact.auth import read_redirect
from exact_assets_tests.control.test_connect import free_port

STATE = "the-state-of-this-connection"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(f"http://localhost:{free_port()}/callback") as made:
        made.expect(STATE)
        yield made


def get(receiver: Receiver, target: str) -> httpx.Response:
    return httpx.get(f"{receiver.address}{target}", trust_env=False)


@pytest.mark.parametrize(
    "target",
    [
        "/callback?code=stolen&state=another",
        "/callback?code=stolen",
        "/callback?error=access_denied",
        "/callback?error=access_denied&state=",
        f"/callback?code=stolen&state={STATE}x",
        f"/callback?code=stolen&state={STATE[:-1]}",
        "/callback?state=%FF%FE",
        "/callback?state=%C3%A9",
        f"/callback?{'&'.join(f'a{n}=1' for n in range(5_000))}",
        f"/elsewhere?code=stolen&state={STATE}",
        "/callback",
        "//[::1/callback?code=x",
        "/favicon.ico",
    ],
)
def test_what_does_not_carry_the_state_is_answered_and_not_counted(receiver: Receiver, target: str) -> None:
    """Any page in any browser on the machine could end the wait with a wrong address."""
    answer = get(receiver, target)
    assert (answer.status_code, answer.content) in {(400, NOT_IT), (404, b"")}
    assert receiver.wait(0) is None
    good = get(receiver, f"/callback?code=good%2Bcode&state={STATE}")
    assert (good.status_code, good.content) == (200, PAGE)
    found = receiver.wait(5)
    assert found is not None
    assert not found.is_typed
    assert read_redirect(found.url, state=STATE) == "good+code"


def test_whoever_connects_and_says_nothing_does_not_hold_up_the_answer(receiver: Receiver) -> None:
    port = int(receiver.address.rpartition(":")[2])
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
    get(receiver, f"/callback?code=good&state={STATE}")
    assert receiver.wait(5) is not None
    for one in silent:
        one.close()


def test_an_address_that_is_pasted_and_is_another_s_is_told_and_the_wait_goes_on() -> None:
    told: list[str] = []
    with Receiver(f"http://localhost:{free_port()}/callback", complain=told.append) as receiver:
        receiver.expect(STATE)
        pasted = f"\nwhat?\nhttp://[::1/\nhttp://x/?code=a&state=old\nhttp://x/?code=b&state={STATE}\n"
        receiver.read_from(io.StringIO(pasted))
        assert receiver.wait(5) == ReturnAddress(f"http://x/?code=b&state={STATE}", is_typed=True)
    assert told == [PASTED_NOT_IT] * 3


def test_an_address_that_is_pasted_without_a_state_is_taken() -> None:
    """Some sites drop it."""
    with Receiver(f"http://localhost:{free_port()}/callback") as receiver:
        receiver.expect(STATE)
        receiver.read_from(io.StringIO("http://x/?code=b\n"))
        assert receiver.wait(5) == ReturnAddress("http://x/?code=b", is_typed=True)


@pytest.mark.parametrize("url", ["http://[::1/?code=a&state=b", "http://℀.nl/?code=a", "", "\ud800"])
def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(ReconnectError, match=r"state differs|holds no code"):
        read_redirect(url, state="s")
