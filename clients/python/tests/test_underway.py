"""A graph in an event loop may be ahead of its server, and hears of all that fails."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fake import Fake, Refused, cut
from helper import checkpoint, config

import duolog_langgraph as d
from duolog_langgraph import AsyncDuologSaver


class Hold:
    """Holds the next request of a double until it is let go."""

    def __init__(self, fake: Fake, then: Callable[[str], None] = lambda name: None) -> None:
        self.came, self._let_go, self._then = threading.Event(), threading.Event(), then
        fake.before.append(self._hold)

    def _hold(self, name: str) -> None:
        self.came.set()
        assert self._let_go.wait(30)
        self._then(name)

    def let_go(self) -> None:
        self._let_go.set()


class Graph:
    """A thread in which LangGraph goes on with a step while the checkpoint before it is put."""

    def __init__(self, saver: AsyncDuologSaver) -> None:
        self.saver, self.ids, self.done = saver, [], 0
        self.tasks: list[asyncio.Task[Any]] = []
        self._previous: asyncio.Task[Any] | None = None

    def step(self, values: dict[str, Any]) -> asyncio.Task[Any]:
        parent = config(checkpoint=self.ids[-1]) if self.ids else config()
        if self.ids:
            self.tasks.append(asyncio.ensure_future(self.saver.aput_writes(parent, [("x", 1)], f"task{len(self.ids)}")))
        made = checkpoint(values)
        self.ids.append(made["id"])
        self._previous = asyncio.ensure_future(self._put(self._previous, parent, made))
        self.tasks.append(self._previous)
        return self._previous

    async def _put(self, previous: asyncio.Task[Any] | None, parent: Any, made: Any) -> None:
        try:
            if previous is not None:
                await previous
        finally:
            await self.saver.aput(parent, made, {}, made["channel_versions"])
        self.done += 1

    async def steps(self, count: int, hold: Hold, values: Callable[[int], dict[str, Any]] = lambda n: {"x": n}) -> int:
        """Takes steps while the request of the first is held. How many puts were done then."""
        before = self.done
        self.step(values(0))
        await asyncio.to_thread(hold.came.wait, 30)
        for n in range(1, count):
            self.step(values(n))
            for _ in range(20):
                await asyncio.sleep(0)
        done = self.done - before
        hold.let_go()
        return done

    async def end(self) -> list[Any]:
        return await asyncio.gather(*self.tasks, return_exceptions=True)


@asynccontextmanager
async def graph_on(url: str, **options: Any) -> AsyncIterator[Graph]:
    async with AsyncDuologSaver.from_url(url, token="secret", **options) as saver:
        yield Graph(saver)


def operations(fake: Fake) -> list[list[str]]:
    return [["put" if "put" in op else "writes" for op in doc["operations"]] for n, doc, _ in fake.requests if n == "write"]


def test_steps_that_a_graph_is_ahead_go_out_together(fake: Fake, url: str) -> None:
    async def main() -> None:
        async with graph_on(url) as graph:
            assert await graph.steps(5, Hold(fake)) == 4
            assert set(await graph.end()) == {None}
            assert [one["put"]["checkpoint_id"] for _, doc, _ in fake.requests for one in doc["operations"] if "put" in one] == graph.ids

    asyncio.run(main())
    assert operations(fake) == [["put"], ["writes", "put"] * 4]


def test_a_put_that_nothing_vouches_for_is_waited_for(fake: Fake, url: str) -> None:
    async def main() -> None:
        async with graph_on(url) as graph:
            assert await graph.steps(1, Hold(fake)) == 0
            assert await graph.end() == [None]

    asyncio.run(main())


def test_what_vouches_for_a_put_is_not_done_before_it_and_neither_is_a_read(fake: Fake, url: str) -> None:
    async def main() -> None:
        async with graph_on(url) as graph:
            hold = Hold(fake)
            graph.step({"x": 1})
            await asyncio.to_thread(hold.came.wait, 30)
            at = config(checkpoint=graph.ids[0])
            wrote = asyncio.ensure_future(graph.saver.aput_writes(at, [("x", 1)], "task"))
            assert await graph.tasks[0] is None
            read = asyncio.ensure_future(graph.saver.aget_tuple(config()))
            for _ in range(20):
                await asyncio.sleep(0)
            assert not wrote.done()
            assert len(fake.requests) == 1
            hold.let_go()
            await wrote
            assert (await read).config["configurable"]["checkpoint_id"] == graph.ids[0]

    asyncio.run(main())


def test_what_fails_after_it_was_vouched_for_is_heard_of_and_nothing_stands_on_it(fake: Fake, url: str) -> None:
    def refuse(op: dict[str, Any]) -> None:
        raise Refused("invalid_field", "metadata")

    async def main() -> None:
        async with graph_on(url) as graph:
            fake.hooks.append(refuse)
            assert await graph.steps(4, Hold(fake)) == 3
            results = await graph.end()
            assert results[0] is None
            assert [type(result) for result in results[1:] if result is not None][-1] is d.InvalidInputError
            assert type(results[1]) is d.InvalidInputError
            assert type(results[-1]) is d.InvalidInputError
            assert operations(fake) == [["put"]]
            with pytest.raises(d.InvalidInputError, match="was not stored"):
                await graph.saver.aput_writes(config(checkpoint=graph.ids[0]), [("x", 1)], "late")

    asyncio.run(main())


def test_a_checkpoint_that_is_there_after_all_may_be_stood_on(fake: Fake, url: str) -> None:
    async def main() -> None:
        async with graph_on(url, retry_for=0) as graph:
            fake.after.append(cut)
            await graph.steps(2, Hold(fake))
            assert type((await graph.end())[1]) is d.UnreachableError
            found = await graph.saver.aget_tuple(config())
            assert found.config["configurable"]["checkpoint_id"] == graph.ids[0]
            await graph.saver.aput_writes(config(checkpoint=graph.ids[0]), [("x", 1)], "again")

    asyncio.run(main())


def test_a_thread_is_at_most_some_checkpoints_ahead_and_fewer_large_ones(fake: Fake, url: str) -> None:
    big = "x" * (3 << 20)

    async def main() -> None:
        async with graph_on(url) as graph:
            assert await graph.steps(20, Hold(fake)) == 8
            assert set(await graph.end()) == {None}
            assert await graph.steps(2, Hold(fake), lambda n: {"big": big}) == 0
            assert set(await graph.end()) == {None}
            assert await graph.steps(10, Hold(fake), lambda n: {"big": f"{big}{n}"}) == 2
            assert set(await graph.end()) == {None}

    asyncio.run(main())


def test_a_caller_that_goes_takes_nothing_along(fake: Fake, url: str) -> None:
    async def main() -> None:
        async with graph_on(url) as graph:
            hold = Hold(fake)
            graph.step({"x": 1})
            await asyncio.to_thread(hold.came.wait, 30)
            at = config(checkpoint=graph.ids[0])
            wrote = [asyncio.ensure_future(graph.saver.aput_writes(at, [("x", 1)], task)) for task in "ab"]
            await graph.tasks[0]
            wrote[0].cancel()
            await asyncio.wait(wrote[:1])
            hold.let_go()
            await wrote[1]

    asyncio.run(main())
    assert operations(fake) == [["put"], ["writes", "writes"]]
