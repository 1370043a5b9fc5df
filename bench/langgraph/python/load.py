"""Loads of make bench/langgraph in Python: the stock savers and Duolog's, in one process, told what to do line by line.

A line of standard input is {"do": NAME, ...arguments}; its answer is a line of JSON, {"error": …} where it failed. Where a
saver is named it is "stock", "duolog", or "unlocked": AsyncPostgresSaver without the lock that serialises its pool.
"""

import asyncio
import contextlib
import json
import operator
import os
import sys
import time
import traceback
import uuid
from typing import Annotated, TypedDict

from langchain_core.messages import AIMessage
from langgraph.checkpoint.base.id import uuid6
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

try:
    from duolog_langgraph import AsyncDuologSaver, DuologSaver
except ImportError:
    DuologSaver = None

POOL = 10


class Texts:
    """New text at each cut: random, or like English."""

    def __init__(self):
        self.kinds = {kind: open(os.environ["BENCH_" + kind.upper()]).read() for kind in ("random", "english")}
        self.at = 0

    def cut(self, kind, size):
        text = self.kinds[kind]
        self.at = (self.at + size) % (len(text) - size)
        return text[self.at : self.at + size]


class NoLock:
    async def __aenter__(self):
        return None

    async def __aexit__(self, *_):
        return None


class Savers:
    """One saver of each name, kept open until the end."""

    def __init__(self, stack):
        self.stack, self.made = stack, {}

    def sync(self, name):
        if name not in self.made:
            if name == "duolog":
                saver = self.stack.enter_context(DuologSaver.from_url(os.environ["DUOLOG_URL"], token=os.environ["DUOLOG_TOKEN"]))
            else:
                saver = self.stack.enter_context(PostgresSaver.from_conn_string(os.environ["STOCK_DATABASE"]))
                saver.setup()
            self.made[name] = saver
        return self.made[name]

    @contextlib.asynccontextmanager
    async def open(self, name):
        """An async saver, for one measurement: it belongs to its event loop."""
        if name == "duolog":
            async with AsyncDuologSaver.from_url(os.environ["DUOLOG_URL"], token=os.environ["DUOLOG_TOKEN"]) as saver:
                yield saver
            return
        kwargs = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
        async with AsyncConnectionPool(os.environ["STOCK_DATABASE"], min_size=POOL, max_size=POOL, kwargs=kwargs) as pool:
            saver = AsyncPostgresSaver(pool)
            await saver.setup()
            if name == "unlocked":
                saver.lock = NoLock()
            yield saver


class Thread:
    """A thread that is written to as LangGraph's loop does: one put a step, and the writes of its task."""

    def __init__(self, saver, messages, kind, item=dict):
        self.saver, self.kind, self.item = saver, kind, item
        self.id, self.parent, self.step, self.version = str(uuid.uuid4()), None, -1, None
        self.messages = [self.new(size) for size in messages]

    def config(self, checkpoint=None):
        configurable = {"thread_id": self.id, "checkpoint_ns": ""}
        if checkpoint:
            configurable["checkpoint_id"] = checkpoint
        return {"configurable": configurable}

    def new(self, size):
        if self.item is dict:
            return {"role": "assistant", "content": texts.cut(self.kind, size)}
        return message(self.kind, size)

    def put(self, values):
        """One checkpoint whose channels are all new."""
        self.step += 1
        self.version = self.saver.get_next_version(self.version, None)
        versions = dict.fromkeys(values, self.version)
        checkpoint = {
            "v": 4,
            "id": str(uuid6(clock_seq=self.step)),
            "ts": "2026-01-01T00:00:00+00:00",
            "channel_values": values,
            "channel_versions": versions,
            "versions_seen": {"agent": versions},
            "updated_channels": sorted(values),
        }
        metadata = {"source": "loop", "step": self.step, "parents": {}}
        self.saver.put(self.config(self.parent), checkpoint, metadata, versions)
        self.parent = checkpoint["id"]

    def take(self, size):
        """A step that adds a message: the task's write, then the checkpoint."""
        message = self.new(size)
        if self.parent:
            self.saver.put_writes(self.config(self.parent), [("messages", [message])], str(uuid.uuid4()))
        self.messages = [*self.messages, message]
        self.put({"messages": self.messages})


def message(kind, size):
    """What a model says: with an id, as models give."""
    return AIMessage(texts.cut(kind, size), id=str(uuid.uuid4()))


