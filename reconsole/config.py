"""The configuration file of the console, and ``reconsole config``: each value, and where it comes from."""

from __future__ import annotations

import difflib
import json
import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconsole.options import Failure
from tui.settings import Settings, bindings, themes


@dataclass(frozen=True)
class Value:
    """``origin`` is "default", a file, or an option of the command line."""

    name: str  # as in console.theme
    value: Any
    origin: str


def config_path(environ: Mapping[str, str] = os.environ) -> Path:
    """``$XDG_CONFIG_HOME/reconsole/config.toml``, or below ``~/.config`` (XDG Base Directories)."""
    base = environ.get("XDG_CONFIG_HOME", "")
    home = Path(base) if base.startswith("/") else Path("~/.config").expanduser()
    return home / "reconsole" / "config.toml"


def load_settings(path: Path | None = None, *, no_mouse: bool = False) -> Settings:
    """The settings of the console. A file that is not there sets nothing. Raises Failure."""
    return _settings(effective(path, no_mouse=no_mouse))


def effective(path: Path | None = None, *, no_mouse: bool = False) -> list[Value]:
    """Every value that there is, and where it comes from. Raises Failure."""
    path = path or config_path()
    given = _read(path)
    values: list[Value] = []
    defaults = Settings()
    _known(path, "", given, ("console", "keys"))
    console, keys = given.get("console", {}), given.get("keys", {})
    _is_table(path, "console", console)
    _is_table(path, "keys", keys)
    _known(path, "console", console, ("theme", "mouse", "rows"))
    for name in ("theme", "mouse", "rows"):
        default = getattr(defaults, name)
        if name in console:
            _check(path, name, console[name], default)
            values.append(Value(f"console.{name}", console[name], str(path)))
        else:
            values.append(Value(f"console.{name}", default, "default"))
    if no_mouse:
        values = [Value(v.name, False, "--no-mouse") if v.name == "console.mouse" else v for v in values]
    _known(path, "keys", keys, bindings())
    for name in bindings():
        if name not in keys:
            values.append(Value(f"keys.{name}", bindings()[name], "default"))
        elif isinstance(keys[name], str) and keys[name].strip():
            values.append(Value(f"keys.{name}", keys[name], str(path)))
        else:
            raise Failure(f'{path}: keys.{name} is no key: write it as in "ctrl+f" or "f5,F"')
    return values


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Failure(f"{path} is not TOML: {error}") from error
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}") from error


def _known(path: Path, section: str, given: Mapping[str, Any], names: Any) -> None:
    for name in given:
        if name not in names:
            where = f"[{section}] has" if section else "there is"
            near = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there is {', '.join(list(names)[:12])}"
            raise Failure(f"{path}: {where} no {name!r}; {hint}")


def _is_table(path: Path, name: str, value: object) -> None:
    if not isinstance(value, dict):
        raise Failure(f"{path}: {name} is a section: write [{name}] and its values below")


def _check(path: Path, name: str, value: object, default: object) -> None:
    if type(value) is not type(default):
        kind = {bool: "true or false", int: "a number", str: "a text in quotes"}[type(default)]
        raise Failure(f"{path}: console.{name} is {value!r}; it should be {kind}")
    if name == "theme" and value not in themes():
        near = difflib.get_close_matches(str(value), themes(), 1)
        raise Failure(f"{path}: there is no theme {value!r}; " + _themes(near))
    if name == "rows" and not 1_000 <= int(str(value)) <= 1_000_000:
        raise Failure(f"{path}: console.rows is {value}; choose one from 1000 to 1000000")


def _themes(near: list[str]) -> str:
    return f"did you mean {near[0]!r}?" if near else f"there is {', '.join(themes())}"


def _settings(values: list[Value]) -> Settings:
    by_name = {value.name: value.value for value in values}
    changed = {v.name.removeprefix("keys."): v.value for v in values if v.name.startswith("keys.")}
    return Settings(
        theme=by_name["console.theme"],
        mouse=by_name["console.mouse"],
        rows=by_name["console.rows"],
        keys={name: key for name, key in changed.items() if key != bindings()[name]},
    )


def print_config(output: str, *, no_mouse: bool = False) -> int:
    """``reconsole config``: the exit code."""
    try:
        values = effective(no_mouse=no_mouse)
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    if output == "json":
        for value in values:
            print(json.dumps({"name": value.name, "value": value.value, "origin": value.origin}))
        return 0
    print(f"# {config_path()}")
    width = max(len(value.name) for value in values)
    for value in values:
        print(f"{value.name:<{width}}  {json.dumps(value.value):<24}  {value.origin}")
    return 0
