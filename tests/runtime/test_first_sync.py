"""The first list of many objects: nothing holds the interpreter for long."""

from __future__ import annotations

import gc
import json

import pytest

from tests.runtime.faultserver import Exchange, pod
from tests.runtime.harness import eventually, world

PODS = 3_000


def paged(x: Exchange) -> None:
    if x.query.get("sendInitialEvents"):
        x.refuse(422, "Invalid", "sendInitialEvents is forbidden")
    elif x.verb == "list":
        start, limit = int(x.query.get("continue", 0)), int(x.query["limit"])
        items = [pod(f"p{n}", n + 1) for n in range(start, min(start + limit, PODS))]
        meta = {"resourceVersion": str(PODS)} | (
            {"continue": str(start + limit)} if start + limit < PODS else {}
        )
        answer = {"kind": "PodList", "apiVersion": "v1", "metadata": meta, "items": items}
        x.answer(200, json.dumps(answer).encode())
    else:
        x.begin()
        x.finish()


def streamed(x: Exchange) -> None:
    if x.query.get("sendInitialEvents"):
        x.begin()
        for n in range(PODS):
            x.event("ADDED", pod(f"p{n}", n + 1))
        x.bookmark(PODS, ends_list=True)
        x.finish()


@pytest.mark.parametrize("script", [paged, streamed])
def test_the_collector_looks_at_a_page_at_a_time(script: object) -> None:
    looked_at: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            looked_at.append(gc.get_count()[0])

    with world(script, pods=(), rate=1_000, start=False) as w:  # type: ignore[arg-type]
        gc.collect()
        gc.callbacks.append(note)
        try:
            w.informer.start()
            eventually(lambda: w.informer.has_synced() and gc.isenabled(), 20)
        finally:
            gc.callbacks.remove(note)
        assert len(w.informer.list()) == PODS
        w.clock.limit = 0.0
    assert max(looked_at) < 10_000  # objects; all of them in one pass are 17,000
