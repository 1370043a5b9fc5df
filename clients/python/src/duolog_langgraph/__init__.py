"""LangGraph checkpointers on Duolog.

    from duolog_langgraph import DuologSaver

    with DuologSaver.from_url("http://127.0.0.1:8080", token="…") as saver:
        graph = builder.compile(checkpointer=saver)
        graph.invoke(inputs, {"configurable": {"thread_id": "any string"}})

AsyncDuologSaver is the same with `async with`. Both have every method of LangGraph's contract, sync and async.
"""

from __future__ import annotations

from types import TracebackType

from typing_extensions import Unpack

from ._http import Token
from ._saver import BaseDuologSaver, Options
from ._version import API_VERSION, __version__
from .errors import (
    ConflictError,
    DuologError,
    ForbiddenError,
    GoneError,
    IncompatibleServerError,
    InvalidInputError,
    KeyReusedError,
    NotFoundError,
    NotNowError,
    RateLimitedError,
    StaleRunError,
    StaleWriterError,
    StreamStoppedError,
    ThreadDeletedError,
    TooLargeError,
    UnauthenticatedError,
    UnreachableError,
)


class DuologSaver(BaseDuologSaver):
    """A checkpointer for graphs that run in threads: `with DuologSaver.from_url(…) as saver`.

    It serves `graph.ainvoke` as well, in any event loop.
    """

    @classmethod
    def from_url(cls, base_url: str, *, token: Token, **options: Unpack[Options]) -> DuologSaver:
        """A saver for the server at the address. See Options."""
        return cls(base_url, token=token, **options)

    def __enter__(self) -> DuologSaver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncDuologSaver(BaseDuologSaver):
    """A checkpointer for graphs that run in an event loop: `async with AsyncDuologSaver.from_url(…) as saver`.

    Its sync methods work from any thread, that of the loop too, which they block.
    """

    @classmethod
    def from_url(cls, base_url: str, *, token: Token, **options: Unpack[Options]) -> AsyncDuologSaver:
        """A saver for the server at the address. See Options."""
        return cls(base_url, token=token, **options)

    async def __aenter__(self) -> AsyncDuologSaver:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


__all__ = [
    "API_VERSION",
    "AsyncDuologSaver",
    "BaseDuologSaver",
    "ConflictError",
    "DuologError",
    "DuologSaver",
    "ForbiddenError",
    "GoneError",
    "IncompatibleServerError",
    "InvalidInputError",
    "KeyReusedError",
    "NotFoundError",
    "NotNowError",
    "Options",
    "RateLimitedError",
    "StaleRunError",
    "StaleWriterError",
    "StreamStoppedError",
    "ThreadDeletedError",
    "TooLargeError",
    "UnauthenticatedError",
    "UnreachableError",
    "__version__",
]
