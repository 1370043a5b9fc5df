"""What goes over the wire, and what is not sent again."""

from __future__ import annotations

import asyncio
import copy
import operator
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import pytest
from fake import Fake
from helper import checkpoint, config, put
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from duolog_langgraph import AsyncDuologSaver, BaseDuologSaver, DuologSaver


def operations(fake: Fake) -> list[list[dict[str, Any]]]:
    return [doc["operations"] for name, doc, _ in fake.requests if name == "write"]


def test_a_state_that_grows_is_sent_as_what_is_new(fake: Fake, saver: BaseDuologSaver) -> None:
    messages, at = ["m" * 900 + str(n) for n in range(40)], None
    for n in range(20):
        at = put(saver, {"messages": messages[: 20 + n], "small": n}, at)
    assert saver.get_tuple(config()).checkpoint["channel_values"] == {"messages": messages[:39], "small": 19}
    sizes = [size for name, _, size in fake.requests if name == "write"]
    assert sizes[0] > 18_000
    assert max(sizes[1:]) < 2_500


def test_a_read_is_remembered_too(fake: Fake, url: str, saver: BaseDuologSaver) -> None:
    at = put(saver, {"messages": ["a" * 5000]})
    with DuologSaver.from_url(url, token="secret") as other:
        assert other.get_tuple(at) is not None
        put(other, {"messages": ["a" * 5000, "b"]}, at)
    assert fake.requests[-1][2] < 1500


def test_the_server_asks_for_the_whole(fake: Fake, saver: BaseDuologSaver) -> None:
    at = put(saver, {"messages": ["a" * 5000]})
    fake.checkpoints.clear()
    put(saver, {"messages": ["a" * 5000, "b"]}, at)
    assert saver.get_tuple(config()).checkpoint["channel_values"] == {"messages": ["a" * 5000, "b"]}
    asked, whole = [sent[0] for sent in operations(fake)[1:]]
    assert "parts" in asked["put"]["values"][0]["value"]
    assert "size" in whole["put"]["values"][0]["value"]
    assert asked["key"] != whole["key"]


def test_encrypted_values_are_sent_whole(fake: Fake, url: str) -> None:
    with DuologSaver.from_url(
        url, token="secret", serde=EncryptedSerializer.from_pycryptodome_aes(key=b"k" * 16)
    ) as saver:
        at = put(saver, {"messages": ["a" * 5000]})
        put(saver, {"messages": ["a" * 5000, "b"]}, at)
        assert saver.get_tuple(config()).checkpoint["channel_values"] == {"messages": ["a" * 5000, "b"]}
    types = {value[0] for row in fake.checkpoints.values() for value in row["values"].values()}
    assert types == {"msgpack+aes"}


def test_the_memory_is_bounded(url: str) -> None:
    with DuologSaver.from_url(url, token="secret", memory=20_000) as saver:
        for thread in range(10):
            put(saver, {"messages": "a" * 5000}, thread=f"t{thread}")
        memory = saver._client.memory
        assert memory._bytes == sum(len(known.data) for known in memory._values.values())
        assert 0 < memory._bytes <= 20_000


def test_writes_that_come_meanwhile_go_out_together(fake: Fake, saver: BaseDuologSaver) -> None:
    at = put(saver, {"x": 1})
    fake.delay = 0.2
    with ThreadPoolExecutor(50) as pool:
        done = [pool.submit(saver.put_writes, at, [("x", n)], f"task-{n:02}") for n in range(50)]
        for one in done:
            one.result()
    sent = operations(fake)[1:]
    assert len(sent) == 2
    assert sum(map(len, sent)) == 50
    assert len(saver.get_tuple(config()).pending_writes) == 50


def test_and_in_an_event_loop(fake: Fake, url: str) -> None:
    async def main() -> None:
        async with AsyncDuologSaver.from_url(url, token="secret") as saver:
            made = checkpoint({"x": 1})
            at = await saver.aput(config(), made, {}, made["channel_versions"])
            fake.delay = 0.05
            await asyncio.gather(*(saver.aput_writes(at, [("x", n)], f"task-{n:02}") for n in range(50)))
            assert len((await saver.aget_tuple(at)).pending_writes) == 50

    asyncio.run(main())
    assert len(operations(fake)) == 2


