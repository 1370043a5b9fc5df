"""Ordinary graphs give what they give on InMemorySaver: results, histories, pending tasks, interrupts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, RetryPolicy

import graphs
from driver import Driver

DURABILITY = ["sync", "async", "exit"]


class InMemory(Driver):
    """The reference."""

    def __init__(self) -> None:
        self.saver = InMemorySaver()  # type: ignore[assignment]


Story = Callable[[Driver, dict[str, Any], str], list[Any]]


def plain(driver: Driver, config: dict[str, Any], durability: str) -> list[Any]:
    graph = graphs.loop(driver.saver, 4)
    first = driver.invoke(graph, {"log": ["begin"], "count": 0}, config, durability=durability)
    second = driver.invoke(graph, {"log": ["again"], "count": 2}, config, durability=durability)
    return [first, second, graphs.told(driver.history(graph, config))]


def fan_out(driver: Driver, config: dict[str, Any], durability: str) -> list[Any]:
    graph = graphs.sends(driver.saver)
    result = driver.invoke(graph, {"log": [], "count": 7}, config, durability=durability)
    return [result, graphs.told(driver.history(graph, config))]


def subgraphs(driver: Driver, config: dict[str, Any], durability: str) -> list[Any]:
    graph = graphs.nested(driver.saver)
    driver.invoke(graph, {"log": [], "count": 0}, config, durability=durability)
    waiting = graphs.told([driver.state(graph, config)])
    result = driver.invoke(graph, Command(resume="yes"), config, durability=durability)
    return [waiting, result, graphs.told(driver.history(graph, config))]


def interrupts(driver: Driver, config: dict[str, Any], durability: str) -> list[Any]:
    graph = graphs.approval(driver.saver)
    seen = []
    driver.invoke(graph, {"log": [], "count": 0}, config, durability=durability)
    seen.append(graphs.told([driver.state(graph, config)]))
    driver.invoke(graph, Command(resume="one"), config, durability=durability)
    seen.append(graphs.told([driver.state(graph, config)]))
    result = driver.invoke(graph, Command(resume="two"), config, durability=durability)
    return [*seen, result, graphs.told(driver.history(graph, config))]


def thrown(driver: Driver, config: dict[str, Any], durability: str) -> list[Any]:
    graph = graphs.fragile(driver.saver, [ValueError("no"), ValueError("not yet")])
    for inputs in ({"log": [], "count": 0}, None):
        with pytest.raises(ValueError, match="no"):
            driver.invoke(graph, inputs, config, durability=durability)
    result = driver.invoke(graph, None, config, durability=durability)
    return [result, graphs.told(driver.history(graph, config)[:1])]


def updates(driver: Driver, config: dict[str, Any], durability: str) -> list[Any]:
    graph = graphs.loop(driver.saver, 2)
    driver.invoke(graph, {"log": ["begin"], "count": 0}, config, durability=durability)
    past = driver.history(graph, config)[-2 if durability == "exit" else -3 :][0]
    forked = driver.update(graph, past.config, {"log": ["another way"], "count": 1})
    result = driver.invoke(graph, None, forked, durability=durability)
    old = driver.state(graph, past.config)
    return [result, graphs.told([old]), graphs.told(driver.history(graph, config))]


def deltas(driver: Driver, config: dict[str, Any], durability: str) -> list[Any]:
    graph = graphs.delta(driver.saver, 12)
    first = driver.invoke(graph, {"log": ["begin"], "count": 0}, config, durability=durability)
    second = driver.invoke(graph, {"log": ["again"], "count": 9}, config, durability=durability)
    return [first, second, [state.values for state in driver.history(graph, config)]]


def messages(driver: Driver, config: dict[str, Any], durability: str) -> list[Any]:
    graph = StateGraph(MessagesState)
    call = {"name": "look", "args": {"at": "π"}, "id": "call-1", "type": "tool_call"}
    graph.add_node(
        "model", lambda state: {"messages": [AIMessage("", id=f"ai-{len(state['messages'])}", tool_calls=[call])]}
    )
    graph.add_node("tool", lambda state: {"messages": [ToolMessage("seen", id="tool", tool_call_id="call-1")]})
    graph.add_edge(START, "model")
    graph.add_edge("model", "tool")
    compiled = graph.compile(checkpointer=driver.saver)
    human = {"messages": [HumanMessage("look", id="human")]}
    return [
        driver.invoke(compiled, human, config, durability=durability),
        graphs.told(driver.history(compiled, config)),
    ]


STORIES = [plain, fan_out, subgraphs, interrupts, thrown, updates, deltas, messages]


@pytest.mark.parametrize("durability", DURABILITY)
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_as_on_the_saver_in_memory(driver: Driver, story: Story, durability: str, thread: str) -> None:
    # LangGraph's threads wait for each other's puts, and with delta channels for writes that are still to begin: with
    # as few as it starts on a small machine, a graph that is faster than its saver can stop for good.
    config = {"configurable": {"thread_id": thread}, "recursion_limit": 100, "max_concurrency": 64}
    reference = InMemory()
    wanted = story(reference, config, durability)
    assert story(driver, config, durability) == wanted


def test_a_policy_that_retries(driver: Driver, thread: str) -> None:
    config = {"configurable": {"thread_id": thread}}
    fails = [ConnectionError("lost"), ConnectionError("lost")]

    def node(state: graphs.Log) -> dict[str, Any]:
        if fails:
            raise fails.pop()
        return {"log": ["done"]}

    graph = StateGraph(graphs.Log)
    graph.add_node("node", node, retry_policy=RetryPolicy(initial_interval=0.01, max_attempts=3))
    graph.add_edge(START, "node")
    compiled = graph.compile(checkpointer=driver.saver)
    assert driver.invoke(compiled, {"log": [], "count": 0}, config)["log"] == ["done"]


def test_an_old_state_is_as_it_was(driver: Driver, thread: str) -> None:
    config = {"configurable": {"thread_id": thread}, "recursion_limit": 100}
    graph = graphs.loop(driver.saver, 5)
    driver.invoke(graph, {"log": ["begin"], "count": 0}, config)
    history = driver.history(graph, config)
    assert [driver.state(graph, state.config).values for state in history] == [state.values for state in history]
    lengths = [len(state.values.get("log", [])) for state in history]
    assert lengths == sorted(lengths, reverse=True)
