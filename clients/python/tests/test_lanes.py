"""What callers in threads hand over, and what goes out together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from fake import Fake
from helper import put

from duolog_langgraph import BaseDuologSaver, _lanes

FOR_EVER = 60.0


class Graph:
    """Hands over writes and checkpoints of one thread without waiting for them."""

    def __init__(self, fake: Fake, saver: BaseDuologSaver, pool: ThreadPoolExecutor) -> None:
        self.fake = fake
        self.saver = saver
        self._pool = pool
        self.lanes = saver._client._threads
        self.at = put(saver, {"x": 0})

    def writes(self, task: str) -> Future[None]:
        return self._pool.submit(self.saver.put_writes, self.at, [("x", 1)], task)

    def checkpoint(self) -> Future[Any]:
        return self._pool.submit(put, self.saver, {"x": 1}, self.at)

    @property
    def lane(self) -> _lanes._Lane:
        return self.lanes._lanes["t"]

    def held(self) -> bool:
        lane = self.lanes._lanes.get("t")
        return lane is not None and lane.held is not None

    def sent(self) -> list[list[str]]:
        """Each request after the first put, as what its operations are."""
        return [
            ["put" if "put" in op else op["writes"]["task_id"] for op in doc["operations"]]
            for name, doc, _ in self.fake.requests
            if name == "write"
        ][1:]

    def step(self, task: str) -> None:
        """A step whose checkpoint comes while what its task wrote is under way."""
        reached, go_on = threading.Event(), threading.Event()

        def hold(_: str) -> None:
            reached.set()
            go_on.wait()

        self.fake.before.append(hold)
        done = [self.writes(task)]
        reached.wait()
        done.append(self.checkpoint())
        until(lambda: len(self.lane.queue) == 1)
        go_on.set()
        for one in done:
            one.result()


def until(true: Callable[[], bool]) -> None:
    while not true():
        time.sleep(0.001)


@pytest.fixture
def graph(fake: Fake, saver: BaseDuologSaver) -> Iterator[Graph]:
    with ThreadPoolExecutor(8) as pool:
        yield Graph(fake, saver, pool)


def test_writes_wait_for_the_checkpoint_that_follows(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lanes, "_HOLD", FOR_EVER)
    graph.step("a")
    done = [graph.writes("b")]
    until(graph.held)
    done.append(graph.writes("c"))
    until(lambda: len(graph.lane.queue) == 2)
    done.append(graph.checkpoint())
    for one in done:
        one.result()
    assert graph.sent() == [["a"], ["put"], ["b", "c", "put"]]


def test_they_do_not_wait_where_nothing_follows(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lanes, "_HOLD", FOR_EVER)
    for task in "abc":  # each waits for the one before, as who calls the saver itself does
        graph.writes(task).result()
        graph.checkpoint().result()
    assert graph.sent() == [["a"], ["put"], ["b"], ["put"], ["c"], ["put"]]


def test_nor_again_where_nothing_has_followed(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lanes, "_HOLD", 0.0)
    graph.step("a")
    graph.writes("b").result()  # waits in vain
    monkeypatch.setattr(_lanes, "_HOLD", FOR_EVER)
    graph.writes("c").result()
    assert graph.sent() == [["a"], ["put"], ["b"], ["c"]]


def test_an_interrupted_wait_serves_who_came_meanwhile(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[Callable[[], None]] = []

    class Interrupted(threading.Event):
        """Where a thread that leads waits; `waits` holds what it does."""

        def wait(self, timeout: float | None = None) -> bool:
            if timeout is not None and waits:
                waits.pop()()
            return super().wait(timeout)

    def interrupt() -> None:
        second.append(graph.writes("c"))
        until(lambda: len(graph.lane.queue) == 2)
        raise KeyboardInterrupt

    second: list[Future[None]] = []
    graph.step("a")
    monkeypatch.setattr(threading, "Event", Interrupted)
    waits.append(interrupt)
    with pytest.raises(KeyboardInterrupt):
        graph.writes("b").result()
    second[0].result()
    assert graph.sent() == [["a"], ["put"], ["b", "c"]]
