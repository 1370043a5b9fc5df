"""Writes values.json: what LangGraph's Python serialiser makes of one of each kind.

Run it with langgraph 1.2.11, langgraph-checkpoint 4.2.0, numpy and pycryptodome:

    python generate.py > values.json

then look at what becomes of plain.json: go test ./projections/queries/plain -update
"""

import base64
import collections
import dataclasses
import datetime
import decimal
import enum
import ipaddress
import json
import pathlib
import re
import uuid
import zoneinfo

import numpy
import pydantic
from langchain_core.load import dumpd
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.serde.types import _DeltaSnapshot
from langgraph.types import Interrupt, Send


class Plan(pydantic.BaseModel):
    title: str
    steps: list[int]


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: float
    y: float


Pair = collections.namedtuple("Pair", "a b")

for owned in (Plan, Colour, Point, Pair):
    owned.__module__ = "agent.state"

call = {"name": "read_file", "args": {"path": "a.go"}, "id": "call_1", "type": "tool_call"}
messages = [
    HumanMessage("what changed? é 😀", id="h1"),
    AIMessage("", id="a1", tool_calls=[call]),
    ToolMessage("package a", tool_call_id="call_1", id="t1"),
    AIMessage([{"type": "text", "text": "Only a comment."}], id="a2"),
]
values = {
    "none": None,
    "scalars": [None, True, False, 0, 127, 128, -1, -32, -33, 65535, 2**31, -(2**31), 2**53 - 1, "text", ""],
    "large integers": [2**53, -(2**53), 2**63, 2**64 - 1, -(2**63)],
    "floats": [1.0, -0.0, 0.1, 1.7976931348623157e308, 5e-324, 1e21, float("inf"), float("-inf"), float("nan")],
    "text": "NUL \x00, quote \", line \n, \\ , <b>&, é, 😀, \u2028",
    "bytes": b"\x00\xff",
    "a bytearray": bytearray(b"ab"),
    "bytes inside": {"data": b"\x00\xff", "more": [bytearray(b"ab")]},
    "maps": {"a": {"b": []}, "": {}},
    "keys that are no text": {1: "one", None: "none", 1.5: "float", True: "true", "a": "text"},
    "tuples become lists": (1, (2, 3)),
    "long lists and maps": {"list": list(range(70)), "map": {str(n): n for n in range(20)}, "text": "x" * 300},
    "messages": messages,
    "uuid": uuid.UUID("0198a3f0-7c1e-7b55-9d2f-3e0c5a1b2c3d"),
    "decimal": decimal.Decimal("1.10"),
    "set": {"one"},
    "deque": collections.deque([1, 2]),
    "path": pathlib.Path("/a/b"),
    "pattern": re.compile("a+", re.IGNORECASE),
    "addresses": [ipaddress.ip_address("10.0.0.1"), ipaddress.ip_network("fd00::/8")],
    "datetime": datetime.datetime(2026, 11, 27, 0, 30, 1, 5, tzinfo=datetime.timezone.utc),
    "date, time and span": [datetime.date(2026, 11, 27), datetime.time(1, 2, 3), datetime.timedelta(days=1, seconds=2)],
    "zones": [zoneinfo.ZoneInfo("Europe/Berlin"), datetime.timezone(datetime.timedelta(hours=2))],
    "enum": Colour.RED,
    "dataclass": Point(1.0, -2.5),
    "named tuple": Pair(1, [2]),
    "model": Plan(title="do it", steps=[1, 2]),
    "send": Send("worker", {"n": 1}),
    "interrupt": [Interrupt(value={"question": "go on?"}, id="i1")],
    "array": numpy.array([[1.5, 2.5], [3.5, 4.5]]),
    "snapshot": _DeltaSnapshot(messages[:1]),
    "error": ValueError("no"),
}

serde = JsonPlusSerializer()
out = {}
for name, value in values.items():
    typ, raw = serde.dumps_typed(value)
    out[name] = {"type": typ, "base64": base64.b64encode(raw).decode()}
secret = EncryptedSerializer.from_pycryptodome_aes(serde, key=b"0123456789abcdef")
typ, raw = secret.dumps_typed({"a": 1})
out["encrypted"] = {"type": typ, "base64": base64.b64encode(raw).decode()}
raw = json.dumps(dumpd(messages[3])).encode()
out["a message in JSON"] = {"type": "json", "base64": base64.b64encode(raw).decode()}
print(json.dumps(out, indent=1, ensure_ascii=False))
