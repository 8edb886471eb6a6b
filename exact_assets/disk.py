"""Whether a file can be written where it is, and who may read what we make there. Standard library only.

What is ours holds a firm's books and the keys to more: it is for this user alone, whatever the umask, unless the
folder that the user chose says otherwise.
"""

import os
import shutil
import stat
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


def make_folder(folder: Path) -> None:
    """Make a folder, and those that it lacks on the way, for this user alone; one that is there stays as it is."""
    for one in (*reversed(folder.parents), folder):
        if not one.is_dir():
            one.mkdir(mode=0o700, exist_ok=True)


def mode_of_new(file: Path) -> int:
    """Return the mode in which a file is to be made: for this user alone, and for a group that the folder is for.

    A folder that is open to everybody is as most are made, and says nothing; one that is open to its group and to
    nobody else, or that hands its group on, was made so for a reason.
    """
    mode = file.parent.stat().st_mode
    is_for_group = mode & stat.S_ISGID or not mode & stat.S_IRWXO
    return 0o600 | (mode & 0o060 if is_for_group else 0)


def mode_beside(file: Path) -> int:
    """Return the mode for what is made beside a file and holds the same: the file's own, where it is there."""
    try:
        return stat.S_IMODE(file.stat().st_mode) & 0o666
    except FileNotFoundError:
        return mode_of_new(file)


def is_private(folder: Path) -> bool:
    """Return whether nobody else can reach what is in a folder."""
    return not folder.stat().st_mode & 0o077


def make_file(file: Path, mode: int) -> None:
    """Make an empty file in a mode, whatever the umask takes from it; one that is there stays as it is."""
    try:
        number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    try:
        os.fchmod(number, mode)
    finally:
        os.close(number)
