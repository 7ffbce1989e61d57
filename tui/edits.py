"""An object as text that a person edits: what was changed in it, and the server's refusal beside it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from controller_runtime.kube.terminal import safe_text
from tui.kinds.model import ObjectView
from tui.screens.yaml import to_yaml

HELP = "Save and close to change it; close it unchanged to leave it as it is."


def begin(target: ObjectView) -> str:
    ref = target.ref
    return head(f"{ref.kind} {ref.key}", HELP) + to_yaml(target.raw)


def head(*sentences: str) -> str:
    """Comment lines."""
    lines = [line for sentence in sentences for line in sentence.splitlines()]
    return "".join(f"# {safe_text(line)}\n" for line in lines) + "#\n"


def body(text: str) -> str:
    """Without the comment lines at the top."""
    lines = text.splitlines(keepends=True)
    while lines and lines[0].startswith("#"):
        lines.pop(0)
    return "".join(lines)


def again(text: str, why: str) -> str:
    """The person's text as it is, with the refusal above it."""
    return head("Refused:", why, "", HELP) + body(text)


def difference(before: str, after: str) -> dict[str, Any]:
    """The JSON merge patch (RFC 7396) from one text to the other; empty when they say the same.

    Raises ValueError with a sentence when ``after`` is not YAML, or not one object.
    """
    try:
        new = yaml.safe_load(after)
    except yaml.YAMLError as error:
        raise ValueError(f"this is not YAML: {error}") from error
    if not isinstance(new, dict):
        raise ValueError("this is not one object: write apiVersion, kind, metadata and so on")
    old = yaml.safe_load(before)
    for name in ("apiVersion", "kind"):
        if new.get(name) != old.get(name):
            raise ValueError(f"{name} cannot be changed: make another object instead")
    for name in ("name", "namespace", "uid"):
        if _meta(new).get(name) != _meta(old).get(name):
            raise ValueError(f"metadata.{name} cannot be changed: make another object instead")
    return _patch(old, new)


def _meta(o: Mapping[str, Any]) -> Mapping[str, Any]:
    meta = o.get("metadata")
    return meta if isinstance(meta, dict) else {}


def _patch(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    patch: dict[str, Any] = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            if inner := _patch(before, value):
                patch[key] = inner
        elif key not in old or before != value:
            patch[key] = value
    return patch
