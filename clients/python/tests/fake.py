"""A small server of the wire contract in memory, to hold the client to: it can fail in every way a server can.

It keeps no promise but those of the wire: how threads are stored is for the real server's tests.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Place = tuple[str, str, str]


class Fault(Exception):
    """What a request is to meet instead of its answer."""

    def __init__(
        self, status: int = 0, document: dict[str, Any] | None = None, headers: dict[str, str] | None = None
    ) -> None:
        self.status = status  # 0: the connection is cut
        self.document = document or {}
        self.headers = headers or {}


class Refused(Exception):
    def __init__(self, code: str, field: str = "") -> None:
        self.error = {"code": code, "message": f"the fake says {code}", "field": field, "fix": "", "request_id": "r1"}


STATUS = {"thread_deleted": 409, "conflict": 409, "not_found": 404, "invalid_field": 400, "invalid_body": 400}


class Fake:
    """The state, and the faults to come."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.checkpoints: dict[Place, dict[str, Any]] = {}
        self.writes: dict[Place, dict[tuple[str, int], dict[str, Any]]] = {}
        self.done: dict[str, tuple[bytes, dict[str, Any]]] = {}
        self.incarnation: dict[str, int] = {}
        self.requests: list[tuple[str, dict[str, Any], int]] = []
        self.before: list[Callable[[str], None]] = []  # taken one a request, before it is carried out
        self.after: list[Callable[[str], None]] = []  # and after it, before the answer
        self.delay = 0.0
        self.hooks: list[Callable[[dict[str, Any]], None]] = []  # for each operation
        self.api = "1"

    # -- what clients ask ----------------------------------------------------------------------------------------------

    def write(self, doc: dict[str, Any], tail: bytes) -> tuple[dict[str, Any], bytes]:
        thread = doc["thread_id"]
        self.incarnation.setdefault(thread, 1)
        results = []
        for op in doc["operations"]:
            try:
                for hook in self.hooks:
                    hook(op)
                results.append(self.one(thread, doc, op, tail))
            except Refused as refusal:
                results.append({"error": refusal.error})
        return {"thread_id": thread, "workflow": "w", "incarnation": self.incarnation[thread], "results": results}, b""

    def one(self, thread: str, doc: dict[str, Any], op: dict[str, Any], tail: bytes) -> dict[str, Any]:
        content = json.dumps({name: part for name, part in op.items() if name != "key"}).encode()
        if op["key"] in self.done:
            return self.done[op["key"]][1]
        if doc.get("incarnation", self.incarnation[thread]) < self.incarnation[thread]:
            raise Refused("thread_deleted")
        result = self.put(thread, op["put"], tail) if "put" in op else self.put_writes(thread, op["writes"], tail)
        self.done[op["key"]] = (content, result)
        return result

    def put(self, thread: str, put: dict[str, Any], tail: bytes) -> dict[str, Any]:
        ns, parent = put["checkpoint_ns"], put["parent_checkpoint_id"]
        versions = put["checkpoint"]["channel_versions"]
        values = {}
        for entry in put["values"]:
            values[entry["channel"]] = self.value(thread, ns, entry, tail)
        for channel, version in versions.items():
            if channel in values:
                continue
            near = [self.checkpoints.get((thread, ns, parent or ""))]
            near += [c for (t, n, _), c in sorted(self.checkpoints.items(), reverse=True) if (t, n) == (thread, ns)]
            for other in near:
                if (
                    other
                    and other["checkpoint"]["channel_versions"].get(channel) == version
                    and channel in other["values"]
                ):
                    values[channel] = other["values"][channel]
                    break
        self.checkpoints[thread, ns, put["checkpoint"]["id"]] = {**put, "values": values}
        return {"put": {"checkpoint_id": put["checkpoint_id"], "number": len(self.checkpoints)}}

    def value(self, thread: str, ns: str, entry: dict[str, Any], tail: bytes) -> tuple[str, bytes]:
        value = entry["value"]
        if "parts" not in value:
            return value["type"], tail[value["at"] : value["at"] + value["size"]]
        base = self.checkpoints.get((thread, ns, value["base"]["checkpoint_id"]), {"values": {}})["values"]
        old = base.get(entry["channel"], ("", b""))[1]
        new = b"".join(
            old[part["copy"][0] : sum(part["copy"])] if "copy" in part else tail[part["at"] : part["at"] + part["size"]]
            for part in value["parts"]
        )
        if not is_of(value["base"], old) or not is_of(value, new):
            raise Refused("send_whole")
        return value["type"], new

    def put_writes(self, thread: str, writes: dict[str, Any], tail: bytes) -> dict[str, Any]:
        there = self.writes.setdefault((thread, writes["checkpoint_ns"], writes["checkpoint_id"]), {})
        special = all(entry["idx"] < 0 for entry in writes["writes"])
        for entry in writes["writes"]:
            key = (writes["task_id"], entry["idx"])
            if special or key not in there:
                there[key] = {
                    "task_path": writes["task_path"],
                    "channel": entry["channel"],
                    "value": self.value(thread, "", entry, tail),
                }
        return {"writes": {}}

    def get(self, doc: dict[str, Any], tail: bytes) -> tuple[dict[str, Any], bytes]:
        thread, ns = doc["thread_id"], doc["checkpoint_ns"]
        ids = [i for (t, n, i) in self.checkpoints if (t, n) == (thread, ns) and doc.get("checkpoint_id") in (None, i)]
        if not ids:
            return {"checkpoint": None}, b""
        out = Out()
        found = self.tuple((thread, ns, max(ids)), out)
        return {"checkpoint": found, "incarnation": self.incarnation.get(thread, 1)}, bytes(out.tail)

    def list(self, doc: dict[str, Any], tail: bytes) -> tuple[dict[str, Any], bytes]:
        rows = [
            place
            for place, row in self.checkpoints.items()
            if doc.get("thread_id") in (None, place[0])
            and doc.get("checkpoint_ns") in (None, place[1])
            and doc.get("checkpoint_id") in (None, place[2])
            and ("before" not in doc or place[2] < doc["before"])
            and all(row["metadata"].get(k) == v for k, v in doc.get("filter", {}).items())
        ]
        rows.sort(key=lambda place: (place[2], place), reverse=True)
        start = int(doc.get("cursor") or 0)
        page = rows[start : start + min(3, doc.get("limit", 3))]
        out = Out()
        more = str(start + len(page)) if start + len(page) < len(rows) else None
        return {"checkpoints": [self.tuple(place, out) for place in page], "next": more}, bytes(out.tail)

    def tuple(self, place: Place, out: Out) -> dict[str, Any]:
        row = self.checkpoints[place]
        writes = sorted(self.writes.get(place, {}).items(), key=lambda w: (w[1]["task_path"], w[0]))
        found = {
            "thread_id": place[0],
            "checkpoint_ns": place[1],
            "checkpoint_id": place[2],
            "parent_checkpoint_id": row["parent_checkpoint_id"],
            "checkpoint": row["checkpoint"],
            "metadata": row["metadata"],
            "values": [{"channel": c, "value": out.add(v)} for c, v in row["values"].items()],
            "writes": [
                {
                    "task_id": t,
                    "idx": i,
                    "task_path": w["task_path"],
                    "channel": w["channel"],
                    "value": out.add(w["value"]),
                }
                for (t, i), w in writes
            ],
            "number": 1,
            "created_at": "2026-01-01T00:00:00Z",
        }
        parent = (place[0], place[1], row["parent_checkpoint_id"] or "")
        if row["checkpoint"].get("v", 4) < 4 and parent in self.checkpoints:
            sends = sorted(self.writes.get(parent, {}).items(), key=lambda w: (w[1]["task_path"], w[0]))
            found["pending_sends"] = [
                {"task_id": t, "task_path": w["task_path"], "idx": i, "value": out.add(w["value"])}
                for (t, i), w in sends
                if w["channel"] == "__pregel_tasks"
            ]
        return found

    def delete(self, doc: dict[str, Any], tail: bytes) -> tuple[dict[str, Any], bytes]:
        thread = doc["thread_id"]
        if any(place[0] == thread for place in [*self.checkpoints, *self.writes]):
            self.incarnation[thread] = self.incarnation.get(thread, 1) + 1
        self.drop(lambda place, row: place[0] == thread)
        return {}, b""

    def delete_runs(self, doc: dict[str, Any], tail: bytes) -> tuple[dict[str, Any], bytes]:
        return {"removed": self.drop(lambda place, row: row["metadata"].get("run_id") in doc["run_ids"])}, b""

    def copy(self, doc: dict[str, Any], tail: bytes) -> tuple[dict[str, Any], bytes]:
        source, target = doc["source"], doc["target"]
        if any(place[0] == target for place in self.checkpoints):
            raise Refused("conflict", "target")
        rows = {place: row for place, row in self.checkpoints.items() if place[0] == source}
        self.checkpoints |= {(target, *place[1:]): row for place, row in rows.items()}
        self.writes |= {(target, *place[1:]): dict(row) for place, row in self.writes.items() if place[0] == source}
        return {"checkpoints": len(rows)}, b""

    def prune(self, doc: dict[str, Any], tail: bytes) -> tuple[dict[str, Any], bytes]:
        newest = {}
        for thread, ns, checkpoint in self.checkpoints:
            newest[thread, ns] = max(newest.get((thread, ns), ""), checkpoint)
        kept = set() if doc["strategy"] == "delete" else {(*key, checkpoint) for key, checkpoint in newest.items()}
        return {"removed": self.drop(lambda place, row: place[0] in doc["thread_ids"] and place not in kept)}, b""

    def retention(self, doc: dict[str, Any], tail: bytes) -> tuple[dict[str, Any], bytes]:
        return {}, b""

    def history(self, doc: dict[str, Any], tail: bytes) -> tuple[dict[str, Any], bytes]:
        thread, ns, out = doc["thread_id"], doc["checkpoint_ns"], Out()
        at = doc.get("checkpoint_id") or max((i for t, n, i in self.checkpoints if (t, n) == (thread, ns)), default="")
        channels: dict[str, Any] = {}
        for channel in doc["channels"]:
            chain, entry = [], {"writes": []}
            row = self.checkpoints.get((thread, ns, at))
            while row is not None and row["parent_checkpoint_id"]:
                parent = (thread, ns, row["parent_checkpoint_id"])
                row = self.checkpoints.get(parent)
                chain.append(parent)
                if row is not None and channel in row["values"]:
                    entry["seed"] = out.add(row["values"][channel])
                    break
            for place in reversed(chain):
                for (task, idx), w in sorted(self.writes.get(place, {}).items()):
                    if w["channel"] == channel:
                        named = {"checkpoint_id": place[2], "task_id": task, "idx": idx, "channel": channel}
                        entry["writes"].append({**named, "value": out.add(w["value"])})
            channels[channel] = entry
        return {"channels": channels}, bytes(out.tail)

    def drop(self, gone: Callable[[Place, dict[str, Any]], bool]) -> int:
        places = [place for place, row in self.checkpoints.items() if gone(place, row)]
        for place in places:
            del self.checkpoints[place]
            self.writes.pop(place, None)
        return len(places)

    # -- HTTP ----------------------------------------------------------------------------------------------------------

    def serve(self) -> tuple[ThreadingHTTPServer, str]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                try:
                    status, headers, body = fake.answer(self.path, self.headers, raw)
                except Fault as fault:
                    if fault.status == 0:
                        self.close_connection = True
                        self.connection.close()
                        return
                    status, headers, body = fault.status, fault.headers, json.dumps(fault.document).encode()
                self.send_response_only(status)
                for name, value in {"Duolog-Threads": fake.api, "Content-Length": str(len(body)), **headers}.items():
                    if value:
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except (OSError, ValueError):
                    self.close_connection = True

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return server, f"http://127.0.0.1:{server.server_address[1]}"

    def answer(self, path: str, headers: Any, raw: bytes) -> tuple[int, dict[str, str], bytes]:
        name = path.rsplit("/", 1)[1]
        line, _, tail = raw.partition(b"\n")
        doc = json.loads(line)
        with self.lock:
            self.requests.append((name, doc, len(raw)))
            before = self.before.pop(0) if self.before else None
            after = self.after.pop(0) if self.after else None
        if self.delay:
            time.sleep(self.delay)
        if headers["Authorization"] != "Bearer secret":
            return 401, {}, json.dumps(Refused("unauthenticated").error).encode()
        if before:
            before(name)
        try:
            with self.lock:
                document, more = getattr(self, name)(doc, tail)
        except Refused as refusal:
            return STATUS[refusal.error["code"]], {}, json.dumps(refusal.error).encode()
        if after:
            after(name)
        return 200, {"Content-Type": "application/vnd.duolog.values"}, json.dumps(document).encode() + b"\n" + more


class Out:
    def __init__(self) -> None:
        self.tail = bytearray()

    def add(self, value: tuple[str, bytes]) -> dict[str, Any]:
        at = len(self.tail)
        self.tail += value[1]
        return {"type": value[0], "at": at, "size": len(value[1])}


def is_of(stated: dict[str, Any], data: bytes) -> bool:
    begin = stated.get("from", 0)
    return hashlib.sha256(data[begin:] + data[:begin]).hexdigest() == stated["sha256"]


def cut(_: str) -> None:
    """Cuts the connection."""
    raise Fault()


def unavailable(_: str) -> None:
    """Answers 503."""
    error = {"code": "not_now", "message": "no verdict", "field": "", "fix": "send it again", "request_id": "r2"}
    raise Fault(503, error, {"Retry-After": "0"})
