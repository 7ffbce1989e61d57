"""A recorded story as a screen recording, and as stills: the same recording gives the same bytes."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.color import ColorSystem

from reconsole.demo.cast import CastWriter
from reconsole.demo.svg import Line, still
from reconsole.options import Failure
from recording.codec import NotARecording
from recording.index import Index
from recording.reader import Damage

if TYPE_CHECKING:
    from tui.film import Picture

SIZE = (120, 44)  # cells
RECORDED = Path(__file__).parent / "story.jsonl.gz"  # by: reconsole demo --no-ui --events


@dataclass(frozen=True)
class Scene:
    """The last picture of a scene. Chapters and their scenes are counted from 1."""

    chapter: str
    number: int
    scene: int
    lines: Sequence[Line]

    @property
    def file_name(self) -> str:
        words = re.sub(r"[^a-z0-9]+", "-", self.chapter.lower()).strip("-")
        return f"{self.number}.{self.scene}-{words}.svg"


@dataclass(frozen=True)
class Film:
    """``pictures`` are the seconds at which each screen comes. ``cast`` are the lines of an asciicast."""

    pictures: Sequence[tuple[float, Sequence[Line]]]
    scenes: Sequence[Scene]
    cast: Sequence[str]
    seconds: float


def film(recording: Path, title: str, speed: float = 1.0) -> Film:
    """Raises Failure for a file in which there is no story."""
    from tui.film import shoot

    try:
        index = Index(recording, _ignore)
    except (OSError, NotARecording, ImportError) as error:
        words = (error.strerror if isinstance(error, OSError) else "") or str(error)
        raise Failure(f"cannot film {recording}: {words}") from error
    pictures: list[tuple[float, Sequence[Line]]] = []
    scenes: list[Scene] = []
    cast: list[str] = []
    writer = CastWriter(cast.append, SIZE, title=title, at=index.times[0] if len(index) else 0.0)
    told: list[Picture] = []  # the latest picture with its caption

    def take(picture: Picture) -> None:
        caption, before = picture.caption, told[-1].caption if told else None
        if caption is not None and (before is None or caption.number != before.number):
            writer.chapter(picture.at / speed, caption.chapter)
        if before is not None and caption != before:
            scenes.append(_scene(told[-1], scenes))
        told[:] = [picture]
        pictures.append((picture.at / speed, picture.lines))
        writer.show(picture.at / speed, [_ansi(line) for line in picture.lines])

    try:
        seconds = shoot(index, SIZE, take) / speed
    finally:
        index.close()
    if not pictures:
        raise Failure(f"no story is told in {recording}: make one with reconsole demo --events")
    scenes.append(_scene(told[-1], scenes))
    writer.end(seconds)
    return Film(pictures, scenes, cast, seconds)


def save(film: Film, cast: Path | None, stills: Path | None, title: str) -> None:
    """Write the files that are wanted. Raises Failure."""
    try:
        if cast is not None:
            cast.write_text("".join(f"{line}\n" for line in film.cast), encoding="utf-8")
            _say(f"{cast}: {film.seconds:.0f} s; play it with reconsole play or asciinema play")
        if stills is not None:
            stills.mkdir(parents=True, exist_ok=True)
            for scene in film.scenes:
                (stills / scene.file_name).write_text(still(scene.lines, title), encoding="utf-8")
            _say(f"{stills}: {len(film.scenes)} stills")
    except OSError as error:
        raise Failure(f"cannot write {error.filename}: {error.strerror}") from error


def _scene(picture: Picture, before: Sequence[Scene]) -> Scene:
    caption = picture.caption
    assert caption is not None
    place = 1 + sum(scene.number == caption.number for scene in before)
    return Scene(caption.chapter, caption.number, place, picture.lines)


def _ansi(line: Line) -> str:
    return "".join(
        style.render(text, color_system=ColorSystem.TRUECOLOR) if style else text for text, style, _ in line
    )


def _ignore(damage: Damage) -> None:
    return


def _say(words: str) -> None:
    print(words, file=sys.stderr)
