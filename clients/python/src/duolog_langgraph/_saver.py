"""The saver: LangGraph's contract on one side, the server's endpoints on the other."""

from __future__ import annotations

import asyncio
import math
import random
import uuid
import weakref
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_serializable_checkpoint_metadata,
)
from langgraph.checkpoint.serde.base import SerializerProtocol
from typing_extensions import Unpack

from . import _operation as operation
from ._codec import JSON, Reader, to_json
from ._connections import Connections
from ._http import Request, Settings, Token
from ._lanes import Committer, LoopLanes, ThreadLanes
from ._lists import Lists
from ._memory import Memory
from ._messages import MessageLists
from ._operation import Operation, checkpoint_of, thread_of
from ._retry import Patience, Steps, T, arun, exchange, run
from ._tuples import history_of, tuple_of

if TYPE_CHECKING:
    from langgraph.checkpoint.base import DeltaChannelHistory

_DEFAULT_MEMORY = 64 << 20
_LEAST_REMEMBERED = 1024
_MOST_IDS = 500


class Options(TypedDict, total=False):
    """How a saver works. Times are seconds, sizes bytes."""

    serde: SerializerProtocol | None
    """How values become bytes. Default LangGraph's JsonPlusSerializer."""
    timeout: float
    """How long one answer may take. Default 60."""
    connect_timeout: float
    """How long a connection may take. Default 5."""
    retry_for: float
    """How long an operation is tried again after its first failure. Default 60."""
    max_connections: int
    """How many requests go out at a time, at most. Default 100."""
    memory: int
    """How much is remembered of what the server has, to send only what changed, and as much again of the lists of
    messages, to serialise only what is new. Default 64 MiB; 0: all is serialised and sent."""
    compress: bool
    """Whether bodies travel compressed, for servers that are far away. Default False."""
    writer: str
    """The writer's name where the tenant fences. Default the run_id in the metadata, else a name of this saver."""
    verify: bool
    """Whether certificates are checked. Default True."""
    proxy: str | None
    """Address of a proxy. Default none."""


class _Client:
    """What all copies of a saver share: connections, memory and lanes."""

    def __init__(self, base_url: str, token: Token, options: Options) -> None:
        self.connections = Connections(
            Settings(
                base_url,
                token,
                options.get("timeout", 60.0),
                options.get("connect_timeout", 5.0),
                options.get("max_connections", 100),
                options.get("compress", False),
                options.get("verify", True),
                options.get("proxy"),
            )
        )
        self.memory = Memory(options.get("memory", _DEFAULT_MEMORY), _LEAST_REMEMBERED)
        self.lists = MessageLists(options.get("memory", _DEFAULT_MEMORY))
        self.fixed_writer = "writer" in options
        self.writer = options.get("writer") or str(uuid.uuid4())
        self._retry_for = options.get("retry_for", 60.0)
        self._committer = Committer(self.memory, self._retry_for)
        self._threads = ThreadLanes(self._committer, self.connections)
        self._loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, LoopLanes] = weakref.WeakKeyDictionary()

    def submit(self, op: Operation) -> None:
        self._threads.submit(op)

    async def asubmit(self, op: Operation) -> None:
        loop = asyncio.get_running_loop()
        lanes = self._loops.get(loop)
        if lanes is None:
            lanes = self._loops[loop] = LoopLanes(self._committer, self.connections, self.memory)
        await lanes.submit(op)

    async def settled(self, thread_id: str | None = None) -> None:
        """Returns when the server has what this event loop was let go for, of a thread or of all."""
        lanes = self._loops.get(asyncio.get_running_loop())
        if lanes is not None:
            await lanes.under_way.settled(thread_id)

    def ask(self, name: str, body: Mapping[str, Any], *, change: bool = False) -> Steps[Reader]:
        """Asks an endpoint; a change carries a key, so that a repeat is the same change."""
        key = str(uuid.uuid4()) if change else ""
        request = Request(f"v1/threads/{name}", to_json(body, name).encode(), JSON, key)
        return exchange(request, Patience(self._retry_for))


