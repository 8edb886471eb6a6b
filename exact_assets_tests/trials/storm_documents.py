"""`make storm-documents`: a process that writes documents is killed at random moments, again and again.

Answers are lost meanwhile. In the end each document and each file must be there exactly once. For other numbers:
`python -m exact_assets_tests.trials.storm_documents DOCUMENTS SEED`; the seed is printed.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from exact_assets.config import ExactConfig
from exact_assets.control.document_writes import Action, WriteStatus
from exact_assets.control.open import Control
from exact_assets.documents.access import Documents
from exact_assets_tests.installation import Installation, installation

DIVISION = 100_001
COUNT = 1_000
LOSSES = ("answer_lost", "answer_failed", "reset", "cut_body", "server_error")


def work(count: int) -> None:
    """Write what is not noted as done, in order."""
    control = Control.open(ExactConfig.from_env())
    done = {
        one.subject
        for one in control.document_writes.log(limit=10 * count)
        if one.action is Action.ATTACH and one.status is WriteStatus.DONE
    }
    with Documents(lambda: control, settle_seconds=0.5) as documents:
        for number in range(count):
            name = f"{number}.txt"
            if name in done:
                continue
            values = {"subject": f"Storm {number}", "type": 55}
            made = documents.create(DIVISION, values, key=f"storm {number}").document
            documents.add_attachment(DIVISION, made.id, name.encode(), name=name)


def storm(place: Installation, count: int) -> int:
    """Let a process work, and kill it at random moments until all is done; the number of kills."""
    environment = {**os.environ, **place.environment, "EXACT_WRITE_DOCUMENTS": "true"}
    command = [sys.executable, "-m", "exact_assets_tests.trials.storm_documents", "work", str(count)]
    kills = 0
    while True:
        place.simulator.control.forget_quota()
        place.simulator.control.clear_faults()
        loss = random.choice(LOSSES)
        place.simulator.control.fault(loss, path=r"documents/\w+\?$", times=2, after=random.randrange(20))
        with subprocess.Popen(command, env=environment) as process:
            try:
                code = process.wait(timeout=random.uniform(2, 8))
            except subprocess.TimeoutExpired:
                process.kill()
                kills += 1
                continue
        if code == 0:
            return kills


def problems(place: Installation, count: int) -> list[str]:
    """Return what is not there exactly once."""
    rows = place.simulator.control.rows("documents/Documents", DIVISION)
    documents = Counter(row["Subject"] for row in rows if row["Subject"].startswith("Storm "))
    names = {row["ID"]: row["Subject"] for row in rows}
    attached = place.simulator.control.rows("documents/DocumentAttachments", DIVISION)
    files = Counter((names.get(row["Document"]), row["FileName"]) for row in attached)
    wanted = range(count)
    wrong = [f"document {n}: {documents[f'Storm {n}']}" for n in wanted if documents[f"Storm {n}"] != 1]
    return wrong + [f"file {n}" for n in wanted if files[f"Storm {n}", f"{n}.txt"] != 1]


def main() -> int:
    """Run it; 1 where something is not there once."""
    if sys.argv[1:2] == ["work"]:
        work(int(sys.argv[2]))
        return 0
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(10**6)
    random.seed(seed)
    sys.stdout.write(f"seed {seed}\n")
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, installation(Path(folder), divisions=1, rows=100) as place:
        place.simulator.control.set(minute_limit=10**6, day_limit=10**7, token_seconds=86_400)
        kills = storm(place, count)
        wrong = problems(place, count)
    seconds = time.monotonic() - began
    sys.stdout.write(f"{count} documents, {kills} kills, {seconds:.0f} s; wrong: {len(wrong)}\n")
    sys.stdout.write("".join(f"{line}\n" for line in wrong[:20]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
