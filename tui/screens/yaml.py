"""One object as YAML."""

from __future__ import annotations

import json

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen

from tui.as_yaml import as_yaml
from tui.kinds.model import ObjectView
from tui.widgets.yaml_view import YamlView


def to_yaml(raw: bytes) -> str:
    """The object without its managed fields; the server's text as it is when it is not JSON."""
    try:
        o = json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")
    if isinstance(o, dict) and isinstance(o.get("metadata"), dict):
        o["metadata"].pop("managedFields", None)
    return as_yaml(o)


class Yaml(ModalScreen[None]):
    CSS_PATH = "yaml.tcss"
    BINDINGS = [Binding("escape,q,y", "dismiss", "Back", id="yaml.back")]

    def __init__(self, target: ObjectView) -> None:
        super().__init__()
        self._target = target

    def compose(self) -> ComposeResult:
        ref = self._target.ref
        view = YamlView(to_yaml(self._target.raw))
        view.entitle(f"{ref.kind} {ref.key}", "esc closes")
        yield view
