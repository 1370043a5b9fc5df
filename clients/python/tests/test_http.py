"""Connections are kept, dropped and limited as they should be."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from fake import Fake
from helper import config, put

from duolog_langgraph import AsyncDuologSaver, BaseDuologSaver, DuologSaver, InvalidInputError, UnreachableError


@pytest.mark.parametrize("url", ["duolog.example.com", "ftp://x", "", "http://"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(InvalidInputError):
        DuologSaver.from_url(url, token="secret")


def test_a_connection_is_kept(fake: Fake, url: str, saver: BaseDuologSaver, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    real = socket.create_connection
    monkeypatch.setattr(socket, "create_connection", lambda *args, **named: opened.append(args) or real(*args, **named))
    for _ in range(5):
        put(saver, {"x": 1})
    assert len(opened) == 1


def test_no_more_connections_than_allowed(fake: Fake, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    real = socket.create_connection
    monkeypatch.setattr(socket, "create_connection", lambda *args, **named: opened.append(args) or real(*args, **named))
    fake.delay = 0.02
    with DuologSaver.from_url(url, token="secret", max_connections=3) as saver, ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda n: saver.get_tuple(config(f"t{n}")), range(24)))
    assert len(opened) <= 3


def test_a_child_process_has_connections_of_its_own(saver: BaseDuologSaver) -> None:
    at = put(saver, {"x": 1})
    child = os.fork()
    if child == 0:
        os._exit(0 if saver.get_tuple(at) is not None else 1)
    for _ in range(20):
        assert saver.get_tuple(at) is not None
    assert os.waitpid(child, 0)[1] == 0


def test_compressed(fake: Fake, url: str) -> None:
    class Inflating(Fake):
        def answer(self, path, headers, raw):  # type: ignore[no-untyped-def]
            import gzip

            self.encodings = [*getattr(self, "encodings", []), headers["Content-Encoding"]]
            plain = gzip.decompress(raw) if headers["Content-Encoding"] == "gzip" else raw
            status, answered, body = super().answer(path, headers, plain)
            return status, {**answered, "Content-Encoding": "gzip"}, gzip.compress(body)

    inflating = Inflating()
    server, there = inflating.serve()
    with DuologSaver.from_url(there, token="secret", compress=True) as saver:
        at = put(saver, {"messages": ["a" * 9000]})
        assert saver.get_tuple(at).checkpoint["channel_values"] == {"messages": ["a" * 9000]}
    assert inflating.encodings == ["gzip", None]
    server.shutdown()


def test_through_a_proxy(url: str) -> None:
    async def main() -> None:
        async with AsyncDuologSaver.from_url("http://duolog.invalid/", token="secret", proxy=url) as saver:
            assert await saver.aget_tuple(config()) is not None

    with DuologSaver.from_url("http://duolog.invalid", token="secret", proxy=url) as saver:
        put(saver, {"x": 1})
    asyncio.run(main())


def test_the_environment_names_a_proxy(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with DuologSaver.from_url("http://duolog.invalid", token="secret") as saver:
        put(saver, {"x": 1})
    with DuologSaver.from_url(url, token="secret") as saver:
        assert saver.get_tuple(config()) is not None


@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_answer_that_does_not_come(asynchronous: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        saver = DuologSaver.from_url(url, token="secret", timeout=0.2, retry_for=0.1)
        with pytest.raises(UnreachableError):
            if asynchronous:
                asyncio.run(saver.aget_tuple(config()))
            else:
                saver.get_tuple(config())


@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_answer_before_all_was_sent(asynchronous: bool) -> None:
    """As a server does that will not take so large a body."""
    document = b'{"code":"too_large","message":"m","field":"","fix":"","request_id":"r"}'
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            connection.recv(1000)
            connection.sendall(
                b"HTTP/1.1 413 Too Large\r\nDuolog-Threads: 1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
                % (len(document), document)
            )
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 20):
                pass
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        saver = DuologSaver.from_url(f"http://127.0.0.1:{server.getsockname()[1]}", token="secret", retry_for=0.1)
        with pytest.raises(Exception, match="too_large"):
            if asynchronous:

                async def main() -> None:
                    await saver.aput_writes(config(checkpoint="c"), [("x", b"x" * (20 << 20))], "task")

                asyncio.run(main())
            else:
                saver.put_writes(config(checkpoint="c"), [("x", b"x" * (20 << 20))], "task")
        saver.close()
        thread.join()
