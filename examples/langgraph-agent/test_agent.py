"""The agent over a saver in memory: turns, what a second run does on a thread, and what the tools refuse."""

import os
import subprocess
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
from agent.graph import build
from agent.openai import ModelFailed, OpenAI
from agent.permit import Denied, Permits, asked_of
from agent.recorded import Recorded
from agent.repository import MAX_OUTPUT, Refused, Repository
from agent.tools import tools_over
from agent.turn import asks, take
from agent.workflow import Refused as RunRefused
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver

RECORDED = Path(__file__).parent / "recorded.json"
CHANGED = "what changed in the last 10 commits?"


class Killed(Exception):
    pass


class Dying:
    """A model that is killed before it takes its nth turn."""

    def __init__(self, model, turn):
        self.model, self.left = model, turn

    def __call__(self, messages):
        self.left -= 1
        if self.left == 0:
            raise Killed
        return self.model(messages)


class AgentTest(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.dir = Path(made.name)
        self.repo = self.dir / "repo"
        self.repo.mkdir()
        self.git("init", "-q", "-b", "main")
        (self.repo / "README.md").write_text("# Harbour\n\nKeeps ships.\n")
        (self.repo / ".gitignore").write_text(".env\n")
        (self.repo / ".env").write_text("KEY=hunter2\n")
        (self.dir / "outside").write_text("hunter2\n")
        os.symlink(self.dir / "outside", self.repo / "link")
        self.git("add", ".")
        self.git("commit", "-qm", "Ships may leave")
        self.tools = tools_over(Repository(str(self.repo)))
        self.saver, self.recorded = InMemorySaver(), Recorded(RECORDED)

    def git(self, *args):
        who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
        subprocess.run(["git", *who, *args], cwd=self.repo, check=True)

    def ask(self, goal, waited=False, model=None):
        graph = build(model or self.recorded, self.tools, self.saver)
        self.steps = list(take(graph, "t", goal, waited))
        state = graph.get_state({"configurable": {"thread_id": "t"}})
        return asks(graph, "t"), state.values["messages"]

    def test_answer(self):
        _, messages = self.ask("@duo What changed in the last 10 commits?")
        self.assertIn("Ada: Ships may leave", messages[-1].content)
        self.assertIn("# Harbour", messages[-1].content)
        self.assertEqual(4, sum(isinstance(m, AIMessage) for m in messages))

    def test_a_killed_run_is_carried_on(self):
        _, whole = self.ask(CHANGED)
        for turn in range(1, 5):
            self.saver = InMemorySaver()
            with self.assertRaises(Killed):
                self.ask(CHANGED, model=Dying(self.recorded, turn))
            _, messages = self.ask(CHANGED)
            self.assertEqual([m.content for m in whole], [m.content for m in messages])
            self.assertEqual(2 * (4 - turn) + 1, len(self.steps), "no step is taken twice")

    def test_a_run_after_the_answer_does_nothing(self):
        _, before = self.ask(CHANGED)
        _, after = self.ask(CHANGED)
        self.assertEqual((len(before), []), (len(after), self.steps))

    def test_the_same_question_asked_anew_is_new(self):
        self.ask(CHANGED)
        _, messages = self.ask(CHANGED, waited=True)
        self.assertEqual(2, sum(isinstance(m, HumanMessage) for m in messages))

    def test_another_instruction_in_the_middle(self):
        with self.assertRaises(Killed):
            self.ask(CHANGED, model=Dying(self.recorded, 3))
        _, messages = self.ask("Answer in one line.")
        self.assertTrue(messages[-1].content.startswith("In one line: "), messages[-1].content)
        answered = {m.tool_call_id for m in messages if m.type == "tool"}
        self.assertEqual(answered, {c["id"] for m in messages if isinstance(m, AIMessage) for c in m.tool_calls})

    def test_a_question_and_its_reply(self):
        waits, messages = self.ask("ask me which file")
        self.assertTrue(waits and messages[-1].content == "Which file do you mean?")
        waits, _ = self.ask("ask me which file")
        self.assertTrue(waits, "the run that asked was killed before it said so")
        waits, messages = self.ask("README.md", waited=True)
        self.assertFalse(waits)
        self.assertEqual("README.md begins with: # Harbour", messages[-1].content)
        self.ask("README.md")
        self.assertEqual([], self.steps, "the reply was given before")

    def test_what_is_refused(self):
        repository = Repository(str(self.repo))
        for path in (".env", "../outside", "link", "/etc/passwd", ".git/config", "a/../../outside", "--output=x"):
            with self.assertRaises(Refused, msg=path):
                repository.read(path)
        with self.assertRaises(Refused):
            repository.log(3, "../x")
        self.assertEqual("nothing found", repository.search("hunter2"))
        self.assertEqual("nothing found", repository.search("--open-files-in-pager=id"))
        (self.repo / "README.md").write_text("x" * 3 * MAX_OUTPUT)
        self.assertLess(len(repository.read("README.md")), MAX_OUTPUT + 100)

    def test_a_refusal_is_told_to_the_model(self):
        calls = iter([AIMessage("", tool_calls=[{"name": "read_file", "args": {"path": ".env"}, "id": "1"}]), AIMessage("I may not.")])
        _, messages = self.ask("what is in .env?", model=lambda _: next(calls))
        self.assertIn("no tracked file", messages[-2].content)

    def test_a_denied_tool_is_told_to_the_model(self):
        asked = []

        def ask(tool, arguments):
            asked.append((tool, arguments))
            if tool == "git_log":
                raise Denied("git_log is not allowed: the namespace lets nobody use it")
            return 60

        self.tools = Permits(ask).over(self.tools)
        _, messages = self.ask(CHANGED)
        said = {m.name: m.content for m in messages if m.type == "tool"}
        self.assertIn("git_log is not allowed: the namespace", said["git_log"])
        self.assertIn("# Harbour", said["read_file"])
        self.assertTrue(messages[-1].content, "it answers without it")
        self.assertIn(("read_file", '{"path": "README.md", "first_line": 1}'), asked)

    def test_what_is_allowed_is_remembered(self):
        asked, now = [], [0.0]
        permits = Permits(lambda tool, _: asked.append(tool) or 60, lambda: now[0])
        for at, tool in ((0, "search"), (59, "search"), (59, "git_log"), (60, "search")):
            now[0] = at
            permits.check(tool, {"text": "é" * 2000})
        self.assertEqual(["search", "git_log", "search"], asked)

    def test_a_question_waits_for_its_permission(self):
        self.tools = Permits(lambda tool, _: 60).over(self.tools)
        waits, messages = self.ask("ask me which file")
        self.assertTrue(waits and messages[-1].content == "Which file do you mean?")
        waits, _ = self.ask("README.md", waited=True)
        self.assertFalse(waits)


class PermitTest(unittest.TestCase):
    def answers(self, status, body):
        class Workflow:
            def call(self, method, path, sent, also):
                self.sent = (method, path, sent, also)
                return httpx.Response(status, json=body)

        self.workflow = Workflow()
        return asked_of(self.workflow)

    def test_what_the_server_says(self):
        self.assertEqual(60, self.answers(200, {"allowed": True, "valid_seconds": 60})("search", "{}"))
        self.assertEqual(("POST", "/tool_calls", {"tool": "search", "arguments": "{}"}, (403,)), self.workflow.sent)
        with self.assertRaisesRegex(Denied, "search is not allowed: no \\(ask noor\\)"):
            self.answers(403, {"code": "access_denied", "message": "no", "fix": "ask noor"})("search", "{}")
        with self.assertRaises(RunRefused):
            self.answers(403, {"code": "insufficient_scope", "message": "no", "fix": "another token"})("search", "{}")


class OpenAITest(unittest.TestCase):
    def serve(self, *answers):
        said = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                said.append((self.path, self.headers["Authorization"], self.rfile.read(int(self.headers["Content-Length"]))))
                status, body = answers[min(len(said), len(answers)) - 1]
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return OpenAI(f"http://127.0.0.1:{server.server_port}/v1", "secret", "m", []), said

    def test_calls(self):
        call = b'{"id":"c","type":"function","function":{"name":"git_log","arguments":"{\\"count\\": 2}"}}'
        model, said = self.serve((200, b'{"choices":[{"message":{"role":"assistant","content":null,"tool_calls":[' + call + b"]}}]}"))
        answer = model([HumanMessage("hi")])
        self.assertEqual([("git_log", {"count": 2}, "c")], [(c["name"], c["args"], c["id"]) for c in answer.tool_calls])
        self.assertEqual(("/v1/chat/completions", "Bearer secret"), said[0][:2])

    def test_a_refusal_names_no_key(self):
        model, said = self.serve((401, b"no"))
        with self.assertRaises(ModelFailed) as failed:
            model([HumanMessage("hi")])
        self.assertNotIn("secret", str(failed.exception))
        self.assertEqual(1, len(said))

    def test_what_is_no_completion(self):
        for body in (b"{}", b"<html>", b'{"choices":[]}', b'{"choices":[{"message":null}]}'):
            model, _ = self.serve((200, body))
            with self.assertRaises(ModelFailed):
                model([HumanMessage("hi")])


if __name__ == "__main__":
    unittest.main()
