"""A server of a test's own, to be killed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path


class Server:
    """`duolog dev` on its own directory and ports, which stay the same when it is started again."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir()
        self._address = f"127.0.0.1:{_free_port()}"
        self._log, self._database = f"127.0.0.1:{_free_port()}", f"127.0.0.1:{_free_port()}"
        self.url = f"http://{self._address}"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Starts it and waits until it serves."""
        self.launch()
        until = time.monotonic() + 60
        while not self._serves():
            assert self._process is not None
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError((self._directory / "out").read_text())
            time.sleep(0.05)

    def launch(self) -> None:
        """Starts it."""
        with (self._directory / "out").open("ab") as out:
            self._process = subprocess.Popen(
                [
                    *(os.environ["DUOLOG_BIN"], "dev", "--config", os.environ["DUOLOG_CONFIG"]),
                    *("--state-dir", str(self._directory / "state"), "--listen", self._address),
                    *("--log-listen", self._log, "--database-listen", self._database),
                ],
                stdout=out,
                stderr=out,
            )

    def kill(self) -> None:
        """Ends it as a power cut does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ends it in good order."""
        self._end(signal.SIGINT)

    def _end(self, with_signal: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(with_signal)
            self._process.wait()
            self._process = None

    def _serves(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=1):
                return True
        except OSError:
            return False


def _free_port() -> int:
    """One below those that outgoing connections take: it stays free while the server is down."""
    while True:
        port = random.randrange(24_000, 32_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
