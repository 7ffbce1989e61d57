"""Screens as SVG: what a browser makes of the animation is, at every moment, the screen of that moment."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from rich.segment import Segment
from rich.style import Style

from reconsole.demo.svg import BACKGROUND, HEIGHT, Line, animation, still

NAMES = {"": "http://www.w3.org/2000/svg"}
RED = Style.parse("bold #ff0000 on #000080")


def _lines(*texts: str) -> list[Line]:
    return [(Segment(" "), Segment(text, RED), Segment(" ")) for text in texts]


def _shown(svg: str, share: float) -> list[str]:
    """The lines of text that are in the windows after this share of the animation, in per cent."""
    root = ElementTree.fromstring(svg)
    css = root.findtext("style", "", NAMES)
    drawn = {g.get("id"): "".join(g.itertext()) for g in root.findall("defs/g", NAMES)}
    found: dict[float, str] = {}
    for fixed in root.findall("g", NAMES):
        use = fixed.find("use", NAMES)
        assert use is not None
        found[float(str(fixed.get("transform")).split(",")[1].rstrip(")"))] = drawn[str(use.get("href"))[1:]]
    for window in root.findall("svg", NAMES):
        strip = window.find("g", NAMES)
        assert strip is not None
        frames = re.search(rf"@keyframes k{str(strip.get('class'))[1:]}\{{(.*?)\}}\}}", css)
        assert frames is not None
        steps = re.findall(r"([\d.]+)%\{transform:translateY\((-?\d+)px\)", frames[1] + "}")
        offset = [int(y) for at, y in steps if float(at) <= share][-1]
        names = {int(use.get("y", 0)): str(use.get("href"))[1:] for use in strip.findall("use", NAMES)}
        found[float(str(window.get("y")))] = drawn[names[-offset]]
    return [found[y] for y in sorted(found)]


def test_at_every_moment_it_shows_the_screen_of_that_moment() -> None:
    screens = [("a", "b", "c"), ("a", "x", "c"), ("a", "b", "d"), ("a", "b", "b")]
    pictures = [(0.1, _lines(*screens[0])), *((n * 2.5, _lines(*screens[n])) for n in (1, 2, 3))]
    svg = animation(pictures, 10.0, 1, "t")
    assert [_shown(svg, at) for at in (0, 24, 26, 51, 76, 99)] == [
        list(screens[n]) for n in (0, 0, 1, 2, 3, 3)
    ]
    poster = ElementTree.fromstring(svg).findall("svg/g", NAMES)
    assert [g.get("transform") for g in poster] == [f"translate(0,{-HEIGHT})", "translate(0,0)"]


def test_text_is_text_with_its_colours() -> None:
    svg = still(_lines("</text><script>&", "  two  "), '"title"')
    root = ElementTree.fromstring(svg)
    assert _shown(svg, 0) == ["</text><script>&", "two"]
    assert root.get("aria-label") == '"title"'
    css = root.findtext("style", "", NAMES)
    assert "fill:#ff0000;font-weight:bold" in css
    papers = [rect.get("fill") for rect in root.findall("defs/g/rect", NAMES)]
    assert papers == ["#000080"] * 2
    assert BACKGROUND not in papers
    second = root.findall("defs/g/text", NAMES)[1]
    assert (second.get("x"), second.get("textLength")) == ("24", "24")
