"""A list of messages becomes the same bytes as LangGraph makes of it, and only what is new in it is serialised."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import ormsgpack
import pytest
from fake import Fake
from helper import put
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from duolog_langgraph import BaseDuologSaver
from duolog_langgraph._messages import MessageLists, _array, _head

KEY = ("thread", "", "messages")


@dataclasses.dataclass
class Price:
    cents: int


class Counting:
    """Lists, and how many messages were serialised for them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, limit: int = 1 << 30) -> None:
        self.lists = MessageLists(limit)
        self.serialised = 0
        self.stock = JsonPlusSerializer.dumps_typed

        def dumps_typed(serde: JsonPlusSerializer, value: Any) -> tuple[str, bytes]:
            self.serialised += len(value)
            return self.stock(serde, value)

        monkeypatch.setattr(JsonPlusSerializer, "dumps_typed", dumps_typed)

    def hold(self, value: Any) -> int:
        """Holds the bytes to LangGraph's; gives how many messages were serialised for them."""
        before, serde = self.serialised, JsonPlusSerializer()
        assert self.lists.dumps(serde, KEY, value) == self.stock(serde, value)
        return self.serialised - before


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    return Counting(monkeypatch)


def conversation(count: int) -> list[AnyMessage]:
    kinds: list[Callable[[int], AnyMessage]] = [
        lambda n: HumanMessage(f"ask {n}", id=str(n)),
        lambda n: AIMessage(
            [{"type": "text", "text": "ä" * n}],
            tool_calls=[{"name": "look", "args": {"at": n}, "id": f"c{n}"}],
            usage_metadata={"input_tokens": 1, "output_tokens": n, "total_tokens": n + 1},
            response_metadata={"finish": "stop", "score": -0.0, "flag": 1},
        ),
        lambda n: ToolMessage("x" * (n % 300), tool_call_id=f"c{n}", artifact={"raw": b"\x00" * n}),
    ]
    return [kinds[n % 3](n) for n in range(count)]


@pytest.mark.parametrize("count", [0, 1, 14, 15, 16, 17, 65_535, 65_536, 70_000])
def test_what_stands_before_a_list(count: int) -> None:
    packed = ormsgpack.packb([None] * count)
    assert packed == _array(count) + packed[_head(count) :]


@pytest.mark.parametrize("count", [1, 15, 16, 17, 100])
def test_only_what_is_new_is_serialised(counting: Counting, count: int) -> None:
    all_of_it = conversation(count + 3)
    messages = all_of_it[:count]
    assert counting.hold(messages) == count
    for message in all_of_it[count : count + 3]:
        messages = [*messages, message]
        assert counting.hold(messages) == (1 if len(messages) > 16 else len(messages))  # short lists: all of it
    assert counting.hold(list(messages)) == (0 if len(messages) >= 16 else len(messages))


def of(number: int, change: Callable[[Any], None]) -> Callable[[list[AnyMessage]], None]:
    return lambda messages: change(messages[number])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(of(3, lambda m: setattr(m, "content", "another")), id="content"),
        pytest.param(of(4, lambda m: m.content[0].update(text="another")), id="in the content"),
        pytest.param(of(4, lambda m: m.content.append("more")), id="more content"),
        pytest.param(of(4, lambda m: m.tool_calls[0]["args"].update(at=True)), id="an argument"),
        pytest.param(of(4, lambda m: m.response_metadata.update(flag=True)), id="1 to True"),
        pytest.param(of(4, lambda m: m.response_metadata.update(flag=1.0)), id="1 to 1.0"),
        pytest.param(of(4, lambda m: m.response_metadata.update(score=0.0)), id="the sign of zero"),
        pytest.param(of(4, lambda m: m.response_metadata.update(finish=m.response_metadata.pop("finish"))), id="order"),
        pytest.param(of(4, lambda m: m.response_metadata.update(price=Price(5))), id="an object"),
        pytest.param(of(5, lambda m: m.artifact.update(raw=bytearray(5))), id="bytes to bytearray"),
        pytest.param(of(5, lambda m: setattr(m, "artifact", (1, 2))), id="a tuple"),
        pytest.param(of(0, lambda m: setattr(m, "id", None)), id="no id"),
        pytest.param(of(0, lambda m: setattr(m, "extra", [1])), id="a member of its own"),
        pytest.param(lambda messages: messages.__setitem__(0, AIMessage("ask 0", id="0")), id="another class"),
        pytest.param(lambda messages: messages.pop(5), id="one less"),
        pytest.param(lambda messages: messages.pop(), id="the last less"),
        pytest.param(lambda messages: messages.insert(0, HumanMessage("first")), id="one in front"),
        pytest.param(lambda messages: messages.reverse(), id="another order"),
        pytest.param(lambda messages: messages.append({"role": "user"}), id="what is no message"),
        pytest.param(lambda messages: messages.__delitem__(slice(10, None)), id="a short one"),
    ],
)
def test_any_change_is_noticed(counting: Counting, change: Callable[[list[AnyMessage]], None]) -> None:
    messages = conversation(30)
    counting.hold(messages)
    change(messages)
    counting.hold(messages)
    counting.hold([*messages, HumanMessage("and then")])


def test_an_object_that_changes_within_is_noticed(counting: Counting) -> None:
    """It cannot be told from outside, so a list with one is serialised each time."""
    price = Price(5)
    messages = [*conversation(30), AIMessage("", response_metadata={"price": price})]
    for cents in range(3):
        price.cents = cents
        assert counting.hold(messages) == 31


def test_threads_and_channels_have_lists_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    counting, serde = Counting(monkeypatch), JsonPlusSerializer()
    a, b = conversation(20), conversation(40)[20:]
    for _ in range(2):
        for key, messages in (("t", "", "a"), a), (("t", "", "b"), b), (("u", "", "a"), b), (("t", "n", "a"), b):
            assert counting.lists.dumps(serde, key, messages) == counting.stock(serde, messages)
    assert counting.serialised == 80


def test_the_lists_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    counting, serde = Counting(monkeypatch, limit=50_000), JsonPlusSerializer()
    for thread in range(20):
        counting.lists.dumps(serde, (f"t{thread}", "", "messages"), conversation(30))
        assert counting.lists._bytes == sum(known.size() for known in counting.lists._lists.values()) <= 50_000
    assert counting.lists._lists
    assert counting.hold(conversation(3000)) == 3000
    assert counting.lists._bytes <= 50_000


def test_a_saver_reads_what_it_wrote(fake: Fake, saver: BaseDuologSaver) -> None:
    messages, at = conversation(20), None
    for n in range(3):
        messages = [*messages, HumanMessage(f"more {n}")]
        messages[n].content = f"edited {n}"
        at = put(saver, {"messages": messages}, at)
        assert saver.get_tuple(at).checkpoint["channel_values"]["messages"] == messages
