"""The `exact-assets` command. Thin: each command gathers options and prints; the work is done elsewhere.

Exit codes: 0 done, 1 failed with the reason on standard error, 2 wrong usage.
"""

import asyncio
import sys
import webbrowser
from typing import TYPE_CHECKING, Any

import click

from exact_assets.errors import ExactAssetsError, ReconnectError

if TYPE_CHECKING:
    from exact_assets.control.open import Control


class ReportingGroup(click.Group):
    """Turns errors that are meant to be read into one line on standard error and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ExactAssetsError as error:
            click.echo(f"exact-assets: {error}", err=True)
            ctx.exit(1)


@click.group(cls=ReportingGroup)
@click.version_option(package_name="exact-assets")
def main() -> None:
    """Keep a faithful copy of Exact Online in your warehouse."""


@main.command()
@click.option(
    "--redirect-url", help="The address that Exact sent the browser to, with ?code=…; ends the connection."
)
@click.option("--browser/--no-browser", default=True, help="Open the address, or only print it.")
@click.option(
    "--wait-seconds", default=300.0, show_default=True, help="How long to wait for the answer; 0: do not."
)
def connect(redirect_url: str | None, browser: bool, wait_seconds: float) -> None:
    """Connect to Exact Online: let the app in, and store its tokens.

    Prints the address at which you let the app in, and waits until your browser comes back to the redirect URI, or
    until you paste the address that it was sent to. A script can do the second step with --redirect-url.
    """
    from exact_assets.control.connect import finish, look_around  # noqa: PLC0415 - other commands start sooner
    from exact_assets.control.open import Control  # noqa: PLC0415 - likewise
    from exact_assets.settings import Settings  # noqa: PLC0415 - likewise

    control = Control.open(Settings())
    control.client_secret()
    answer = redirect_url or _ask(control, browser=browser, wait_seconds=wait_seconds)
    if answer is None:
        return
    finish(control, answer)
    found = asyncio.run(look_around(control))
    click.echo(f"Connected to {control.settings.site_url} as {found.me.name}; its clock is {found.zone}.")
    for division in found.divisions:
        mark = "*" if division.is_current else " "
        click.echo(f"{mark} {division.code:>9}  {division.description or ''}")


def _ask(control: "Control", *, browser: bool, wait_seconds: float) -> str | None:
    """Show the address and wait for the answer; None: the script that called will bring it later."""
    from exact_assets.control.callback import Receiver  # noqa: PLC0415 - other commands start sooner
    from exact_assets.control.connect import begin  # noqa: PLC0415 - likewise

    with Receiver(control.settings.redirect_uri) as receiver:
        address = begin(control)
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


if __name__ == "__main__":
    main()
