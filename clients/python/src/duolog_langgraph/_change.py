"""How the bytes of a value follow from the bytes that the server has.

A conversation grows by one message a step, and its encoding by a few hundred bytes: all of the old bytes stand in the
new ones, but for the counts in front of lists and maps. So the new bytes are told as copies of runs of the old ones and
the bytes between.
"""

from __future__ import annotations

Part = tuple[int, int] | bytes
"""A run of the old bytes (where it begins, how long it is), or new bytes."""

_LEAST_RUN = 48  # shorter runs cost more to name than to send
_MOST_PARTS = 24
# How far a count may move what follows it, in the old and the new bytes: the same size, one that grew from 1 to 3
# bytes, from 3 to 5 and from 2 to 3, and back.
_SHIFTS = ((1, 1), (2, 2), (1, 3), (3, 5), (2, 3), (3, 3), (4, 4), (3, 1), (5, 3), (3, 2))


def difference(old: bytes, new: bytes) -> list[Part] | None:
    """The parts that make `new` of `old`, or None where sending all of it costs no more than twice as much."""
    before = memoryview(old)
    tail = _common_suffix(before, new)
    old_end, new_end = len(old) - tail, len(new) - tail
    parts: list[Part] = []
    at, of, literal_from = 0, 0, 0
    while len(parts) < _MOST_PARTS:
        run = _common_prefix(before, at, old_end, new, of, new_end)
        if run >= _LEAST_RUN:
            _literal(parts, new, literal_from, of)
            parts.append((at, run))
            literal_from = of + run
        at, of = at + run, of + run
        shift = _resync(old, at, old_end, new, of, new_end)
        if shift is None:
            break
        at, of = at + shift[0], of + shift[1]
    _literal(parts, new, literal_from, new_end)
    if tail:
        parts.append((len(old) - tail, tail))
    sent = sum(len(part) for part in parts if isinstance(part, bytes))
    return parts if sent * 2 < len(new) else None


def _literal(parts: list[Part], new: bytes, start: int, end: int) -> None:
    if end > start:
        parts.append(new[start:end])


def _resync(old: bytes, at: int, old_end: int, new: bytes, of: int, new_end: int) -> tuple[int, int] | None:
    for skip_old, skip_new in _SHIFTS:
        a, b = at + skip_old, of + skip_new
        if (
            a + _LEAST_RUN <= old_end
            and old[a : a + _LEAST_RUN] == new[b : b + _LEAST_RUN]
            and b + _LEAST_RUN <= new_end
        ):
            return skip_old, skip_new
    return None


def _common_prefix(old: memoryview, at: int, old_end: int, new: bytes, of: int, new_end: int) -> int:
    """How many bytes agree from `at` and `of` on: doubling steps, then halving ones, each one comparison of memory."""
    most = min(old_end - at, new_end - of)
    same, step = 0, 64
    while same < most:
        step = min(step, most - same)
        if not new.startswith(old[at + same : at + same + step], of + same):
            break
        same += step
        step *= 2
    else:
        return same
    while step > 1:
        half = step // 2
        if new.startswith(old[at + same : at + same + half], of + same):
            same += half
            step -= half
        else:
            step = half
    return same


def _common_suffix(old: memoryview, new: bytes) -> int:
    """How many bytes agree at the end; 0 where it is a run too short to name."""
    most = min(len(old), len(new))
    same, step = 0, 64
    while same < most:
        step = min(step, most - same)
        if not new.startswith(old[len(old) - same - step : len(old) - same], len(new) - same - step):
            break
        same += step
        step *= 2
    else:
        return same
    while step > 1:
        half = step // 2
        if new.startswith(old[len(old) - same - half : len(old) - same], len(new) - same - half):
            same += half
            step -= half
        else:
            step = half
    return same if same >= _LEAST_RUN else 0
