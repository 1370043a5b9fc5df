"""The encoding of application/vnd.duolog.values: a JSON object on one line, then the bytes of its values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ._change import Part
from ._sum import Sum
from .errors import IncompatibleServerError, InvalidInputError

VALUES = "application/vnd.duolog.values"
JSON = "application/json"


def to_json(what: Any, field: str) -> str:
    """JSON text of what the server reads itself. `field` is how an error names it."""
    try:
        text = _encode(what)
        if not text.isascii():
            text.encode()
    except (TypeError, ValueError, RecursionError) as err:
        raise InvalidInputError(
            "invalid_field",
            f"it cannot be written as JSON: {err}",
            field=field,
            fix="keep what is not JSON (NaN and infinities too) in the state, which may hold anything",
        ) from err
    return text


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class Change:
    """How bytes follow from those of the same channel at an earlier checkpoint."""

    __slots__ = ("base_id", "base_sum", "parts", "sum")

    def __init__(self, base_id: str, base_sum: Sum, sum_: Sum, parts: Sequence[Part]) -> None:
        self.base_id = base_id
        self.base_sum = base_sum
        self.sum = sum_
        self.parts = parts


class Value:
    """A value on its way: what stands before it in the JSON, its type, its bytes, and how they follow from others."""

    __slots__ = ("change", "data", "lead", "type")

    def __init__(self, lead: str, type_: str, data: bytes, change: Change | None = None) -> None:
        self.lead = lead
        self.type = type_
        self.data = data
        self.change = change

    @property
    def new(self) -> int:
        """How many of its bytes are sent."""
        if self.change is None:
            return len(self.data)
        return sum(len(part) for part in self.change.parts if isinstance(part, bytes))


class Writer:
    """Collects the text of the line and the bytes that follow it."""

    def __init__(self) -> None:
        self.line: list[str] = []
        self.tail: list[bytes] = []
        self.at = 0

    def value(self, value: Value) -> None:
        """Writes an entry: its lead, the value, and the brace that closes the lead's."""
        change = value.change
        if change is None:
            self.line.append(f'{value.lead}{{"type":{_encode(value.type)},{self._span(value.data)}}}}}')
            return
        parts = ",".join(
            f"{{{self._span(part)}}}" if isinstance(part, bytes) else f'{{"copy":[{part[0]},{part[1]}]}}'
            for part in change.parts
        )
        self.line.append(
            f'{value.lead}{{"type":{_encode(value.type)},{_stated(change.sum)},'
            f'"base":{{"checkpoint_id":{_encode(change.base_id)},{_stated(change.base_sum)}}},"parts":[{parts}]}}}}'
        )

    def values(self, values: Sequence[Value]) -> None:
        """Writes a JSON array of entries."""
        self.line.append("[")
        for number, value in enumerate(values):
            if number:
                self.line.append(",")
            self.value(value)
        self.line.append("]")

    def _span(self, data: bytes) -> str:
        at = self.at
        self.at += len(data)
        self.tail.append(data)
        return f'"at":{at},"size":{len(data)}'

    def body(self) -> bytes:
        self.line.append("\n")
        return b"".join(["".join(self.line).encode(), *self.tail])


def _stated(of: Sum) -> str:
    return f'"sha256":"{of.sha256}","from":{of.begin}' if of.begin else f'"sha256":"{of.sha256}"'


class Reader:
    """An answer: its JSON, and the bytes that its values name."""

    __slots__ = ("_tail", "document")

    def __init__(self, body: bytes | bytearray) -> None:
        end = body.find(b"\n")
        line = body if end < 0 else body[:end]
        self._tail = memoryview(body)[end + 1 :] if end >= 0 else memoryview(b"")
        try:
            self.document: dict[str, Any] = json.loads(line)
        except ValueError as err:
            raise IncompatibleServerError(
                "incompatible_server", f"the answer is not what a Duolog server sends: {err}", fix="check the address"
            ) from err

    def value(self, span: Mapping[str, Any]) -> tuple[str, bytes]:
        """Type and bytes of a value."""
        pieces = span.get("spans")
        if pieces is None:
            return span["type"], self._piece(span["at"], span["size"])
        return span["type"], b"".join([self._piece(at, size) for at, size in pieces])

    def _piece(self, at: int, size: int) -> bytes:
        data = bytes(self._tail[at : at + size])
        if len(data) != size:
            raise IncompatibleServerError("incompatible_server", "the answer ends before the values that it names")
        return data

    def items(self, span: Mapping[str, Any]) -> tuple[int, int] | None:
        """Where the items of a MessagePack list begin among the bytes, in one piece to their end, and how many they are."""
        pieces = span.get("spans") or [(span["at"], span["size"])]
        last_at, last_size = pieces[-1]
        before = sum(size for _, size in pieces[:-1])
        if before > _LIST_HEADER:
            return None
        head = b"".join([self._piece(at, min(size, _LIST_HEADER)) for at, size in pieces])[:_LIST_HEADER]
        if not head or head[0] not in (0xDC, 0xDD):
            return None  # lists of fewer than 16 items are short enough
        header = 3 if head[0] == 0xDC else 5
        if before > header or last_size + before < header:
            return None
        return last_at + header - before, int.from_bytes(head[1:header], "big")


# How long the longest header of a MessagePack list is.
_LIST_HEADER = 5
