"""Whether the run may use a tool. Duolog says, from the person, the service account, the flow and the namespace."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence

from langchain_core.tools import BaseTool, StructuredTool, ToolException

from .workflow import Refused, Workflow

MAX_ARGUMENTS = 1024  # bytes of a tool's arguments that stand beside the decision about it

Ask = Callable[[str, str], int]  # a tool and its arguments; for how many seconds it is allowed, or Denied


class Denied(ToolException):
    """The run may not use a tool. The model is told why, and goes on without it."""


class Permits:
    """Asks before a tool is used, and remembers what was allowed for as long as the answer says."""

    def __init__(self, ask: Ask, now: Callable[[], float] = time.monotonic) -> None:
        self.ask, self.now = ask, now
        self.until: dict[str, float] = {}

    def check(self, tool: str, arguments: dict) -> None:
        asked = self.now()
        if asked >= self.until.get(tool, asked):
            self.until[tool] = asked + self.ask(tool, clip(json.dumps(arguments, ensure_ascii=False, default=str)))

    def over(self, tools: Sequence[BaseTool]) -> list[BaseTool]:
        """The same tools, each asked about before it runs."""
        return [self._guarded(tool) for tool in tools]

    def _guarded(self, tool: BaseTool) -> BaseTool:
        def run(**arguments) -> str:
            self.check(tool.name, arguments)
            return tool.func(**arguments)

        return StructuredTool(
            name=tool.name, description=tool.description, args_schema=tool.args_schema, func=run, handle_tool_error=tool.handle_tool_error
        )


def asked_of(workflow: Workflow) -> Ask:
    """Asks the server. Any other refusal than a denial ends the run."""

    def ask(tool: str, arguments: str) -> int:
        answer = workflow.call("POST", "/tool_calls", {"tool": tool, "arguments": arguments}, also=(403,))
        said = answer.json()
        if answer.is_success:
            return said["valid_seconds"]
        why = f"{tool} is not allowed: {said['message']} ({said['fix']})"
        raise Denied(why) if said["code"] == "access_denied" else Refused(why)

    return ask


def clip(text: str) -> str:
    raw = text.encode()
    return text if len(raw) <= MAX_ARGUMENTS else raw[: MAX_ARGUMENTS - 3].decode("utf-8", "ignore") + "…"
