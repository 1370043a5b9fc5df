"""One put or put_writes on its way to the server."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from ._codec import Value, Writer, to_json
from ._memory import Memory
from .errors import InvalidInputError, TooLargeError

MOST_VALUE = 32 << 20
"""The largest value that a server takes, in bytes."""


class Operation:
    """What is to be stored, with the key under which it is stored once however often it is sent."""

    __slots__ = (
        "_head", "_memory", "checkpoint_id", "incarnation", "key", "keys", "ns", "on", "puts", "size", "thread_id", "values", "writer",
    )  # fmt: skip

    def __init__(
        self,
        thread_id: str,
        checkpoint_id: str,
        head: str,
        values: Sequence[Value],
        memory: Memory,
        keys: Sequence[tuple[str, str, str]] = (),
        *,
        ns: str,
        on: str | None,
        puts: bool,
        writer: str,
        incarnation: int | None,
    ) -> None:
        """It puts a checkpoint on its parent, or writes on one. `keys` are the places of the values in the memory, where
        they have one."""
        self._memory = memory
        self.ns = ns
        self.on = on
        self.puts = puts
        self.thread_id = thread_id
        self.checkpoint_id = checkpoint_id
        self._head = head
        self.values = values
        self.keys = keys
        self.writer = writer
        self.incarnation = incarnation
        self.key = str(uuid.uuid4())
        self.size = len(head) + sum(len(value.data) for value in values)
        """About the bytes that the server has in hand for it, be they sent or put together there."""

    @property
    def new(self) -> int:
        """About the bytes that are sent for it."""
        return len(self._head) + sum(value.new for value in self.values)

    def write(self, out: Writer) -> None:
        """Writes the operation as an entry of a request."""
        out.line.append(f'{{"key":"{self.key}",{self._head}')
        out.values(self.values)
        out.line.append("}}")

    def send_whole(self) -> bool:
        """Makes another operation of it, with all bytes of its values; False where it was so already."""
        if all(value.change is None for value in self.values):
            return False
        for value in self.values:
            value.change = None
        self.key = str(uuid.uuid4())
        return True

    def failed(self) -> None:
        """The server does not have it, or it is not known."""
        for key, value in zip(self.keys, self.values, strict=False):
            self._memory.unsent(key, value.data)


def put(
    thread_id: str,
    ns: str,
    parent: str | None,
    checkpoint: Mapping[str, Any],
    metadata: Mapping[str, Any],
    encoded: Mapping[str, tuple[str, bytes]],
    memory: Memory,
    writer: str,
) -> Operation:
    """A checkpoint with the values that are new in it, by channel."""
    checkpoint_id = checkpoint["id"]
    header = {name: part for name, part in checkpoint.items() if name != "channel_values"}
    head = (
        f'"put":{{"checkpoint_ns":{to_json(ns, "checkpoint_ns")},'
        f'"checkpoint_id":{to_json(checkpoint_id, "checkpoint.id")},'
        f'"parent_checkpoint_id":{to_json(parent or None, "checkpoint_id")},'
        f'"checkpoint":{to_json(header, "checkpoint")},'
        f'"metadata":{to_json(metadata, "metadata")},"values":'
    )
    values, keys = [], []
    for channel, (type_, data) in encoded.items():
        _fits(data, f"channel_values.{channel}")
        key = (thread_id, ns, channel)
        lead = f'{{"channel":{to_json(channel, "channel")},"value":'
        values.append(Value(lead, type_, data, memory.sent(key, checkpoint_id, type_, data)))
        keys.append(key)
    return Operation(
        thread_id,
        checkpoint_id,
        head,
        values,
        memory,
        keys,
        ns=ns,
        on=parent or None,
        puts=True,
        writer=writer,
        incarnation=memory.incarnation(thread_id),
    )


def writes(
    thread_id: str,
    ns: str,
    checkpoint_id: str,
    task_id: str,
    task_path: str,
    encoded: Sequence[tuple[int, str, str, bytes]],
    memory: Memory,
    writer: str,
) -> Operation:
    """What a task wrote: (index, channel, type, bytes) each."""
    head = (
        f'"writes":{{"checkpoint_ns":{to_json(ns, "checkpoint_ns")},'
        f'"checkpoint_id":{to_json(checkpoint_id, "checkpoint_id")},'
        f'"task_id":{to_json(task_id, "task_id")},"task_path":{to_json(task_path, "task_path")},"writes":'
    )
    values = []
    for index, channel, type_, data in encoded:
        _fits(data, f"writes.{channel}")
        values.append(Value(f'{{"idx":{index},"channel":{to_json(channel, "channel")},"value":', type_, data))
    return Operation(
        thread_id,
        checkpoint_id,
        head,
        values,
        memory,
        ns=ns,
        on=checkpoint_id,
        puts=False,
        writer=writer,
        incarnation=memory.incarnation(thread_id),
    )


def _fits(data: bytes, field: str) -> None:
    if len(data) > MOST_VALUE:
        raise TooLargeError(
            "too_large",
            f"the value has {len(data)} bytes, a value may have {MOST_VALUE}",
            field=field,
            fix="keep it in a file or object store, and its address in the state",
        )


def thread_of(config: Mapping[str, Any]) -> str:
    """The thread id of a config."""
    return _of(config, "thread_id")


def checkpoint_of(config: Mapping[str, Any]) -> str:
    """The checkpoint id of a config that must have one."""
    return _of(config, "checkpoint_id")


def _of(config: Mapping[str, Any], name: str) -> str:
    found = config.get("configurable", {}).get(name)
    if found is None:
        raise InvalidInputError(
            "invalid_field", "the config does not say it", field=name, fix=f'pass {{"configurable": {{"{name}": …}}}}'
        )
    return str(found)
