"""The pictures of the README and of docs/ show what the console looks like."""

from __future__ import annotations

from docs.pictures import FOLDER, TITLE, pictures
from reconsole.demo.filming import RECORDED, film


def test_the_pictures_are_those_of_the_recorded_story() -> None:
    for name, text in pictures(film(RECORDED, TITLE)).items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, (
            "they show an older console: make pictures"
        )
