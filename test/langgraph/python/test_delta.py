"""Delta channels: histories end at the nearest stored value, follow parents only, and survive pruning."""

from __future__ import annotations

from typing import Any

import pytest
from duolog_langgraph import BaseDuologSaver, DuologSaver
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.serde.types import _DeltaSnapshot

import graphs
from driver import Driver
from stored import at, put


def chain(saver: BaseDuologSaver, thread: str, length: int, seeds: dict[int, dict[str, Any]]) -> list[RunnableConfig]:
    """Checkpoints one after the other, each with a write to `log`; some have values."""
    places: list[RunnableConfig] = []
    versions: dict[str, Any] = {}
    here = at(thread)
    for n in range(length):
        new = {channel: f"{n}.{channel}" for channel in ["log", *seeds.get(n, {})]}
        versions = {**versions, **new}
        here = put(saver, here, seeds.get(n, {}), versions, new, counters_since_delta_snapshot={"log": [n, n]})
        saver.put_writes(here, [("log", f"w{n}")], f"task-{n}")
        places.append(here)
    return places


def history(saver: BaseDuologSaver, config: RunnableConfig, *channels: str) -> dict[str, Any]:
    found = saver.get_delta_channel_history(config=config, channels=channels or ["log"])
    return {
        channel: ([value for _, _, value in entry["writes"]], entry.get("seed", "none"))
        for channel, entry in found.items()
    }


def test_oldest_first_without_the_targets_own(saver: DuologSaver, thread: str) -> None:
    places = chain(saver, thread, 4, {})
    assert history(saver, places[3]) == {"log": (["w0", "w1", "w2"], "none")}
    assert history(saver, places[0]) == {"log": ([], "none")}


def test_the_nearest_seed_and_its_own_writes(saver: DuologSaver, thread: str) -> None:
    seeds = {1: {"log": _DeltaSnapshot(["old"])}, 3: {"log": _DeltaSnapshot(["new"])}}
    places = chain(saver, thread, 6, seeds)
    assert history(saver, places[5]) == {"log": (["w3", "w4"], _DeltaSnapshot(["new"]))}
    assert history(saver, places[3]) == {"log": (["w1", "w2"], _DeltaSnapshot(["old"]))}


def test_a_plain_value_is_a_seed(saver: DuologSaver, thread: str) -> None:
    places = chain(saver, thread, 3, {0: {"log": ["plain"]}})
    assert history(saver, places[1]) == {"log": (["w0"], ["plain"])}


def test_nothing_that_is_stored_is_a_seed_too(saver: DuologSaver, thread: str) -> None:
    places = chain(saver, thread, 3, {0: {"log": None}})
    found = saver.get_delta_channel_history(config=places[1], channels=["log"])
    assert found["log"]["seed"] is None


def test_several_channels_and_unknown_ones(saver: DuologSaver, thread: str) -> None:
    places = chain(saver, thread, 4, {0: {"other": "o"}, 2: {"log": ["seed"]}})
    assert history(saver, places[3], "log", "other", "unknown") == {
        "log": (["w2"], ["seed"]),
        "other": ([], "o"),
        "unknown": ([], "none"),
    }


def test_no_channels_and_no_thread(saver: DuologSaver, thread: str) -> None:
    assert saver.get_delta_channel_history(config=at(thread), channels=[]) == {}
    assert history(saver, at(thread)) == {"log": ([], "none")}


def test_the_newest_without_an_id(saver: DuologSaver, thread: str) -> None:
    chain(saver, thread, 3, {})
    assert history(saver, at(thread)) == {"log": (["w0", "w1"], "none")}


def test_a_fork_does_not_see_its_sibling(saver: DuologSaver, thread: str) -> None:
    places = chain(saver, thread, 3, {})
    fork = put(saver, places[1], {}, {"log": "fork"}, {"log": "fork"})
    saver.put_writes(fork, [("log", "forked")], "task")
    after = put(saver, fork, {}, {"log": "after"}, {"log": "after"})
    assert history(saver, after) == {"log": (["w0", "w1", "forked"], "none")}
    assert history(saver, places[2]) == {"log": (["w0", "w1"], "none")}


@pytest.mark.parametrize(
    "seeds", [{}, {3: {"log": _DeltaSnapshot(["s"])}}, {0: {"log": ["p"]}}], ids=["root", "near", "far"]
)
def test_pruning_keeps_what_the_newest_stands_on(saver: DuologSaver, thread: str, seeds: dict[int, Any]) -> None:
    places = chain(saver, thread, 6, seeds)
    before = history(saver, places[5])
    saver.prune([thread])
    assert history(saver, places[5]) == before
    assert saver.get_tuple(at(thread)) is not None


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_a_graph_goes_on_after_pruning(driver: Driver, thread: str, durability: str) -> None:
    config = {"configurable": {"thread_id": thread}, "max_concurrency": 64}
    graph = graphs.delta(driver.saver, 8)
    before = driver.invoke(graph, {"log": ["begin"], "count": 0}, config, durability=durability)
    driver.saver.prune([thread])
    assert driver.state(graph, config).values == before
    after = driver.invoke(graph, {"log": ["again"], "count": 6}, config, durability=durability)
    assert after["log"] == [*before["log"], "again", "step 6", "step 7"]
    driver.saver.prune([thread])
    assert driver.state(graph, config).values == after


def test_pruning_keeps_the_newest_of_each_namespace(driver: Driver, thread: str) -> None:
    config = {"configurable": {"thread_id": thread}}
    graph = graphs.nested(driver.saver)
    driver.invoke(graph, {"log": [], "count": 0}, config)
    namespaces = {found.config["configurable"]["checkpoint_ns"] for found in driver.saver.list(config)}
    driver.saver.prune([thread])
    kept = [found.config["configurable"]["checkpoint_ns"] for found in driver.saver.list(config)]
    assert sorted(kept) == sorted(namespaces)
    assert driver.invoke(graph, graphs.Command(resume="yes"), config)["log"][-1] == "answer yes"
