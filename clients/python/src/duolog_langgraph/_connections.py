"""The way to the server: kept connections, for threads and for each event loop, or httpx's own through a proxy."""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
import urllib.request
import weakref
from typing import Any

import httpx

from ._http import Answer, NoAnswerError, Request, Settings, Target
from ._sockets import Sockets
from ._streams import Streams

_FOR_GOOD = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)


class Connections:
    """A transport for threads, and one for each event loop."""

    def __init__(self, settings: Settings) -> None:
        self._target = Target(settings)
        self._settings = settings
        self._urls: dict[str, httpx.URL] = {}
        timeout = httpx.Timeout(settings.timeout, connect=settings.connect_timeout)
        self._extensions = {"timeout": timeout.as_dict()}
        self._proxy = settings.proxy or _proxy_of_environment(httpx.URL(self._target.url))
        self._context = self._tls()
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._threads: httpx.BaseTransport | None = None
        self._loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncBaseTransport] = (
            weakref.WeakKeyDictionary()
        )

    def send(self, request: Request) -> Answer:
        """Sends a request from a thread; raises NoAnswerError."""
        try:
            response = self._of_threads().handle_request(self._request(request))
            try:
                return _answer(response, response.read())
            finally:
                response.close()
        except httpx.RequestError as err:
            raise NoAnswerError(err, for_good=isinstance(err, _FOR_GOOD)) from err

    async def asend(self, request: Request) -> Answer:
        """Sends a request from an event loop; raises NoAnswerError."""
        loop = asyncio.get_running_loop()
        transport = self._loops.get(loop) or self._of_loop(loop)
        try:
            response = await transport.handle_async_request(self._request(request))
            try:
                return _answer(response, await response.aread())
            finally:
                await response.aclose()
        except httpx.RequestError as err:
            raise NoAnswerError(err, for_good=isinstance(err, _FOR_GOOD)) from err

    def close(self) -> None:
        """Closes the connections of threads; those of event loops go with their loops."""
        with self._lock:
            transport, self._threads = self._threads, None
        if transport is not None:
            transport.close()

    async def aclose(self) -> None:
        """Closes the connections of threads and of this event loop."""
        self.close()
        transport = self._loops.pop(asyncio.get_running_loop(), None)
        if transport is not None:
            await transport.aclose()

    def _of_threads(self) -> httpx.BaseTransport:
        with self._lock:
            if self._process != os.getpid():  # a child has connections of its own
                self._process, self._threads = os.getpid(), None
            if self._threads is None:
                if self._proxy is None:
                    self._threads = Sockets(self._settings.max_connections, self._context)
                else:
                    self._threads = httpx.HTTPTransport(**self._through_proxy())
            return self._threads

    def _of_loop(self, loop: asyncio.AbstractEventLoop) -> httpx.AsyncBaseTransport:
        transport: httpx.AsyncBaseTransport
        if self._proxy is None:
            transport = Streams(self._settings.max_connections, self._context)
        else:
            transport = httpx.AsyncHTTPTransport(**self._through_proxy())
        with self._lock:
            for ended in [other for other in self._loops if other.is_closed()]:  # connections keep their loop
                del self._loops[ended]
            self._loops[loop] = transport
        return transport

    def _through_proxy(self) -> dict[str, Any]:
        most = self._settings.max_connections
        limits = httpx.Limits(max_connections=most, max_keepalive_connections=most)
        return {"proxy": self._proxy, "verify": self._settings.verify, "limits": limits}

    def _tls(self) -> ssl.SSLContext | None:
        if self._proxy is not None or not self._target.url.startswith("https:"):
            return None
        context = httpx.create_ssl_context(verify=self._settings.verify)
        context.set_alpn_protocols(["http/1.1"])
        return context

    def _request(self, request: Request) -> httpx.Request:
        headers, body = self._target.packed(request)
        url = self._urls.get(request.path)
        if url is None:
            url = self._urls[request.path] = httpx.URL(f"{self._target.url}/{request.path}")
        return httpx.Request("POST", url, headers=headers, content=body, extensions=self._extensions)


def _proxy_of_environment(url: httpx.URL) -> str | None:
    """The proxy that the environment names for an address, as other programs take it from there."""
    if urllib.request.proxy_bypass(url.host):
        return None
    proxies = urllib.request.getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"


def _answer(response: httpx.Response, body: bytes) -> Answer:
    return Answer(response.status_code, dict(response.headers), body)
