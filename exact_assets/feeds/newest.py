"""The highest of what pages hold, as many as are read again the next time: rows may show below what was read."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc


def highest(values: pa.ChunkedArray, known: Sequence[int], *, count: int) -> tuple[int, ...]:
    """Return the highest of whole numbers and those known before, at most so many, the highest first."""
    both = pa.chunked_array([*values.chunks, pa.array(known, pa.int64())], pa.int64())
    places = pc.select_k_unstable(both, count, [("", "descending")])
    return tuple(both.take(places).to_pylist())
