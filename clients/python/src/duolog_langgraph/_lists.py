"""Lists of one answer that begin alike, decoded once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from ._codec import Reader
from ._messages import MESSAGES

# What never changes may be in several values at once.
_ATOMS = frozenset({str, int, float, bool, bytes, type(None)})
_set = object.__setattr__


class Lists:
    """Decodes the values of an answer.

    The states of a list that grows share their bytes: where the items of one begin at the same byte as those of a longer
    one that was decoded already, they are its first ones. They are copied, so that each value is the caller's own. That is
    only done with LangGraph's own serializer, and with items that are nothing but data, or messages of it.
    """

    def __init__(self, answer: Reader, serde: SerializerProtocol) -> None:
        self._answer = answer
        self._serde = serde
        self._shares = type(serde) is JsonPlusSerializer
        self._known: dict[int, _Items] = {}

    def load(self, span: Mapping[str, Any]) -> Any:
        items = self._answer.items(span) if self._shares and span["type"] == "msgpack" else None
        if items is None:
            return self._serde.loads_typed(self._answer.value(span))
        begin, count = items
        known = self._known.get(begin)
        if known is not None and (again := known.first(count)) is not None:
            return again
        value = self._serde.loads_typed(self._answer.value(span))
        if type(value) is list and len(value) == count and (known is None or count > len(known)):
            self._known[begin] = _Items(value)
        return value


class _Items:
    """The items of a list that was decoded."""

    def __init__(self, value: list[Any]) -> None:
        self._value = value
        self._copies: Callable[[list[Any]], list[Any]] | None = None
        self._opaque = False

    def __len__(self) -> int:
        return len(self._value)

    def first(self, count: int) -> list[Any] | None:
        """Copies of the first ones, or None where there are none to be had."""
        if count > len(self._value) or self._opaque:
            return None
        if self._copies is None:
            self._copies = _copy_flat if all(map(_is_flat, self._value)) else _copy
        try:
            return self._copies(self._value[:count])
        except _NotDataError:
            self._opaque = True
            return None


def _is_flat(item: Any) -> bool:
    return type(item) is dict and _ATOMS.issuperset(map(type, item)) and _ATOMS.issuperset(map(type, item.values()))


def _copy_flat(items: list[dict[Any, Any]]) -> list[Any]:
    return [*map(dict.copy, items)]


class _NotDataError(Exception):
    """Something is more than data: how to copy it is not known."""


def _copy(value: Any) -> Any:
    kind = type(value)
    if kind in _ATOMS:
        return value
    if not value and (kind is dict or kind is list):  # most of what messages have beside their text
        return kind()
    if kind is dict:
        return _copy_dict(value)
    if kind is list:
        return [inner if type(inner) in _ATOMS else _copy(inner) for inner in value]
    if kind in MESSAGES:
        return _copy_message(value)
    raise _NotDataError


def _copy_dict(value: dict[Any, Any]) -> dict[Any, Any]:
    if not _ATOMS.issuperset(map(type, value)):
        raise _NotDataError
    return {name: inner if type(inner) in _ATOMS else _copy(inner) for name, inner in value.items()}


def _copy_message(message: Any) -> Any:
    """As pydantic copies a model, but with members of its own."""
    if message.__pydantic_private__ is not None:
        raise _NotDataError
    kind: Any = type(message)
    copy = kind.__new__(kind)
    members = message.__dict__.copy()
    for name, member in members.items():
        if type(member) not in _ATOMS:
            members[name] = _copy(member)
    _set(copy, "__dict__", members)
    _set(copy, "__pydantic_extra__", _copy(message.__pydantic_extra__))
    _set(copy, "__pydantic_fields_set__", message.__pydantic_fields_set__.copy())
    _set(copy, "__pydantic_private__", None)
    return copy
