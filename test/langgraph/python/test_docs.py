"""What the pages say to users works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from duolog_langgraph import DuologSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

import graphs
from driver import Driver

ROOT = Path(__file__).resolve().parents[3]


def blocks(page: str, word: str) -> list[str]:
    """The Python of a page that has the word in it."""
    found = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    return [block for block in found if word in block]


def test_a_thread_is_carried_over(driver: Driver, thread: str) -> None:
    (block,) = blocks("docs/langgraph.md", "def carry_over")
    names: dict[str, Any] = {}
    exec(block, names)
    old, config = InMemorySaver(), {"configurable": {"thread_id": thread}}
    before = graphs.nested(old)
    before.invoke({"log": [], "count": 0}, config)
    names["carry_over"](old, driver.saver, thread)
    after = graphs.nested(driver.saver)
    assert graphs.told(driver.history(after, config)) == graphs.told(list(before.get_state_history(config)))
    resumed = driver.invoke(after, Command(resume="yes"), config)
    assert resumed == before.invoke(Command(resume="yes"), config)


def test_the_example(url: str, token: str, saver: DuologSaver) -> None:
    (block,) = blocks("clients/python/README.md", "DuologSaver")
    names = {"TOKEN": token, "builder": graphs.loop(None, 1).builder, "inputs": {"log": ["hello"], "count": 0}}
    exec(block.replace("http://127.0.0.1:8080", url), names)
    assert saver.get_tuple({"configurable": {"thread_id": "any string"}}) is not None
