"""The console with somebody in it who tells a story; any key takes over."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from textual import events

from tui.app import ConsoleApp
from tui.widgets.captions import Captions

SEEN_TO = 2.0  # seconds, at most
NEWS = 60  # lines of the stream that may have come at once, more than there is room for
PASSED_ON = ("ctrl+c", "ctrl+q")  # keys that do what they do, beside taking over
NAMED = {"full_stop": ".", "minus": "-", "colon": ":", "slash": "/", "space": " ", "question_mark": "?"}


def key_event(key: str) -> events.Key:
    """As the terminal would send it: ``key`` is Textual's name of it, or a character."""
    character = NAMED.get(key) or (key if len(key) == 1 else None)
    if len(key) == 1 and not key.isalnum():
        key = unicodedata.name(key).lower().replace("-", "_").replace(" ", "_")
    return events.Key(key, character)


class DemoApp(ConsoleApp):
    """``play`` is given the app to act in: ``press`` and ``text``."""

    def __init__(
        self,
        *args: Any,
        play: Callable[[DemoApp], Awaitable[None]],
        ended: Callable[[DemoApp, Exception | None], None],
        **named: Any,
    ) -> None:
        """``ended`` is called when the story is over, with what went wrong; not when a key took over."""
        super().__init__(*args, **named)
        self._play = play
        self._ended = ended
        self._story: asyncio.Task[None] | None = None
        self._pressed: list[events.Key] = []  # by the story, and not here yet

    def on_ready(self) -> None:
        self.query_one(Captions).hint = "any key takes over"
        self._story = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        try:
            await self._play(self)
        except Exception as error:
            self._story = None
            self._ended(self, error)
        else:
            self._story = None
            self._ended(self, None)

    # The stage ------------------------------------------------------------------------------------

    async def press(self, key: str) -> None:
        """Returns when it was seen to: the next key may be for another screen."""
        event = key_event(key)
        self._pressed.append(event)
        self.post_message(event)
        for _ in range(2):  # what it asks for, and what that asks for
            for pump in (self, self.screen):
                done = asyncio.Event()
                pump.call_after_refresh(done.set)
                with suppress(TimeoutError):
                    await asyncio.wait_for(done.wait(), SEEN_TO)

    def text(self) -> str:
        """What is on the screen but for the captions, and in the stream since the last of these."""
        strips = self.screen._compositor.render_strips()
        lines = ["".join(segment.text for segment in strip) for strip in strips]
        for captions in self.screen.query(Captions):
            if captions.display:
                del lines[captions.region.y : captions.region.bottom]
        since = self.state.caption.at if self.state.caption else 0.0
        ring = self.state.stream
        news = (ring.get(number) for number in range(max(0, ring.end - NEWS), ring.end))
        lines += [f"{n.word} {n.subject} {n.detail}" for n in news if n is not None and n.at >= since]
        return "\n".join(lines)

    # Taking over ----------------------------------------------------------------------------------

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key | events.MouseDown) and not event.is_forwarded:
            mine = [pressed for pressed in self._pressed if pressed is event]
            self._pressed = [pressed for pressed in self._pressed if pressed is not event]
            if not mine and self._story is not None:
                self.take_over("You took over")
                if not (isinstance(event, events.Key) and event.key in PASSED_ON):
                    return
        await super().on_event(event)

    def take_over(self, why: str) -> None:
        """End the story: from now on it is the live console."""
        if self._story is not None:
            self._story.cancel()
            self._story = None
        self._pressed.clear()
        self.state.caption = None
        self.show()
        self.notify(f"{why}: the console is yours. ? shows the keys.", timeout=6, markup=False)
