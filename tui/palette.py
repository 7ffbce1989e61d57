"""Textual's command palette: the commands of ``:``, what can be done to what is selected, every object."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.markup import escape

from controller_runtime.kube.terminal import safe_text
from tui.commands import ACTIONS, parse
from tui.doings import DOINGS
from tui.kinds.registry import described
from tui.names import ObjectName, name_of

if TYPE_CHECKING:
    from tui.screens.main import Main

MOST = 50  # objects that are listed
PAUSE_EVERY = 1000  # objects that are looked at before keys have their turn


class Palette(Provider):
    """What may not be done is listed with the reason, and says it when it is chosen."""

    @property
    def _main(self) -> Main:
        return cast("Main", self.app.screen_stack[0])

    def _doings(self) -> Iterator[tuple[str, str, partial[None]]]:
        table = self._main.front
        here = table.cursor_object
        what = f"{here.ref.kind} {here.ref.name}" if here else f"no {table.title}"
        for verb, doing in DOINGS.items():
            why = table.why_not(verb)
            yield f"{doing.title}: {what}", f"✗ {why}" if why else "", partial(table.change, verb)

    def _commands(self) -> Iterator[tuple[str, str, partial[None]]]:
        yield from self._doings()
        words = [word for word in ACTIONS if len(word) > 2]
        words += [kind.resource.plural for kind in described().values()]
        for word in dict.fromkeys(words):
            yield f":{word}", "", partial(self._give, word)

    def _give(self, word: str) -> None:
        self.app.call_later(self._main.do, parse(word))

    def _go(self, name: ObjectName) -> None:
        if not self._main.go_to(name):
            self._main.refuse(f"{name.kind} {name.name} is in no table here, or filtered away")

    async def discover(self) -> Hits:
        for title, why, do in self._commands():
            yield DiscoveryHit(Content(safe_text(title)), do, text=safe_text(title), help=_plain(why))

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for title, why, do in self._commands():
            title = safe_text(title)
            if (score := matcher.match(title)) > 0:
                yield Hit(score, Content(title), do, text=title, help=_plain(why))
        words, found, seen = query.lower().split(), 0, 0
        for objects in list(self._main.state.objects.values()):
            for o in list(objects.values()):
                seen += 1
                if seen % PAUSE_EVERY == 0:
                    await asyncio.sleep(0)
                title = safe_text(f"{o.ref.kind} {o.ref.key}")
                if all(word in title.lower() for word in words):
                    found += 1
                    go = partial(self._go, name_of(o.ref))
                    yield Hit(0.5, Content(title), go, text=title, help=_plain(o.status))
                if found >= MOST:
                    return


def _plain(text: str) -> str | None:
    """The palette takes what stands below a title for markup."""
    return escape(safe_text(text)) or None
