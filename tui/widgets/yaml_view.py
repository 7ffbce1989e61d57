"""A document in lines, keys and values in their own colours."""

from __future__ import annotations

import re

from rich.cells import cell_len
from textual.geometry import Size
from textual.strip import Strip

from tui.widgets.lines import LineView, Row

_KEY = re.compile(r"^(\s*(?:- )*)([^\s:#][^:]*)(:)(\s.*|)$")


def yaml_row(line: str) -> Row:
    match = _KEY.match(line)
    if match is None:
        return [(line, "text")]
    indent, key, colon, value = match.groups()
    return [(indent, "muted"), (key, "accent"), (colon, "muted"), (value, "text")]


class YamlView(LineView):
    def __init__(self, text: str) -> None:
        super().__init__(id="yaml")
        self._lines = text.splitlines()

    def on_mount(self) -> None:
        self.virtual_size = Size(max((cell_len(x) for x in self._lines), default=0), len(self._lines))

    def line(self, y: int) -> Strip:
        index = round(self.scroll_offset.y) + y
        return self.paint(yaml_row(self._lines[index]) if index < len(self._lines) else [], self.room.width)
