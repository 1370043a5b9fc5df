"""What fails is tried again under the same key, for a while; then the caller hears of it, with what it was."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fake import Fake, Fault, Refused, cut, unavailable
from helper import checkpoint, config, put

import duolog_langgraph as d
from duolog_langgraph import AsyncDuologSaver, BaseDuologSaver, DuologSaver


def keys(fake: Fake) -> list[str]:
    return [op["key"] for name, doc, _ in fake.requests if name == "write" for op in doc["operations"]]


@pytest.mark.parametrize("fault", [cut, unavailable])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_request_or_answer_is_sent_again(fake: Fake, saver: BaseDuologSaver, fault: Any, when: str) -> None:
    getattr(fake, when).extend([fault, fault])
    put(saver, {"x": 1})
    assert len(fake.checkpoints) == 1
    assert len(keys(fake)) == 3
    assert len(set(keys(fake))) == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_every_other_method_too(fake: Fake, saver: BaseDuologSaver, when: str) -> None:
    def failing() -> None:
        getattr(fake, when)[:] = [cut, unavailable]

    at = put(saver, {"x": 1})
    failing()
    saver.put_writes(at, [("x", 1)], "task")
    failing()
    assert saver.get_tuple(at) is not None
    failing()
    assert len(list(saver.list(config()))) == 1
    failing()
    assert saver.get_delta_channel_history(config=at, channels=["x"]) == {"x": {"writes": []}}
    failing()
    saver.prune(["t"])
    failing()
    saver.delete_for_runs(["nobody"])
    failing()
    saver.delete_thread("t")
    assert list(saver.list(None)) == []


def test_only_what_has_no_verdict_is_sent_again(fake: Fake, url: str) -> None:
    held = {"b"}

    def hold(op: dict[str, Any]) -> None:
        task = op.get("writes", {}).get("task_id")
        if task in held:
            held.discard(task)
            raise Refused("not_now")

    fake.hooks.append(hold)

    async def main() -> None:
        async with AsyncDuologSaver.from_url(url, token="secret") as saver:
            await asyncio.gather(*(saver.aput_writes(config(checkpoint="c"), [("x", 1)], task) for task in "abc"))

    asyncio.run(main())
    sent = [[op["writes"]["task_id"] for op in doc["operations"]] for _, doc, _ in fake.requests]
    assert sent == [["a", "b", "c"], ["b"]]
    assert len(set(keys(fake))) == 3


def test_each_caller_hears_of_its_own_failure(fake: Fake, url: str) -> None:
    def refuse(op: dict[str, Any]) -> None:
        if op["writes"]["task_id"] == "b":
            raise Refused("stale_writer")

    fake.hooks.append(refuse)

    async def main() -> list[Any]:
        async with AsyncDuologSaver.from_url(url, token="secret") as saver:
            calls = (saver.aput_writes(config(checkpoint="c"), [("x", 1)], task) for task in "abc")
            return await asyncio.gather(*calls, return_exceptions=True)

    a, b, c = asyncio.run(main())
    assert a is None
    assert isinstance(b, d.StaleWriterError)
    assert c is None


def test_one_wrong_operation_does_not_fail_its_neighbours(fake: Fake, url: str) -> None:
    def whole(name: str) -> None:
        if any(op["writes"]["task_id"] == "b" for op in fake.requests[-1][1]["operations"]):
            raise Fault(400, Refused("invalid_body", "operations[1]").error)

    fake.before.extend([whole] * 10)

    async def main() -> list[Any]:
        async with AsyncDuologSaver.from_url(url, token="secret") as saver:
            calls = (saver.aput_writes(config(checkpoint="c"), [("x", 1)], task) for task in "abc")
            return await asyncio.gather(*calls, return_exceptions=True)

    a, b, c = asyncio.run(main())
    assert a is None
    assert isinstance(b, d.InvalidInputError)
    assert c is None


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("thread_deleted", d.ThreadDeletedError),
        ("stale_writer", d.StaleWriterError),
        ("stale_run", d.StaleRunError),
        ("too_large", d.TooLargeError),
        ("invalid_field", d.InvalidInputError),
        ("conflict", d.ConflictError),
        ("key_reused", d.KeyReusedError),
        ("gone", d.GoneError),
        ("forbidden", d.ForbiddenError),
        ("something_new", d.DuologError),
    ],
)
def test_each_refusal_has_its_exception(fake: Fake, saver: BaseDuologSaver, code: str, kind: type[Exception]) -> None:
    def refuse(op: dict[str, Any]) -> None:
        raise Refused(code, "operations[0]")

    fake.hooks.append(refuse)
    with pytest.raises(d.DuologError) as caught:
        put(saver, {"x": 1})
    assert type(caught.value) is kind
    assert (caught.value.code, caught.value.field, caught.value.request_id) == (code, "operations[0]", "r1")
    assert len(fake.requests) == 1


def test_a_wrong_token(url: str) -> None:
    with DuologSaver.from_url(url, token="wrong") as saver, pytest.raises(d.UnauthenticatedError):
        saver.get_tuple(config())


def test_nobody_there() -> None:
    with DuologSaver.from_url("http://127.0.0.1:9", token="secret", retry_for=0.3) as saver:
        with pytest.raises(d.UnreachableError) as caught:
            put(saver, {"x": 1})
        assert caught.value.__cause__ is not None


def test_a_server_that_says_not_now_for_too_long(fake: Fake, url: str) -> None:
    fake.before.extend([unavailable] * 100)
    with DuologSaver.from_url(url, token="secret", retry_for=0.3) as saver, pytest.raises(d.NotNowError) as caught:
        put(saver, {"x": 1})
    assert caught.value.request_id == "r2"
    assert len(set(keys(fake))) == 1
    assert len(keys(fake)) > 1


def test_retry_after_is_honoured(fake: Fake, url: str) -> None:
    def later(name: str) -> None:
        raise Fault(429, Refused("rate_limited").error, {"Retry-After": "30"})

    fake.before.append(later)
    with DuologSaver.from_url(url, token="secret", retry_for=2) as saver, pytest.raises(d.RateLimitedError):
        saver.get_tuple(config())
    assert len(fake.requests) == 1


@pytest.mark.parametrize("api", ["", "2"])
def test_a_server_of_another_version(fake: Fake, saver: BaseDuologSaver, api: str) -> None:
    fake.api = api
    with pytest.raises(d.IncompatibleServerError):
        saver.get_tuple(config())


def test_nothing_stands_on_a_checkpoint_that_was_refused_as_late(fake: Fake, saver: BaseDuologSaver) -> None:
    at = put(saver, {"x": 1})
    fake.delete({"thread_id": "t"}, b"")
    late = checkpoint({"x": 2})
    with pytest.raises(d.ThreadDeletedError):
        saver.put(at, late, {}, late["channel_versions"])
    sent = len(fake.requests)
    for _ in range(2):
        with pytest.raises(d.ThreadDeletedError):
            put(saver, {"x": 3}, config(checkpoint=late["id"]))
    with pytest.raises(d.ThreadDeletedError):
        saver.put_writes(config(checkpoint=late["id"]), [("x", 1)], "task")
    assert len(fake.requests) == sent
    assert saver.get_tuple(config()) is None
    put(saver, {"x": 4})
    assert saver.get_tuple(config()).checkpoint["channel_values"] == {"x": 4}


@pytest.mark.parametrize(
    ("metadata", "field"), [({"score": float("nan")}, "metadata"), ({"what": object()}, "metadata")]
)
def test_what_is_not_json_is_refused_before_it_is_sent(
    fake: Fake, saver: BaseDuologSaver, metadata: dict[str, Any], field: str
) -> None:
    made = checkpoint({"x": 1})
    with pytest.raises(d.InvalidInputError) as caught:
        saver.put(config(), made, metadata, made["channel_versions"])
    assert caught.value.field == field
    assert fake.requests == []


def test_a_value_that_is_too_large(fake: Fake, saver: BaseDuologSaver) -> None:
    with pytest.raises(d.TooLargeError) as caught:
        put(saver, {"big": b"x" * (32 << 20 | 1)})
    assert caught.value.field == "channel_values.big"
    assert fake.requests == []


@pytest.mark.parametrize("missing", ["thread_id", "checkpoint_id"])
def test_a_config_that_does_not_say_where(saver: BaseDuologSaver, missing: str) -> None:
    where = {"configurable": {"thread_id": "t"} if missing == "checkpoint_id" else {"checkpoint_id": "c"}}
    with pytest.raises(d.InvalidInputError) as caught:
        saver.put_writes(where, [("x", 1)], "task")
    assert caught.value.field == missing


def test_a_failed_serialiser_is_the_callers(fake: Fake, saver: BaseDuologSaver) -> None:
    with pytest.raises(TypeError):
        put(saver, {"x": lambda: None})
    assert fake.requests == []
