"""One way to run graphs for sync and async code, so that a test says what it does once."""

from __future__ import annotations

import asyncio
from typing import Any

from duolog_langgraph import AsyncDuologSaver, BaseDuologSaver, DuologSaver


class Driver:
    """Runs graphs with `invoke` and the like on a saver."""

    saver: BaseDuologSaver

    def __init__(self, url: str, token: str) -> None:
        self.saver = DuologSaver.from_url(url, token=token)

    def invoke(self, graph: Any, inputs: Any, config: Any, **options: Any) -> Any:
        return graph.invoke(inputs, config, **options)

    def state(self, graph: Any, config: Any) -> Any:
        return graph.get_state(config)

    def history(self, graph: Any, config: Any) -> list[Any]:
        return list(graph.get_state_history(config))

    def update(self, graph: Any, config: Any, values: Any, **options: Any) -> Any:
        return graph.update_state(config, values, **options)

    def close(self) -> None:
        self.saver.close()


class Sync(Driver):
    """Sync code on the sync saver."""


class Async(Driver):
    """Async code on the async saver, all in one event loop."""

    def __init__(self, url: str, token: str) -> None:
        self._runner = asyncio.new_event_loop()
        self.saver = AsyncDuologSaver.from_url(url, token=token)

    def invoke(self, graph: Any, inputs: Any, config: Any, **options: Any) -> Any:
        return self._runner.run_until_complete(graph.ainvoke(inputs, config, **options))

    def state(self, graph: Any, config: Any) -> Any:
        return self._runner.run_until_complete(graph.aget_state(config))

    def history(self, graph: Any, config: Any) -> list[Any]:
        async def collect() -> list[Any]:
            return [state async for state in graph.aget_state_history(config)]

        return self._runner.run_until_complete(collect())

    def update(self, graph: Any, config: Any, values: Any, **options: Any) -> Any:
        return self._runner.run_until_complete(graph.aupdate_state(config, values, **options))

    def close(self) -> None:
        self._runner.run_until_complete(self.saver.aclose())
        self._runner.close()


class AsyncOnSync(Async):
    """Async code on the sync saver."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(url, token)
        self.saver = DuologSaver.from_url(url, token=token)


class SyncOnAsync(Driver):
    """Sync code on the async saver."""

    def __init__(self, url: str, token: str) -> None:
        self.saver = AsyncDuologSaver.from_url(url, token=token)


DRIVERS = (Sync, Async, AsyncOnSync, SyncOnAsync)