@pytest.mark.parametrize("durability", ["sync", "async"])
def test_a_step_of_a_graph_is_one_request(fake: Fake, url: str, durability: str) -> None:
    class State(TypedDict):
        count: Annotated[int, operator.add]

    async def node(state: State) -> dict[str, Any]:
        return {"count": 1}

    async def route(state: Any) -> list[str]:
        return names if state["count"] < 30 else ["__end__"]

    names = ["a", "b", "c"]
    graph = StateGraph(State)
    for name in names:
        graph.add_node(name, node)
        graph.add_edge(START, name)
    graph.add_conditional_edges("a", route, [*names, "__end__"])

    async def main() -> int:
        async with AsyncDuologSaver.from_url(url, token="secret") as saver:
            await graph.compile(checkpointer=saver).ainvoke({"count": 0}, config(), durability=durability)
            return (await saver.aget_tuple(config())).metadata["step"]

    steps = asyncio.run(main())
    sent = operations(fake)
    assert steps > 10
    assert sum(map(len, sent)) >= 4 * steps  # a checkpoint, and what each task wrote
    assert len(sent) <= steps + 3  # the input comes before the first step


def test_what_follows_an_answer_goes_out_with_what_waits(fake: Fake, url: str) -> None:
    async def main() -> None:
        loop, sent, queued = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

        def hold(name: str) -> None:
            loop.call_soon_threadsafe(sent.set)
            assert queued.wait(20)

        async with AsyncDuologSaver.from_url(url, token="secret") as saver:
            first, second = checkpoint({"x": 1}), checkpoint({"x": 2})
            await saver.aput_writes(config(checkpoint="before"), [("x", 0)], "task")  # the thread's life is known then
            fake.before.append(hold)

            async def follow() -> None:
                at = await saver.aput(config(), first, {}, first["channel_versions"])
                await saver.aput(at, second, {}, second["channel_versions"])

            following = asyncio.create_task(follow())
            await sent.wait()
            writing = asyncio.create_task(saver.aput_writes(config(checkpoint=first["id"]), [("x", 2)], "task"))
            await asyncio.sleep(0)
            queued.set()
            await asyncio.gather(following, writing)

    asyncio.run(main())
    assert [["put" if "put" in op else "writes" for op in sent] for sent in operations(fake)[1:]] == [
        ["put"],
        ["writes", "put"],
    ]


def test_threads_do_not_wait_for_each_other(fake: Fake, saver: BaseDuologSaver) -> None:
    fake.delay = 0.3
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: put(saver, {"x": n}, thread=f"t{n}"), range(8)))
    assert time.monotonic() - began < 8 * 0.3
    assert len(operations(fake)) == 8


def test_copies_share_the_connection(saver: BaseDuologSaver) -> None:
    at = put(copy.copy(saver), {"x": 1})
    assert saver.get_tuple(at).checkpoint["channel_values"] == {"x": 1}
    if hasattr(saver, "with_allowlist"):  # LangGraph 1.1 and later
        assert saver.with_allowlist([("decimal", "Decimal")]).get_tuple(at) is not None


def test_a_sync_saver_serves_one_event_loop_after_another(saver: BaseDuologSaver) -> None:
    async def step() -> int:
        made = checkpoint({"x": 1})
        await saver.aput(config(), made, {}, made["channel_versions"])
        return len([found async for found in saver.alist(config())])

    assert [asyncio.run(step()) for _ in range(3)] == [1, 2, 3]
    assert len(saver._client.connections._loops) == 1  # those before have gone


def test_an_async_saver_serves_threads_and_its_own_loop(url: str) -> None:
    async def main() -> None:
        async with AsyncDuologSaver.from_url(url, token="secret") as saver:
            at = await asyncio.to_thread(put, saver, {"x": 1})
            assert saver.get_tuple(at).checkpoint["channel_values"] == {"x": 1}

    asyncio.run(main())


