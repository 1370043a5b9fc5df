"""HTTP/1.1 without a connection: the bytes of a request, and the answer that bytes make.

The rules of HTTP are h11's, on which httpx stands too. What httpx has around it, its pool and its streams, costs
several times what a small request costs otherwise, and a step of a graph is one small request.
"""

from __future__ import annotations

import select

import h11
import httpx

IDLE_FOR = 5.0
"""Seconds after which a connection that nobody used is not used again: something on the way may have dropped it."""

_LONGEST_HEAD = 100 << 10


class Exchange:
    """One request after another. Errors are httpx's, as its transports raise them."""

    def __init__(self) -> None:
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LONGEST_HEAD)
        self._head: h11.Response | None = None
        self._body: list[bytes] = []
        self.reusable = True
        """Whether another request may follow, once the answer is there."""

    def begin(self, request: httpx.Request) -> bytes:
        """The bytes of a request."""
        self.reusable = False
        try:
            head = h11.Request(method=request.method, target=request.url.raw_path, headers=request.headers.raw)
            pieces = [self._http.send(head)]
            pieces += self._http.send_with_data_passthrough(h11.Data(data=request.content)) or ()
            pieces.append(self._http.send(h11.EndOfMessage()))
        except h11.LocalProtocolError as err:
            raise httpx.LocalProtocolError(str(err)) from err
        return b"".join(piece for piece in pieces if piece)

    def receive(self, data: bytes) -> httpx.Response | None:
        """Takes what arrived, nothing for the end of the stream; gives the answer once it is whole."""
        try:
            self._http.receive_data(data)
            while True:
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    return None
                if isinstance(event, h11.Response):
                    self._head = event
                elif isinstance(event, h11.Data):
                    self._body.append(bytes(event.data))
                elif isinstance(event, h11.EndOfMessage):
                    return self._answer()
                elif not isinstance(event, h11.InformationalResponse):
                    raise httpx.RemoteProtocolError("the connection ended, or turned into something else")
        except h11.RemoteProtocolError as err:
            raise httpx.RemoteProtocolError(str(err)) from err

    def _answer(self) -> httpx.Response:
        head, body = self._head, b"".join(self._body)
        assert head is not None, "h11 gives the head first"
        self._head, self._body = None, []
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self.reusable = not self._http.trailing_data[0]
            self._http.start_next_cycle()
        return httpx.Response(head.status_code, headers=list(head.headers), stream=httpx.ByteStream(body))


def silent(socket: int) -> bool:
    """Whether nothing has arrived at a socket, not even the end."""
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(socket, select.POLLIN)
        return not poll.poll(0)
    return not select.select([socket], [], [], 0)[0]
