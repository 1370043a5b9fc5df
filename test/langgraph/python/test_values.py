"""Any value, any thread id: what goes in comes out, byte for byte, and what cannot go in is refused with its reason."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import math
import os
import pathlib
import struct
import uuid
from collections import deque
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy
import pytest
from duolog_langgraph import DuologSaver, InvalidInputError, TooLargeError
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.types import Interrupt, Send
from pydantic import BaseModel

import graphs
from driver import Driver
from stored import at, checkpoint, put, raw, values, writes


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: float


class Model(BaseModel):
    name: str
    points: list[Point]


VALUES: dict[str, Any] = {
    "nothing": None,
    "true": True,
    "empty text": "",
    "NUL": "a\x00b",
    "emoji": "👩‍👩‍👧 ünïcödé \u2028 ‮",
    "large integer": 2**64 - 1,
    "negative integer": -(2**63),
    "bytes": bytes(range(256)),
    "bytearray": bytearray(b"\xff\x00"),
    "tuple": (1, ("two", b"three")),
    "set": {1, 2, 3},
    "frozenset": frozenset({"a"}),
    "deque": deque([1, 2]),
    "numbers as keys": {1: "one", 2.5: "half"},
    "date": datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=5, minutes=45))),
    "zone": ZoneInfo("Europe/Zurich"),
    "delta": timedelta(days=1, microseconds=1),
    "decimal": Decimal("1.10"),
    "uuid": uuid.UUID(int=7),
    "path": pathlib.Path("/a/b"),
    "enum": Colour.RED,
    "dataclass": Point(1, 2.5),
    "pydantic": Model(name="m", points=[Point(1, 2)]),
    "messages": [
        HumanMessage("hi", id="1"),
        AIMessage("", id="2", tool_calls=[{"name": "t", "args": {"π": 1}, "id": "c"}]),
    ],
    "document": Document("text", metadata={"page": 1}),
    "send": Send("node", {"a": [1]}),
    "interrupt": Interrupt(value={"q": 1}, id="i"),
    "nested": {"a": [{"b": [{"c": (1, 2)}]}] * 3},
}

NUMBERS = [math.nan, math.inf, -math.inf, -0.0, 0.0, 1.8e308, 5e-324, 0.1]


@pytest.mark.parametrize("name", VALUES)
def test_a_value_comes_back_as_it_was(saver: DuologSaver, thread: str, name: str) -> None:
    value = VALUES[name]
    here = put(saver, at(thread), {"value": value, "list": [value, value]})
    saver.put_writes(here, [("value", value)], "task")
    found = values(saver, here)
    reference = saver.serde.loads_typed(saver.serde.dumps_typed(value))
    assert found == {"value": reference, "list": saver.serde.loads_typed(saver.serde.dumps_typed([value, value]))}
    assert type(found["value"]) is type(reference)
    assert writes(saver, here) == [("task", "value", reference)]


@pytest.mark.parametrize("number", NUMBERS, ids=str)
def test_a_number_keeps_its_bits(saver: DuologSaver, thread: str, number: float) -> None:
    here = put(saver, at(thread), {"value": number})
    found = values(saver, here)
    assert found is not None
    assert struct.pack(">d", found["value"]) == struct.pack(">d", number)


def test_an_array(saver: DuologSaver, thread: str) -> None:
    array = numpy.arange(100_000, dtype=numpy.float32).reshape(100, 1000)
    found = values(saver, put(saver, at(thread), {"value": array}))
    assert found is not None
    assert numpy.array_equal(found["value"], array)


@pytest.mark.parametrize("size", [5 << 20, 31 << 20])
def test_a_large_value(saver: DuologSaver, thread: str, size: int) -> None:
    value = os.urandom(size)
    here = put(saver, at(thread), {"value": value, "small": 1})
    saver.put_writes(here, [("value", value)], "task")
    found = saver.get_tuple(here)
    assert found is not None
    assert found.checkpoint["channel_values"] == {"value": value, "small": 1}
    assert found.pending_writes == [("task", "value", value)]
    changed = value[: size // 2] + b"in the middle" + value[size // 2 :]
    assert values(saver, put(saver, here, {"value": changed, "small": 1})) == {"value": changed, "small": 1}


def test_a_value_that_is_too_large(saver: DuologSaver, thread: str) -> None:
    with pytest.raises(TooLargeError) as caught:
        put(saver, at(thread), {"value": bytes(64 << 20)})
    assert caught.value.field == "channel_values.value"
    with pytest.raises(TooLargeError) as caught:
        put(saver, at(thread), {"one": os.urandom(30 << 20), "two": os.urandom(30 << 20)})
    assert caught.value.fix
    assert saver.get_tuple(at(thread)) is None


THREADS = [
    "a/b//c/../d", " ", "with spaces ", "a\tb\nc", "thread?x=1&y=2#z", "%2F%00", "日本語", "👍🏽", "é", "e\u0301",
    "x" * 1024, "ü" * 512, "nul\x00inside", "00000000-0000-4000-8000-00000000000A", "\u202e\ufeff",
    "'; DROP TABLE threads; --",
]  # fmt: skip


def test_any_text_is_a_thread_id(own_token: str, url: str) -> None:
    with DuologSaver.from_url(url, token=own_token) as saver:
        for n, thread in enumerate(THREADS):
            put(saver, at(thread), {"n": n})
        for n, thread in enumerate(THREADS):
            assert values(saver, at(thread)) == {"n": n}
        listed = {found.config["configurable"]["thread_id"] for found in saver.list(None)}
        assert listed == set(THREADS)
        for thread in THREADS:
            saver.delete_thread(thread)
        assert list(saver.list(None)) == []


def test_a_uuid_object_is_a_thread_id(saver: DuologSaver) -> None:
    thread = uuid.uuid4()
    put(saver, {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}, {"a": 1})
    assert values(saver, at(str(thread))) == {"a": 1}


@pytest.mark.parametrize("thread", ["", "x" * 1025, "x" * 10_240], ids=len)
def test_what_is_no_thread_id(saver: DuologSaver, thread: str) -> None:
    for wrong in (
        lambda: put(saver, at(thread), {"a": 1}),
        lambda: saver.get_tuple(at(thread)),
        lambda: list(saver.list({"configurable": {"thread_id": thread}})),
    ):
        with pytest.raises((InvalidInputError, TooLargeError)) as caught:
            wrong()
        assert caught.value.field == "thread_id"


@pytest.mark.parametrize("checkpoint_id", ["", "1", "latest", "not-a-uuid", "1f0a6b5c-0000-6000-8000-00000000000G"])
def test_what_is_no_checkpoint_id(saver: DuologSaver, thread: str, checkpoint_id: str) -> None:
    made = checkpoint({"a": 1}, {"a": "1"})
    made["id"] = checkpoint_id
    with pytest.raises(InvalidInputError):
        saver.put(at(thread), made, {}, {"a": "1"})
    with pytest.raises(InvalidInputError):
        saver.put_writes({"configurable": {"thread_id": thread, "checkpoint_id": checkpoint_id}}, [("a", 1)], "task")
    assert saver.get_tuple(at(thread)) is None


def test_long_names(saver: DuologSaver, thread: str) -> None:
    ns = "|".join(f"node:{uuid.uuid4()}" for _ in range(80))
    here = put(saver, at(thread, ns=ns), {"c" * 256: 1})
    saver.put_writes(here, [("c" * 256, 1)], "t" * 255, task_path="~p" * 512)
    assert values(saver, here) == {"c" * 256: 1}
    assert len(writes(saver, here)) == 1
    with pytest.raises((InvalidInputError, TooLargeError)):
        put(saver, at(thread), {"c" * 257: 1})
    with pytest.raises((InvalidInputError, TooLargeError)):
        saver.put_writes(here, [("a", 1)], "t" * 256)
    with pytest.raises((InvalidInputError, TooLargeError)):
        put(saver, at(thread, ns="n" * 4097), {"a": 1})


def test_odd_names(saver: DuologSaver, thread: str) -> None:
    odd = {
        name: n for n, name in enumerate(["a\\b", "branch:to:x", "a|b", "é", "e\u0301", "a b", "0", "__proto__", '"'])
    }
    here = put(saver, at(thread, ns="ns|a:b"), odd)
    for name in odd:
        saver.put_writes(here, [(name, name)], f"task\\{name}", task_path=name)
    assert values(saver, here) == odd
    assert {(task, channel) for task, channel, _ in writes(saver, here)} == {(f"task\\{name}", name) for name in odd}


def test_metadata(saver: DuologSaver, thread: str) -> None:
    extra = {"text": "nul\x00 gone", "π": [1, {"a": None}], "flag": True, "score": 0.5, "large": 2**53 + 1}
    config = {**at(thread), "metadata": {"from config": "yes", "__hidden": 1, "user": "mia\x00"}}
    here = put(saver, config, {"a": 1}, **extra)
    found = saver.get_tuple(here)
    assert found is not None
    assert found.metadata == {
        "source": "loop",
        "step": 0,
        **extra,
        "text": "nul gone",
        "from config": "yes",
        "user": "mia",
    }
    for key, value in [("π", [1, {"a": None}]), ("flag", True), ("score", 0.5), ("from config", "yes"), ("step", 0)]:
        assert len(list(saver.list(at(thread), filter={key: value}))) == 1
    for key, value in [("π", [1]), ("flag", False), ("missing", 1), ("text", "nul")]:
        assert list(saver.list(at(thread), filter={key: value})) == []


def test_metadata_with_nul_deep_inside(saver: DuologSaver, thread: str) -> None:
    """Is kept, or refused with its field; and the thread goes on."""
    try:
        here = put(saver, at(thread), {"a": 1}, deep={"a\x00": ["b\x00"]})
    except InvalidInputError as refused:
        assert "metadata" in refused.field
    else:
        found = saver.get_tuple(here)
        assert found is not None
        assert found.metadata["deep"] == {"a\x00": ["b\x00"]}  # type: ignore[typeddict-item]
    assert values(saver, put(saver, at(thread), {"a": 2})) == {"a": 2}


def test_an_encrypted_serialiser(url: str, token: str, thread: str) -> None:
    secret = EncryptedSerializer.from_pycryptodome_aes(key=b"0123456789abcdef")
    config = {"configurable": {"thread_id": thread}}
    with DuologSaver.from_url(url, token=token, serde=secret) as saver:
        graph = graphs.nested(saver)
        graph.invoke({"log": ["a secret"], "count": 0}, config)
        assert graph.invoke(graphs.Command(resume="yes"), config)["log"][0] == "a secret"
        here = put(saver, at(thread), {"log": ["a secret"] * 100})
        assert values(saver, put(saver, here, {"log": ["a secret"] * 101})) == {"log": ["a secret"] * 101}
    status, document = raw(url, token, "list", {"thread_id": thread})
    assert status == 200
    types = {
        entry["value"]["type"] for found in document["checkpoints"] for entry in [*found["values"], *found["writes"]]
    }
    assert all("+aes" in type_ for type_ in types)


def test_a_hash_that_does_not_match(url: str, token: str, saver: DuologSaver, thread: str) -> None:
    old = b"o" * 2000
    here = put(saver, at(thread), {"a": old})
    made = checkpoint({}, {"a": "2"})
    header = {name: part for name, part in made.items() if name != "channel_values"}

    def change(base: str, result: str, base_id: str) -> dict[str, Any]:
        value = {
            "type": "bytes",
            "sha256": result,
            "base": {"checkpoint_id": base_id, "sha256": base},
            "parts": [{"copy": [0, 2000]}],
        }
        put = {
            "checkpoint_ns": "",
            "checkpoint_id": made["id"],
            "parent_checkpoint_id": here["configurable"]["checkpoint_id"],
            "checkpoint": header,
            "metadata": {},
            "values": [{"channel": "a", "value": value}],
        }
        status, document = raw(
            url, token, "write", {"thread_id": thread, "operations": [{"key": str(uuid.uuid4()), "put": put}]}
        )
        assert status == 200
        return document["results"][0]

    good, bad, there = hashlib.sha256(old).hexdigest(), "0" * 64, here["configurable"]["checkpoint_id"]
    assert change(bad, good, there)["error"]["code"] == "send_whole"
    assert change(good, bad, there)["error"]["code"] == "send_whole"
    assert values(saver, at(thread)) == {"a": old}
    assert "put" in change(good, good, there)
    assert values(saver, at(thread)) == {"a": old}


def test_a_long_conversation_stays_small_on_the_wire(driver: Driver, thread: str) -> None:
    sizes: list[int] = []
    connections = driver.saver._client.connections
    made = connections._request
    connections._request = lambda request: (sizes.append(len(request.body)), made(request))[1]  # type: ignore[method-assign]
    graph = graphs.loop(driver.saver, 30)
    config = {"configurable": {"thread_id": thread}, "recursion_limit": 200}
    result = driver.invoke(graph, {"log": [], "count": 0}, config)
    assert sum(map(len, result["log"])) > 30_000
    assert sum(sizes) < 400_000  # the states of all steps together are 2 MB
