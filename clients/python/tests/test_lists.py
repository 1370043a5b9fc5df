"""Lists of one answer that begin alike."""

import json
import uuid

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from duolog_langgraph._codec import Reader
from duolog_langgraph._lists import Lists


class Counting(JsonPlusSerializer):
    """Says how often it was asked."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def loads_typed(self, data):
        self.calls += 1
        return super().loads_typed(data)


def answered(states):
    """An answer that has lists, the longest first, the others as spans of it; and what names each."""
    bodies = [JsonPlusSerializer().dumps_typed(state) for state in states]
    tail, spans = bodies[0][1], [{"type": "msgpack", "at": 0, "size": len(bodies[0][1])}]
    for type_, body in bodies[1:]:
        spans.append({"type": type_, "spans": [[len(tail), 2], [2, len(body) - 2]] if bodies[0][1][2] == body[2] else [[len(tail), 3], [3, len(body) - 3]]})
        tail += body[:3]
    return Reader(json.dumps({}).encode() + b"\n" + tail), spans


def items(count, make):
    return [make(n) for n in range(count)]


def message(n):
    return AIMessage(
        [{"type": "text", "text": f"text {n}"}],
        id=str(n),
        tool_calls=[{"name": "look", "args": {"at": [n]}, "id": f"c{n}"}],
        more={"n": n},
    )


def attached(n):
    """A message with something that is more than data."""
    return ToolMessage("seen", id=str(n), tool_call_id=f"c{n}", artifact=uuid.UUID(int=n))


DATA = {
    "flat": lambda n: {"role": "user", "content": f"text {n}"},
    "flat but for one": lambda n: {"role": "user", "content": [f"text {n}"] if n == 17 else f"text {n}"},
    "messages": message,
    "short messages": lambda n: HumanMessage(f"text {n}"),
    "attached": attached,
    "dicts": lambda n: {"role": "user", "content": f"text {n}", "parts": [{"n": n, "of": [1.5, None, True, b"x"]}]},
    "atoms": lambda n: n,
    "ids": lambda n: {"id": uuid.UUID(int=n)},
    "odd names": lambda n: {n: n, (n, 1): n},
}


def changeable(value):
    """The ids of all in a value that can be changed."""
    if isinstance(value, BaseMessage):
        yield id(value)
        for inner in (value.__dict__, value.__pydantic_extra__, value.__pydantic_fields_set__):
            yield from changeable(inner)
    elif isinstance(value, (dict, list, set)):
        yield id(value)
        for inner in value.values() if isinstance(value, dict) else value:
            yield from changeable(inner)


def inside(value):
    """What a value is made of, by type too: messages are equal whatever was set in them."""
    if isinstance(value, BaseMessage):
        return type(value), inside(value.__dict__), inside(value.__pydantic_extra__), value.__pydantic_fields_set__
    if isinstance(value, dict):
        return [(name, inside(inner)) for name, inner in value.items()]
    return [inside(inner) for inner in value] if isinstance(value, list) else (type(value), value)


@pytest.mark.parametrize("make", DATA.values(), ids=DATA)
def test_each_value_is_what_it_was_and_nobody_elses(make):
    serde = JsonPlusSerializer()
    states = [items(count, make) for count in (300, 299, 256 + 44, 20, 16)]
    answer, spans = answered(states)
    lists = Lists(answer, serde)
    values = [lists.load(span) for span in spans]
    assert inside(values) == inside([serde.loads_typed(serde.dumps_typed(state)) for state in states])
    own = [id_ for value in values for id_ in changeable(value)]
    assert len(own) == len({*own})


@pytest.mark.parametrize("make", [DATA["dicts"], DATA["flat"], DATA["messages"]], ids=["dicts", "flat", "messages"])
def test_what_is_only_data_is_decoded_once(monkeypatch, make):
    answer, spans = answered([items(count, make) for count in (300, 299, 298)])
    serde = JsonPlusSerializer()
    asked = []
    loads = JsonPlusSerializer.loads_typed
    monkeypatch.setattr(JsonPlusSerializer, "loads_typed", lambda self, data: asked.append(1) or loads(self, data))
    lists = Lists(answer, serde)
    assert [len(lists.load(span)) for span in spans] == [300, 299, 298]
    assert len(asked) == 1


def test_another_serializer_is_always_asked():
    answer, spans = answered([items(count, DATA["dicts"]) for count in (300, 299, 298)])
    serde = Counting()
    lists = Lists(answer, serde)
    assert [len(lists.load(span)) for span in spans] == [300, 299, 298]
    assert serde.calls == len(spans)


def test_pieces_in_other_places_are_put_together():
    serde = JsonPlusSerializer()
    type_, body = serde.dumps_typed(items(40, DATA["dicts"]))
    answer = Reader(b"{}\n" + body[100:] + b"between" + body[:100])
    split = [[len(body) - 93, 100], [0, len(body) - 100]]
    for spans in (split, [[len(body) - 93, 60], [len(body) - 33, 40], [0, len(body) - 100]]):
        span = {"type": type_, "spans": spans}
        assert answer.value(span) == (type_, body)
        assert Lists(answer, serde).load(span) == items(40, DATA["dicts"])
