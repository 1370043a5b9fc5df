"""The way of threads to a server: sockets that are kept, one request at a time on each."""

from __future__ import annotations

import socket
import ssl
import threading
import time

import httpx

from ._exchange import IDLE_FOR, Exchange, silent

_MOST_READ = 64 << 10


class Sockets(httpx.BaseTransport):
    """Connections to one server, as many as requests are under way. For many threads."""

    def __init__(self, most: int, context: ssl.SSLContext | None) -> None:
        """At most so many connections; with a context they speak TLS."""
        self._slots = threading.BoundedSemaphore(most)
        self._context = context
        self._idle: list[_Line] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """As httpx's. What it raises leaves open whether the request was carried out."""
        timeouts = request.extensions["timeout"]
        if not self._slots.acquire(timeout=timeouts["pool"]):
            raise httpx.PoolTimeout("every connection was in use for too long")
        try:
            line = self._kept() or _Line(request.url, timeouts["connect"], self._context)
            try:
                response = line.exchange(request, timeouts["read"])
            except BaseException:
                line.close()
                raise
            if line.reusable:
                self._idle.append(line)
            else:
                line.close()
            return response
        finally:
            self._slots.release()

    def close(self) -> None:
        """Closes what is not in use."""
        while self._idle:
            self._idle.pop().close()

    def _kept(self) -> _Line | None:
        while True:
            try:
                line = self._idle.pop()
            except IndexError:
                return None
            if line.alive():
                return line
            line.close()


class _Line:
    """A connection; one thread has it at a time."""

    def __init__(self, url: httpx.URL, timeout: float, context: ssl.SSLContext | None) -> None:
        host, port = url.raw_host.decode(), url.port or (443 if context else 80)
        try:
            self._socket = socket.create_connection((host, port), timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is not None:
                self._socket = context.wrap_socket(self._socket, server_hostname=host)
        except TimeoutError as err:
            raise httpx.ConnectTimeout(str(err)) from err
        except OSError as err:
            raise httpx.ConnectError(str(err)) from err
        self._exchange = Exchange()
        self._broken = False
        self._used = time.monotonic()

    @property
    def reusable(self) -> bool:
        return self._exchange.reusable and not self._broken

    def alive(self) -> bool:
        """Whether it may be used again: nothing arrived since, not even an end, and it is young."""
        return time.monotonic() - self._used < IDLE_FOR and silent(self._socket.fileno())

    def exchange(self, request: httpx.Request, timeout: float) -> httpx.Response:
        self._socket.settimeout(timeout)
        self._write(memoryview(self._exchange.begin(request)))
        try:
            while True:
                response = self._exchange.receive(self._socket.recv(_MOST_READ))
                if response is not None:
                    self._used = time.monotonic()
                    return response
        except TimeoutError as err:
            raise httpx.ReadTimeout("nothing came for too long") from err
        except OSError as err:
            raise httpx.ReadError(str(err)) from err

    def _write(self, data: memoryview) -> None:
        """Writes as much as the server takes: who refuses a body may stop reading it, and say so."""
        try:
            while data:
                data = data[self._socket.send(data) :]
        except TimeoutError as err:
            raise httpx.WriteTimeout("the server read nothing for too long") from err
        except OSError:
            self._broken = True

    def close(self) -> None:
        self._socket.close()
