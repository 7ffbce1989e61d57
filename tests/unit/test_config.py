"""The console's configuration file: what can be set, what is refused, and where each value comes from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconsole.cli import main
from reconsole.config import config_path, load_settings
from reconsole.options import Failure
from tui.settings import Settings, bindings, themes


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "reconsole").mkdir()
    return config_path()


def test_without_a_file_everything_has_its_default(path: Path) -> None:
    assert load_settings() == Settings()


def test_what_is_set_counts_and_its_origin_is_shown(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_text('[console]\ntheme = "reconsole-light"\nrows = 5000\n[keys]\n"main.filter" = "ctrl+f"\n')
    settings = load_settings()
    assert (settings.theme, settings.rows, settings.mouse) == ("reconsole-light", 5000, True)
    assert settings.keys == {"main.filter": "ctrl+f"}
    assert main(["--no-mouse", "config", "-o", "json"]) == 0
    printed = {line["name"]: line for line in map(json.loads, capsys.readouterr().out.splitlines())}
    assert printed["console.theme"] == {
        "name": "console.theme",
        "value": "reconsole-light",
        "origin": str(path),
    }
    assert printed["console.mouse"] == {"name": "console.mouse", "value": False, "origin": "--no-mouse"}
    assert printed["keys.main.filter"]["value"] == "ctrl+f"
    assert printed["keys.main.pause"]["origin"] == "default"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("console = 1", r"console is a section: write \[console\]"),
        ("[konsole]", "there is no 'konsole'; did you mean 'console'"),
        ('[console]\nthem = "x"', r"\[console\] has no 'them'; did you mean 'theme'"),
        ('[console]\ntheme = "recosole"', "there is no theme 'recosole'; did you mean 'reconsole'"),
        ("[console]\nmouse = 1", "console.mouse is 1; it should be true or false"),
        ("[console]\nrows = 5", "choose one from 1000 to 1000000"),
        ('[keys]\n"main.filtr" = "f"', r"\[keys\] has no 'main.filtr'; did you mean 'main.filter'"),
        ('[keys]\n"main.filter" = ""', "keys.main.filter is no key"),
        ("[console", "is not TOML"),
    ],
)
def test_what_is_wrong_is_named_with_the_nearest_right_name(path: Path, text: str, says: str) -> None:
    path.write_text(text)
    with pytest.raises(Failure, match=says) as raised:
        load_settings()
    assert str(raised.value).startswith(str(path))


def test_the_names_are_those_of_the_console() -> None:
    assert {"main.filter", "app.quit", "stream.jump"} <= bindings().keys()
    assert themes()[:4] == ["reconsole", "reconsole-light", "reconsole-safe", "reconsole-ansi"]