class BaseDuologSaver(BaseCheckpointSaver[str]):
    """What DuologSaver and AsyncDuologSaver have in common: every method, sync and async."""

    def __init__(self, base_url: str, *, token: Token, **options: Unpack[Options]) -> None:
        """Makes a saver for the server at the address; nothing is sent until it is used.

        The token is one of the tenant's or of a run; or what returns it, asked before each request, for one that is
        renewed.
        """
        super().__init__(serde=options.pop("serde", None))
        self._client = _Client(base_url, token, options)

    # -- one checkpoint ------------------------------------------------------------------------------------------------

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint that the config names, or the newest of its namespace; None where there is none."""
        return self._run(self._get_tuple(config))

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """As get_tuple."""
        return await self._arun(self._get_tuple(config), thread_of(config))

    def _get_tuple(self, config: RunnableConfig) -> Steps[CheckpointTuple | None]:
        thread_id = thread_of(config)
        configurable = config["configurable"]
        body = {"thread_id": thread_id, "checkpoint_ns": configurable.get("checkpoint_ns") or ""}
        if checkpoint_id := configurable.get("checkpoint_id"):
            body["checkpoint_id"] = str(checkpoint_id)
        answer = yield from self._client.ask("get", body)
        found = answer.document.get("checkpoint")
        if found is None:
            if not checkpoint_id:
                self._client.memory.saw(thread_id, None)
            return None
        self._client.memory.saw(thread_id, answer.document.get("incarnation"))
        self._client.memory.found(thread_id, found["checkpoint_id"])
        return tuple_of(found, answer, self.serde, self._client.memory)

    # -- many checkpoints ----------------------------------------------------------------------------------------------

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Checkpoints, newest first; without a config those of all threads that the token may see."""
        query = _query(config, filter, before, limit)
        while query is not None:
            page, query = self._run(self._page(query))
            yield from page

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """As list."""
        query = _query(config, filter, before, limit)
        while query is not None:
            page, query = await self._arun(self._page(query))
            for found in page:
                yield found

    def _page(self, query: dict[str, Any]) -> Steps[tuple[Sequence[CheckpointTuple], dict[str, Any] | None]]:
        answer = yield from self._client.ask("list", query)
        lists = Lists(answer, self.serde)
        page = [tuple_of(found, answer, self.serde, lists=lists) for found in answer.document["checkpoints"]]
        cursor = answer.document.get("next")
        if cursor is None:
            return page, None
        following = {**query, "cursor": cursor}
        if "limit" in query:
            following["limit"] = query["limit"] - len(page)
            if following["limit"] <= 0:
                return page, None
        return page, following

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """What the ancestors of a checkpoint wrote to the channels, oldest first, and the value they start from."""
        return self._run(self._history(config, channels)) if channels else {}

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """As get_delta_channel_history."""
        return await self._arun(self._history(config, channels), thread_of(config)) if channels else {}

    def _history(self, config: RunnableConfig, channels: Sequence[str]) -> Steps[Mapping[str, DeltaChannelHistory]]:
        configurable = config["configurable"]
        body: dict[str, Any] = {
            "thread_id": thread_of(config),
            "checkpoint_ns": configurable.get("checkpoint_ns") or "",
            "channels": [*dict.fromkeys(channels)],
        }
        if checkpoint_id := configurable.get("checkpoint_id"):
            body["checkpoint_id"] = str(checkpoint_id)
        answer = yield from self._client.ask("history", body)
        found = answer.document["channels"]
        return {channel: history_of(found.get(channel) or {}, answer, self.serde) for channel in channels}

    # -- writing -------------------------------------------------------------------------------------------------------

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Stores a checkpoint; returns when it is durable and every reader sees it."""
        op, stored = self._put(config, checkpoint, metadata, new_versions)
        self._client.submit(op)
        return stored

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """As put; returns also when writes that stand on the checkpoint are under way, which return or fail for both."""
        op, stored = self._put(config, checkpoint, metadata, new_versions)
        await self._client.asubmit(op)
        return stored

    def _put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> tuple[Operation, RunnableConfig]:
        thread_id = thread_of(config)
        configurable = config["configurable"]
        ns = configurable.get("checkpoint_ns") or ""
        parent = configurable.get("checkpoint_id")
        self._refuse_late(thread_id, parent)
        values = checkpoint["channel_values"]
        encoded = {
            channel: self._client.lists.dumps(self.serde, (thread_id, ns, channel), values[channel])
            for channel in new_versions
            if channel in values
        }
        merged = get_serializable_checkpoint_metadata(config, metadata)
        op = operation.put(
            thread_id, ns, parent, checkpoint, merged, encoded, self._client.memory, self._writer(merged.get("run_id"))
        )
        return op, {"configurable": {"thread_id": thread_id, "checkpoint_ns": ns, "checkpoint_id": checkpoint["id"]}}

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Stores what a task wrote; returns when it is durable."""
        if writes:
            self._client.submit(self._writes(config, writes, task_id, task_path))

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """As put_writes."""
        if writes:
            await self._client.asubmit(self._writes(config, writes, task_id, task_path))

    def _writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str
    ) -> Operation:
        thread_id, checkpoint_id = thread_of(config), checkpoint_of(config)
        self._refuse_late(thread_id, checkpoint_id)
        encoded = [
            (WRITES_IDX_MAP.get(channel, index), channel, *self.serde.dumps_typed(value))
            for index, (channel, value) in enumerate(writes)
        ]
        configurable = config["configurable"]
        run_id = (config.get("metadata") or {}).get("run_id") or configurable.get("run_id")
        return operation.writes(
            thread_id,
            configurable.get("checkpoint_ns") or "",
            checkpoint_id,
            task_id,
            task_path,
            encoded,
            self._client.memory,
            self._writer(run_id),
        )

    def _writer(self, run_id: object) -> str:
        client = self._client
        return str(run_id) if run_id and not client.fixed_writer else client.writer

    def _refuse_late(self, thread_id: str, checkpoint_id: str | None) -> None:
        """Refuses what stands on a checkpoint that was not stored."""
        refusal = self._client.memory.lost(thread_id, checkpoint_id)
        if refusal is not None:
            raise refusal

    # -- administration ------------------------------------------------------------------------------------------------

    def delete_thread(self, thread_id: str) -> None:
        """Deletes all of a thread; what still runs on it cannot bring it back."""
        self._run(self._delete_thread(thread_id))

    async def adelete_thread(self, thread_id: str) -> None:
        """As delete_thread."""
        await self._arun(self._delete_thread(thread_id))

    def _delete_thread(self, thread_id: str) -> Steps[None]:
        yield from self._client.ask("delete", {"thread_id": str(thread_id)}, change=True)
        self._client.memory.forget(str(thread_id))

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Deletes the checkpoints whose metadata names one of the runs, with their writes."""
        self._run(self._delete_for_runs(run_ids))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """As delete_for_runs."""
        await self._arun(self._delete_for_runs(run_ids))

    def _delete_for_runs(self, run_ids: Sequence[str]) -> Steps[None]:
        for some in _portions(run_ids):
            yield from self._client.ask("delete_runs", {"run_ids": some}, change=True)

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copies all checkpoints and writes of a thread into one that has none."""
        self._run(self._copy(source_thread_id, target_thread_id))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """As copy_thread."""
        await self._arun(self._copy(source_thread_id, target_thread_id))

    def _copy(self, source: str, target: str) -> Steps[None]:
        yield from self._client.ask("copy", {"source": str(source), "target": str(target)}, change=True)
        self._client.memory.forget(str(target))

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Keeps the newest checkpoint of each namespace and what it needs ("keep_latest"), or nothing ("delete")."""
        self._run(self._prune(thread_ids, strategy))

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """As prune."""
        await self._arun(self._prune(thread_ids, strategy))

    def _prune(self, thread_ids: Sequence[str], strategy: str) -> Steps[None]:
        for some in _portions(thread_ids):
            yield from self._client.ask("prune", {"thread_ids": some, "strategy": strategy}, change=True)
            for thread in some:
                self._client.memory.forget(thread)

    def set_retention(self, thread_id: str, ttl: float | None, *, strategy: str = "delete") -> None:
        """Says how long a thread is kept after its last write, in seconds; None: as its tenant says.

        Then all of it goes ("delete"), or all but the newest checkpoints and what they need ("keep_latest").
        """
        self._run(self._set_retention(thread_id, ttl, strategy))

    async def aset_retention(self, thread_id: str, ttl: float | None, *, strategy: str = "delete") -> None:
        """As set_retention."""
        await self._arun(self._set_retention(thread_id, ttl, strategy))

    def _set_retention(self, thread_id: str, ttl: float | None, strategy: str) -> Steps[None]:
        seconds = None if ttl is None else math.ceil(ttl)
        body = {"thread_id": str(thread_id), "ttl_seconds": seconds, "strategy": strategy}
        yield from self._client.ask("retention", body, change=True)

    # -- the rest ------------------------------------------------------------------------------------------------------

    def get_next_version(self, current: str | int | float | None, channel: None) -> Any:
        """A version that sorts after the current one and that no other branch has: a counter, then chance.

        Numbers stay numbers, since LangGraph compares the versions of a thread with each other.
        """
        if isinstance(current, (int, float)):
            return int(current) + 1
        count, _, _ = (current or "0" * 10).partition(".")
        return f"{int(count) + 1:0{len(count)}}.{random.getrandbits(48):012x}"

    def close(self) -> None:
        """Closes the connections of threads. The saver may be used again: then it makes new ones."""
        self._client.connections.close()

    async def aclose(self) -> None:
        """Closes the connections of threads and of this event loop."""
        await self._client.connections.aclose()

    def _run(self, steps: Steps[T]) -> T:
        return run(steps, self._client.connections)

    async def _arun(self, steps: Steps[T], thread_id: str | None = None) -> T:
        """In this event loop, after what it was let go for before: in the thread, or in all."""
        await self._client.settled(thread_id)
        return await arun(steps, self._client.connections)


def _portions(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """The ids in portions that one request may have."""
    for start in range(0, len(ids), _MOST_IDS):
        yield [str(one) for one in ids[start : start + _MOST_IDS]]


def _query(
    config: RunnableConfig | None, filter: dict[str, Any] | None, before: RunnableConfig | None, limit: int | None
) -> dict[str, Any] | None:
    """The body of the first request of a list, or None where nothing is to be listed."""
    if limit is not None and limit <= 0:
        return None
    query: dict[str, Any] = {"spans": True}
    configurable = (config or {}).get("configurable") or {}
    for name in ("thread_id", "checkpoint_ns", "checkpoint_id"):
        if configurable.get(name) is not None:
            query[name] = str(configurable[name])
    if filter:
        query["filter"] = filter
    if before and (before_id := before.get("configurable", {}).get("checkpoint_id")):
        query["before"] = str(before_id)
    if limit is not None:
        query["limit"] = int(limit)
    return query
