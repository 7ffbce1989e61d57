"""Keeps Python's cyclic garbage collector from walking thousands of fresh objects again and again.

While a first list is decoded, one full collection costs more than the decoding. What was listed lives
long, so it is frozen afterwards: later collections do not look at it.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_syncing = 0
_was_enabled = True


@contextmanager
def tamed() -> Iterator[None]:
    """No collection inside. May be entered by several threads at once; the last one out collects once."""
    global _syncing, _was_enabled
    with _lock:
        if _syncing == 0:
            _was_enabled = gc.isenabled()
            gc.disable()
        _syncing += 1
    try:
        yield
    finally:
        with _lock:
            _syncing -= 1
            if _syncing == 0:
                gc.freeze()
                if _was_enabled:
                    gc.enable()
