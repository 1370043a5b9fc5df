"""Changed bytes are told as parts of the old ones, and make the new ones again."""

from __future__ import annotations

import random

import ormsgpack
import pytest

from duolog_langgraph._change import Part, difference


def made(old: bytes, parts: list[Part]) -> bytes:
    return b"".join(part if isinstance(part, bytes) else old[part[0] : sum(part)] for part in parts)


def sent(parts: list[Part]) -> int:
    return sum(len(part) for part in parts if isinstance(part, bytes))


@pytest.mark.parametrize("count", [2, 14, 15, 16, 200, 65535])
def test_a_list_that_grew_costs_what_was_added(count: int) -> None:
    draw = random.Random(count)
    messages = [f"{draw.getrandbits(400):x}" for _ in range(count)]
    old = ormsgpack.packb({"messages": messages, "done": False})
    new = ormsgpack.packb({"messages": [*messages, "one more message"], "done": False})
    parts = difference(old, new)
    assert parts is not None
    assert made(old, parts) == new
    assert sent(parts) < 60


def test_the_middle_of_a_value() -> None:
    old = bytes(range(256)) * 40
    new = old[:5000] + b"new" * 50 + old[5100:]
    parts = difference(old, new)
    assert parts is not None
    assert made(old, parts) == new
    assert sent(parts) == 150


def test_equal_bytes_cost_nothing() -> None:
    assert difference(b"same" * 500, b"same" * 500) == [(0, 2000)]


def test_other_bytes_are_sent_whole() -> None:
    draw = random.Random(1)
    assert difference(draw.randbytes(4000), draw.randbytes(4000)) is None


def test_any_parts_make_the_new_bytes() -> None:
    draw = random.Random(7)
    for _ in range(3000):
        old = bytes(draw.choices(b"abc", k=draw.randint(0, 400)))
        new = bytearray(old)
        for _ in range(draw.randint(0, 4)):
            at = draw.randint(0, len(new))
            new[at : at + draw.randint(0, 9)] = draw.randbytes(draw.randint(0, 5))
        parts = difference(old, bytes(new))
        assert parts is None or made(old, parts) == bytes(new)
