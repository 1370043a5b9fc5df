"""One run of the agent, as Duolog's local engine starts it. README.md says how."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from duolog_langgraph import DuologSaver

from .graph import Model, build
from .openai import ModelFailed, OpenAI
from .permit import Permits, asked_of
from .recorded import Recorded
from .repository import Refused, Repository
from .token import RunToken
from .tools import tools_over
from .turn import asks, take
from .workflow import Workflow


def main() -> int:
    parser = argparse.ArgumentParser(prog="langgraph-agent", description=__doc__)
    parser.add_argument("--recorded", type=Path, nargs="?", const=Path(__file__).parent.parent / "recorded.json", metavar="FILE",
                        help="no model: play the recorded turns of a file, by default recorded.json")  # fmt: skip
    parser.add_argument("--delay", type=float, default=0, metavar="SECONDS", help="pause before each step")
    options = parser.parse_args()
    env = os.environ
    try:
        url, token, thread = (needed(env, name) for name in ("DUOLOG_URL", "DUOLOG_TOKEN", "DUOLOG_WORKFLOW_UUID"))
        fresh = RunToken(url, token)
        run(Workflow(url, fresh, thread, env.get("TRACEPARENT", "")), options, env, url, fresh, thread)
    except Exception as e:  # the last line of the log is what people are told
        say(f"{type(e).__name__}: {e}")
        return 1
    return 0


def run(workflow: Workflow, options: argparse.Namespace, env: Mapping[str, str], url: str, token: RunToken, thread: str) -> None:
    waited = workflow.begin()
    with DuologSaver.from_url(url, token=token) as saver:
        try:
            tools = Permits(asked_of(workflow)).over(tools_over(Repository(env.get("DUO_WORKFLOW_BASE_PATH", "."))))
            graph = build(model(options.recorded, env, tools), tools, saver, options.delay)
            for step in take(graph, thread, env.get("DUO_WORKFLOW_GOAL", ""), waited):
                say(step)
        except (ModelFailed, Refused):
            workflow.tell("drop")
            raise
        question = asks(graph, thread)
    # All checkpoints are in the log now: whoever sees the status finds the answer.
    workflow.tell("require_input" if question else "finish")


def model(recorded: Path | None, env: Mapping[str, str], tools: list) -> Model:
    if recorded:
        say(f"RECORDED model: turns of {recorded}")
        return Recorded(recorded)
    return OpenAI(needed(env, "OPENAI_BASE_URL"), env.get("OPENAI_API_KEY", ""), needed(env, "MODEL"), tools)


def needed(env: Mapping[str, str], name: str) -> str:
    if not env.get(name):
        raise ModelFailed(f"{name} is not set; README.md says where it comes from")
    return env[name]


def say(text: str) -> None:
    print(f"langgraph-agent: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
