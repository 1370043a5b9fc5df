"""Graphs that use what LangGraph has: reducers, fan-out, Send, subgraphs, interrupts, errors, delta channels."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypedDict

from langgraph.channels.delta import DeltaChannel
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt


class Log(TypedDict):
    log: Annotated[list[str], operator.add]
    count: int


def loop(saver: Any, rounds: int, node: Callable[[Log], Any] | None = None) -> Any:
    """A plan, three workers beside each other, a join; so many times."""
    graph = StateGraph(Log)
    graph.add_node("plan", node or (lambda state: {"count": state["count"] + 1, "log": [f"plan {state['count']}"]}))
    for name in "abc":
        graph.add_node(name, lambda state, name=name: {"log": [f"{name} {state['count']} " + name * 400]})
        graph.add_edge("plan", name)
        graph.add_edge(name, "join")  # not add_edge([…]): LangGraph changes what that keeps while it is being stored
    graph.add_node("join", lambda state: {"log": ["join"]})
    graph.add_edge(START, "plan")
    graph.add_conditional_edges("join", lambda state: "plan" if state["count"] < rounds else END)
    return graph.compile(checkpointer=saver)


def sends(saver: Any) -> Any:
    """Sends one task for each number, and sums up."""
    graph = StateGraph(Log)
    graph.add_node("split", lambda state: {"log": ["split"]})
    graph.add_node("square", lambda task: {"log": [f"{task['n'] ** 2}"]})
    graph.add_node("sum", lambda state: {"count": sum(int(line) for line in state["log"] if line.isdigit())})
    graph.add_edge(START, "split")
    graph.add_conditional_edges(
        "split", lambda state: [Send("square", {"n": n}) for n in range(state["count"])], ["square"]
    )
    graph.add_edge("square", "sum")
    return graph.compile(checkpointer=saver)


def nested(saver: Any) -> Any:
    """A graph in a graph in a graph; the innermost asks a human."""

    def ask(state: Log) -> dict[str, Any]:
        return {"log": [f"answer {interrupt({'question': 'go on?', 'after': len(state['log'])})}"]}

    inner = StateGraph(Log)
    inner.add_node("first", lambda state: {"log": ["inner first"]})
    inner.add_node("ask", ask)
    inner.add_edge(START, "first")
    inner.add_edge("first", "ask")
    middle = StateGraph(Log)
    middle.add_node("inner", inner.compile())
    middle.add_edge(START, "inner")
    outer = StateGraph(Log)
    outer.add_node("before", lambda state: {"log": ["before"]})
    outer.add_node("middle", middle.compile())
    outer.add_node("after", lambda state: {"count": len(state["log"])})
    outer.add_edge(START, "before")
    outer.add_edge("before", "middle")
    outer.add_edge("middle", "after")
    return outer.compile(checkpointer=saver)


def approval(saver: Any) -> Any:
    """Asks two humans one after the other, beside a node that does not ask."""

    def ask(state: Log) -> Any:
        first = interrupt("first?")
        second = interrupt("second?")
        return Command(update={"log": [f"{first} and {second}"]}, goto="done")

    graph = StateGraph(Log)
    graph.add_node("ask", ask, destinations=("done",))
    graph.add_node("beside", lambda state: {"log": ["beside"]})
    graph.add_node("done", lambda state: {"count": state["count"] + 1})
    graph.add_edge(START, "ask")
    graph.add_edge(START, "beside")
    return graph.compile(checkpointer=saver)


def fragile(saver: Any, fails: list[Exception], steady: Callable[[Log], Any] | None = None) -> Any:
    """Two nodes beside each other, of which one fails as often as there are exceptions."""

    def risky(state: Log) -> dict[str, Any]:
        if fails:
            raise fails.pop()
        return {"log": ["risky"]}

    graph = StateGraph(Log)
    graph.add_node("risky", risky)
    graph.add_node("steady", steady or (lambda state: {"log": ["steady"]}))
    graph.add_node("end", lambda state: {"count": len(state["log"])})
    graph.add_edge(START, "risky")
    graph.add_edge(START, "steady")
    graph.add_edge("risky", "end")
    graph.add_edge("steady", "end")
    return graph.compile(checkpointer=saver)


def extend(state: list[str], writes: Sequence[list[str]]) -> list[str]:
    return [*(state or []), *(item for write in writes for item in write)]


def delta(saver: Any, rounds: int, snapshot: int = 5) -> Any:
    """A list that is kept as what was added to it, with a snapshot now and then."""

    log = Annotated[list[str], DeltaChannel(extend, list, snapshot_frequency=snapshot)]
    graph = StateGraph(TypedDict("State", {"log": log, "count": int}))
    graph.add_node("step", lambda state: {"log": [f"step {state['count']}"], "count": state["count"] + 1})
    graph.add_edge(START, "step")
    graph.add_conditional_edges("step", lambda state: "step" if state["count"] < rounds else END)
    return graph.compile(checkpointer=saver)


def told(states: Sequence[Any]) -> list[dict[str, Any]]:
    """What of a history does not depend on ids and times."""
    return [
        {
            "values": state.values,
            "next": state.next,
            "source": (state.metadata or {}).get("source"),
            "step": (state.metadata or {}).get("step"),
            "tasks": [(task.name, task.error, [i.value for i in task.interrupts]) for task in state.tasks],
            "root": state.parent_config is None,
        }
        for state in states
    ]