def timed(call):
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def repeated(call, seconds, least):
    """Times of calls one after another, in milliseconds, for so long and at least so many."""
    took, began = [], time.perf_counter()
    while len(took) < least or time.perf_counter() - began < seconds:
        took.append(timed(call))
    return {"times": took}


# What can be asked for.


def conversation(saver, steps, size, kind):
    """A real graph of one node that adds a message a step."""

    class State(TypedDict):
        messages: Annotated[list, add_messages]

    def agent(state):
        return {"messages": [message(kind, size)]}

    graph = StateGraph(State)
    graph.add_node("agent", agent)
    graph.add_edge(START, "agent")
    graph.add_conditional_edges("agent", lambda s: "agent" if len(s["messages"]) < steps else "__end__", ["agent", "__end__"])
    config = {"configurable": {"thread_id": str(uuid.uuid4())}, "recursion_limit": steps + 10}
    took = timed(lambda: graph.compile(checkpointer=savers.sync(saver)).invoke({"messages": []}, config))
    return {"seconds": took / 1000}


def put(saver, seconds, least):
    """Puts of a small state at one thread."""
    thread = Thread(savers.sync(saver), [], "english")
    return repeated(lambda: thread.put({"status": texts.cut("english", 500)}), seconds, least)


def prepare(saver, items, size, last, item):
    """A thread with a large state and some checkpoints that have it; the answer names it."""
    thread = Thread(savers.sync(saver), [size] * items, "english", AIMessage if item == "message" else dict)
    for _ in range(last):
        thread.take(size)
    threads[thread.id] = thread
    return {"thread": thread.id}


def read(thread, seconds, least):
    """The newest checkpoint of a prepared thread."""
    t = threads[thread]

    def one():
        found = t.saver.get_tuple(t.config())
        assert len(found.checkpoint["channel_values"]["messages"]) == len(t.messages)

    return repeated(one, seconds, least)


def listed(thread, count, seconds, least):
    """The newest checkpoints of a prepared thread."""
    t = threads[thread]

    def some():
        assert len(list(t.saver.list(t.config(), limit=count))) == count

    return repeated(some, seconds, least)


def grown(saver, steps, size, item, sent):
    """A thread that has that many messages, of which the last ones were sent one by one."""
    thread = Thread(savers.sync(saver), [size] * (steps - sent), "english", AIMessage if item == "message" else dict)
    for _ in range(sent):
        thread.take(size)
    threads[thread.id] = thread
    return {"thread": thread.id}


def steps(thread, count, size, **_):
    """Times of the next steps."""
    t = threads[thread]
    return {"times": [timed(lambda: t.take(size)) for _ in range(count)]}


def graphs(saver, threads, steps, size):
    """Steps a second of a real graph with a fan-out of three, on some threads at once."""

    class State(TypedDict):
        messages: Annotated[list, add_messages]
        status: str
        plan: str
        count: Annotated[int, operator.add]

    async def agent(state):
        return {"messages": [message("english", size)], "count": 1}

    async def watch(state):
        return {"status": f"step {state['count']}"}

    async def planner(state):
        return {"plan": texts.cut("english", 2000)} if state["count"] % 5 == 0 else {}

    nodes = [agent, watch, planner]
    graph = StateGraph(State)
    for node in nodes:
        graph.add_node(node.__name__, node)
        graph.add_edge(START, node.__name__)
    names = [n.__name__ for n in nodes]
    graph.add_conditional_edges("agent", lambda s: names if s["count"] < steps else "__end__", [*names, "__end__"])

    async def run():
        async with savers.open(saver) as checkpointer:
            compiled = graph.compile(checkpointer=checkpointer)
            began = time.perf_counter()
            configs = [{"configurable": {"thread_id": str(uuid.uuid4())}, "recursion_limit": steps + 10} for _ in range(threads)]
            await asyncio.gather(*(compiled.ainvoke({"messages": [], "count": 0}, c) for c in configs))
            return time.perf_counter() - began

    seconds = asyncio.run(run())
    return {"rate": threads * steps / seconds}


def has():
    """Which savers there are."""
    return {"savers": ["stock", "unlocked"] + (["duolog"] if DuologSaver else [])}


DO = {f.__name__: f for f in (conversation, put, prepare, read, listed, grown, steps, graphs, has)}

if __name__ == "__main__":
    texts, threads = Texts(), {}
    with contextlib.ExitStack() as stack:
        savers = Savers(stack)
        for line in sys.stdin:
            asked = json.loads(line)
            try:
                answer = DO[asked.pop("do")](**asked)
            except Exception:
                answer = {"error": traceback.format_exc()}
            print(json.dumps(answer), flush=True)
