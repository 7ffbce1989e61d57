"""Objects as YAML, written as controller-gen does."""

from __future__ import annotations

from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """``""`` in double quotes, no aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if value else '"')


_Dumper.add_representer(str, _text)


def to_yaml(document: dict[str, Any]) -> str:
    """One document, with its keys in their order."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)
