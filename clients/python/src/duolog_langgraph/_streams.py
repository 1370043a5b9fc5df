"""The way of an event loop to a server: connections that are kept, one request at a time on each."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, cast

import httpx

from ._exchange import IDLE_FOR, Exchange, silent

_NEXT_ADDRESS_AFTER = 0.25


class Streams(httpx.AsyncBaseTransport):
    """Connections to one server, as many as requests are under way. For one event loop."""

    def __init__(self, most: int, context: ssl.SSLContext | None) -> None:
        """At most so many connections; with a context they speak TLS."""
        self._slots = asyncio.Semaphore(most)
        self._context = context
        self._idle: list[_Line] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As httpx's. What it raises leaves open whether the request was carried out."""
        timeouts = request.extensions["timeout"]
        try:
            await _within(timeouts["pool"], self._slots)
        except asyncio.TimeoutError as err:
            raise httpx.PoolTimeout("every connection was in use for too long") from err
        try:
            line = self._kept() or await self._connect(request.url, timeouts["connect"])
            try:
                response = await line.exchange(request, timeouts["read"])
            except BaseException:
                line.abort()
                raise
            if line.reusable:
                self._idle.append(line)
            else:
                line.abort()
            return response
        finally:
            self._slots.release()

    async def aclose(self) -> None:
        """Closes what is not in use."""
        while self._idle:
            self._idle.pop().abort()

    def _kept(self) -> _Line | None:
        while self._idle:
            line = self._idle.pop()
            if line.alive():
                return line
            line.abort()
        return None

    async def _connect(self, url: httpx.URL, timeout: float) -> _Line:
        host, port = url.raw_host.decode(), url.port or (443 if self._context else 80)
        loop = asyncio.get_running_loop()
        more: dict[str, Any] = {}
        if isinstance(loop, asyncio.BaseEventLoop):  # other loops try one address after another
            more["happy_eyeballs_delay"] = _NEXT_ADDRESS_AFTER
        connecting = loop.create_connection(_Line, host, port, ssl=self._context, **more)
        try:
            return (await asyncio.wait_for(connecting, timeout))[1]
        except asyncio.TimeoutError as err:
            raise httpx.ConnectTimeout("no connection came about in time") from err
        except OSError as err:
            raise httpx.ConnectError(str(err)) from err


async def _within(timeout: float, slots: asyncio.Semaphore) -> None:
    if slots.locked():
        await asyncio.wait_for(slots.acquire(), timeout)
    else:
        await slots.acquire()


class _Line(asyncio.Protocol):
    """A connection; one task has it at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._exchange = Exchange()
        self._answer: asyncio.Future[httpx.Response] | None = None
        self._ended = False
        self._moved = self._loop.time()
        self._unsent = 0

    # -- what asyncio calls --------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._moved = self._loop.time()
        if self._answer is None or self._answer.done():
            self._ended = True  # nobody asked
            return
        try:
            response = self._exchange.receive(data)
        except httpx.RemoteProtocolError as err:
            self._answer.set_exception(err)
        else:
            if response is not None:
                self._answer.set_result(response)

    def eof_received(self) -> None:
        self.data_received(b"")
        self._ended = True

    def connection_lost(self, err: Exception | None) -> None:
        self._ended = True
        self._fail(httpx.ReadError(str(err or "the connection was closed")))

    # -- what the transport calls --------------------------------------------------------------------------------------

    @property
    def reusable(self) -> bool:
        return self._exchange.reusable and not self._ended and not self._transport.get_write_buffer_size()

    def alive(self) -> bool:
        """Whether it may be used again: nothing arrived since, not even an end, and it is young."""
        if self._ended or self._loop.time() - self._moved >= IDLE_FOR:
            return False
        return silent(self._transport.get_extra_info("socket").fileno())

    async def exchange(self, request: httpx.Request, timeout: float) -> httpx.Response:
        answer: asyncio.Future[httpx.Response] = self._loop.create_future()
        self._answer = answer
        self._transport.write(self._exchange.begin(request))
        self._moved, self._unsent = self._loop.time(), self._transport.get_write_buffer_size()
        self._watch(timeout, timeout)
        try:
            return await answer
        finally:
            self._watcher.cancel()
            self._answer = None

    def abort(self) -> None:
        self._transport.abort()

    def _watch(self, after: float, timeout: float) -> None:
        self._watcher = self._loop.call_later(after, self._look, timeout)

    def _look(self, timeout: float) -> None:
        """Gives up where nothing was read or written for too long."""
        unsent = self._transport.get_write_buffer_size()
        if unsent < self._unsent:
            self._moved, self._unsent = self._loop.time(), unsent
        left = self._moved + timeout - self._loop.time()
        if left > 0:
            self._watch(left, timeout)
        else:
            self._fail(httpx.ReadTimeout("nothing came for too long"))

    def _fail(self, err: httpx.TransportError) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(err)
