"""Lines of styled text: the one place where text becomes something the terminal gets."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding
from textual.content import Content
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from controller_runtime.kube.terminal import safe_text
from tui.text import fit

Piece = tuple[str, str]  # text and the name of its style
Row = list[Piece]

STYLES = (
    "text", "bold", "muted", "head", "accent", "added", "modified", "deleted",
    "ok", "warn", "error", "info", "busy", "bad", "done", "dim", "match", "lit", "cursor", "cursor-blurred",
)  # fmt: skip

_COMPONENTS = {f"line--{name}" for name in STYLES}

STYLE_CSS = """
    & > .line--text { color: $foreground; }
    & > .line--bold { color: $foreground; text-style: bold; }
    & > .line--muted { color: $muted; }
    & > .line--dim { color: $muted 70%; }
    & > .line--head { color: $muted; text-style: bold; }
    & > .line--accent { color: $accent; }
    & > .line--added { color: $added; }
    & > .line--modified { color: $modified; }
    & > .line--deleted { color: $deleted; }
    & > .line--ok { color: $success; }
    & > .line--warn { color: $warning; }
    & > .line--error { color: $error; }
    & > .line--info { color: $primary; }
    & > .line--busy { color: $warning; }
    & > .line--bad { color: $error; }
    & > .line--done { color: $deleted; }
    & > .line--match { color: $warning; text-style: bold; }
    & > .line--lit { background: $primary 14%; }
    & > .line--cursor { background: $primary 30%; text-style: bold; }
    & > .line--cursor-blurred { background: $panel; }
"""


class Painter(Widget):
    """Turns rows of pieces into strips in the colours of the theme."""

    COMPONENT_CLASSES = _COMPONENTS
    DEFAULT_CSS = f"Painter {{ {STYLE_CSS} }}"

    _drawn: dict[int, Strip]
    _titles = ("", "")

    def line(self, y: int) -> Strip:
        """The strip of the line ``y`` of the window, counted from its top."""
        raise NotImplementedError

    def render_line(self, y: int) -> Strip:
        strip = self._drawn[y] = self.line(y)
        return strip

    def refresh_changed(self) -> None:
        """Draw those lines anew that look different now: a quiet screen sends nothing to the terminal."""
        width, height = self.size
        changed = [y for y in range(height) if self._drawn.get(y) != self.line(y)]
        if changed:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def entitle(self, title: str, subtitle: str = "") -> None:
        """Put plain text into the border; nothing is drawn when it stands there already."""
        if (title, subtitle) != self._titles:
            self._titles = (title, subtitle)
            self.border_title = Content(safe_text(title))
            self.border_subtitle = Content(safe_text(subtitle))

    def style_of(self, name: str) -> Style:
        return self.get_component_rich_style(f"line--{name}", partial=True)

    def paint(self, row: Iterable[Piece], width: int, over: str = "") -> Strip:
        """One line, exactly ``width`` cells wide; ``over`` is a style laid over all of it."""
        base = self.rich_style
        if over:
            base = base + self.get_component_rich_style(f"line--{over}")
        segments: list[Segment] = []
        left = width
        for text, name in row:
            if left <= 0:
                break
            text = safe_text(text)
            text = text[:left] if text.isspace() else fit(text, left)
            used = cell_len(text)
            left -= used
            colour = self.style_of(name)
            segments.append(Segment(text, base + Style(color=colour.color, bold=colour.bold)))
        if left > 0:
            segments.append(Segment(" " * left, base))
        return Strip(segments, width)


class Panel(Painter):
    """A few lines that are made anew at every look; its height follows them unless the CSS sets it."""

    def rows(self, width: int) -> list[Row]:
        raise NotImplementedError

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._drawn = {}
        self._made: tuple[int, list[Row]] | None = None

    def update_rows(self) -> None:
        """Make the lines anew and draw them; lay out again when their number changed."""
        before = self._made
        self._made = None
        width = self.content_size.width
        if before is None or before != (width, self._rows(width)):
            if self.styles.is_auto_height and (before is None or len(before[1]) != len(self._rows(width))):
                self.refresh(layout=True)
            else:
                self.refresh_changed()

    def _rows(self, width: int) -> list[Row]:
        if self._made is None or self._made[0] != width:
            self._made = (width, self.rows(width))
        return self._made[1]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._rows(width))

    def line(self, y: int) -> Strip:
        width = self.size.width
        rows = self._rows(width)
        return self.paint(rows[y] if y < len(rows) else [], width)


class LineView(ScrollView, Painter, can_focus=True):
    """A scrolling view that draws only the lines that can be seen."""

    DEFAULT_CSS = f"LineView {{ scrollbar-size-vertical: 1; overflow-x: hidden; {STYLE_CSS} }}"
    COMPONENT_CLASSES = _COMPONENTS

    BINDINGS = [
        Binding("j,down", "line(1)", "Down", show=False, id="view.down"),
        Binding("k,up", "line(-1)", "Up", show=False, id="view.up"),
        Binding("ctrl+f,pagedown", "page(1)", "Page down", show=False, id="view.page-down"),
        Binding("ctrl+b,pageup", "page(-1)", "Page up", show=False, id="view.page-up"),
        Binding("g,home", "top", "Top", show=False, id="view.top"),
        Binding("G,end", "bottom", "Bottom", show=False, id="view.bottom"),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._drawn = {}

    @property
    def room(self) -> Size:
        """What is left for lines beside the scrollbar."""
        return self.scrollable_content_region.size

    def resize_content(self, size: Size) -> None:
        """There are more or fewer lines. Only when a scrollbar comes or goes is the screen laid out again.

        Textual lays it out for every new ``virtual_size``, which for a stream costs more than drawing it.
        """
        before = self.virtual_size
        if size == before:
            return
        if size.width == before.width and self.show_vertical_scrollbar and size.height > self.size.height:
            self.set_reactive(ScrollView.virtual_size, size)
            self._scroll_update(size)
        else:
            self.virtual_size = size

    def action_line(self, step: int) -> None:
        self.scroll_relative(y=step, animate=False)

    def action_page(self, step: int) -> None:
        self.scroll_relative(y=step * max(self.size.height - 1, 1), animate=False)

    def action_top(self) -> None:
        self.scroll_to(y=0, animate=False)

    def action_bottom(self) -> None:
        self.scroll_end(animate=False)
