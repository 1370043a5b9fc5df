"""One exchange with the server: what is asked and what comes back. Who sends it stands in _connections, who repeats it
in _retry."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

from ._version import __version__
from .errors import InvalidInputError

_COMPRESS_FROM = 4096


Token = str | Callable[[], str]
"""A token, or what returns the one that works now: it is asked before each request."""


class NoAnswerError(Exception):
    """No answer came; whether the request was carried out is unknown. It may be sent again, the cause tells whether
    that can help."""

    def __init__(self, cause: BaseException | str, *, for_good: bool = False) -> None:
        super().__init__(cause if isinstance(cause, str) else f"{type(cause).__name__}: {cause}".rstrip(": "))
        self.for_good = for_good


class Request(NamedTuple):
    """A POST."""

    path: str
    body: bytes
    content_type: str
    key: str = ""
    """The idempotency key, where the body has none."""


class Answer(NamedTuple):
    """What came back; names of headers in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes


class Settings(NamedTuple):
    """How to reach the server. Times are seconds."""

    base_url: str
    token: Token
    timeout: float
    connect_timeout: float
    max_connections: int
    compress: bool
    verify: bool
    proxy: str | None


class Target:
    """The server's address, and what every request to it begins with."""

    def __init__(self, settings: Settings) -> None:
        parts = urlsplit(settings.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInputError(
                "invalid_field",
                f"{settings.base_url!r} is not an address",
                field="base_url",
                fix="pass it whole, such as https://duolog.example.com",
            )
        self._token = settings.token
        if isinstance(self._token, str):
            self._shown()
        authority = parts.netloc.rpartition("@")[2]
        self.url = f"{parts.scheme}://{authority}{parts.path.rstrip('/')}"
        self._compress = settings.compress
        self._headers = [
            ("User-Agent", f"duolog-langgraph/{__version__}"),
            ("Accept-Encoding", "gzip" if settings.compress else "identity"),
        ]

    def _shown(self) -> list[tuple[str, str]]:
        token = self._token if isinstance(self._token, str) else self._token()
        if not token.isascii() or not token.isprintable():
            raise InvalidInputError(
                "invalid_field", "it is not a token", field="token", fix="pass it without line ends"
            )
        return [("Authorization", f"Bearer {token}")] if token else []

    def packed(self, request: Request) -> tuple[list[tuple[str, str]], bytes]:
        """The headers of a request, and its body as it travels."""
        headers = [*self._headers, *self._shown(), ("Content-Type", request.content_type)]
        body = request.body
        if request.key:
            headers.append(("Idempotency-Key", request.key))
        if self._compress and len(body) >= _COMPRESS_FROM:
            headers.append(("Content-Encoding", "gzip"))
            body = gzip.compress(body, compresslevel=1)
        return headers, body
