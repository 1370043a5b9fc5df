"""What a saver keeps: forks apart, writes whenever they come, deleted threads deleted, tenants among themselves."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from duolog_langgraph import (
    ConflictError,
    DuologSaver,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    StaleWriterError,
    ThreadDeletedError,
    UnauthenticatedError,
)
from langgraph.checkpoint.base import uuid6

import graphs
from driver import Driver
from stored import at, checkpoint, put, values, writes


@pytest.mark.parametrize("kind", ["numbers", "texts"])
def test_forks_do_not_leak(saver: DuologSaver, thread: str, kind: str) -> None:
    """Both branches call their next version the same, as savers with plain numbers do."""
    first, second, third = (1, 2, 3) if kind == "numbers" else ("1", "2", "3")
    root = put(saver, at(thread), {"log": ["root"], "same": "s"}, {"log": first, "same": first})
    left = put(saver, root, {"log": ["root", "left"]}, {"log": second, "same": first}, {"log": second})
    right = put(saver, root, {"log": ["root", "right"]}, {"log": second, "same": first}, {"log": second})
    after_left = put(saver, left, {"other": 1}, {"log": second, "same": first, "other": third}, {"other": third})
    after_right = put(saver, right, {"other": 2}, {"log": second, "same": first, "other": third}, {"other": third})
    assert values(saver, after_left) == {"log": ["root", "left"], "same": "s", "other": 1}
    assert values(saver, after_right) == {"log": ["root", "right"], "same": "s", "other": 2}
    assert values(saver, left) == {"log": ["root", "left"], "same": "s"}
    assert values(saver, root) == {"log": ["root"], "same": "s"}


def test_forks_of_a_graph_do_not_leak(driver: Driver, thread: str) -> None:
    config = {"configurable": {"thread_id": thread}}
    graph = graphs.loop(driver.saver, 3)
    driver.invoke(graph, {"log": ["begin"], "count": 0}, config)
    main = driver.state(graph, config)
    middle = next(s for s in driver.history(graph, config) if s.values["count"] == 1 and s.next == ("plan",))
    results = []
    for word in ("left", "right"):
        fork = driver.update(graph, middle.config, {"log": [word]}, as_node="join")
        results.append(driver.invoke(graph, None, fork)["log"])
    assert "left" in results[0] and "right" not in results[0]
    assert "right" in results[1] and "left" not in results[1]
    assert driver.state(graph, main.config).values == main.values
    assert driver.state(graph, middle.config).values == middle.values


def test_a_channel_that_is_gone_does_not_come_back(saver: DuologSaver, thread: str) -> None:
    one = put(saver, at(thread), {"a": 1, "b": 2}, {"a": "1", "b": "1"})
    two = put(saver, one, {"a": 1}, {"a": "1"}, {})
    three = put(saver, two, {"a": 1}, {"a": "1"}, {})
    assert values(saver, three) == values(saver, two) == {"a": 1}


def test_versions_keep_their_type(saver: DuologSaver, thread: str) -> None:
    versions = {"int": 7, "float": 7.5, "text": "7", "large": 2**53 + 1, "old": f"{7:032}.0.123"}
    here = put(saver, at(thread), dict.fromkeys(versions, "v"), versions)
    found = saver.get_tuple(here)
    assert found is not None
    assert found.checkpoint["channel_versions"] == versions
    assert [type(v) for v in found.checkpoint["channel_versions"].values()] == [int, float, str, int, str]


def test_what_is_put_again_is_overwritten(saver: DuologSaver, thread: str) -> None:
    made = checkpoint({"a": 1}, {"a": "1"})
    saver.put(at(thread), made, {"step": 1}, {"a": "1"})
    made["channel_values"], made["channel_versions"] = {"a": 2}, {"a": "2"}
    here = saver.put(at(thread), made, {"step": 2}, {"a": "2"})
    found = saver.get_tuple(here)
    assert found is not None
    assert (found.checkpoint["channel_values"], found.metadata["step"]) == ({"a": 2}, 2)
    assert len(list(saver.list(at(thread)))) == 1


def test_writes_before_their_checkpoint(saver: DuologSaver, thread: str) -> None:
    made = checkpoint({"a": 1}, {"a": "1"})
    saver.put_writes(at(thread, made["id"]), [("a", "early")], "task")
    assert saver.get_tuple(at(thread)) is None
    assert list(saver.list(at(thread))) == []
    here = saver.put(at(thread), made, {}, {"a": "1"})
    assert writes(saver, here) == [("task", "a", "early")]


def test_a_write_for_a_checkpoint_that_never_comes(saver: DuologSaver, thread: str) -> None:
    saver.put_writes(at(thread, str(uuid6())), [("a", "lost")], "task")
    here = put(saver, at(thread), {"a": 1})
    assert writes(saver, here) == []


def test_regular_writes_stay_and_special_ones_are_replaced(saver: DuologSaver, thread: str) -> None:
    here = put(saver, at(thread), {"a": 1})
    for value in ("first", "second"):
        saver.put_writes(here, [("a", value), ("b", value)], "task")
        saver.put_writes(here, [("__error__", value)], "failed")
        saver.put_writes(here, [("__interrupt__", value), ("__resume__", [value])], "asked")
    found = {(task, channel): value for task, channel, value in writes(saver, here)}
    assert found == {
        ("task", "a"): "first",
        ("task", "b"): "first",
        ("failed", "__error__"): "second",
        ("asked", "__interrupt__"): "second",
        ("asked", "__resume__"): ["second"],
    }


def test_writes_are_read_by_path_task_and_index(saver: DuologSaver, thread: str) -> None:
    here = put(saver, at(thread), {"a": 1})
    saver.put_writes(here, [("a", 3)], "a-task", task_path="~2")
    saver.put_writes(here, [("a", 1), ("b", 2)], "z-task", task_path="~1")
    saver.put_writes(here, [("a", 0)], "y-task", task_path="~1")
    assert [value for _, _, value in writes(saver, here)] == [0, 1, 2, 3]


def test_fifty_tasks_write_at_once_through_two_savers(saver: DuologSaver, url: str, token: str, thread: str) -> None:
    here = put(saver, at(thread), {"a": 1})
    with DuologSaver.from_url(url, token=token) as other, ThreadPoolExecutor(50) as pool:
        done = [pool.submit((saver, other)[n % 2].put_writes, here, [("a", n)], f"task-{n:02}") for n in range(50)]
        for one in done:
            one.result()
    assert [value for _, _, value in writes(saver, here)] == list(range(50))


def test_two_writers_are_both_kept(saver: DuologSaver, url: str, token: str, thread: str) -> None:
    root = put(saver, at(thread), {"log": ["root"]}, {"log": "1"})
    with DuologSaver.from_url(url, token=token) as other:
        here = put(saver, root, {"log": ["root", "one"]}, {"log": "2"})
        there = put(other, root, {"log": ["root", "two"]}, {"log": "2"})
        here = put(saver, here, {}, {"log": "2"}, {})
        there = put(other, there, {}, {"log": "2"}, {})
    assert values(saver, here) == {"log": ["root", "one"]}
    assert values(saver, there) == {"log": ["root", "two"]}
    parents = [found.parent_config for found in saver.list(at(thread))]
    assert sum(parent == root for parent in parents) == 2


def test_a_fenced_writer_hears_of_it(url: str, fenced_token: str, thread: str) -> None:
    with (
        DuologSaver.from_url(url, token=fenced_token) as old,
        DuologSaver.from_url(url, token=fenced_token) as new,
    ):
        root = put(old, at(thread), {"log": ["root"]}, {"log": "1"})
        here = put(new, root, {"log": ["root", "new"]}, {"log": "2"})
        with pytest.raises(StaleWriterError) as caught:
            put(old, root, {"log": ["root", "old"]}, {"log": "2"})
        assert caught.value.fix
        with pytest.raises(StaleWriterError):
            old.put_writes(root, [("log", "old")], "task")
        put(new, here, {}, {"log": "2"}, {})
        assert values(old, at(thread)) == {"log": ["root", "new"]}


def test_a_graph_that_was_fenced_raises(url: str, fenced_token: str, thread: str) -> None:
    config = {"configurable": {"thread_id": thread}}
    with DuologSaver.from_url(url, token=fenced_token) as old, DuologSaver.from_url(url, token=fenced_token) as new:

        def plan(state: graphs.Log) -> dict[str, Any]:
            if state["count"] == 1:
                put(new, at(thread), {"log": ["mine now"]}, {"log": "9"})
            return {"count": state["count"] + 1}

        with pytest.raises(StaleWriterError):
            graphs.loop(old, 9, plan).invoke({"log": [], "count": 0}, config)


def test_late_writes_do_not_bring_a_deleted_thread_back(saver: DuologSaver, url: str, token: str, thread: str) -> None:
    here = put(saver, at(thread), {"a": 1})
    unsent = checkpoint({"a": 2}, {"a": "2"})
    with DuologSaver.from_url(url, token=token) as other:
        other.delete_thread(thread)
    for late in (
        lambda: saver.put(here, unsent, {}, {"a": "2"}),
        lambda: saver.put_writes(here, [("a", 1)], "task"),
        lambda: put(saver, at(thread, unsent["id"]), {"a": 3}),
    ):
        with pytest.raises(ThreadDeletedError):
            late()
    with DuologSaver.from_url(url, token=token) as fresh, pytest.raises(ThreadDeletedError):
        put(fresh, here, {"a": 2})
    assert saver.get_tuple(at(thread)) is None
    assert list(saver.list(at(thread))) == []


def test_a_running_graph_hears_that_its_thread_was_deleted(driver: Driver, url: str, token: str, thread: str) -> None:
    config = {"configurable": {"thread_id": thread}}

    def plan(state: graphs.Log) -> dict[str, Any]:
        if state["count"] == 1:
            with DuologSaver.from_url(url, token=token) as other:
                other.delete_thread(thread)
        return {"count": state["count"] + 1}

    with pytest.raises(ThreadDeletedError):
        driver.invoke(graphs.loop(driver.saver, 4, plan), {"log": [], "count": 0}, config, durability="sync")
    assert driver.saver.get_tuple(at(thread)) is None


def test_the_id_of_a_deleted_thread_is_used_again(driver: Driver, thread: str) -> None:
    config = {"configurable": {"thread_id": thread}}
    graph = graphs.loop(driver.saver, 2)
    first = driver.invoke(graph, {"log": ["begin"], "count": 0}, config)
    driver.saver.delete_thread(thread)
    assert driver.history(graph, config) == []
    assert driver.invoke(graph, {"log": ["begin"], "count": 0}, config) == first


def test_a_list_without_a_config_sees_the_tenant_only(url: str, tokens: Any) -> None:
    with (
        DuologSaver.from_url(url, token=next(tokens)) as one,
        DuologSaver.from_url(url, token=next(tokens)) as two,
    ):
        mine = [put(one, at(f"t{n}"), {"a": n}) for n in range(3)]
        theirs = put(two, at("t0"), {"a": "theirs"})
        assert [found.config for found in one.list(None)] == mine[::-1]
        assert [found.config for found in two.list(None)] == [theirs]
        assert values(one, at("t0")) == {"a": 0}
        assert list(two.list(at("t1"))) == []
        two.delete_thread("t1")
        two.prune(["t0"], strategy="delete")
        two.delete_for_runs(["run"])
        assert len(list(one.list(None))) == 3


def test_a_long_list_comes_in_pages(saver: DuologSaver, thread: str) -> None:
    places, here = [], at(thread)
    for n in range(230):
        here = put(saver, here, {"n": n}, step=n % 7)
        places.append(here)
    newest_first = places[::-1]
    assert [found.config for found in saver.list(at(thread))] == newest_first
    assert [found.config for found in saver.list(at(thread), limit=150)] == newest_first[:150]
    assert [found.config for found in saver.list(at(thread), before=places[100])] == places[99::-1]
    threes = [found.metadata["step"] for found in saver.list(at(thread), filter={"step": 3})]
    assert threes == [3] * 33


def test_two_hundred_and_thirty_megabytes_come_in_pages(saver: DuologSaver, thread: str) -> None:
    big = "x" * (3 << 20)
    for n in range(14):
        put(saver, at(thread), {"big": f"{n}{big}"})
    assert [found.checkpoint["channel_values"]["big"][:2] for found in saver.list(at(thread), limit=3)] == [
        "13",
        "12",
        "11",
    ]
    assert len(list(saver.list(at(thread)))) == 14


def test_a_copy_has_all_and_shares_nothing(saver: DuologSaver, thread: str) -> None:
    graph = graphs.nested(saver)
    graph.invoke({"log": [], "count": 0}, at(thread))
    copy = f"{thread} copy"
    saver.copy_thread(thread, copy)

    def all_of(name: str) -> list[Any]:
        return [
            (c.config["configurable"]["checkpoint_ns"], c.checkpoint, c.metadata, c.pending_writes)
            for c in saver.list({"configurable": {"thread_id": name}})
        ]

    assert all_of(copy) == all_of(thread) != []
    saver.delete_thread(thread)
    assert graph.get_state(at(copy)).tasks[0].interrupts
    taken = f"{thread} taken"
    put(saver, at(taken), {"a": 1})
    with pytest.raises(ConflictError):
        saver.copy_thread(copy, taken)
    with pytest.raises(InvalidInputError):
        saver.copy_thread(copy, copy)
    assert values(saver, at(taken)) == {"a": 1}


def test_runs_are_deleted_wherever_they_are(saver: DuologSaver, thread: str) -> None:
    graph, run = graphs.sends(saver), f"run-{uuid.uuid4()}"
    config = {"configurable": {"thread_id": thread}}
    graph.invoke({"log": [], "count": 2}, config)
    kept = graph.get_state(config)
    graph.invoke({"log": [], "count": 3}, {**config, "metadata": {"run_id": run}})
    assert graph.get_state(config).values != kept.values
    saver.delete_for_runs([run, "unknown"])
    assert graph.get_state(config).values == kept.values
    assert list(saver.list(None, filter={"run_id": run})) == []


def test_wrong_tokens(url: str) -> None:
    for token in ("nobody", "", "x" * 5000):
        with DuologSaver.from_url(url, token=token) as saver:
            with pytest.raises((UnauthenticatedError, ForbiddenError, NotFoundError)):
                put(saver, at("t"), {"a": 1})
            with pytest.raises((UnauthenticatedError, ForbiddenError, NotFoundError)):
                saver.get_tuple(at("t"))
