"""Prints a line for each event on stdout, from a thread of its own that nothing else waits for."""

from __future__ import annotations

import logging
from collections.abc import Callable

from controller_runtime.bus import LINGER, Subscription
from controller_runtime.events import BusEvent
from controller_runtime.manager.writer import LineWriter

log = logging.getLogger("reconsole")


class Printer:
    """``reader_left`` is called once, when nobody reads any more. ``busy_for`` is as in LineWriter."""

    def __init__(
        self,
        subscription: Subscription,
        line: Callable[[BusEvent], str | None],
        descriptor: int,
        encoding: str,
        reader_left: Callable[[], None],
    ) -> None:
        self.is_over = False
        self._subscription = subscription
        self._line = line
        self._reader_left = reader_left
        self._writer = LineWriter(descriptor, encoding, failed=self._failed, recovered=self._recovered)
        self.busy_for = self._writer.busy_for
        self._pending = 0  # lines that are being written
        self._odd = 0  # events that no line could be made of

    def run(self) -> None:
        while not self._subscription.closed or len(self._subscription):
            self._subscription.wait(0.5, linger=LINGER)
            batch = self._subscription.drain()
            if batch.dropped:
                log.warning(
                    "Events were not printed: nobody read them fast enough",
                    extra={"fields": {"count": batch.dropped}},
                )
            lines = [line for event in batch.events if (line := self._line_of(event))]
            if not lines:
                continue
            self._pending = len(lines)
            try:
                if not self._writer.write("".join(f"{line}\n" for line in lines), self._is_closed):
                    break
            except BrokenPipeError:
                self._pending = 0
                self._reader_left()
                break
            self._pending = 0
        self.is_over = True

    def _line_of(self, event: BusEvent) -> str | None:
        try:
            return self._line(event)
        except Exception:  # a time that no calendar has, for one: the others are to be printed
            self._odd += 1
            log.exception("An event could not be printed")
            return None

    @property
    def lost(self) -> int:
        """Lines and events that were not printed, and after the end will not be."""
        waiting = 0 if self.is_over else len(self._subscription)
        return self._subscription.dropped + self._pending + waiting + self._odd

    def _is_closed(self) -> bool:
        return self._subscription.closed

    def _failed(self, error: OSError) -> None:
        log.error(
            "Output cannot be written, trying again",
            extra={"fields": {"error": error.strerror or str(error)}},
        )

    def _recovered(self) -> None:
        log.info("Output is written again")
