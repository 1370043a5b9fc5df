"""What the server answers, as LangGraph's tuples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.types import TASKS

from ._codec import Reader
from ._lists import Lists
from ._memory import Memory

if TYPE_CHECKING:
    from langgraph.checkpoint.base import DeltaChannelHistory


def tuple_of(
    found: Mapping[str, Any],
    answer: Reader,
    serde: SerializerProtocol,
    memory: Memory | None = None,
    lists: Lists | None = None,
) -> CheckpointTuple:
    """A checkpoint with its values and writes. The memory learns what the server has of it."""
    thread_id, ns, checkpoint_id = found["thread_id"], found["checkpoint_ns"], found["checkpoint_id"]
    values: dict[str, Any] = {}
    for entry in found["values"]:
        if lists is not None:
            values[entry["channel"]] = lists.load(entry["value"])
            continue
        type_, data = answer.value(entry["value"])
        values[entry["channel"]] = serde.loads_typed((type_, data))
        if memory is not None and len(data) >= memory.least:
            memory.remember((thread_id, ns, entry["channel"]), checkpoint_id, type_, data)
    checkpoint = {**found["checkpoint"], "channel_values": values}
    _add_sends(checkpoint, found, answer, serde)
    parent = found["parent_checkpoint_id"]
    return CheckpointTuple(
        _config(thread_id, ns, checkpoint_id),
        checkpoint,  # type: ignore[arg-type]
        found["metadata"],
        _config(thread_id, ns, parent) if parent else None,
        [
            (write["task_id"], write["channel"], serde.loads_typed(answer.value(write["value"])))
            for write in found["writes"]
        ],
    )


def _add_sends(checkpoint: dict[str, Any], found: Mapping[str, Any], answer: Reader, serde: SerializerProtocol) -> None:
    """Checkpoints before version 4 have what their parent sent in a channel of its own."""
    sends = found.get("pending_sends")
    if not sends:
        return
    checkpoint["channel_values"][TASKS] = [serde.loads_typed(answer.value(send["value"])) for send in sends]
    versions = checkpoint.get("channel_versions") or {}
    if versions:
        checkpoint["channel_versions"] = {**versions, TASKS: max(versions.values())}


def history_of(found: Mapping[str, Any], answer: Reader, serde: SerializerProtocol) -> DeltaChannelHistory:
    """What the ancestors wrote to one channel, and its seed where there is one."""
    history: DeltaChannelHistory = {
        "writes": [
            (write["task_id"], write["channel"], serde.loads_typed(answer.value(write["value"])))
            for write in found.get("writes") or ()
        ]
    }
    if found.get("seed") is not None:
        history["seed"] = serde.loads_typed(answer.value(found["seed"]))
    return history


def _config(thread_id: str, ns: str, checkpoint_id: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread_id, "checkpoint_ns": ns, "checkpoint_id": checkpoint_id}}
