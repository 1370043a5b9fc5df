"""When a request is repeated, and when not.

What is to be done is written once, as generators that yield a request or a pause and are sent the answer. `run` and
`arun` carry them out, in a thread or an event loop.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Generator
from typing import Any, TypeVar

from ._codec import Reader
from ._connections import Connections
from ._http import Answer, NoAnswerError, Request
from ._version import API_VERSION
from .errors import DuologError, IncompatibleServerError, RateLimitedError, UnreachableError, error_of

T = TypeVar("T")
Step = Request | float
"""A request to send, or seconds to wait."""
Steps = Generator[Step, Any, T]

_REPEATED = frozenset({429, 502, 503, 504})
# What the answer of a proxy or of this server before it knows the path may come without the header that names the API.
_HEADERLESS = frozenset({400, 401, 403, 408, 413, 421, 429, 431, 500, 502, 503, 504})
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 2.0


class Patience:
    """How long one operation is tried again, from its first failure on."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until: float | None = None
        self._tries = 0

    def pause(self, at_least: float = 0.0) -> float | None:
        """Seconds to wait before the next try, or None where it is time to give up."""
        now = time.monotonic()
        if self._until is None:
            self._until = now + self._seconds
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(self._tries, 16))
        self._tries += 1
        pause = max(random.uniform(longest / 2, longest), at_least)
        return pause if now + pause <= self._until else None


def exchange(request: Request, patience: Patience) -> Steps[Reader]:
    """The answer's document, or one of this package's exceptions."""
    while True:
        try:
            answer: Answer = yield request
        except NoAnswerError as err:
            pause = None if err.for_good else patience.pause()
            if pause is None:
                raise UnreachableError(
                    "unreachable",
                    f"no answer from the server: {err}",
                    fix="check the address and that the server runs; what was not answered may be sent again",
                ) from err
            yield pause
            continue
        if answer.status not in _REPEATED:
            return _read(answer)
        pause = patience.pause(_retry_after(answer))
        if pause is None:
            raise _error(answer)
        yield pause


def _read(answer: Answer) -> Reader:
    spoken = answer.headers.get("duolog-threads")
    if spoken != API_VERSION and (spoken is not None or answer.status not in _HEADERLESS):
        raise IncompatibleServerError(
            "incompatible_server",
            f"the server speaks version {spoken or 'none'} of the threads API, this package version {API_VERSION}",
            fix="check the address, or install the release of this package that goes with the server",
            request_id=answer.headers.get("x-request-id", ""),
        )
    if answer.status != 200:
        raise _error(answer)
    return Reader(answer.body)


def _error(answer: Answer) -> DuologError:
    request_id = answer.headers.get("x-request-id", "")
    try:
        document = json.loads(answer.body)
    except ValueError:
        document = None
    if isinstance(document, dict) and "code" in document:
        return error_of(document, request_id)
    message = f"the answer has status {answer.status} and says nothing of why"
    if answer.status == 429:
        return RateLimitedError("rate_limited", message, request_id=request_id)
    if answer.status in _REPEATED:
        return UnreachableError(
            "unreachable", message, fix="check what stands between here and the server", request_id=request_id
        )
    if answer.status == 413:
        return error_of(
            {"code": "too_large", "message": message, "fix": "check what stands before the server"}, request_id
        )
    return DuologError("internal", message, request_id=request_id)


def _retry_after(answer: Answer) -> float:
    """Seconds that the server asks for; its dates are left to the ordinary pause."""
    try:
        return max(0.0, float(answer.headers.get("retry-after", "0")))
    except ValueError:
        return 0.0


def run(steps: Steps[T], connections: Connections) -> T:
    """Carries out the steps in this thread."""
    try:
        step = next(steps)
        while True:
            try:
                answer = _send(step, connections)
            except BaseException as err:  # who waits for the steps is to hear of it
                step = steps.throw(err)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        value: T = end.value
        return value


def _send(step: Step, connections: Connections) -> Answer | None:
    if isinstance(step, Request):
        return connections.send(step)
    time.sleep(step)
    return None


async def arun(steps: Steps[T], connections: Connections) -> T:
    """Carries out the steps in this event loop."""
    try:
        step = next(steps)
        while True:
            try:
                answer = await _asend(step, connections)
            except BaseException as err:
                step = steps.throw(err)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        value: T = end.value
        return value


async def _asend(step: Step, connections: Connections) -> Answer | None:
    if isinstance(step, Request):
        return await connections.asend(step)
    await asyncio.sleep(step)
    return None
