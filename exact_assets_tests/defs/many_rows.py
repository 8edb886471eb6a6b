"""Ticks the sensors over a large selection in a process of its own, and says what that took.

The peak of memory is a process's highest ever: measured where other tests ran before, it says nothing.
"""

import json
import resource
import sys
import time
from typing import cast

import dagster as dg

from exact_assets_tests.defs.test_divisions_sensors import Ticking
from exact_assets_tests.installation import Installation

SENSORS = ("exact_divisions", "exact_divisions", "exact_freshness", "exact_divisions_refresh")


def main(partitions: list[str]) -> None:
    """Print the CPU seconds of the slowest tick, by how many megabytes it grew, and the partitions afterwards."""
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("exact_divisions", partitions)
        ticking = Ticking(cast(Installation, None), instance)  # the place is in the environment
        ticking.tick("exact_divisions")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        took = []
        for sensor in SENSORS:
            began = time.process_time()
            ticking.tick(sensor)
            took.append(time.process_time() - began)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        found = {"seconds": max(took), "megabytes": grown, "partitions": sorted(ticking.partitions)}
        sys.stdout.write(f"\n{json.dumps(found)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
