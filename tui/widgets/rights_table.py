"""The matrix of permissions: a line for each resource and scope, a column for each verb."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.binding import Binding
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from controller.events import PermissionsReviewed, Right
from controller_runtime.kube.terminal import safe_text
from tui.rights import VERBS, Row, in_order, is_losing, rows
from tui.state import ConsoleState
from tui.text import fine_age, fit, identity_forms, pad
from tui.widgets.lines import LineView, Piece

WIDEST = 26  # cells, of a resource, a group or a scope
NARROW = 80  # columns below which these are cut shorter
HEAD = 2  # lines above the rows


class RightsTable(LineView):
    BINDINGS = [Binding("enter", "card", "What is missing", id="rights.card")]

    @dataclass
    class Chosen(Message):
        row: Row

    def __init__(self, state: ConsoleState, clock: Callable[[], float], subject: str) -> None:
        super().__init__(id="rights")
        self._state = state
        self._clock = clock
        self._subject = subject
        self._rows: list[Row] = []
        self._cursor = 0

    def commit(self) -> None:
        review = self._state.reviews.get("controller")
        is_first, self._rows = not self._rows, rows(review)
        if is_first:
            self._cursor = next((i for i, row in enumerate(self._rows) if row.missing), 0)
        self._cursor = max(min(self._cursor, len(self._rows) - 1), 0)
        self.virtual_size = Size(self.room.width, len(self._rows) + HEAD + 2)
        identity = review.identity if review else ""
        needed = sum(len(row.cells) for row in self._rows)
        missing = sum(len(row.missing) for row in self._rows)
        self.entitle(
            f"Permissions of {identity or 'the operator'}",
            "enter: what is missing · c copies the rules · r asks anew · esc closes",
        )
        if review is None:
            self._said: list[Piece] = [("◌ asking the server …", "accent")]
        else:
            count = (f"✗ {missing} missing of {needed}", "error") if missing else (f"✓ all {needed}", "ok")
            age = f"   asked {fine_age(self._clock() - review.at)} ago"
            self._said = [count, (age, "muted")]
            if review.message:
                self._said.append((f"   ✗ cannot ask now: {review.message}", "error"))
        self.refresh_changed()

    # The columns

    def _verbs(self) -> list[str]:
        used = in_order(verb for row in self._rows for verb in row.cells)
        return [v for v in VERBS if v in used] + [v for v in used if v not in VERBS]

    def _others(self) -> list[tuple[str, PermissionsReviewed | None]]:
        """Titles and answers of those whose rights stand beside: who sits here, and who was asked for."""
        person, subject = self._state.reviews.get("person"), self._state.reviews.get("subject")
        found: list[tuple[str, PermissionsReviewed | None]] = []
        if person is not None:
            found.append((f"you: {identity_forms(person.identity)[-1]}", person))
        if self._subject:
            its = subject if subject is not None and subject.identity == self._subject else None
            found.append((identity_forms(self._subject)[-1], its))
        return found

    def line(self, y: int) -> Strip:
        width = self.room.width
        index = round(self.scroll_offset.y) + y
        if index == 0:
            return self.paint(getattr(self, "_said", []), width)
        place = index - HEAD
        if index == 1:
            return self.paint(self._line(None) if self._rows else [], width)
        if place < len(self._rows):
            over = "cursor" if place == self._cursor else ""
            return self.paint(self._line(self._rows[place]), width, over)
        return self.paint(self._foot() if place == len(self._rows) + 1 else [], width)

    def _line(self, row: Row | None) -> list[Piece]:
        widest = WIDEST if self.room.width >= NARROW else WIDEST // 2
        widths = [
            min(max([cell_len(safe_text(text)) for text in (title, *texts)]), widest)
            for title, texts in (
                ("RESOURCE", [_what(r) for r in self._rows]),
                ("GROUP", [r.group or "core" for r in self._rows]),
                ("SCOPE", [_scope(r) for r in self._rows]),
            )
        ]
        texts = ("RESOURCE", "GROUP", "SCOPE") if row is None else (
            _what(row), row.group or ("" if row.url else "core"), _scope(row),
        )  # fmt: skip
        style = "head" if row is None else "error" if row.missing else "text"
        pieces: list[Piece] = [
            (f"{pad(safe_text(t), w)}  ", style) for t, w in zip(texts, widths, strict=True)
        ]
        for verb in self._verbs():
            space = max(len(verb), 3)
            if row is None:
                pieces.append((f"{verb:<{space}} ", "head"))
            else:
                glyph, colour = self._cell(row, row.cells.get(verb))
                pieces.append((f"{glyph:^{space}} ", colour))
        for title, review in self._others():
            room = max([cell_len(safe_text(title)), *(cell_len(_beside(r, review)[0]) for r in self._rows)])
            words, colour = (safe_text(title), "head") if row is None else _beside(row, review)
            pieces.append((f"  {pad(words, room)}", colour))
        return pieces

    def _cell(self, row: Row, right: Right | None) -> Piece:
        if right is None:
            return "·", "dim"
        if right.allowed:
            return "✓", "ok"
        watches = [
            w
            for w in self._state.watches.values()
            if (w.group, w.resource, w.scope) == (row.group, row.resource, row.namespace)
        ]
        if right.permission.verb in ("list", "watch") and any(is_losing(self._state, w) for w in watches):
            return "!", "warn"
        return "✗", "error"

    def _foot(self) -> list[Piece]:
        subject = self._state.reviews.get("subject")
        if self._subject and subject is not None and subject.identity == self._subject and subject.message:
            return [(f"✗ cannot ask as {self._subject}: {subject.message}", "error")]
        if not self._rows:
            return []
        row = self._rows[self._cursor]
        note = "" if row.is_declared else "; * no marker asks for it: it was tried and refused"
        if not row.missing:
            return [(f"{_what(row)}: nothing is missing{note}", "muted")]
        verbs = ", ".join(in_order(right.permission.verb for right in row.missing))
        if any(self._cell(row, right)[0] == "!" for right in row.missing):
            return [(f"{_what(row)}: {verbs} will be lost at the next reconnect{note}", "warn")]
        why = next((right.almost[0] for right in row.missing if right.almost), "")
        return [(f"{_what(row)}: {verbs} missing{note}", "error"), (f"  {why}", "muted")]

    # The cursor

    def action_line(self, step: int) -> None:
        self._choose(self._cursor + step)

    def action_top(self) -> None:
        self._choose(0)

    def action_bottom(self) -> None:
        self._choose(len(self._rows) - 1)

    def _choose(self, index: int) -> None:
        self._cursor = max(min(index, len(self._rows) - 1), 0)
        line = self._cursor + HEAD
        top, height = round(self.scroll_offset.y), max(self.size.height, 1)
        if self._cursor == 0:
            self.scroll_to(y=0, animate=False, immediate=True, force=True)
        elif not top <= line < top + height:
            self.scroll_to(y=max(line - height + 1, 0), animate=False, immediate=True, force=True)
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        place = round(self.scroll_offset.y) + event.get_content_offset_capture(self).y - HEAD
        if 0 <= place < len(self._rows):
            self._choose(place)
            self.action_card()

    def action_card(self) -> None:
        if self._rows:
            self.post_message(self.Chosen(self._rows[self._cursor]))


def _what(row: Row) -> str:
    name = f"{row.resource or row.url}{'/' + row.name if row.name else ''}"
    return name if row.is_declared else f"{name} *"


def _scope(row: Row) -> str:
    return row.namespace or ("" if row.url else "all")


def _beside(row: Row, review: PermissionsReviewed | None) -> Piece:
    if review is None:
        return "◌ asking", "accent"
    if review.message and not review.rights:
        return "?", "muted"
    allowed = {right.permission: right.allowed for right in review.rights}
    lacks = [verb for verb, right in row.cells.items() if not allowed.get(right.permission, True)]
    return (fit(f"✗ {', '.join(in_order(lacks))}", WIDEST), "error") if lacks else ("✓ all", "ok")
