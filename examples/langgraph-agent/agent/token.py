"""The token of a run, which lives less than an hour and is renewed while the run lives."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable

import httpx

RENEW_BEFORE = 30 * 60  # seconds: a step that takes longer than the rest still ends with one that works


class RunToken:
    """Calling it gives the token that works now. Where it cannot be renewed that is the old one: what it is refused
    with says more."""

    def __init__(self, url: str, token: str, now: Callable[[], float] = time.time) -> None:
        self.url, self.token, self.now = f"{url.rstrip('/')}/v1/token/renew", token, now

    def __call__(self) -> str:
        until = expiry(self.token)
        if until and self.now() > until - RENEW_BEFORE:
            try:
                answer = httpx.post(self.url, headers={"Authorization": f"Bearer {self.token}"}, timeout=10)
            except httpx.TransportError:
                return self.token
            if answer.is_success:
                self.token = answer.json()["token"]
        return self.token


def expiry(token: str) -> float:
    """When a token stops to work; 0 for one that does not say."""
    try:
        claims = token.split(".")[1]
        return float(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"])
    except (IndexError, KeyError, TypeError, ValueError):
        return 0
