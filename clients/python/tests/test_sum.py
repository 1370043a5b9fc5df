"""What grows is hashed where it is new, and as anybody else would hash it."""

from __future__ import annotations

import hashlib
import random
from typing import Any

import ormsgpack
import pytest

from duolog_langgraph import _sum
from duolog_langgraph._sum import Sum, sum_after, sum_of


SHA256 = hashlib.sha256


def right(data: bytes, made: Sum) -> bool:
    return made.sha256 == SHA256(data[made.begin :] + data[: made.begin]).hexdigest()


class Counting:
    """A SHA-256 that says how much it was given."""

    given = 0

    def __init__(self, data: bytes = b"", of: Any = None) -> None:
        self.of = of or SHA256()
        self.update(data)

    def update(self, data: bytes) -> None:
        Counting.given += len(data)
        self.of.update(data)

    def copy(self) -> Counting:
        return Counting(of=self.of.copy())

    def hexdigest(self) -> str:
        return self.of.hexdigest()


@pytest.mark.parametrize("count", [40, 255, 256, 65_534])
def test_a_list_that_grows_is_hashed_where_it_is_new(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    items = [f"{n:500d}" for n in range(40)] + [None] * (count - 40)
    old = ormsgpack.packb(items)
    made = sum_of(old)
    monkeypatch.setattr(_sum.hashlib, "sha256", Counting)
    for n in range(6):
        items.append(f"{n:500d}")
        new = ormsgpack.packb(items)
        Counting.given = 0
        old, made = new, sum_after("msgpack", new, old, made)
        assert n == 0 or Counting.given < 600
        assert right(new, made)
        assert made.begin == (3 if len(items) < 65_536 else 5)


def test_any_sum_is_right() -> None:
    draw = random.Random(3)
    body = draw.randbytes(60_000)
    old, made = b"", Sum("")
    for _ in range(3000):
        head = draw.choice([b"\xdc\x01\x00", b"\xdd\x00\x01\x00\x00", b"\x99", b""])
        new = bytearray(head + body[: draw.randint(0, 60_000)])
        if new and draw.random() < 0.3:
            new[draw.choice([0, -1, draw.randrange(len(new))])] ^= 1
        type_ = draw.choice(["msgpack", "msgpack", "json"])
        old, made = bytes(new), sum_after(type_, bytes(new), old, made)
        assert right(old, made)
