"""When the cluster's process does its full garbage collections."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from sandbox import idle_collect


class FakeGc:
    """``counts`` are what ``get_count`` says, look after look; the last ends the test."""

    def __init__(self, counts: list[tuple[int, int, int]]) -> None:
        self.counts = iter(counts)
        self.calls: list[Any] = []

    def get_count(self) -> tuple[int, int, int]:
        found = next(self.counts, None)
        if found is None:
            raise asyncio.CancelledError
        self.calls.append(found)
        return found

    def collect(self) -> None:
        self.calls.append("collect")

    def freeze(self) -> None:
        self.calls.append("freeze")

    def set_threshold(self, *thresholds: int) -> None:
        self.calls.append(thresholds)


async def test_collections_wait_for_a_quiet_second(monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = (0, 0, 0), (0, 0, 0)
    looks = [
        before,
        (1500, 2, 7), after,  # busy: the young ones moved on
        (1900, 2, 7), after,  # and again
        (10, 2, 7), (10, 2, 7),  # from here on nothing happens
        (60, 2, 7), after,  # a quiet second, and there is something to collect
        (60, 0, 0), (60, 0, 0),
        (70, 0, 0),  # a quiet second and nothing to collect
    ]  # fmt: skip
    fake = FakeGc(looks)
    monkeypatch.setattr(idle_collect, "gc", fake)
    monkeypatch.setattr(idle_collect, "LOOK_EVERY", 0.0)
    with contextlib.suppress(asyncio.CancelledError):
        await idle_collect.collect_when_idle()
    assert fake.calls[:3] == ["collect", "freeze", idle_collect.THRESHOLDS]
    assert [i for i, call in enumerate(fake.calls[3:]) if call == "collect"] == [8]
