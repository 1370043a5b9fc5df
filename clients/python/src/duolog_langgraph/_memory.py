"""What this process knows of the server's state: the last bytes of large values, and which life a thread is in."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import NamedTuple

from ._change import difference
from ._codec import Change
from ._sum import Sum, sum_after, sum_of
from .errors import DuologError

Key = tuple[str, str, str]
"""Thread, namespace, channel."""

_MOST_THREADS = 65536


class _Known(NamedTuple):
    checkpoint_id: str
    type: str
    data: bytes
    sum: Sum | None


class Memory:
    """A bounded memory; for many threads. All it holds may be forgotten: then whole values are sent."""

    def __init__(self, limit: int, least: int) -> None:
        """At most `limit` bytes of values, none smaller than `least` bytes."""
        self._limit = limit
        self.least = least
        self._lock = threading.Lock()
        self._values: OrderedDict[Key, _Known] = OrderedDict()
        self._bytes = 0
        self._incarnations: OrderedDict[str, int] = OrderedDict()
        self._lost: OrderedDict[tuple[str, str], BaseException] = OrderedDict()

    def _change(self, key: Key, type_: str, data: bytes) -> Change | None:
        """How the bytes follow from those that the server has, or None where all of them are to be sent."""
        if len(data) < self.least:
            return None
        known = self._values.get(key)
        if known is None or known.type != type_:
            return None
        parts = difference(known.data, data)
        if parts is None:
            return None
        base = known.sum or sum_of(known.data)
        return Change(known.checkpoint_id, base, sum_after(type_, data, known.data, base), parts)

    def sent(self, key: Key, checkpoint_id: str, type_: str, data: bytes) -> Change | None:
        """How the bytes of a put that begins now follow from those before, or None where all of them are to be sent.

        What follows it is sent as a change of these bytes, which the server then has. Where it has not, because the put
        failed, it asks for all of them.
        """
        change = self._change(key, type_, data)
        self.remember(key, checkpoint_id, type_, data, change.sum if change else None)
        return change

    def unsent(self, key: Key, data: bytes) -> None:
        """A put of these bytes failed."""
        with self._lock:
            known = self._values.get(key)
            if known is not None and known.data is data:
                self._bytes -= len(self._values.pop(key).data)

    def remember(self, key: Key, checkpoint_id: str, type_: str, data: bytes, sum_: Sum | None = None) -> None:
        """The server has these bytes for the channel at this checkpoint."""
        size = len(data)
        with self._lock:
            old = self._values.pop(key, None)
            if old is not None:
                self._bytes -= len(old.data)
            if size < self.least or size > self._limit:
                return
            self._values[key] = _Known(checkpoint_id, type_, data, sum_)
            self._bytes += size
            while self._bytes > self._limit:
                self._bytes -= len(self._values.popitem(last=False)[1].data)

    def incarnation(self, thread_id: str) -> int | None:
        """Which life of the thread this process has seen, if any."""
        return self._incarnations.get(thread_id)

    def saw(self, thread_id: str, incarnation: int | None) -> None:
        """The server says which life of the thread is the current one; None where there is none."""
        if self._incarnations.get(thread_id) == incarnation:
            return
        with self._lock:
            if incarnation is None:
                self._incarnations.pop(thread_id, None)
                return
            self._incarnations[thread_id] = incarnation
            if len(self._incarnations) > _MOST_THREADS:
                self._incarnations.popitem(last=False)

    def lose(self, thread_id: str, checkpoint_id: str, why: BaseException) -> None:
        """The checkpoint was not stored, and nothing may stand on it."""
        with self._lock:
            self._lost[thread_id, checkpoint_id] = why
            if len(self._lost) > _MOST_THREADS:
                self._lost.popitem(last=False)

    def found(self, thread_id: str, checkpoint_id: str) -> None:
        """The checkpoint is there after all."""
        if self._lost:
            with self._lock:
                self._lost.pop((thread_id, checkpoint_id), None)

    def lost(self, thread_id: str, checkpoint_id: str | None) -> BaseException | None:
        """Why nothing may stand on a checkpoint, if so."""
        why = self._lost.get((thread_id, checkpoint_id)) if self._lost and checkpoint_id else None
        if not isinstance(why, DuologError):
            return why
        refusal = type(why)(
            why.code,
            f"checkpoint {checkpoint_id}, on which this stands, was not stored: {why.message}",
            fix="read the thread again and begin from what is there",
        )
        refusal.__cause__ = why
        return refusal

    def forget(self, thread_id: str) -> None:
        """The thread was deleted, pruned or filled by others."""
        with self._lock:
            self._incarnations.pop(thread_id, None)
            for key in [key for key in self._values if key[0] == thread_id]:
                self._bytes -= len(self._values.pop(key).data)
