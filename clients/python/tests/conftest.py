"""A fake server and a saver of each kind on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fake import Fake

from duolog_langgraph import BaseDuologSaver, DuologSaver


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest.fixture
def url(fake: Fake) -> Iterator[str]:
    server, url = fake.serve()
    yield url
    server.shutdown()
    server.server_close()


@pytest.fixture
def saver(url: str) -> Iterator[BaseDuologSaver]:
    with DuologSaver.from_url(url, token="secret", retry_for=5.0) as saver:
        yield saver
