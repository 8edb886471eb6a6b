"""`exact-assets connect`."""

import asyncio
import sys
import webbrowser
from functools import partial

import click

from exact_assets.cli.configured import configuration_of_command
from exact_assets.control.callback import Receiver, ReturnAddress
from exact_assets.control.connect import begin, finish, look_around
from exact_assets.control.open import Control
from exact_assets.errors import ReconnectError


@click.command(name="connect")
@click.option(
    "--redirect-url", help="The address that Exact sent the browser to, with ?code=…; ends the connection."
)
@click.option("--browser/--no-browser", default=True, help="Open the address, or only print it.")
@click.option(
    "--wait-seconds", default=300.0, show_default=True, help="How long to wait for the answer; 0: do not."
)
def connect_command(redirect_url: str | None, browser: bool, wait_seconds: float) -> None:
    """Connect to Exact Online: let the app in, and store its tokens.

    Prints the address at which you let the app in, and waits until your browser comes back to the redirect URI, or
    until you paste the address that it was sent to. A script can do the second step with --redirect-url.
    """
    control = Control.open(configuration_of_command())
    control.client_secret()
    answer = (
        ReturnAddress(redirect_url, is_typed=True)
        if redirect_url
        else _ask(control, browser=browser, wait_seconds=wait_seconds)
    )
    if answer is None:
        return
    finish(control, answer.url, is_typed=answer.is_typed)
    found = asyncio.run(look_around(control))
    click.echo(f"Connected to {control.config.site_url} as {found.me.name}; its clock is {found.zone}.")
    for division in found.divisions:
        mark = "*" if division.is_current else " "
        click.echo(f"{mark} {division.code:>9}  {division.description or ''}")


def _ask(control: Control, *, browser: bool, wait_seconds: float) -> ReturnAddress | None:
    """Show the address and wait for the answer; None: the script that called will bring it later."""
    with Receiver(control.config.redirect_uri, complain=partial(click.echo, err=True)) as receiver:
        address = begin(control)
        receiver.expect(control.tokens.pending_state() or "")
        click.echo(f"Open this address and let the app in:\n{address}")
        if browser:
            webbrowser.open(address)
        if wait_seconds <= 0:
            click.echo("Then run: exact-assets connect --redirect-url '<the address you were sent to>'", err=True)
            return None
        where = "Waiting for your browser; or paste" if receiver.is_listening else "Paste"
        click.echo(f"{where} the address that you were sent to:", err=True)
        receiver.read_from(sys.stdin)
        answer = receiver.wait(wait_seconds)
    if answer is None:
        raise ReconnectError(
            "No answer came. Run `exact-assets connect --redirect-url '…'` with the address that you were sent to."
        )
    return answer
