"""What can go wrong, one class per kind.

Every error has the shape of the server's: a code, a message, the field that is wrong, what to do about it, and the id
of the request, by which the server's log finds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class DuologError(Exception):
    """Base of all errors of this package."""

    def __init__(self, code: str, message: str, *, field: str = "", fix: str = "", request_id: str = "") -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.field = field
        self.fix = fix
        self.request_id = request_id

    def __str__(self) -> str:
        text = f"{self.code}: {self.message}"
        if self.field:
            text += f" ({self.field})"
        if self.fix:
            text += f"; {self.fix}"
        if self.request_id:
            text += f" [request {self.request_id}]"
        return text


class InvalidInputError(DuologError, ValueError):
    """What was given cannot be stored: the field says which part, the fix what it must be."""


class UnauthenticatedError(DuologError):
    """The token is missing, unknown or expired."""


class ForbiddenError(DuologError):
    """The token may not do this."""


class NotFoundError(DuologError):
    """There is no such thing for this token."""


class TooLargeError(DuologError):
    """A value or a request is above the server's limit."""


class ThreadDeletedError(DuologError):
    """The thread was deleted while this run went on: what it writes is late and is not stored."""


class StaleWriterError(DuologError):
    """Another writer has taken the thread, and the tenant's policy is to fence."""


class StaleRunError(DuologError):
    """The token belongs to a run of the workflow that is no longer the current one."""


class ConflictError(DuologError):
    """What stands there forbids it, such as a copy into a thread that has checkpoints."""


class KeyReusedError(DuologError):
    """One idempotency key came with two contents."""


class GoneError(DuologError):
    """What was asked for was pruned or deleted."""


class RateLimitedError(DuologError):
    """More than the tenant may do; it stayed so for as long as it was tried."""


class NotNowError(DuologError):
    """The server gave no verdict for as long as it was tried: whether a write was stored is not known."""


class StreamStoppedError(NotNowError):
    """The server stopped this thread and holds its writes until an operator acts."""


class UnreachableError(NotNowError):
    """No answer came for as long as it was tried. The cause is the last failure of the connection."""


class IncompatibleServerError(DuologError):
    """What answers is not a Duolog server of the API version that this package speaks."""


_CLASSES: dict[str, type[DuologError]] = {
    "invalid_field": InvalidInputError,
    "invalid_body": InvalidInputError,
    "unauthenticated": UnauthenticatedError,
    "token_invalid": UnauthenticatedError,
    "token_expired": UnauthenticatedError,
    "token_revoked": UnauthenticatedError,
    "wrong_audience": UnauthenticatedError,
    "unknown_issuer": UnauthenticatedError,
    "forbidden": ForbiddenError,
    "insufficient_scope": ForbiddenError,
    "access_denied": ForbiddenError,
    "not_found": NotFoundError,
    "too_large": TooLargeError,
    "thread_deleted": ThreadDeletedError,
    "stale_writer": StaleWriterError,
    "stale_run": StaleRunError,
    "conflict": ConflictError,
    "key_reused": KeyReusedError,
    "idempotency_key_reused": KeyReusedError,
    "gone": GoneError,
    "rate_limited": RateLimitedError,
    "not_now": NotNowError,
    "log_unsafe": NotNowError,
    "stream_stopped": StreamStoppedError,
}


def error_of(document: Mapping[str, Any], request_id: str = "") -> DuologError:
    """The exception that an error document of the server stands for."""
    code = str(document.get("code") or "internal")
    return _CLASSES.get(code, DuologError)(
        code,
        str(document.get("message") or "the server gave no reason"),
        field=str(document.get("field") or ""),
        fix=str(document.get("fix") or ""),
        request_id=str(document.get("request_id") or request_id),
    )
