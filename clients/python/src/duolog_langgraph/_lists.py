"""Lists of one answer that begin alike, decoded once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from ._codec import Reader

# What never changes may be in several values at once.
_ATOMS = frozenset({str, int, float, bool, bytes, type(None)})


class Lists:
    """Decodes the values of an answer.

    The states of a list that grows share their bytes: where the items of one begin at the same byte as those of a longer
    one that was decoded already, they are its first ones. They are copied, so that each value is the caller's own. That is
    only done with LangGraph's own serializer, and with items that are nothing but data.
    """

    def __init__(self, answer: Reader, serde: SerializerProtocol) -> None:
        self._answer = answer
        self._serde = serde
        self._shares = type(serde) is JsonPlusSerializer
        self._known: dict[int, list[Any]] = {}
        self._opaque: set[int] = set()

    def load(self, span: Mapping[str, Any]) -> Any:
        items = self._answer.items(span) if self._shares and span["type"] == "msgpack" else None
        if items is None:
            return self._serde.loads_typed(self._answer.value(span))
        begin, count = items
        known = self._known.get(begin, [])
        if count <= len(known) and begin not in self._opaque:
            try:
                return [_copy(item) for item in known[:count]]
            except _NotDataError:
                self._opaque.add(begin)
        value = self._serde.loads_typed(self._answer.value(span))
        if type(value) is list and len(value) == count > len(known):
            self._known[begin] = value
        return value


class _NotDataError(Exception):
    """Something is more than data: how to copy it is not known."""


def _copy(value: Any) -> Any:
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind is dict:
        if not _ATOMS.issuperset(map(type, value)):
            raise _NotDataError
        return {name: inner if type(inner) in _ATOMS else _copy(inner) for name, inner in value.items()}
    if kind is list:
        return [inner if type(inner) in _ATOMS else _copy(inner) for inner in value]
    raise _NotDataError
