"""A RECORDED model: it plays turns from a file and thinks nothing. For trying and testing without a network.

The last thing the person said picks a conversation (`asked`, or `*` for everything else), and the number of turns the
model has taken since then picks the turn: the same conversation always gets the same answer, also in another process. In
a turn `{git_log:3}` stands for the first 3 lines of what that tool returned last, so that answers are about the repository
at hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage

QUOTE = re.compile(r"\{(\w+):(\d+)\}")


class Recorded:
    """Plays a file of recorded turns."""

    def __init__(self, path: Path) -> None:
        self.conversations: dict[str, list[dict]] = {}
        for conversation in json.loads(path.read_text())["conversations"]:
            for asked in conversation["asked"]:
                self.conversations[asked] = conversation["turns"]

    def __call__(self, messages: Sequence[AnyMessage]) -> AIMessage:
        last = max(i for i, m in enumerate(messages) if isinstance(m, HumanMessage))
        since = messages[last + 1 :]
        turns = self.conversations.get(key(str(messages[last].content)), self.conversations["*"])
        number = sum(isinstance(m, AIMessage) for m in since)
        turn = turns[min(number, len(turns) - 1)]
        # A call's id is unique in its thread, and the same when the turn is taken again.
        calls = [
            {"name": c["name"], "args": {k: quoted(v, since) for k, v in c["args"].items()}, "id": f"recorded-{last}-{number}-{n}"}
            for n, c in enumerate(turn.get("tool_calls", []))
        ]
        return AIMessage(content=quoted(turn.get("content", ""), since), tool_calls=calls)


def key(question: str) -> str:
    """A question without mention, capitals and marks."""
    return re.sub(r"^@\w+\s+", "", question.strip().lower()).rstrip(" .!?")


def quoted(text, since: Sequence[AnyMessage]):
    """The text with the tools' lines in their places."""
    if not isinstance(text, str):
        return text
    said = {m.name: str(m.content).splitlines() for m in since if isinstance(m, ToolMessage)}
    return QUOTE.sub(lambda q: "\n".join(said.get(q[1], [])[: int(q[2])]), text)
