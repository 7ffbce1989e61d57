"""Screens as SVG: one of them, or many that follow each other. No font is loaded, no script runs."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style

Line = tuple[Segment, ...]

WIDTH, HEIGHT = 8, 17  # pixels of a cell
BASE = 13  # pixels, from its top to the feet of its letters
SIZE = 13.3  # pixels of the font, whose letters are 0.6 of it wide; textLength makes up for others
MARGIN = 10  # pixels around
FRAME = 30  # pixels, for the title above
BACKGROUND, FOREGROUND = "#0d1117", "#e6edf3"
FONT = "ui-monospace,SFMono-Regular,Menlo,Consolas,DejaVu Sans Mono,monospace"


def still(lines: Sequence[Line], title: str) -> str:
    """One screen."""
    return _Drawing(title).document(lines, [], 0.0)


def animation(
    pictures: Sequence[tuple[float, Sequence[Line]]], length: float, poster: int, title: str
) -> str:
    """Screens with the seconds at which each comes, over and over in ``length`` seconds.

    ``poster`` is the one that is shown where nothing moves: viewers without CSS, people who want it so.
    """
    return _Drawing(title).document(pictures[poster][1], pictures, length)


class _Drawing:
    def __init__(self, title: str) -> None:
        self._title = title
        self._classes: dict[str, str] = {}  # CSS and its class
        self._moves: list[str] = []
        self._names: dict[Line, str] = {}  # of each different line, which is drawn but once
        self._drawn: list[str] = []

    def document(
        self, shown: Sequence[Line], pictures: Sequence[tuple[float, Sequence[Line]]], length: float
    ) -> str:
        cells = sum(segment.cell_length for segment in shown[0])
        width = cells * WIDTH + 2 * MARGIN
        height = len(shown) * HEIGHT + FRAME + MARGIN
        rows = []
        for y, line in enumerate(shown):
            top = FRAME + y * HEIGHT
            if changes := _changes(y, pictures):
                rows.append(self._moving(top, y, line, changes, length))
            else:
                rows.append(f'<g transform="translate({MARGIN},{top})">{self._use(line, 0)}</g>')
        styles = "".join(f".{name}{{{css}}}" for css, name in self._classes.items())
        dots = "".join(
            f'<circle cx="{18 + 18 * n}" cy="15" r="5.5" fill="{colour}"/>'
            for n, colour in enumerate(("#ff5f57", "#febc2e", "#28c840"))
        )
        still_css = "@media(prefers-reduced-motion){g{animation:none!important}}" if self._moves else ""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" role="img" xml:space="preserve" aria-label="{escape(self._title)}">\n'
            f"<style>text{{font:{SIZE}px {FONT};fill:{FOREGROUND};white-space:pre}}"
            f".t{{font-family:sans-serif;font-size:13px;text-anchor:middle;fill:#8b949e}}"
            f"rect{{shape-rendering:crispEdges}}{styles}"
            f"{''.join(self._moves)}{still_css}</style>\n"
            f'<rect width="{width}" height="{height}" rx="8" fill="{BACKGROUND}"/>{dots}'
            f"<defs>{''.join(self._drawn)}</defs>"
            f'<text class="t" x="{width // 2}" y="19">{escape(self._title)}</text>\n'
            + "\n".join(rows)
            + "\n</svg>\n"
        )

    def _moving(self, top: int, y: int, shown: Line, changes: list[tuple[float, Line]], length: float) -> str:
        """All that ever stands in this line, one below the other behind a window that is one line high."""
        places: dict[Line, int] = {}
        steps = []
        for at, line in changes:
            place = places.setdefault(line, len(places))
            steps.append(f"{at / length * 100:.2f}%{{transform:translateY({-place * HEIGHT}px)}}")
        self._moves.append(
            f"@keyframes k{y}{{{''.join(steps)}}}.r{y}{{animation:k{y} {length:g}s step-end infinite}}"
        )
        drawn = "".join(self._use(line, place * HEIGHT) for line, place in places.items())
        cells = sum(segment.cell_length for segment in shown)
        return (
            f'<svg x="{MARGIN}" y="{top}" width="{cells * WIDTH}" height="{HEIGHT}">'
            f'<g class="r{y}" transform="translate(0,{-places.get(shown, 0) * HEIGHT})">{drawn}</g></svg>'
        )

    def _use(self, line: Line, y: int) -> str:
        name = self._names.get(line)
        if name is None:
            name = self._names[line] = f"l{len(self._names)}"
            self._drawn.append(f'<g id="{name}">{self._line(line)}</g>')
        return f'<use href="#{name}"' + (f' y="{y}"/>' if y else "/>")

    def _line(self, line: Line) -> str:
        papers: list[tuple[int, int, str]] = []  # from, to, colour
        texts = []  # after all papers, for letters may reach over the edge of their cells
        x = 0
        for text, style, _ in line:
            cells = cell_len(text)
            ink, paper = _colours(style or Style.null())
            if papers and papers[-1][2] == paper:
                papers[-1] = (papers[-1][0], x + cells, paper)
            elif cells:
                papers.append((x, x + cells, paper))
            if bare := text.strip(" "):
                left = (x + len(text) - len(text.lstrip(" "))) * WIDTH
                texts.append(
                    f'<text x="{left}" y="{BASE}" textLength="{cell_len(bare) * WIDTH}"'
                    f"{self._class(ink, style or Style.null())}>{escape(bare, quote=False)}</text>"
                )
            x += cells
        rects = (
            f'<rect x="{begin * WIDTH}" width="{(end - begin) * WIDTH}" height="{HEIGHT}" fill="{colour}"/>'
            for begin, end, colour in papers
            if colour
        )
        return "".join([*rects, *texts])

    def _class(self, ink: str, style: Style) -> str:
        css = ";".join(
            part
            for part, wanted in (
                (f"fill:{ink}", bool(ink)),
                ("font-weight:bold", bool(style.bold)),
                ("font-style:italic", bool(style.italic)),
                ("text-decoration:underline", bool(style.underline)),
                ("opacity:.6", bool(style.dim)),
            )
            if wanted
        )
        return f' class="{self._classes.setdefault(css, f"c{len(self._classes)}")}"' if css else ""


def _changes(y: int, pictures: Sequence[tuple[float, Sequence[Line]]]) -> list[tuple[float, Line]]:
    """What comes into line ``y`` and when; empty for one that never changes."""
    changes: list[tuple[float, Line]] = []
    for at, lines in pictures:
        if not changes or changes[-1][1] != lines[y]:
            changes.append((at if changes else 0.0, lines[y]))
    return changes if len(changes) > 1 else []


def _colours(style: Style) -> tuple[str, str]:
    """Ink and paper as CSS; "" where it is the default."""
    ink, paper = _css(style.color), _css(style.bgcolor)
    return (paper or BACKGROUND, ink or FOREGROUND) if style.reverse else (ink, paper)


def _css(colour: Color | None) -> str:
    return colour.get_truecolor().hex if colour is not None and not colour.is_default else ""
