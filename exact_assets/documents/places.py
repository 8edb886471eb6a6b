"""Where files of the outbox may be: below the folders and addresses that were chosen, and nowhere else.

Whoever may add rows to a table must not be able to have any file of this machine sent away, the key of the tokens
among them.
"""

from collections.abc import Sequence
from pathlib import Path

from exact_assets.errors import DocumentError, FileUnreadableError

NO_PLACE = (
    "file: no folder is chosen that files of the outbox may be in: set EXACT_DOCUMENT_FILES to folders or "
    "addresses, such as /srv/invoices,s3://bucket/invoices."
)
_WAYS_UP = {"..", "%2e%2e", "%2e.", ".%2e"}


def places_of(setting: str | None) -> Sequence[str]:
    """Read the setting: folders and addresses, comma separated."""
    return [place for one in (setting or "").split(",") if (place := one.strip())]


def place_of(reference: str, places: Sequence[str]) -> str:
    """Return where a file is; a path that is not absolute is below the first folder.

    Raises:
        DocumentError: it is elsewhere.
    """
    if not places:
        raise DocumentError(NO_PLACE)
    if "://" in reference or "::" in reference:
        return _address(reference, places)
    folders = [Path(place).expanduser().resolve() for place in places if "://" not in place]
    try:
        # Links are followed first: one that leads out of the folder is elsewhere.
        found = [(folder / reference).resolve() for folder in folders[:1]]
        inside = [path for path in found if any(path.is_relative_to(folder) for folder in folders)]
        if not inside:
            raise DocumentError(f"file: {reference[:200]!r} is not below any folder of EXACT_DOCUMENT_FILES.")
        if not inside[0].is_file():
            raise FileUnreadableError(f"file: there is no file {reference[:200]!r} on the machine of this run.")
    except (OSError, ValueError) as error:
        raise FileUnreadableError(f"file: {reference[:200]!r} cannot be read: {error}.") from error
    return str(inside[0])


def _address(reference: str, places: Sequence[str]) -> str:
    below = [place for place in places if "://" in place and reference.startswith(f"{place.rstrip('/')}/")]
    steps = {step.lower() for step in reference.replace("\\", "/").split("/")}
    if not below or steps & _WAYS_UP or "::" in reference:
        raise DocumentError(f"file: {reference[:200]!r} is not below any address of EXACT_DOCUMENT_FILES.")
    return reference
