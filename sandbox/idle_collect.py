"""Keeps full garbage collections away from requests.

Nearly all that a cluster holds is alive, and with 10,000 pods a full collection takes half a second, in which
no watcher gets an event. So it is done when nobody would notice.
"""

from __future__ import annotations

import asyncio
import gc

# Of CPython: net allocations for a young collection, of those for a middle one, of those for a full one. The
# last is what forces a full one upon a server that is never idle, after about a million new objects.
THRESHOLDS = (2_000, 10, 50)

LOOK_EVERY = 1.0  # seconds
STIR = 200  # net allocations between two looks; fewer mean that nobody asks for anything
WORTH_IT = 3  # middle collections since the last full one


async def collect_when_idle() -> None:
    """Runs until it is cancelled. What is there at the start, mostly code, is never looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    before = gc.get_count()
    while True:
        await asyncio.sleep(LOOK_EVERY)
        young, middle, full = gc.get_count()
        is_idle = (middle, full) == before[1:] and abs(young - before[0]) < STIR
        if is_idle and full >= WORTH_IT:
            gc.collect()
        before = gc.get_count()
