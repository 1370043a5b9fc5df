"""SHA-256 of values that grow, made of what is new in them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from hashlib import _Hash

_LEAST = 16 << 10  # a shorter value is hashed as a whole


class Sum(NamedTuple):
    """What the bytes of a value are. Those before `begin` are hashed last: there a list has its count, which changes."""

    sha256: str
    begin: int = 0
    so_far: _Hash | None = None
    """The hash of the bytes from `begin` on but for the last one, to go on from."""


def sum_of(data: bytes) -> Sum:
    """The sum of bytes that the server knows from their beginning."""
    return Sum(hashlib.sha256(data).hexdigest())


def sum_after(type_: str, data: bytes, old: bytes, old_sum: Sum) -> Sum:
    """The sum of bytes that may go on from old ones."""
    if len(data) < _LEAST:
        return sum_of(data)
    begin = _count(data) if type_ == "msgpack" else 0
    so_far, at = hashlib.sha256(), begin
    if old_sum.so_far is not None:
        hashed = memoryview(old)[old_sum.begin : -1]
        if data.startswith(hashed, begin) and begin + len(hashed) < len(data):
            so_far, at = old_sum.so_far.copy(), begin + len(hashed)
    view = memoryview(data)
    so_far.update(view[at:-1])
    whole = so_far.copy()
    whole.update(view[-1:])
    whole.update(view[:begin])
    return Sum(whole.hexdigest(), begin, so_far)


def _count(data: bytes) -> int:
    """How many bytes of MessagePack stand before the items of a list: of at least 16, or it is short."""
    return {0xDC: 3, 0xDD: 5}.get(data[0], 0)
