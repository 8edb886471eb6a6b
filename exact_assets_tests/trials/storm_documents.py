"""`make storm-documents`: a process that works off the outbox is killed at random moments, again and again.

Answers are lost meanwhile. In the end each row must be done, and each document and each file be there exactly once,
as the row says. For other numbers: `python -m exact_assets_tests.trials.storm_documents ROWS SEED --warehouse
postgresql`; the seed is printed.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from exact_assets.config import ExactConfig
from exact_assets.control.open import Control
from exact_assets.documents.access import Documents
from exact_assets.documents.outbox import OutboxWork
from exact_assets.warehouse.open import open_configured
from exact_assets_tests import postgresql
from exact_assets_tests.installation import Installation, installation
from exact_assets_tests.trials.options import arguments, trial_databases

ROWS = 1_000
SETTLE_SECONDS = 0.5
SWITCHES = {"minute_limit": 10**6, "day_limit": 10**7, "token_seconds": 30}
"""Tokens are due often, so that some processes are killed while they wait for one."""
LOSSES = ("answer_lost", "answer_failed", "reset", "cut_body", "server_error")
WORK = "work"
TABLE = "exact.document_outbox"


def work() -> None:
    """Send what is due, as a run of Dagster's does."""
    config = ExactConfig.from_env()
    control = Control.open(config)
    with Documents(lambda: control, settle_seconds=SETTLE_SECONDS) as documents:
        report = OutboxWork(open_configured(config), documents, control).run()
    if report.error is not None:
        raise report.error


def query(place: Installation, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement on the warehouse with its plain driver, as a person does."""
    if place.database_url is not None:
        with psycopg.connect(place.database_url) as server:
            done = server.execute(statement.encode())
            return done.fetchall() if done.description else []
    with duckdb.connect(str(place.warehouse)) as file:
        return file.execute(statement).fetchall()


def fill(place: Installation, count: int) -> None:
    """Add the rows: documents that are made or upserted, each with a file, in all divisions."""
    open_configured(place.config).prepare_outbox()
    files = place.folder / "files"
    files.mkdir()
    values = []
    for number in range(count):
        (files / f"{number}.txt").write_text(f"file {number}")
        operation = ("create", "upsert")[number % 2]
        division = place.divisions[number % len(place.divisions)]
        fields = f'{{"subject": "Storm {number}", "type": 55}}'
        values.append(f"('row {number}', {division}, '{operation}', '{fields}', '{number}.txt')")
    query(place, f"INSERT INTO {TABLE} (id, division, operation, fields, file) VALUES {', '.join(values)}")


def storm(place: Installation) -> int:
    """Let a process work, and kill it at random moments until all is done; return the number of kills."""
    environment = {
        **os.environ,
        **place.environment,
        "EXACT_WRITE_DOCUMENTS": "true",
        "EXACT_DOCUMENT_FILES": str(place.folder / "files"),
    }
    command = [sys.executable, "-m", "exact_assets_tests.trials.storm_documents", WORK]
    kills = 0
    while query(place, f"SELECT 1 FROM {TABLE} WHERE status = 'waiting' LIMIT 1"):
        # What was not served waits a minute; here somebody has it tried at once.
        query(place, f"UPDATE {TABLE} SET retry_at = NULL WHERE status = 'waiting'")
        place.simulator.control.forget_quota()
        place.simulator.control.clear_faults()
        loss = random.choice(LOSSES)
        place.simulator.control.fault(loss, path=r"documents/\w+\?$", times=2, after=random.randrange(20))
        with subprocess.Popen(command, env=environment) as process:
            try:
                process.wait(timeout=random.uniform(2, 6))
            except subprocess.TimeoutExpired:
                process.kill()
                kills += 1
    return kills


def problems(place: Installation, count: int) -> list[str]:
    """Return what is not there exactly once, or is not as its row says."""
    documents, files, ids = Counter[str](), Counter[tuple[str | None, str]](), dict[str, str]()
    for division in place.divisions:
        rows = place.simulator.control.rows("documents/Documents", division)
        mine = [row for row in rows if (row["Subject"] or "").startswith("Storm ")]
        documents.update(row["Subject"] for row in mine)
        names = {row["ID"]: row["Subject"] for row in mine}
        ids |= {subject: document for document, subject in names.items()}
        attached = place.simulator.control.rows("documents/DocumentAttachments", division)
        files.update((names.get(row["Document"]), row["FileName"]) for row in attached)
    wanted = range(count)
    wrong = [f"document {n}: {documents[f'Storm {n}']}" for n in wanted if documents[f"Storm {n}"] != 1]
    wrong += [
        f"file {n}: {files[f'Storm {n}', f'{n}.txt']}" for n in wanted if files[f"Storm {n}", f"{n}.txt"] != 1
    ]
    told = query(place, f"SELECT id, status, document_id, error FROM {TABLE}")
    wrong += [
        f"{name}: {status}, {document}, {error}"
        for name, status, document, error in told
        if (status, document, error) != ("done", ids.get(name.replace("row", "Storm")), None)
    ]
    return wrong if len(told) == count else [*wrong, f"{len(told)} rows"]


def main() -> int:
    """Run it; 1 where something is not there once."""
    if sys.argv[1:] == [WORK]:
        work()
        return 0
    asked = arguments(rows=ROWS)
    count = int(asked.rows)
    random.seed(asked.seed)
    sys.stdout.write(f"seed {asked.seed}\n")
    began = time.monotonic()
    with trial_databases(asked.warehouse) as databases, tempfile.TemporaryDirectory() as folder:
        url = None if databases is None else databases.enter_context(postgresql.database())
        with installation(Path(folder), divisions=2, rows=100, database_url=url, settings=SWITCHES) as place:
            fill(place, count)
            kills = storm(place)
            wrong = problems(place, count)
            ((begun,),) = query(place, f"SELECT CAST(sum(attempts) AS INTEGER) FROM {TABLE}")
    seconds = time.monotonic() - began
    sys.stdout.write(f"{count} rows, {kills} kills, {begun} attempts, {seconds:.0f} s; wrong: {len(wrong)}\n")
    sys.stdout.write("".join(f"{line}\n" for line in wrong[:20]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
