"""What each write needs before anything is sent: that writing is switched on, and leases of ours."""

import hashlib
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager

from exact_assets.config import ExactConfig
from exact_assets.control.open import Control
from exact_assets.errors import WritingDisabledError

LEASES = 64
"""Per division. Each is a file, so that there is none for each subject."""
WRITING_IS_OFF = (
    "Writing documents is not switched on: set EXACT_WRITE_DOCUMENTS=true, or write_documents=True in ExactConfig. "
    "The app registration needs the scope organization/documents, Manage."
)
"""What to do about it."""


def require_leave(config: ExactConfig) -> None:
    """Raise where writing is not switched on."""
    if not config.write_documents:
        raise WritingDisabledError(WRITING_IS_OFF)


@asynccontextmanager
async def document_leases(control: Control, division: int, names: Iterable[str]) -> AsyncIterator[None]:
    """Hold what keeps other writers of ours from the same document; always in the same order."""
    places = sorted({int(hashlib.sha256(name.encode()).hexdigest(), 16) % LEASES for name in names})
    async with AsyncExitStack() as stack:
        for place in places:
            await stack.enter_async_context(control.lease_async(f"documents {division} {place}"))
        yield
