"""Digests by which a feed knows what it has read before, so that nothing is stored when nothing changed."""

from collections.abc import Iterable
from hashlib import blake2b

import pyarrow as pa


def of_rows(
    rows: pa.Table, *, key: tuple[str, ...], parents: pa.Array | None = None, gone: pa.Table | None = None
) -> str:
    """Digest rows, whatever their order where they have a key."""
    parts = [_bytes(_ordered(found, key)) for found in (rows, gone) if found is not None]
    if parents is not None:
        parts.append("\n".join(sorted(map(str, parents.to_pylist()))).encode())
    return _digest(parts)


def of_numbers(numbers: Iterable[int]) -> str:
    """Digest a set of numbers."""
    return _digest([",".join(map(str, sorted(numbers))).encode()])


def _ordered(rows: pa.Table, key: tuple[str, ...]) -> pa.Table:
    ordered = rows.sort_by([(name, "ascending") for name in key]) if key else rows
    return ordered.combine_chunks()


def _bytes(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue())


def _digest(parts: Iterable[bytes]) -> str:
    digest = blake2b(digest_size=16)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
