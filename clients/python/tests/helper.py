"""Checkpoints to store."""

from __future__ import annotations

from typing import Any

from langgraph.checkpoint.base import Checkpoint, empty_checkpoint, uuid6


def config(thread: str = "t", checkpoint: str | None = None, ns: str = "", **more: Any) -> dict[str, Any]:
    configurable = {"thread_id": thread, "checkpoint_ns": ns, **more}
    if checkpoint:
        configurable["checkpoint_id"] = checkpoint
    return {"configurable": configurable}


def checkpoint(values: dict[str, Any], versions: dict[str, Any] | None = None) -> Checkpoint:
    made = empty_checkpoint()
    made["v"] = 4
    made["id"] = str(uuid6())
    made["channel_values"] = values
    made["channel_versions"] = versions or dict.fromkeys(values, made["id"])
    return made


def put(saver: Any, values: dict[str, Any], parent: dict[str, Any] | None = None, thread: str = "t") -> dict[str, Any]:
    made = checkpoint(values)
    return saver.put(
        parent or config(thread), made, {"source": "loop", "step": 1, "parents": {}}, made["channel_versions"]
    )
