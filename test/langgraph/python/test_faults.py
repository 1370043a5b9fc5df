"""Requests that come twice, servers that are killed or away: the graph goes on and nothing is lost or doubled."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from duolog_langgraph import DuologSaver, NotNowError
from duolog_langgraph._http import Answer, NoAnswerError, Request
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

import graphs
from driver import Async, Driver, Sync
from server import Server
from stored import at, put, values
from test_graphs import STORIES, InMemory, Story


class Twice:
    """A way to the server on which every request arrives twice; the first answer is lost."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def send(self, request: Request) -> Answer:
        self._inner.send(request)
        answer: Answer = self._inner.send(request)
        return answer

    async def asend(self, request: Request) -> Answer:
        await self._inner.asend(request)
        answer: Answer = await self._inner.asend(request)
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def use(saver: Any, connections: Any) -> None:
    """Gives a saver another way to its server."""
    client = saver._client
    client.connections = client._threads._connections = connections


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
@pytest.mark.parametrize("made", [Sync, Async], ids=lambda made: made.__name__)
def test_every_request_arrives_twice(
    made: Callable[[str, str], Driver], url: str, token: str, story: Story, durability: str, thread: str
) -> None:
    driver = made(url, token)
    use(driver.saver, Twice(driver.saver._client.connections))
    config = {"configurable": {"thread_id": thread}, "recursion_limit": 100, "max_concurrency": 64}
    assert story(driver, config, durability) == story(InMemory(), config, durability)
    driver.close()


def test_every_other_request_arrives_twice(saver: DuologSaver, thread: str) -> None:
    use(saver, Twice(saver._client.connections))
    here, copy = put(saver, at(thread), {"a": 1}), f"{thread} copy"
    put(saver, here, {"a": 2}, run_id=thread)
    saver.copy_thread(thread, copy)
    assert len(list(saver.list(at(copy)))) == 2
    saver.delete_for_runs([thread])
    assert len(list(saver.list(at(copy)))) == len(list(saver.list(at(thread)))) == 1
    saver.prune([copy])
    saver.delete_thread(copy)
    assert saver.get_tuple(at(copy)) is None
    assert values(saver, at(thread)) == {"a": 1}


def going_on(
    made: Callable[[str, str], Driver], url: str, token: str, at_round: int, meanwhile: Callable[[], None]
) -> None:
    """Runs a graph that calls `meanwhile` in the middle, and wants of it what it gives in memory."""
    driver = made(url, token)

    def plan(state: graphs.Log) -> dict[str, Any]:
        if state["count"] == at_round:
            meanwhile()
        return {"count": state["count"] + 1, "log": [f"plan {state['count']}"]}

    config = {"configurable": {"thread_id": str(uuid.uuid4())}, "recursion_limit": 200}
    inputs = {"log": ["begin"], "count": 0}
    result = driver.invoke(graphs.loop(driver.saver, 6, plan), inputs, config)
    history = graphs.told(driver.history(graphs.loop(driver.saver, 6), config))
    driver.close()
    memory = graphs.loop(InMemorySaver(), 6)
    assert result == memory.invoke(inputs, config)
    assert history == graphs.told(list(memory.get_state_history(config)))


def test_the_server_is_killed_in_the_middle(server: Callable[[], Server], token: str) -> None:
    """The graph goes on when the server is there again, without hearing of it."""
    own = server()
    for made in (Sync, Async):

        def kill() -> None:
            own.kill()
            threading.Thread(target=own.start).start()

        going_on(made, own.url, token, 3, kill)


def test_the_server_is_away_for_ten_seconds(server: Callable[[], Server], token: str) -> None:
    own = server()

    def away() -> None:
        own.stop()
        threading.Timer(10, own.start).start()

    going_on(Sync, own.url, token, 2, away)


