"""Repairs of JSON, in a time that grows with the text and no faster."""

import time

from exact_assets.exact.json_repair import repair_json

NOTE = b'<p class=\\"x\\">a</p>'


def cpu_seconds(body: bytes) -> float:
    began = time.process_time()
    assert repair_json(body) == body
    return time.process_time() - began


def test_a_text_that_is_cut_is_read_once_however_many_quotes_are_in_it() -> None:
    """A cut answer of 160 KB with a note in HTML took 90 seconds, and all divisions of the run stood still."""
    short, long = (b'{"d":{"results":[{"Notes":"' + NOTE * count for count in (2_000, 32_000))
    whole = min(cpu_seconds(long + b'"}]}}') for _ in range(3))
    assert min(cpu_seconds(long) for _ in range(3)) < 10 * whole
    assert min(cpu_seconds(short) for _ in range(3)) < 10 * whole


def test_half_a_character_in_a_text_that_is_cut_is_replaced_too() -> None:
    assert repair_json(b'{"a":"x\\ud83d') == b'{"a":"x\\ufffd'
