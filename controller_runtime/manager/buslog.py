"""Python's logging, led onto the bus, so that no log line ever reaches a screen that somebody draws on."""

from __future__ import annotations

import logging
from typing import Literal

from controller_runtime.bus import EventBus
from controller_runtime.client.context import current_reconcile
from controller_runtime.events import Log
from controller_runtime.kube.resource import Ref

# Their lines are on the bus already, as WatchStatus and as ReconcileFinished.
PUBLISHED_OTHERWISE = ("controller_runtime.cache.reflector", "controller_runtime.controller.worker")


class BusHandler(logging.Handler):
    """Publishes each record as a ``Log`` event, but for what the bus carries already."""

    def __init__(self, bus: EventBus) -> None:
        super().__init__(logging.INFO)
        self._bus = bus

    def install(self) -> None:
        """Take the place of all handlers of the root logger."""
        root = logging.getLogger()
        root.handlers[:] = [self]
        root.setLevel(logging.INFO)

    def emit(self, record: logging.LogRecord) -> None:
        if record.name in PUBLISHED_OTHERWISE:
            return
        ref = getattr(record, "ref", None)
        reconcile = current_reconcile.get()
        self._bus.publish(
            Log(
                at=record.created,
                cause=reconcile.seq if reconcile else 0,
                level=_level(record.levelno),
                message=record.getMessage(),
                logger=record.name,
                ref=ref if isinstance(ref, Ref) else None,
            )
        )


def _level(number: int) -> Literal["debug", "info", "warning", "error"]:
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warning"
    return "info" if number >= logging.INFO else "debug"
