"""Python's logging, led onto the bus, so that no log line ever reaches a screen that somebody draws on."""

from __future__ import annotations

import logging
from typing import Literal

from controller_runtime.bus import EventBus
from controller_runtime.client.context import current_reconcile
from controller_runtime.events import Log, trace
from controller_runtime.kube.resource import Ref
from controller_runtime.manager.logs import details

# Their lines are on the bus already, as WatchStatus, ReconcileFinished and ThreadDied.
PUBLISHED_OTHERWISE = (
    "controller_runtime.cache.reflector",
    "controller_runtime.controller.worker",
    "controller_runtime.threads",
)


class BusHandler(logging.Handler):
    """Publishes each record as a ``Log`` event, but for what the bus carries already."""

    def __init__(self, bus: EventBus) -> None:
        super().__init__(logging.INFO)
        self._bus = bus

    def emit(self, record: logging.LogRecord) -> None:
        if record.name in PUBLISHED_OTHERWISE:
            return
        ref = getattr(record, "ref", None)
        error = record.exc_info[1] if record.exc_info else None
        reconcile = current_reconcile.get()
        self._bus.publish(
            Log(
                at=record.created,
                cause=reconcile.seq if reconcile else 0,
                level=_level(record.levelno),
                message=_message(record),
                logger=record.name,
                ref=ref if isinstance(ref, Ref) else None,
                detail=details(record),
                traceback=trace(error) if error is not None else "",
            )
        )


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # its arguments do not fit; the handler's own complaint would go to the screen
        return f"cannot format {record.msg!r}: {type(error).__name__}: {error}"


def _level(number: int) -> Literal["debug", "info", "warning", "error"]:
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warning"
    return "info" if number >= logging.INFO else "debug"
