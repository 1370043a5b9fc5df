"""How far graphs of one event loop may be ahead of the server.

LangGraph puts one checkpoint after the other, and goes on with the next step meanwhile. What a task of that step writes
stands on the checkpoint, and vouches for its put: it is not done before the put, and fails where that does. So who waits for
the put may go on, and the next checkpoint goes out together with what waits already. A put that nothing vouches for is
waited for until it is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

Place = tuple[str, str, str]
"""Thread, namespace, checkpoint."""

_MOST_NEW = 64 << 10
"""Bytes that are sent of a put, above which nothing vouches for it: some large ones are refused, small ones are stored."""
_MOST_AHEAD = 8 << 20
_LEAST = 1 << 20
"""Bytes of values up to which the puts of a thread may be ahead, and what each of them counts at least."""


class Put:
    """A put from its beginning to its end."""

    __slots__ = ("_go_on", "ended", "size", "thread_id", "vouched")

    def __init__(self, thread_id: str, size: int, ended: asyncio.Future[None], go_on: Callable[[], None]) -> None:
        """`ended` says what became of it; `go_on` lets its caller go."""
        self.thread_id = thread_id
        self.size = max(size, _LEAST)
        self.ended = ended
        self.vouched = False
        self._go_on = go_on

    def vouch(self) -> None:
        self.vouched = True
        self._go_on()


class _Place:
    __slots__ = ("put", "writes")

    def __init__(self) -> None:
        self.put: Put | None = None
        self.writes = 0


class _Ahead:
    __slots__ = ("held", "puts", "size")

    def __init__(self) -> None:
        self.size = 0
        self.puts: set[Put] = set()
        self.held: dict[Put, None] = {}
        """Puts that writes vouch for, where the thread is too far ahead already."""


class UnderWay:
    """The puts and writes of one event loop that are under way."""

    def __init__(self) -> None:
        self._places: dict[Place, _Place] = {}
        self._threads: dict[str, _Ahead] = {}

    def begin(self, place: Place, put: Put, new: int) -> None:
        """A put is under way that sends so many new bytes; `end` is to be called for it."""
        at = self._places.setdefault(place, _Place())
        at.put = put if new <= _MOST_NEW else None
        if at.writes and at.put is not None:
            self._vouch(at.put)

    def end(self, place: Place, put: Put) -> None:
        """Nothing is under way of it any more."""
        at = self._places.get(place)
        if at is not None and not at.writes:
            del self._places[place]
        ahead = self._threads.get(put.thread_id)
        if ahead is None:
            return
        ahead.held.pop(put, None)
        if put in ahead.puts:
            ahead.puts.discard(put)
            ahead.size -= put.size
        for held in list(ahead.held):
            self._vouch(held)
        if not ahead.puts and not ahead.held:
            del self._threads[put.thread_id]

    async def writes(self, place: Place, stored: asyncio.Future[None]) -> None:
        """Waits for writes on a checkpoint: until they are stored, and the put that they vouch for."""
        at = self._places.setdefault(place, _Place())
        at.writes += 1
        if at.put is not None:
            self._vouch(at.put)
        try:
            await stored
            if at.put is not None and at.put.vouched:
                await asyncio.shield(at.put.ended)
        finally:
            at.writes -= 1
            if not at.writes and (at.put is None or at.put.ended.done()) and self._places.get(place) is at:
                del self._places[place]

    async def settled(self, thread_id: str | None = None) -> None:
        """Returns when what was vouched for by now, in a thread or in all, has come to its end."""
        threads = self._threads.values() if thread_id is None else [self._threads.get(thread_id)]
        ends = [put.ended for ahead in threads if ahead is not None for put in ahead.puts]
        if ends:
            await asyncio.wait(ends)

    def _vouch(self, put: Put) -> None:
        """Lets who waits for a put go on, as soon as the thread is not too far ahead."""
        if put.vouched or put.ended.done():
            return
        ahead = self._threads.setdefault(put.thread_id, _Ahead())
        if ahead.size + put.size > _MOST_AHEAD:
            ahead.held[put] = None
            return
        ahead.held.pop(put, None)
        ahead.puts.add(put)
        ahead.size += put.size
        put.vouch()
