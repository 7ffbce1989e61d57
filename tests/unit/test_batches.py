"""Requests in batches."""

from __future__ import annotations

import threading

import pytest

from controller.batches import Batches


def test_no_request_outlives_a_batch_in_which_one_raises() -> None:
    done: list[int] = []
    raised = threading.Event()

    def do(item: int) -> None:
        if item == 1:
            raised.set()
            raise RuntimeError("stop")
        if item > 1:
            assert raised.wait(5)
            threading.Event().wait(0.1)
        done.append(item)

    with pytest.raises(RuntimeError, match="stop"):
        Batches().run([0, 1, 2], do)
    assert done == [0, 2]
