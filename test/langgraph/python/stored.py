"""Checkpoints and configs to put by hand."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, Checkpoint, empty_checkpoint, uuid6


def at(thread: str, checkpoint: str | None = None, ns: str = "") -> RunnableConfig:
    """The config of a place in a thread."""
    configurable = {"thread_id": thread, "checkpoint_ns": ns}
    if checkpoint:
        configurable["checkpoint_id"] = checkpoint
    return {"configurable": configurable}


def checkpoint(values: dict[str, Any], versions: dict[str, Any]) -> Checkpoint:
    """A checkpoint that is newer than those that were made before it."""
    made = empty_checkpoint()
    made["v"] = 4
    made["id"] = str(uuid6())
    made["channel_values"] = values
    made["channel_versions"] = versions
    return made


def put(
    saver: BaseCheckpointSaver[Any],
    config: RunnableConfig,
    values: dict[str, Any],
    versions: dict[str, Any] | None = None,
    new: dict[str, Any] | None = None,
    **metadata: Any,
) -> RunnableConfig:
    """Puts a checkpoint after the config's; without `new`, all of its values are new."""
    made = checkpoint(values, versions or {channel: str(uuid6()) for channel in values})
    new = made["channel_versions"] if new is None else new
    return saver.put(config, made, {"source": "loop", "step": 0, **metadata}, new)  # type: ignore[typeddict-item]


def values(saver: BaseCheckpointSaver[Any], config: RunnableConfig) -> dict[str, Any] | None:
    """The state there."""
    found = saver.get_tuple(config)
    return None if found is None else found.checkpoint["channel_values"]


def writes(saver: BaseCheckpointSaver[Any], config: RunnableConfig) -> list[tuple[str, str, Any]]:
    """The pending writes there."""
    found = saver.get_tuple(config)
    assert found is not None
    return list(found.pending_writes or [])


def raw(url: str, token: str, path: str, body: bytes | dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Posts what no saver would, and gives status and document."""
    if isinstance(body, dict):
        body = json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/vnd.duolog.values"}
    request = urllib.request.Request(f"{url}/v1/threads/{path}", body, headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read().partition(b"\n")[0])
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read())