def test_a_graph_whose_process_was_killed_goes_on_in_another(url: str, token: str, thread: str) -> None:
    """It dies in a node; what its neighbour wrote is not done again."""
    first = subprocess.run([sys.executable, "-c", DIES], env=child(url, token, thread), capture_output=True, text=True)
    assert first.returncode == 9, first.stderr
    with DuologSaver.from_url(url, token=token) as saver:
        graph = graphs.fragile(saver, [], steady=lambda state: {"log": ["steady again"]})
        waiting = graph.get_state(at(thread))
        assert waiting.next == ("risky",)
        assert sorted(graph.invoke(None, at(thread))["log"]) == ["risky", "steady"]


DIES = """
import os, time
import graphs
from duolog_langgraph import DuologSaver
thread = os.environ["THREAD"]
saver = DuologSaver.from_url(os.environ["URL"], token=os.environ["TOKEN"])
def written():
    found = saver.get_tuple({"configurable": {"thread_id": thread}})
    return found is not None and any(value == ["steady"] for _, _, value in found.pending_writes)
class Dies(list):
    def __bool__(self):
        while not written():
            time.sleep(0.01)
        os._exit(9)
graphs.fragile(saver, Dies()).invoke({"log": [], "count": 0}, {"configurable": {"thread_id": thread}})
"""


def test_an_interrupt_is_answered_in_another_process(url: str, token: str, thread: str) -> None:
    environment = child(url, token, thread)
    asked = subprocess.run([sys.executable, "-c", ASKS], env=environment, capture_output=True, text=True)
    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout) == [{"question": "go on?", "after": 2}]
    with DuologSaver.from_url(url, token=token) as saver:
        graph = graphs.nested(saver)
        assert [task.interrupts[0].value for task in graph.get_state(at(thread)).tasks] == [
            {"question": "go on?", "after": 2}
        ]
        result = graph.invoke(Command(resume="from here"), at(thread))
        assert result["log"][-1] == "answer from here"
        assert graph.get_state(at(thread)).next == ()


ASKS = """
import json, os
import graphs
from duolog_langgraph import DuologSaver
with DuologSaver.from_url(os.environ["URL"], token=os.environ["TOKEN"]) as saver:
    config = {"configurable": {"thread_id": os.environ["THREAD"]}}
    result = graphs.nested(saver).invoke({"log": [], "count": 0}, config)
    print(json.dumps([asked.value for asked in result["__interrupt__"]]))
"""


def child(url: str, token: str, thread: str) -> dict[str, str]:
    here = str(Path(__file__).parent)
    return {**os.environ, "PYTHONPATH": here, "URL": url, "TOKEN": token, "THREAD": thread}


def test_half_an_upload_leaves_nothing(url: str, token: str, saver: DuologSaver, thread: str) -> None:
    here = put(saver, at(thread), {"a": 1})
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as connection:
        head = (
            f"POST /v1/threads/write HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: application/vnd.duolog.values\r\nContent-Length: 5000000\r\n\r\n"
        )
        connection.sendall(head.encode() + b'{"thread_id":"' + thread.encode() + b'","operations":[')
    assert values(saver, at(thread)) == {"a": 1}
    assert values(saver, put(saver, here, {"a": 2})) == {"a": 2}


class Broken:
    """A way to the server that fails from some request on."""

    def __init__(self, inner: Any, after: int) -> None:
        self._inner = inner
        self._left = after

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise NoAnswerError("the cable is out", for_good=True)

    def send(self, request: Request) -> Answer:
        self._count()
        answer: Answer = self._inner.send(request)
        return answer

    async def asend(self, request: Request) -> Answer:
        self._count()
        answer: Answer = await self._inner.asend(request)
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
@pytest.mark.parametrize("after", [1, 2, 5])
def test_a_graph_raises_what_a_failed_write_said(driver: Driver, thread: str, durability: str, after: int) -> None:
    if durability == "exit":
        after = 1
    if durability == "async" and isinstance(driver, Async):
        after = min(after, 2)  # a graph in an event loop is ahead of its server: all of its steps are a few requests
    use(driver.saver, Broken(driver.saver._client.connections, after))
    config = {"configurable": {"thread_id": thread}, "max_concurrency": 64}
    with pytest.raises(NotNowError, match="the cable is out"):
        driver.invoke(graphs.loop(driver.saver, 6), {"log": [], "count": 0}, config, durability=durability)
