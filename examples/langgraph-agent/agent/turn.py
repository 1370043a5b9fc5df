"""One turn: what a run has to do on a thread, from wherever an earlier run left it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, StateSnapshot

from .tools import ASK_PERSON

NOTHING = object()  # to do: the answer, or the question, stands in the thread
STEPS = 60  # of a turn, at most


def take(graph: CompiledStateGraph, thread: str, goal: str, waited: bool) -> Iterator[str]:
    """Carries the turn to its end and tells each step. `waited` says that the workflow waited for the person, so that
    `goal` is new even if it was said before."""
    config = {"configurable": {"thread_id": thread}, "recursion_limit": STEPS}
    given = to_do(graph.get_state(config), goal, waited)
    if given is NOTHING:
        return
    for update in graph.stream(given, config, stream_mode="updates"):
        for node, change in update.items():
            yield from described(node, change)


def asks(graph: CompiledStateGraph, thread: str) -> bool:
    """Whether the thread waits for the person."""
    return bool(graph.get_state({"configurable": {"thread_id": thread}}).interrupts)


def to_do(state: StateSnapshot, goal: str, waited: bool) -> Any:
    """What the graph is given: the question, the reply to its own, None to go on, or NOTHING."""
    messages = state.values.get("messages", [])
    said = last_said(messages)
    known = said is not None and goal in ("", said) and not (waited and not state.next)
    if state.interrupts:
        return NOTHING if known and not waited else Command(resume=goal)
    if not known:
        return {"messages": [*dropped(messages), HumanMessage(goal)]}
    return None if state.next else NOTHING


def last_said(messages: list[AnyMessage]) -> str | None:
    """What the person said last: a message, or a reply to a question."""
    for m in reversed(messages):
        if isinstance(m, HumanMessage) or isinstance(m, ToolMessage) and m.name == ASK_PERSON:
            return str(m.content)
    return None


def dropped(messages: list[AnyMessage]) -> list[ToolMessage]:
    """Answers to the calls of the last message, which another instruction overtook: models want one for each."""
    last = messages[-1] if messages else None
    calls = last.tool_calls if isinstance(last, AIMessage) else []
    return [ToolMessage("not run: another instruction came", tool_call_id=c["id"], name=c["name"]) for c in calls]


def described(node: str, change: Any) -> Iterator[str]:
    if node == "__interrupt__":
        yield f"asks: {change[0].value}"
    for m in (change or {}).get("messages", []) if isinstance(change, dict) else []:
        calls = ", ".join(f"{c['name']}({', '.join(map(str, c['args'].values()))})" for c in getattr(m, "tool_calls", []))
        yield f"{node}: {calls or str(m.content).splitlines()[0][:100] if m.content or calls else 'nothing'}"
