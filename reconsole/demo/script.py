"""A script: chapters of scenes, each with a caption, what is done, and what the screen has to show then."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from reconsole.options import Failure

_DEEDS = ("keys", "type", "apply", "delete", "scale", "patch", "revoke", "grant", "fault", "until", "pause")
_OBJECT = re.compile(r"[a-z][a-z.]*/[a-z0-9.-]+")


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing to do, as one of its fields says; ``namespace`` and what ends a scale or patch go with it.

    ``keys`` are pressed one after the other and ``type`` is typed, in the console. The others are done with
    another client, as kubectl does them; ``delete``, ``scale`` and ``patch`` name an object as in
    ``pod/my-op-redis-0``. ``until`` waits for words on the screen, ``pause`` for seconds.
    ``refused``: the server has to say no.
    """

    keys: list[str] | None = None
    type: str | None = None
    apply: dict[str, Any] | None = None
    delete: str | None = None
    scale: str | None = None
    patch: str | None = None
    revoke: str | None = None
    grant: str | None = None
    fault: dict[str, Any] | None = None
    until: str | None = None
    pause: float | None = None
    replicas: int | None = None
    merge: dict[str, Any] | None = None
    namespace: str = "default"
    refused: bool = False

    def __post_init__(self) -> None:
        named = [name for name in _DEEDS if getattr(self, name) is not None]
        if len(named) != 1:
            raise ValueError(f"a step has one of {', '.join(_DEEDS)}; this one has {_list(named)}")
        for target in (self.delete, self.scale, self.patch):
            if target is not None and not _OBJECT.fullmatch(target):
                raise ValueError(f"{target!r} names no object: write it as in pod/my-op-redis-0")
        if (self.scale is None) != (self.replicas is None) or (self.patch is None) != (self.merge is None):
            raise ValueError("scale goes with replicas, and patch with merge")
        if self.replicas is not None and self.replicas < 0:
            raise ValueError("replicas is a number of 0 or more")
        if self.pause is not None and self.pause < 0:
            raise ValueError("pause is in seconds, 0 or more")
        if self.apply is not None and not _is_object(self.apply):
            raise ValueError("apply needs an object with apiVersion, kind and metadata.name")


class Scene(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``hold`` is how long it stays when all is done, in seconds; None is as long as it takes to look at."""

    caption: str
    do: list[Step] = []
    until: str | None = None
    hold: float | None = None


class Chapter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    chapter: str
    scenes: list[Scene]


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    chapters: list[Chapter]

    def number_of(self, chapter: str) -> int:
        """From 1, by its number or the beginning of any of its words. Raises Failure."""
        if chapter.isdigit() and 1 <= int(chapter) <= len(self.chapters):
            return int(chapter)
        wanted = chapter.lower()
        for number, found in enumerate(self.chapters, 1):
            if wanted and re.search(rf"\b{re.escape(wanted)}", found.chapter.lower()):
                return number
        names = "; ".join(f"{n} {c.chapter}" for n, c in enumerate(self.chapters, 1))
        raise Failure(f"there is no chapter {chapter!r}; there are: {names}")


def read_script(path: Path) -> Script:
    """Raises Failure, with the line where something is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
        tree = yaml.compose(text, yaml.SafeLoader)
        data = yaml.safe_load(text)
    except OSError as error:
        raise Failure(f"cannot read the script {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise Failure(f"cannot read the script {path}: it is no UTF-8 text") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise Failure(f"{where}: it is no YAML: {getattr(error, 'problem', None) or error}") from error
    try:
        script = msgspec.convert(data, Script)
    except msgspec.ValidationError as error:
        words, _, at = str(error).partition(" - at `")
        line = _line_of(tree, at.rstrip("`"))
        raise Failure(f"{path}:{line}: {_plainly(words)}") from error
    for what in _nothing_in(script):
        raise Failure(f"{path}: {what}")
    return script


def _nothing_in(script: Script) -> Iterator[str]:
    if not script.chapters:
        yield "it has no chapters"
    for chapter in script.chapters:
        if not chapter.scenes:
            yield f"the chapter {chapter.chapter!r} has no scenes"


def _line_of(node: yaml.Node | None, path: str) -> int:
    """The line of what a path of msgspec's names, as in ``$.chapters[0].scenes[2]``."""
    for name, index in re.findall(r"\.([a-z]+)|\[(\d+)\]", path):
        if isinstance(node, yaml.MappingNode):
            node = next((v for k, v in node.value if k.value == name), node)
        elif isinstance(node, yaml.SequenceNode) and index:
            node = node.value[int(index)]
    return node.start_mark.line + 1 if node is not None else 1


_PLAIN = {
    "str": "text", "int": "a number", "float": "a number", "bool": "true or false",
    "object": "a mapping", "array": "a list", "null": "nothing",
}  # fmt: skip


def _plainly(words: str) -> str:
    """msgspec's words in those of YAML."""
    words = re.sub(r"`(\w+)(?: \| null)?`(?! missing)", lambda m: _PLAIN.get(m[1], m[0]), words)
    words = words.replace("Object missing", "there is no").replace("Object", "it").replace("field", "key")
    return words[:1].lower() + words[1:]


def _list(names: list[str]) -> str:
    return " and ".join(names) or "none"


def _is_object(data: dict[str, Any]) -> bool:
    meta = data.get("metadata")
    texts = (data.get("apiVersion"), data.get("kind"), meta.get("name") if isinstance(meta, dict) else None)
    return all(isinstance(text, str) and text for text in texts)
