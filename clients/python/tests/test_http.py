"""Connections are kept, dropped and limited as they should be, and any HTTP/1.1 answer is understood."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fake import Fake
from helper import checkpoint, config, put

from duolog_langgraph import AsyncDuologSaver, BaseDuologSaver, DuologSaver, InvalidInputError, UnauthenticatedError, UnreachableError


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


NOTHING = b'{"checkpoint":null}'
OK = b"HTTP/1.1 200 OK\r\nDuolog-Threads: 1\r\n"
PLAIN = OK + b"Content-Length: %d\r\n\r\n" % len(NOTHING) + NOTHING


def serving(answers: list[bytes], ask: Callable[[str, threading.Semaphore], None]) -> None:
    """Asks a server that takes a connection for each answer and closes it then, which the semaphore counts."""
    closed = threading.Semaphore(0)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for answer in answers:
                connection, _ = server.accept()
                with connection:
                    while b"\r\n\r\n" not in connection.recv(1 << 16):
                        pass
                    connection.sendall(answer)
                closed.release()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        ask(f"http://127.0.0.1:{server.getsockname()[1]}", closed)
        thread.join()


def read(
    url: str, asynchronous: bool, times: int = 1, closed: threading.Semaphore | None = None, **options: Any
) -> None:
    """Reads a checkpoint that is not there so many times, each after the connection of the one before was closed."""

    def await_close() -> None:
        if closed is not None:
            assert closed.acquire(timeout=20)

    async def main() -> None:
        async with AsyncDuologSaver.from_url(url, token="secret", **options) as saver:
            for _ in range(times):
                assert await saver.aget_tuple(config()) is None
                await_close()

    if asynchronous:
        asyncio.run(main())
        return
    with DuologSaver.from_url(url, token="secret", **options) as saver:
        for _ in range(times):
            assert saver.get_tuple(config()) is None
            await_close()


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\n7\r\n" + NOTHING[:7], id="chunks"),
        pytest.param(OK + b"Connection: close\r\n\r\n" + NOTHING, id="until the end"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + PLAIN, id="hints before"),
    ],
)
def test_any_form_of_an_answer(answer: bytes, asynchronous: bool) -> None:
    if b"chunked" in answer:
        answer += b"\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(NOTHING) - 7, NOTHING[7:])
    serving([answer], lambda url, closed: read(url, asynchronous))


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_connection_that_the_server_closed_is_not_used_again(asynchronous: bool) -> None:
    """No attempt fails on it: there is no patience for one."""
    serving([PLAIN, PLAIN], lambda url, closed: read(url, asynchronous, times=2, closed=closed, retry_for=0))


@pytest.mark.parametrize("asynchronous", [False, True])
def test_half_an_answer_is_none(asynchronous: bool) -> None:
    serving([PLAIN[:-3], PLAIN], lambda url, closed: read(url, asynchronous))


@pytest.mark.parametrize("asynchronous", [False, True])
def test_what_is_not_http(asynchronous: bool) -> None:
    def ask(url: str, closed: threading.Semaphore) -> None:
        with pytest.raises(UnreachableError, match="RemoteProtocolError"):
            read(url, asynchronous, retry_for=0)

    serving([b"220 smtp.example.com ESMTP\r\n\r\n"], ask)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_certificate_is_checked(fake: Fake, asynchronous: bool, tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*made, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server, url = fake.serve()
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = url.replace("http:", "https:")
    with pytest.raises(UnreachableError, match="CERTIFICATE_VERIFY_FAILED"):
        read(url, asynchronous, retry_for=0)
    read(url, asynchronous, times=2, verify=False)
    server.shutdown()
    server.server_close()


def test_a_cancelled_request_leaves_the_connection_to_nobody(fake: Fake, url: str) -> None:
    """Its answer, which still comes, is not taken for that of the next."""

    async def main() -> None:
        async with AsyncDuologSaver.from_url(url, token="secret") as saver:
            at = await saver.aput(config(), checkpoint({"x": 1}), {}, {"x": 1})
            fake.delay = 0.1
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(saver.aget_tuple(config("nothing")), 0.05)
            fake.delay = 0
            assert await saver.aget_tuple(at) is not None

    asyncio.run(main())


def test_an_interrupted_request_leaves_the_connection_to_nobody(
    fake: Fake, saver: BaseDuologSaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = put(saver, {"x": 1})

    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("duolog_langgraph._exchange.Exchange.receive", interrupted)
        saver.get_tuple(config("nothing"))
    assert saver.get_tuple(at) is not None
def test_a_token_that_is_renewed_is_asked_for_before_each_request(fake: Fake, url: str) -> None:
    shown = iter(["secret", "secret", "old"])
    with DuologSaver.from_url(url, token=lambda: next(shown)) as saver:
        assert saver.get_tuple(config()) is None
        assert saver.get_tuple(config()) is None
        with pytest.raises(UnauthenticatedError):
            saver.get_tuple(config())
