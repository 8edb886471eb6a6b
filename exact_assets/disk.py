"""Whether a file can be written where it is: rights and room, without opening it. Standard library only."""

import os
import shutil
from pathlib import Path

LEAST_FREE_BYTES = 2**20
"""With less, neither a row nor a token can be stored for sure."""


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
