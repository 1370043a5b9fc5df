"""The workflow of a run over Duolog's API: its status, and what the run tells of it."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx

PAUSES = (0.25, 0.5, 1, 2, 4, 5, 5, 5, 5)  # 30 s: longer than a server takes to start again


class Refused(Exception):
    """The server says no: the same request would be refused again."""


class Workflow:
    """A call is made again while the server is away: each is harmless when repeated."""

    def __init__(self, url: str, token: Callable[[], str], uuid: str, trace: str = "") -> None:
        self.path = f"/api/v4/ai/duo_workflows/workflows/{uuid}"
        self.token = token
        self.http = httpx.Client(base_url=url, headers={"Traceparent": trace} if trace else {}, timeout=40)

    def status(self) -> str:
        return self.call("GET").json()["status"]

    def tell(self, event: str) -> None:
        """start, resume, retry, finish, require_input, drop: where the workflow goes."""
        self.call("PATCH", body={"status_event": event})

    def begin(self) -> bool:
        """Says that this run has taken the workflow up; returns whether it had waited for somebody."""
        status = self.status()
        waited = status not in ("created", "running", "failed", "stopped")
        self.tell("start" if status == "created" else "resume" if waited else "retry")
        return waited

    def call(self, method: str, path: str = "", body: dict | None = None, also: tuple[int, ...] = ()) -> httpx.Response:
        """A request about the workflow; a status of `also` is an answer too."""
        for pause in (*PAUSES, None):
            try:
                answer = self.http.request(method, self.path + path, json=body, headers={"Authorization": f"Bearer {self.token()}"})
            except httpx.TransportError:
                answer = None
            if answer is not None and (answer.is_success or answer.status_code in also):
                return answer
            if answer is not None and not (answer.is_server_error or answer.status_code == 429):
                raise Refused(f"{method} of the workflow{path}: {answer.status_code} {answer.text[:300]}")
            if pause is None:
                break
            time.sleep(pause)
        raise Refused(f"{method} of the workflow: the server is away")