def test_versions_grow_as_text_and_differ(saver: BaseDuologSaver) -> None:
    version, versions = None, []
    for _ in range(200):
        version = saver.get_next_version(version, None)
        versions.append(version)
    assert versions == sorted(versions)
    assert saver.get_next_version(versions[5], None) != versions[6]
    assert saver.get_next_version(3, None) == 4
    migrated = f"{7:032}.0.5"
    assert saver.get_next_version(migrated, None) > migrated


def test_the_incarnation_is_told(fake: Fake, saver: BaseDuologSaver) -> None:
    at = put(saver, {"x": 1})
    put(saver, {"x": 2}, at)
    first, second = [doc for name, doc, _ in fake.requests if name == "write"]
    assert "incarnation" not in first
    assert second["incarnation"] == 1
    assert first["writer"] == second["writer"]


def test_a_run_is_its_own_writer(fake: Fake, saver: BaseDuologSaver) -> None:
    made = checkpoint({"x": 1})
    at = saver.put(config(), made, {"run_id": "run-7"}, made["channel_versions"])
    saver.put_writes({**at, "metadata": {"run_id": "run-7"}}, [("x", 1)], "task")
    assert [doc["writer"] for name, doc, _ in fake.requests if name == "write"] == ["run-7", "run-7"]


def test_an_interrupted_caller_does_not_stop_the_others(fake: Fake, saver: BaseDuologSaver) -> None:
    async def main() -> None:
        made = checkpoint({"x": 1})
        at = await saver.aput(config(), made, {}, made["channel_versions"])
        fake.delay = 0.1
        first = asyncio.create_task(saver.aput_writes(at, [("x", 1)], "a"))
        await asyncio.sleep(0.02)
        gone = asyncio.create_task(saver.aput_writes(at, [("x", 2)], "b"))
        last = asyncio.create_task(saver.aput_writes(at, [("x", 3)], "c"))
        await asyncio.sleep(0.02)
        gone.cancel()
        await first
        await last
        with pytest.raises(asyncio.CancelledError):
            await gone

    asyncio.run(main())
    assert {task for row in fake.writes.values() for task, _ in row} == {"a", "b", "c"}


def test_an_interrupt_of_the_leader_reaches_those_who_wait(
    fake: Fake, saver: BaseDuologSaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = put(saver, {"x": 1})
    connections, came = saver._client.connections, threading.Event()
    real = connections.send

    def send(request: Any) -> Any:
        if not came.is_set():
            came.set()
            time.sleep(0.2)
            raise KeyboardInterrupt
        return real(request)

    monkeypatch.setattr(connections, "send", send)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(saver.put_writes, at, [("x", 1)], "a")
        came.wait()
        rest = [pool.submit(saver.put_writes, at, [("x", 1)], task) for task in "bc"]
        for one in rest:
            one.result()
        with pytest.raises((KeyboardInterrupt, Exception)):
            first.result()
    assert {task for row in fake.writes.values() for task, _ in row} == {"b", "c"}


def test_many_ids_go_in_portions(fake: Fake, saver: BaseDuologSaver) -> None:
    ids = [f"id-{n}" for n in range(1200)]
    saver.delete_for_runs(ids)
    saver.prune(ids)
    saver.prune([])
    assert [len(doc["run_ids"]) for name, doc, _ in fake.requests if name == "delete_runs"] == [500, 500, 200]
    assert [one for name, doc, _ in fake.requests if name == "prune" for one in doc["thread_ids"]] == ids


def test_retention(fake: Fake, saver: BaseDuologSaver) -> None:
    saver.set_retention("t", 3600.5, strategy="keep_latest")
    asyncio.run(saver.aset_retention("t", None))
    assert [doc for name, doc, _ in fake.requests if name == "retention"] == [
        {"thread_id": "t", "ttl_seconds": 3601, "strategy": "keep_latest"},
        {"thread_id": "t", "ttl_seconds": None, "strategy": "delete"},
    ]
