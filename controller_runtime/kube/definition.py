"""What a kind's CustomResourceDefinition says beside its fields; ``crd`` makes the whole of it."""

from __future__ import annotations

import msgspec


class Column(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A column of ``kubectl get``; with a ``priority`` above 0 it is shown with ``-o wide`` only."""

    name: str
    type: str
    json_path: str
    description: str = ""
    format: str = ""
    priority: int = 0


class Scale(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The scale subresource: where ``kubectl scale`` and autoscalers find their numbers."""

    spec_replicas_path: str
    status_replicas_path: str
    label_selector_path: str = ""


class Rule(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A CEL rule, as in ``x-kubernetes-validations`` (KEP-2876)."""

    rule: str
    message: str = ""
    message_expression: str = ""
    reason: str = ""
    field_path: str = ""
    optional_old_self: bool = False


class Definition(msgspec.Struct, frozen=True):
    """What a CustomResourceDefinition says beside the fields. ``rules`` hold for the whole object."""

    singular: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    scale: Scale | None = None
    rules: tuple[Rule, ...] = ()
