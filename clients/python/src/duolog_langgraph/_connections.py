"""The way to the server: httpx with a pool of kept connections, for threads and for each event loop."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from typing import Any

import httpx

from ._http import Answer, NoAnswerError, Request, Settings, Target

_FOR_GOOD = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)


class Connections:
    """A pool for threads, and one for each event loop. Proxies are those of the settings or of the environment."""

    def __init__(self, settings: Settings) -> None:
        self._target = Target(settings)
        self._settings = settings
        self._timeout = httpx.Timeout(settings.timeout, connect=settings.connect_timeout)
        self._extensions = {"timeout": self._timeout.as_dict()}
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._client: httpx.Client | None = None
        self._clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = (
            weakref.WeakKeyDictionary()
        )

    def send(self, request: Request) -> Answer:
        """Sends a request from a thread; raises NoAnswerError."""
        try:
            return _answer(self._of_threads().send(self._request(request)))
        except httpx.TransportError as err:
            raise NoAnswerError(err, for_good=isinstance(err, _FOR_GOOD)) from err

    async def asend(self, request: Request) -> Answer:
        """Sends a request from an event loop; raises NoAnswerError."""
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            client = self._clients[loop] = httpx.AsyncClient(**self._pool())
        try:
            return _answer(await client.send(self._request(request)))
        except httpx.TransportError as err:
            raise NoAnswerError(err, for_good=isinstance(err, _FOR_GOOD)) from err

    def close(self) -> None:
        """Closes the connections of threads; those of event loops go with their loops."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    async def aclose(self) -> None:
        """Closes the connections of threads and of this event loop."""
        self.close()
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    def _of_threads(self) -> httpx.Client:
        with self._lock:
            if self._process != os.getpid():  # a child has connections of its own
                self._process, self._client = os.getpid(), None
            if self._client is None:
                self._client = httpx.Client(**self._pool())
            return self._client

    def _pool(self) -> dict[str, Any]:
        most = self._settings.max_connections
        limits = httpx.Limits(max_connections=most, max_keepalive_connections=most)
        return {
            "proxy": self._settings.proxy,
            "verify": self._settings.verify,
            "limits": limits,
            "timeout": self._timeout,
        }

    def _request(self, request: Request) -> httpx.Request:
        own, body = self._target.packed(request)
        url = f"{self._target.url}/{request.path}"
        return httpx.Request(
            "POST", url, headers={**self._target.headers, **own}, content=body, extensions=self._extensions
        )


def _answer(response: httpx.Response) -> Answer:
    return Answer(response.status_code, dict(response.headers), response.content)
