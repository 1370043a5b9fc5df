"""LangGraph's own conformance suite, on both savers: every capability there is, every test of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from duolog_langgraph import AsyncDuologSaver, DuologSaver
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import Capability
from langgraph.checkpoint.conformance.report import CapabilityReport

LEAST_TESTS = 81
DELTA = "get_delta_channel_history"  # releases of the suite up to 0.0.2 do not know it: test_delta has its tests


@pytest.mark.parametrize("kind", [DuologSaver, AsyncDuologSaver])
def test_conformance(
    kind: type[DuologSaver | AsyncDuologSaver], url: str, tokens: Iterator[str], capsys: pytest.CaptureFixture[str]
) -> None:
    @checkpointer_test(name=kind.__name__)
    async def factory() -> Any:
        saver = kind.from_url(url, token=next(tokens))
        yield saver
        await saver.aclose()

    report = asyncio.run(validate(factory))
    passed = sum(result.tests_passed for result in report.results.values())
    with capsys.disabled():
        print(f"\nconformance suite on {kind.__name__}: {passed} passed, {len(report.results)} capabilities")
    assert not failures(report), json.dumps(failures(report), indent=1)
    assert set(report.results) >= {capability.value for capability in Capability}
    assert all(result.detected and result.passed for result in report.results.values())
    assert report.passed_all()
    assert passed >= LEAST_TESTS


def failures(report: CapabilityReport) -> dict[str, list[str]]:
    return {name: result.failures for name, result in report.results.items() if not result.passed}


@pytest.mark.parametrize("kind", [DuologSaver, AsyncDuologSaver])
@pytest.mark.parametrize("capability", [*(c.value for c in Capability), "delete_for_runs", DELTA])
def test_every_capability_is_the_savers_own_sync_and_async(kind: type, capability: str) -> None:
    for name in (capability, f"a{capability}"):
        assert getattr(kind, name) is not getattr(BaseCheckpointSaver, name)
