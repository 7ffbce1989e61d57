"""Plays a script on a stage, at a pace to read by."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from typing import Protocol

from controller.events import Caption, Deed
from controller_runtime.events import BusEvent
from reconsole.demo.hands import Hands, command
from reconsole.demo.script import Scene, Script, Step

PATIENCE = 30.0  # seconds for words to come
LOOK_EVERY = 0.1  # seconds
WORD = 0.22  # seconds to read one: 270 a minute
LEAST_READING = 1.2  # seconds
HOLD = 2.5  # seconds to look at what came of it
KEY = 0.8  # seconds between two keys that are pressed
LETTER = 0.08  # seconds between two that are typed


class Stage(Protocol):
    """The console that it is played in."""

    async def press(self, key: str) -> None: ...

    def text(self) -> str: ...


class Failed(Exception):
    """A step that did not go as the script says. The text is a sentence."""


class Director:
    """``speed`` divides all pauses; the chapters before ``first`` are gone through without any."""

    def __init__(
        self,
        script: Script,
        publish: Callable[[BusEvent], object],
        hands: Callable[[], Hands],
        clock: Callable[[], float],
        *,
        speed: float = 1.0,
        first: int = 1,
        patience: float = PATIENCE,
        strict: bool = True,
    ) -> None:
        """``hands`` may block until there is a connection.

        Not ``strict``: when words do not come it goes on, for they may just have no room on a small screen.
        """
        self._script = script
        self._publish = publish
        self._get_hands = hands
        self._hands: Hands | None = None
        self._clock = clock
        self._speed = speed
        self._first = first
        self._patience = patience
        self._is_strict = strict
        self._is_hurrying = False

    async def play(self, stage: Stage) -> None:
        """Once, to its end; it may be played again. Raises Failed."""
        if self._hands is None:
            self._hands = await asyncio.to_thread(self._get_hands)
        hands = self._hands
        chapters = self._script.chapters
        for number, chapter in enumerate(chapters, 1):
            self._is_hurrying = number < self._first
            for place, scene in enumerate(chapter.scenes, 1):
                caption = " ".join(scene.caption.split())
                self._publish(
                    Caption(
                        at=self._clock(),
                        chapter=chapter.chapter,
                        number=number,
                        of=len(chapters),
                        text=caption,
                    )
                )
                try:
                    await self._play(scene, stage, hands)
                except Failed as failed:
                    where = f"chapter {number} ({chapter.chapter}), scene {place}"
                    raise Failed(f"{where}: {failed}") from failed
        self._first = 1

    async def _play(self, scene: Scene, stage: Stage, hands: Hands) -> None:
        await self._pause(max(LEAST_READING, WORD * len(scene.caption.split())))
        for step in scene.do:
            await self._do(step, stage, hands)
        if scene.until is not None:
            await self._until(scene.until, stage)
        await self._pause(HOLD if scene.hold is None else scene.hold)

    async def _do(self, step: Step, stage: Stage, hands: Hands) -> None:
        if step.until is not None:
            await self._until(step.until, stage)
        elif step.pause is not None:
            await self._pause(step.pause)
        elif step.keys is not None or step.type is not None:
            for key, pause in _keys(step):
                self._publish(Deed(at=self._clock(), key=key, typed=step.type or ""))
                await stage.press(key)
                await self._pause(pause, at_least=0.05)
        else:
            typed = command(step)
            self._publish(Deed(at=self._clock(), command=typed))
            await self._pause(0.6)
            answer = await asyncio.to_thread(hands.do, step)
            self._publish(Deed(at=self._clock(), command=typed, ok=answer.ok, answer=answer.words))
            if answer.ok == step.refused:
                raise Failed(f"{typed}: {'it was not refused' if answer.ok else answer.words}")

    async def _until(self, words: str, stage: Stage) -> None:
        wanted = " ".join(words.split())
        try:
            async with asyncio.timeout(self._patience):
                while wanted not in flat(stage.text()):  # noqa: ASYNC110, a screen has no event for it
                    await asyncio.sleep(LOOK_EVERY)
        except TimeoutError:
            if not self._is_strict:
                return
            raise Failed(f"{wanted!r} did not come on the screen in {self._patience:g} s") from None

    async def _pause(self, seconds: float, *, at_least: float = 0.0) -> None:
        await asyncio.sleep(max(at_least, 0.0 if self._is_hurrying else seconds / self._speed))


def flat(text: str) -> str:
    """The text of a screen without the lines of its boxes, and with single spaces."""
    return " ".join(re.sub("[│╭╮╰╯▏▕▊▎─]", " ", text).split())


def _keys(step: Step) -> Iterator[tuple[str, float]]:
    for key in step.keys or ():
        yield key, KEY
    for letter in step.type or "":
        yield {" ": "space", ":": "colon", "-": "minus"}.get(letter, letter), LETTER
