"""A chat model behind an OpenAI-compatible API, over plain HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

import httpx
from langchain_core.messages import AIMessage, AnyMessage, convert_to_openai_messages
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

SECONDS = 180
PAUSES = (1, 4, 10)  # before the second, third and fourth try


class ModelFailed(Exception):
    """The model gave no answer; the text says why, without the key."""


class OpenAI:
    """Calls POST /chat/completions. A call that is throttled or finds the server away is made again."""

    def __init__(self, base_url: str, key: str, name: str, tools: Sequence[BaseTool]) -> None:
        self.name = name
        self.tools = [convert_to_openai_tool(t) for t in tools]
        self.http = httpx.Client(
            base_url=base_url.rstrip("/"), headers={"Authorization": f"Bearer {key}"} if key else {}, timeout=SECONDS
        )

    def __call__(self, messages: Sequence[AnyMessage]) -> AIMessage:
        body = {"model": self.name, "messages": convert_to_openai_messages(messages), "tools": self.tools}
        answer = self._post(body)
        try:
            said = answer.json()["choices"][0]["message"]
            calls = [
                {"name": c["function"]["name"], "args": arguments(c["function"].get("arguments")), "id": c["id"]}
                for c in said.get("tool_calls") or []
            ]
        except (ValueError, LookupError, TypeError, AttributeError) as e:
            raise ModelFailed(f"the model's answer is no chat completion: {answer.text[:200]}") from e
        return AIMessage(content=said.get("content") or "", tool_calls=calls)

    def _post(self, body: dict) -> httpx.Response:
        for pause in (*PAUSES, None):
            try:
                answer = self.http.post("/chat/completions", json=body)
            except httpx.TransportError as e:
                why, again = f"{type(e).__name__} {e}", True
            else:
                if answer.is_success:
                    return answer
                why, again = f"{answer.status_code} {answer.text[:300]}", answer.status_code in (408, 429) or answer.is_server_error
            if pause is None or not again:
                break
            time.sleep(pause)
        raise ModelFailed(f"the model at {self.http.base_url} failed: {why}")


def arguments(text: str | None) -> dict:
    """A model's arguments; what is no JSON object becomes one that no tool takes, and the model is told."""
    try:
        read = json.loads(text or "{}")
    except ValueError:
        read = None
    return read if isinstance(read, dict) else {"not_json": text}
