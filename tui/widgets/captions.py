"""What a story says: its chapter, its words, and what it does, in lines of their own below everything."""

from __future__ import annotations

from tui.state import ConsoleState
from tui.text import fit, wrap
from tui.widgets.lines import Panel, Row

LINES = 2  # of the caption
KEYS = {"space": "space", "enter": "⏎", "escape": "esc", "colon": ":"}


class Captions(Panel):
    """``hint`` says what the person can do; it is not shown while no story is told."""

    DEFAULT_CSS = """
    Captions {
        display: none; height: 4; width: 1fr; padding: 0 1;
        background: $primary 18%;
    }
    Captions.docked { display: block; dock: bottom; margin-bottom: 1; }
    """

    def __init__(self, state: ConsoleState, *, classes: str = "") -> None:
        super().__init__(classes=classes)
        self.hint = ""
        self._state = state

    def commit(self) -> None:
        self.display = self._state.caption is not None
        if self.display:
            self.update_rows()

    def rows(self, width: int) -> list[Row]:
        caption = self._state.caption
        if caption is None:
            return []
        place = f"{caption.number}/{caption.of} "
        title = fit(caption.chapter, width - len(place))
        gap = width - len(place) - len(title) - len(self.hint)
        head: Row = [(place, "accent"), (title, "bold")]
        if gap > 1:
            head += [(" " * gap, "text"), (self.hint, "muted")]
        said = wrap(caption.text, width)
        if len(said) > LINES:
            said[LINES - 1 :] = [fit(" ".join(said[LINES - 1 :]), width)]
        lines: list[Row] = [[(line, "text")] for line in said]
        return [head, *lines, *([[]] * (LINES - len(lines))), self._deed()]

    def _deed(self) -> Row:
        deed = self._state.deed
        if deed is None:
            return []
        if deed.key:
            return [("⌨ ", "muted"), (deed.typed or KEYS.get(deed.key, deed.key), "accent")]
        row: Row = [("$ ", "muted"), (deed.command, "accent")]
        if deed.answer:
            row += [("  ✓ ", "ok") if deed.ok else ("  ✗ ", "error"), (deed.answer, "text")]
        return row
