"""A PostgreSQL server of a trial's own, which is killed or started anew while others use it."""

import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from exact_assets.demo.database import make_cluster, serving, url_of_server
from exact_assets.errors import DemoError
from exact_assets_tests.postgresql import SERVER_URL, SETTINGS

AWAY_SECONDS = 3.0
START_TRIES = 20


class Server:
    """A server that can be struck."""

    def __init__(self, folder: Path) -> None:
        make_cluster(folder)
        self._folder = folder
        self._serving = ExitStack()
        self.strikes: Counter[str] = Counter()
        self._start()

    def strike(self, chance: random.Random) -> None:
        """Kill it, or end all its sessions, and start it again after a while."""
        kind = chance.choice(["killed", "restarted"])
        if kind == "killed":
            self._process.kill()
            self._process.wait()
        self._serving.close()
        time.sleep(chance.uniform(0, AWAY_SECONDS))
        self._start()
        self.strikes[kind] += 1

    def close(self) -> None:
        """End it."""
        self._serving.close()

    def _start(self) -> None:
        for _ in range(START_TRIES):
            try:
                self._process = self._serving.enter_context(serving(self._folder, **SETTINGS))
            except DemoError:
                # Sessions of one that was killed end a moment later than it.
                time.sleep(0.5)
            else:
                return
        raise DemoError("the server of the trial does not start again")


@contextmanager
def own_server() -> Iterator[Server]:
    """Have a server, for as long as the block lasts, on which all databases of the trial are made."""
    with tempfile.TemporaryDirectory(prefix="exact-pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server = Server(Path(folder))
        os.environ[SERVER_URL] = url_of_server(Path(folder))
        try:
            yield server
        finally:
            del os.environ[SERVER_URL]
            server.close()
