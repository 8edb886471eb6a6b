"""Whether a file can be written where it is: links, rights and room, without opening it. Standard library only."""

import os
import shutil
from pathlib import Path

LEAST_FREE_BYTES = 2**20
"""With less, neither a row nor a token can be stored for sure."""


def dangling_link(file: Path) -> Path | None:
    """Return the link on the way to a file that leads nowhere; None: there is none.

    What it should lead to may be a disk that is not there just now: nothing is to be made in its place.
    """
    for one in (file.absolute(), *file.absolute().parents):
        # Unlike Path's, these are false, too, where we may not look; opening it says so.
        if os.path.islink(one) and not os.path.exists(one):  # noqa: PTH110, PTH114
            return one
    return None


def obstacle(file: Path) -> str | None:
    """Return why a file cannot be written, and what to do; None: nothing stands in the way."""
    folder = next(one for one in file.absolute().parents if one.exists())
    if file.exists() and not os.access(file, os.R_OK | os.W_OK):
        return f"{file} may not be read and written by this user: give it the rights."
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"{folder} may not be written by this user, who writes {file.name} and its log there."
    if shutil.disk_usage(folder).free < LEAST_FREE_BYTES:
        # Without the number: a reason that changes by the minute would be told, and so written, by the minute.
        return f"The disk of {file} is full (less than {LEAST_FREE_BYTES // 1024:,} kB are free): make room."
    return None
