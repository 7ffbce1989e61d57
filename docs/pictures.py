"""Makes the pictures of the README and of docs/ from the story that is shipped: make pictures.

Filming it gives the same pictures every time, so a test can say when they no longer show what there is.
"""

from __future__ import annotations

from pathlib import Path

from reconsole.demo.filming import RECORDED, Film, film
from reconsole.demo.svg import animation, still

FOLDER = Path(__file__).parent / "img"
TITLE = "reconsole demo"
EVERY = 0.8  # seconds between the pictures of the animation, at least
# Stills, and the chapter and scene at whose end each is taken.
STILLS = {"permission.svg": (6, 2)}
POSTER = (2, 2)  # what stands still where nothing moves


def pictures(shot: Film) -> dict[str, str]:
    """The files by their names."""
    scenes = {(scene.number, scene.scene): scene.lines for scene in shot.scenes}
    frames = shot.pictures[:1]
    for at, lines in shot.pictures[1:]:
        if at - frames[-1][0] >= EVERY or lines is scenes[POSTER]:
            frames = [*frames, (at, lines)]
    poster = next(n for n, (_, lines) in enumerate(frames) if lines is scenes[POSTER])
    drawn = {"demo.svg": animation(frames, shot.seconds, poster, TITLE)}
    return drawn | {name: still(scenes[which], TITLE) for name, which in STILLS.items()}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, text in pictures(film(RECORDED, TITLE)).items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
