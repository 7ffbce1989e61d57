"""Makes docs/reference/: a page per concept of the runtime, from its signatures and docstrings.

make docs
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

TARGET = Path(__file__).parent / "reference"
LIBRARY = "controller_runtime"

# A concept, the module whose docstring introduces it, and modules whose public names belong to it.
PAGES: dict[str, tuple[str, ...]] = {
    "manager": ("manager.manager", "manager.signals"),
    "leader-election": ("manager.leaderelection",),
    "controllers": ("controller.builder", "controller.controller", "controller.reconcile"),
    "handlers": ("controller.handlers", "kube.deltas"),
    "predicates": ("controller.predicates",),
    "queue": ("controller.workqueue",),
    "sources": ("cache.sources",),
    "informers": ("cache.informer",),
    "client": (
        "client.client",
        "client.objects",
        "client.requests",
        "client.retry",
        "client.discovery",
        "client.context",
    ),
    "official-client": ("client.official",),
    "configuration": ("client.config", "client.execplugin"),
    "errors": ("kube.errors", "kube.remedies"),
    "objects": ("kube.object", "kube.resource", "kube.kinds", "kube.encode", "kube.unstructured"),
    "custom-resources": ("kube.crd", "kube.definition"),
    "ownership": ("kube.ownership",),
    "permissions": ("kube.markers", "kube.rules", "kube.permissions", "kube.bindings", "controller.rbac"),
    "events": ("manager.event_recorder",),
    "bus": ("bus", "events"),
    "testing": ("envtest.fake", "envtest.environment", "envtest.pytest_plugin"),
}


def page(concept: str) -> str:
    """The page of a concept, as Markdown."""
    modules = [import_module(f"{LIBRARY}.{name}") for name in PAGES[concept]]
    lines = [f"# {concept.replace('-', ' ').capitalize()}", ""]
    for module in modules:
        lines += [f"`{module.__name__}`", "", *_markdown(_doc(module)), ""]
        for name, thing in _public(module):
            lines += [*_entry(name, thing, "##"), ""]
            if inspect.isclass(thing):
                for method, function in _methods(thing):
                    lines += [*_entry(f"{name}.{method}", function, "###"), ""]
    return "\n".join(lines).rstrip() + "\n"


def index() -> str:
    """The page that lists the others."""
    rows = [f"* [{concept.replace('-', ' ')}]({concept}.md)" for concept in PAGES]
    intro = "Made from the docstrings by `make docs`; [the guide](../runtime.md) tells how it fits together."
    return "\n".join(["# The runtime, concept by concept", "", intro, "", *rows]) + "\n"


def pages() -> dict[str, str]:
    """File names and what is in them."""
    return {"README.md": index(), **{f"{concept}.md": page(concept) for concept in PAGES}}


def _public(module: ModuleType) -> Iterator[tuple[str, object]]:
    for name, thing in vars(module).items():
        ours = getattr(thing, "__module__", None) == module.__name__
        documented = inspect.isclass(thing) or inspect.isfunction(thing) or hasattr(thing, "cache_info")
        if not name.startswith("_") and ours and documented:
            yield name, thing


def _methods(cls: type) -> Iterator[tuple[str, object]]:
    for name, thing in vars(cls).items():
        function = thing.__func__ if isinstance(thing, (classmethod, staticmethod)) else thing
        documented = inspect.isfunction(function) or isinstance(function, property)
        if not name.startswith("_") and documented and _doc(function):
            yield name, function


def _entry(name: str, thing: object, level: str) -> list[str]:
    lines = [f"{level} {name}", ""]
    signature = _signature(name, thing)
    if signature:
        lines += ["```python", signature, "```", ""]
    return _without_blank_end([*lines, *_markdown(_doc(thing))])


def _signature(name: str, thing: object) -> str:
    if isinstance(thing, property) or not callable(thing) or getattr(thing, "_is_protocol", False):
        return ""
    try:
        signature = inspect.signature(thing)
    except ValueError:
        return ""
    parameters = [
        p.replace(annotation=_Bare.of(p.annotation), default=_same_every_time(p.default))
        for p in signature.parameters.values()
        if p.name != "self"
    ]
    signature = signature.replace(
        parameters=parameters, return_annotation=_Bare.of(signature.return_annotation)
    )
    head = name.rpartition(".")[2]
    text = f"{head}{signature}".removesuffix(" -> None")
    if len(text) <= 110:
        return text
    answer = text[text.rindex(")") + 1 :]
    return "\n".join(
        [f"{head}(", *(f"    {parameter}," for parameter in _with_star(parameters)), f"){answer}"]
    )


def _same_every_time(default: object) -> object:
    """A default without the address that a function's or an object's representation holds."""
    return _Bare("…") if " at 0x" in repr(default) else default


class _Bare:
    """An annotation that is printed as it was written; inspect would put it in quotes."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text

    @classmethod
    def of(cls, annotation: object) -> object:
        return cls(annotation) if isinstance(annotation, str) else annotation


def _with_star(parameters: list[inspect.Parameter]) -> Iterator[str]:
    starred = False
    for parameter in parameters:
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            starred = True
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        yield str(parameter)


def _doc(thing: object) -> str:
    doc = vars(thing).get("__doc__") if inspect.isclass(thing) else getattr(thing, "__doc__", None)
    generated = inspect.isclass(thing) and doc is not None and doc.startswith(f"{thing.__name__}(")
    return "" if doc is None or generated else inspect.cleandoc(doc)


def _markdown(doc: str) -> list[str]:
    """Our docstrings are Markdown but for ``literals`` and blocks after ``::``."""
    lines: list[str] = []
    block = False
    for line in doc.replace("``", "`").splitlines():
        if block and line and not line.startswith(" "):
            lines, block = [*_without_blank_end(lines), "```", ""], False
        if line.endswith("::"):
            before = line[:-2].rstrip()
            lines += [*([f"{before}:", ""] if before else []), "```python"]
            block = True
        elif not (block and not line and lines[-1] == "```python"):
            lines.append(line[4:] if block else line)
    lines = _without_blank_end(lines)
    return [*lines, "```"] if block else lines


def _without_blank_end(lines: list[str]) -> list[str]:
    while lines and not lines[-1]:
        lines = lines[:-1]
    return lines


def main() -> None:
    made = pages()
    TARGET.mkdir(exist_ok=True)
    for old in TARGET.glob("*.md"):
        old.unlink()
    for name, text in made.items():
        (TARGET / name).write_text(text)


if __name__ == "__main__":
    main()
