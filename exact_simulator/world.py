"""Everything one running simulator consists of, held together. No behaviour beyond reaching it."""

import sqlite3
import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from exact_simulator.books import Books
from exact_simulator.calls import CallLog
from exact_simulator.clock import Clock
from exact_simulator.faults import Faults
from exact_simulator.limits import ErrorBlocks, Limits
from exact_simulator.oauth import App, Authority
from exact_simulator.pages import Page
from exact_simulator.settings import Settings
from exact_simulator.walk import Hints

PageKey = tuple[int, str, str, str]
"""Version of the world, base address, path, query string."""


class PageCache:
    """Pages as they were rendered, the oldest dropped when they take too much memory. Safe for several threads."""

    def __init__(self, *, most_bytes: int = 256_000_000) -> None:
        """Start empty."""
        self._pages: OrderedDict[PageKey, Page] = OrderedDict()
        self._most_bytes = most_bytes
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: PageKey) -> Page | None:
        """Give a page, if it is there."""
        with self._lock:
            if key in self._pages:
                self._pages.move_to_end(key)
            return self._pages.get(key)

    def put(self, key: PageKey, page: Page) -> None:
        """Keep a page."""
        with self._lock:
            if key in self._pages:
                return
            self._pages[key] = page
            self._bytes += len(page.body)
            while self._bytes > self._most_bytes:
                _, dropped = self._pages.popitem(last=False)
                self._bytes -= len(dropped.body)


@dataclass(kw_only=True)
class World:
    """One simulator."""

    settings: Settings
    clock: Clock
    books: Books
    app: App
    files: Path
    """Folder of uploaded files; it need not be there yet."""
    tokens_path: Path | None = None
    version: int = 0
    """Raised whenever rows or settings change: pages rendered before are stale then."""
    faults: Faults = field(default_factory=Faults)
    log: CallLog = field(default_factory=CallLog)
    cache: PageCache = field(default_factory=PageCache)
    hints: Hints = field(default_factory=Hints)
    coming: dict[PageKey, Future[Page | None]] = field(default_factory=dict)
    """Pages that are being rendered ahead of being asked for."""
    writing: threading.Lock = field(default_factory=threading.Lock)
    """Held while rows change: SQLite has one writer."""

    def __post_init__(self) -> None:
        """Make what depends on the rest."""
        self.authority = Authority(clock=self.clock, settings=self.settings, app=self.app, path=self.tokens_path)
        self.limits = Limits(clock=self.clock, settings=self.settings)
        self.blocks = ErrorBlocks(clock=self.clock, settings=self.settings)
        self.pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="pages")
        self._local = threading.local()

    def connection(self) -> sqlite3.Connection:
        """Give this thread's connection to the books."""
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._local.connection = self.books.connect()
        return found

    def changed(self) -> None:
        """Note that rows or settings changed."""
        self.version += 1
        self.coming.clear()
        self.hints.many.clear()

    def granted(self, division: int) -> bool:
        """Tell whether a division is there and granted to app and user."""
        return division in self.books.divisions and division not in self.settings.hidden_divisions
