"""RBAC markers: what an operator needs to be allowed, declared where it is needed.

As a decorator, or as a comment with kubebuilder's grammar::

    @rbac(groups="apps", resources="deployments", verbs="create;patch")
    class Reconciler: ...

    # +kubebuilder:rbac:groups=apps,resources=deployments,verbs=create;patch

Source of the grammar: controller-tools pkg/rbac/parser.go and pkg/markers/parse.go.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from controller_runtime.kube.rules import PolicyRule

T = TypeVar("T", bound=Callable[..., object])

_COMMENT = re.compile(r"#\s*\+kubebuilder:rbac(?::(.*))?$")
_ARGUMENT = re.compile(r'\s*([A-Za-z]+)\s*=\s*((?:"(?:[^"\\]|\\.)*"|`[^`]*`|\{[^}]*\}|[^,"`{}])*)\s*(?:,|$)')
_FIELDS = ("groups", "resources", "verbs", "urls", "resourceNames", "namespace", "roleName", "featureGate")
_ATTRIBUTE = "__rbac__"


class MarkerError(ValueError):
    """A marker that cannot be read. The text says which and why."""


class Marker(msgspec.Struct, frozen=True):
    """A rule, the one ``namespace`` it holds in, or "" for all, and a role of its own if it has one."""

    rule: PolicyRule
    namespace: str = ""
    role_name: str = ""


def rbac(
    *,
    verbs: str | Iterable[str],
    groups: str | Iterable[str] = (),
    resources: str | Iterable[str] = (),
    resource_names: str | Iterable[str] = (),
    urls: str | Iterable[str] = (),
    namespace: str = "",
    role_name: str = "",
) -> Callable[[T], T]:
    """Declare what a reconciler (a class, or a function) is allowed to do. Decorators add up.

    Lists are written with semicolons as in kubebuilder, or as lists. Raises MarkerError.
    """
    marker = _marker(
        groups=_list(groups), resources=_list(resources), verbs=_list(verbs), urls=_list(urls),
        names=_list(resource_names), namespace=namespace, role_name=role_name,
    )  # fmt: skip

    def declare(thing: T) -> T:
        setattr(thing, _ATTRIBUTE, (marker, *declared_on(thing)))
        return thing

    return declare


def declared_on(thing: object) -> tuple[Marker, ...]:
    """The markers on this class or function itself."""
    markers: tuple[Marker, ...] = getattr(thing, "__dict__", {}).get(_ATTRIBUTE, ())
    return markers


def markers_of(reconciler: object) -> list[Marker]:
    """The markers on the class of a reconciler, on its bases and on their methods; each once."""
    found: dict[Marker, None] = {}
    for cls in type(reconciler).__mro__:
        for thing in (cls, *vars(cls).values()):
            found |= dict.fromkeys(declared_on(thing))
    return list(found)


def in_python(marker: Marker) -> str:
    """The decorator that declares it, in one line."""
    rule = marker.rule
    arguments = [
        ("groups", ";".join(rule.api_groups) if rule.resources else None),
        ("resources", ";".join(rule.resources) or None),
        ("resource_names", ";".join(rule.resource_names) or None),
        ("urls", ";".join(rule.non_resource_urls) or None),
        ("verbs", ";".join(rule.verbs)),
        ("namespace", marker.namespace or None),
        ("role_name", marker.role_name or None),
    ]
    written = ", ".join(f'{name}="{value}"' for name, value in arguments if value is not None)
    return f"@rbac({written})"


def comment_markers(source: str) -> list[Marker]:
    """The ``# +kubebuilder:rbac:`` comments of a Python file. Raises MarkerError with the line's number."""
    found = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            match = token.type == tokenize.COMMENT and _COMMENT.match(token.string)
            if match:
                try:
                    found.append(_parsed(match[1] or ""))
                except MarkerError as error:
                    raise MarkerError(f"line {token.start[0]}: {token.string}: {error}") from None
    except (tokenize.TokenError, SyntaxError):
        pass  # what cannot be run has been refused before; what was read so far counts
    return found


def _parsed(text: str) -> Marker:
    values: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _ARGUMENT.match(text, position)
        if match is None:
            raise MarkerError(f"cannot read {text[position:]!r}; it should be name=value")
        if match[1] not in _FIELDS:
            raise MarkerError(f"there is no {match[1]!r}; there is {', '.join(_FIELDS[:-1])}")
        values[match[1]] = match[2].strip()
        position = match.end()
    return _marker(
        groups=_items(values.get("groups")),
        resources=_items(values.get("resources")),
        verbs=_items(values.get("verbs")),
        urls=_items(values.get("urls")),
        names=_items(values.get("resourceNames")),
        namespace=_unquoted(values.get("namespace", "")),
        role_name=_unquoted(values.get("roleName", "")),
    )


def _marker(
    *,
    groups: tuple[str, ...],
    resources: tuple[str, ...],
    verbs: tuple[str, ...],
    urls: tuple[str, ...],
    names: tuple[str, ...],
    namespace: str,
    role_name: str,
) -> Marker:
    if not verbs:
        raise MarkerError("it has no verbs: add verbs=get;list;watch")
    if bool(urls) == bool(resources):
        raise MarkerError("it needs either resources or urls")
    if urls and (groups or names or namespace):
        raise MarkerError("urls stand alone: they have no groups, resourceNames or namespace")
    # "core" is what some write for the group without a name; controller-gen takes it as well.
    groups = tuple("" if group == "core" else group for group in groups) or (() if urls else ("",))
    return Marker(PolicyRule(groups, resources, verbs, names, urls), namespace, role_name)


def _list(value: str | Iterable[str]) -> tuple[str, ...]:
    """``groups=""`` is the list with the core group in it."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(";"))
    return tuple(value)


def _items(text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    if text.startswith("{") and text.endswith("}"):
        parts = text[1:-1].split(",")
    else:
        parts = re.findall(r'"(?:[^"\\]|\\.)*"|`[^`]*`|[^;]+', text) or [""]
    return tuple(_unquoted(part) for part in parts)


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"`'" else text
