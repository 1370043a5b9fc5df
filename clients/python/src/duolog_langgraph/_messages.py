"""Lists of messages as bytes: what was made for the step before is not made again.

LangGraph hands over the whole list at each step, and its serialiser takes some microseconds for each message. A message
is its class and its members, and it may have been changed in place. So the members of all messages are packed, which
costs a fraction, and held to those of the list before: where these begin the new list, so do its bytes.
"""

from __future__ import annotations

import operator
import threading
from collections import OrderedDict
from typing import Any, NamedTuple

import ormsgpack
from langchain_core import messages
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from ._memory import Key

_FEWEST = 16
MESSAGES = {
    kind: kind.__name__
    for kind in (
        messages.AIMessage,
        messages.HumanMessage,
        messages.SystemMessage,
        messages.ToolMessage,
        messages.ChatMessage,
        messages.FunctionMessage,
    )
}
# Only what is data through and through is packed; for anything else there is an error.
_ONLY_DATA = (
    ormsgpack.OPT_NON_STR_KEYS
    | ormsgpack.OPT_PASSTHROUGH_BIG_INT
    | ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_SUBCLASS
    | ormsgpack.OPT_PASSTHROUGH_TUPLE
    | ormsgpack.OPT_PASSTHROUGH_UUID
)


_dict_of, _extra_of = operator.attrgetter("__dict__"), operator.attrgetter("__pydantic_extra__")


def _head(count: int) -> int:
    """How many bytes MessagePack has in front of a list's items."""
    return 1 if count < 1 << 4 else 3 if count < 1 << 16 else 5


def _array(count: int) -> bytes:
    if count < 1 << 4:
        return bytes([0x90 | count])
    return b"\xdc" + count.to_bytes(2, "big") if count < 1 << 16 else b"\xdd" + count.to_bytes(4, "big")


class _List(NamedTuple):
    length: int
    members: bytes
    """A list of what the messages were made of, three of each, one after another."""
    data: bytes
    """The list itself."""

    def begins(self, length: int, members: bytes) -> bool:
        """Whether a list of so many messages, made of these members, begins with this one."""
        mine = memoryview(self.members)[_head(3 * self.length) :]
        return length >= self.length and members.startswith(mine, _head(3 * length))

    def size(self) -> int:
        return len(self.members) + len(self.data)


_NOTHING = _List(0, _array(0), _array(0))


class MessageLists:
    """The last list of each channel, in a bounded memory; for many threads."""

    def __init__(self, limit: int) -> None:
        """At most `limit` bytes."""
        self._limit = limit
        self._lock = threading.Lock()
        self._lists: OrderedDict[Key, _List] = OrderedDict()
        self._bytes = 0

    def dumps(self, serde: SerializerProtocol, key: Key, value: Any) -> tuple[str, bytes]:
        """What the serialiser makes of a value of a channel."""
        members = _members(value) if type(serde) is JsonPlusSerializer and self._limit else None
        if members is None:
            return serde.dumps_typed(value)
        known = self._lists.get(key)
        if known is None or not known.begins(len(value), members):
            known = _NOTHING
        if len(value) > known.length:
            new = value[known.length :]
            type_, data = serde.dumps_typed(new)
            if type_ != "msgpack":
                return serde.dumps_typed(value)
            parts = (
                _array(len(value)),
                memoryview(known.data)[_head(known.length) :],
                memoryview(data)[_head(len(new)) :],
            )
            known = _List(len(value), members, b"".join(parts))
            self._remember(key, known)
        return "msgpack", known.data

    def _remember(self, key: Key, known: _List) -> None:
        with self._lock:
            old = self._lists.pop(key, None)
            if old is not None:
                self._bytes -= old.size()
            self._lists[key] = known
            self._bytes += known.size()
            while self._bytes > self._limit:
                self._bytes -= self._lists.popitem(last=False)[1].size()


def _members(value: Any) -> bytes | None:
    """What the messages of a list are made of, as in `_List`; None for what is no such list."""
    if type(value) is not list or len(value) < _FEWEST:
        return None
    try:
        made_of: list[Any] = [None] * (3 * len(value))
        made_of[0::3] = [MESSAGES[type(m)] for m in value]
        made_of[1::3] = map(_dict_of, value)
        made_of[2::3] = map(_extra_of, value)
        return ormsgpack.packb(made_of, option=_ONLY_DATA)
    except (KeyError, ormsgpack.MsgpackEncodeError):
        return None
