"""Group commit: while a request of a thread is under way, what comes for the thread waits and goes out together.

A lane belongs to one thread id. The first caller sends; those that come meanwhile queue up, and the first of them sends
all that has queued, in the order in which it came. Every caller returns when the server has its operation, or with what
became of it. Threads and event loops have lanes of their own: none waits for the other.

A graph in threads does not wait for what its tasks wrote: the checkpoint of the step follows in a moment. Where it was
seen to follow while the writes before were under way, the next ones wait for it, and go out with it.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence

from ._codec import VALUES, Reader, Writer, to_json
from ._connections import Connections
from ._http import Request
from ._memory import Memory
from ._operation import Operation
from ._retry import Patience, Steps, arun, exchange, run
from ._underway import Place, Put, UnderWay
from .errors import (
    DuologError,
    IncompatibleServerError,
    InvalidInputError,
    NotNowError,
    ThreadDeletedError,
    TooLargeError,
    error_of,
)

logger = logging.getLogger(__name__)

_MOST_OPERATIONS = 64
_MOST_BYTES = 8 << 20
_HOLD = 0.005
"""Seconds that writes wait at most for the checkpoint that is to follow them."""
_MOST_FOLLOWED = 4096
_TURNS = 8
"""Turns of the event loop before a request is made: nothing in them waits for anything but what is ready to run. In so
many, those who waited for the last request have gone on to what follows it, and the tasks of a step that ended together
have all handed over their writes, and LangGraph the checkpoint that follows: a step is one request."""


class Call:
    """An operation and what became of it."""

    __slots__ = ("done", "error", "operation", "wake")

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.done = False
        self.error: BaseException | None = None
        self.wake: Callable[[], None] = _nobody

    def settle(self, error: BaseException | None = None) -> None:
        """Says what became of it, once."""
        if not self.done:
            self.error = error
            self.done = True
            if error is not None:
                self.operation.failed()
            self.wake()


def _nobody() -> None:
    """Wakes nobody: who leads a lane does not sleep."""


def _copy(err: DuologError) -> DuologError:
    """One for each caller, since raising an exception changes it."""
    own = copy.copy(err)
    own.__cause__ = err.__cause__
    return own


def _take(queue: deque[Call]) -> list[Call]:
    """What goes out together: the operations in front that come from one writer and one life of the thread."""
    first = queue.popleft()
    batch, size = [first], first.operation.size
    while queue and len(batch) < _MOST_OPERATIONS:
        following = queue[0].operation
        size += following.size
        if (
            size > _MOST_BYTES
            or following.writer != first.operation.writer
            or following.incarnation != first.operation.incarnation
        ):
            break
        batch.append(queue.popleft())
    return batch


def _body(operations: Sequence[Operation]) -> bytes:
    first = operations[0]
    out = Writer()
    out.line.append(
        f'{{"thread_id":{to_json(first.thread_id, "thread_id")},"writer":{to_json(first.writer, "writer")},'
    )
    if first.incarnation is not None:
        out.line.append(f'"incarnation":{first.incarnation},')
    out.line.append('"operations":[')
    for number, operation in enumerate(operations):
        if number:
            out.line.append(",")
        operation.write(out)
    out.line.append("]}")
    return out.body()


class Committer:
    """Sends batches and settles their calls."""

    def __init__(self, memory: Memory, retry_for: float) -> None:
        self._memory = memory
        self._retry_for = retry_for

    def commit(self, batch: Sequence[Call]) -> Steps[None]:
        """Settles every call of the batch, whatever happens."""
        try:
            yield from self._commit(batch)
        except DuologError as err:
            for call in batch:
                call.settle(_copy(err))
        except BaseException as err:
            for call in batch:
                broken = NotNowError("not_now", f"the request was broken off: {err!r}", fix="send it again")
                broken.__cause__ = err
                call.settle(broken)
            if not isinstance(err, Exception):
                raise

    def _commit(self, batch: Sequence[Call]) -> Steps[None]:
        patience = Patience(self._retry_for)
        pending = list(batch)
        while pending := [call for call in pending if self._may_be_sent(call)]:
            request = Request("v1/threads/write", _body([call.operation for call in pending]), VALUES)
            try:
                answer = yield from exchange(request, patience)
            except (InvalidInputError, TooLargeError):
                if len(pending) == 1:
                    raise
                for call in pending:  # one of them is wrong: the others are not to suffer for it
                    yield from self.commit([call])
                return
            pending, held = self._settle(pending, answer)
            if held is not None:
                pause = patience.pause()
                if pause is None:
                    raise held
                yield pause

    def _may_be_sent(self, call: Call) -> bool:
        """Whether an operation may go out; what stands on something that failed meanwhile fails here."""
        refusal = self._memory.lost(call.operation.thread_id, call.operation.on)
        if refusal is not None:
            call.settle(refusal)
        return refusal is None

    def _settle(self, pending: Sequence[Call], answer: Reader) -> tuple[list[Call], DuologError | None]:
        """Gives the calls that are to be sent again, and why, where that is to wait."""
        results = answer.document.get("results")
        if not isinstance(results, list) or len(results) != len(pending):
            raise IncompatibleServerError(
                "incompatible_server", "the answer does not say what became of each operation"
            )
        self._memory.saw(pending[0].operation.thread_id, answer.document.get("incarnation"))
        again: list[Call] = []
        held: DuologError | None = None
        for call, result in zip(pending, results, strict=False):
            refusal = result.get("error")
            if refusal is None:
                call.settle()
                continue
            if refusal.get("code") == "send_whole" and call.operation.send_whole():
                again.append(call)
                continue
            error = error_of(refusal)
            if isinstance(error, NotNowError):
                held = error
                again.append(call)
                continue
            if isinstance(error, ThreadDeletedError):
                self._memory.lose(call.operation.thread_id, call.operation.checkpoint_id, error)
            call.settle(error)
        return again, held


class _Lane:
    __slots__ = ("busy", "held", "queue", "writes")

    def __init__(self) -> None:
        self.queue: deque[Call] = deque()
        self.busy = False
        self.writes = False
        """What is under way are writes alone."""
        self.held: threading.Event | None = None
        """Ends the wait of writes for their checkpoint."""


class ThreadLanes:
    """The lanes of callers that are threads."""

    def __init__(self, committer: Committer, connections: Connections) -> None:
        self._committer = committer
        self._connections = connections
        self._lock = threading.Lock()
        self._lanes: dict[str, _Lane] = {}
        self._followed: OrderedDict[str, None] = OrderedDict()
        """Threads whose checkpoints come while the writes before them are under way."""

    def submit(self, operation: Operation) -> None:
        """Returns when the server has the operation; raises what became of it otherwise."""
        call = Call(operation)
        thread_id = operation.thread_id
        turn: threading.Event | None = None
        with self._lock:
            lane = self._lanes.setdefault(thread_id, _Lane())
            lane.queue.append(call)
            if lane.busy:
                turn = threading.Event()
                call.wake = turn.set
                if operation.puts:
                    self._follows(lane, thread_id)
            lane.busy = True
        if turn is not None:
            self._wait(lane, call, turn)
        if not call.done:
            self._lead(lane, thread_id)
        if call.error is not None:
            raise call.error

    def _wait(self, lane: _Lane, call: Call, turn: threading.Event) -> None:
        """Waits until the call is settled, or is the one to send what has queued."""
        try:
            turn.wait()
        except BaseException:  # such as KeyboardInterrupt
            with self._lock:
                leads = turn.is_set() and not call.done
                if not leads and call in lane.queue:
                    lane.queue.remove(call)
            if leads:
                self._lead(lane, call.operation.thread_id)
            raise

    def _follows(self, lane: _Lane, thread_id: str) -> None:
        """A checkpoint has come behind what is held or under way."""
        if lane.held is not None:
            lane.held.set()
        elif lane.writes:
            self._followed[thread_id] = None
            if len(self._followed) > _MOST_FOLLOWED:
                self._followed.popitem(last=False)

    def _hold(self, lane: _Lane, thread_id: str) -> None:
        """Waits for the checkpoint that is to follow the writes in the queue."""
        with self._lock:
            if thread_id not in self._followed or any(call.operation.puts for call in lane.queue):
                return
            lane.held = threading.Event()
        if not lane.held.wait(_HOLD):
            with self._lock:
                self._followed.pop(thread_id, None)

    def _lead(self, lane: _Lane, thread_id: str) -> None:
        try:
            self._hold(lane, thread_id)
        finally:  # an interrupt ends the wait, and is raised once those who wait are served
            self._send(lane, thread_id)

    def _send(self, lane: _Lane, thread_id: str) -> None:
        with self._lock:
            lane.held = None
            batch = _take(lane.queue)
            lane.writes = not any(call.operation.puts for call in batch)
        try:
            run(self._committer.commit(batch), self._connections)
        finally:
            with self._lock:
                if lane.queue:
                    lane.queue[0].wake()
                else:
                    lane.busy = False
                    del self._lanes[thread_id]


class LoopLanes:
    """The lanes of the callers in one event loop."""

    def __init__(self, committer: Committer, connections: Connections, memory: Memory) -> None:
        self._committer = committer
        self._connections = connections
        self._memory = memory
        self._queues: dict[str, deque[Call]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.under_way = UnderWay()

    async def submit(self, operation: Operation) -> None:
        """Returns when the server has the operation, or when writes vouch for its put; raises what became of it otherwise."""
        call = Call(operation)
        loop = asyncio.get_running_loop()
        settled: asyncio.Future[None] = loop.create_future()
        place = (operation.thread_id, operation.ns, operation.checkpoint_id)
        if operation.puts:
            put = Put(operation.thread_id, operation.size, loop.create_future(), lambda: _resolve(settled, call))
            call.wake = lambda: self._ended(call, place, put, settled)
            self._enqueue(loop, call)
            self.under_way.begin(place, put, operation.new)
            await settled
        else:
            call.wake = lambda: _resolve(settled, call)
            self._enqueue(loop, call)
            await self.under_way.writes(place, settled)

    def _ended(self, call: Call, place: Place, put: Put, settled: asyncio.Future[None]) -> None:
        """A put came to its end."""
        if call.error is None:
            put.ended.set_result(None)
        else:
            if put.vouched:
                self._memory.lose(call.operation.thread_id, call.operation.checkpoint_id, call.error)
            put.ended.set_exception(call.error)
            put.ended.exception()  # who vouched for it hears of it, if there is anyone
        if not put.vouched:
            _resolve(settled, call)
        self.under_way.end(place, put)

    def _enqueue(self, loop: asyncio.AbstractEventLoop, call: Call) -> None:
        operation = call.operation
        queue = self._queues.get(operation.thread_id)
        if queue is not None:
            queue.append(call)
        else:
            queue = self._queues[operation.thread_id] = deque([call])
            task = loop.create_task(self._drain(operation.thread_id, queue))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _drain(self, thread_id: str, queue: deque[Call]) -> None:
        try:
            while queue:
                for _ in range(_TURNS):
                    await asyncio.sleep(0)
                await arun(self._committer.commit(_take(queue)), self._connections)
        finally:
            del self._queues[thread_id]
            for call in queue:  # only where this was cancelled
                call.settle(NotNowError("not_now", "the event loop ended before it was sent", fix="send it again"))


def _resolve(settled: asyncio.Future[None], call: Call) -> None:
    if not settled.done():
        if call.error is None:
            settled.set_result(None)
        else:
            settled.set_exception(call.error)
    elif call.error is not None:
        logger.error("a write of thread %r failed after its caller had gone: %s", call.operation.thread_id, call.error)
