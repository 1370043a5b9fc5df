"""The server of the environment, tenants of it, and savers on them. A test that is left out fails the run."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from duolog_langgraph import DuologSaver

from driver import DRIVERS, Driver
from server import Server


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == 0 and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def url() -> str:
    return os.environ["DUOLOG_URL"]


@pytest.fixture(scope="session")
def tokens() -> Iterator[str]:
    """Tokens of tenants that nobody else uses."""
    return iter(os.environ["DUOLOG_TOKENS"].split()[1:])


@pytest.fixture(scope="session")
def token() -> str:
    """The token of the tenant that tests share: they use threads of their own."""
    return os.environ["DUOLOG_TOKENS"].split()[0]


@pytest.fixture
def own_token(tokens: Iterator[str]) -> str:
    """The token of a tenant of the test's own."""
    return next(tokens)


@pytest.fixture(scope="session")
def fenced_token() -> str:
    """The token of a tenant that fences writers."""
    return os.environ["DUOLOG_FENCED_TOKENS"].split()[0]


@pytest.fixture
def saver(url: str, token: str) -> Iterator[DuologSaver]:
    with DuologSaver.from_url(url, token=token, retry_for=20) as saver:
        yield saver


@pytest.fixture(params=DRIVERS, ids=lambda kind: kind.__name__)
def driver(request: pytest.FixtureRequest, url: str, token: str) -> Iterator[Driver]:
    """A way to run graphs: sync and async, each on either saver."""
    made = request.param(url, token)
    yield made
    made.close()


@pytest.fixture
def thread() -> str:
    """A thread id that nobody uses."""
    return f"thread-{uuid.uuid4()}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Callable[[], Server]]:
    """Starts a server of the test's own."""
    started: list[Server] = []

    def start() -> Server:
        started.append(Server(tmp_path / f"server-{len(started)}"))
        return started[-1]

    yield start
    for server in started:
        server.stop()
