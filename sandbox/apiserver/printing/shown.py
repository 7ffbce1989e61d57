"""What tables of columns are written with: a name, a type, a description, a priority and a cell."""

from collections.abc import Callable
from typing import Any

from sandbox.apiserver.machinery.jsonobject import Obj, dig
from sandbox.apiserver.printing.printers import age

Cell = Callable[[Obj], Any]
Shown = tuple[str, str, str, int, Cell]
"""Name, type, description ("=Definition.field": that field's own), priority, and what the cell shows."""


def text(name: str, description: str, cell: Cell, priority: int = 0) -> Shown:
    return (name, "string", description, priority, cell)


def figure(name: str, definition: str, path: str, otherwise: int = 0) -> Shown:
    """A number at a path, described by the field at its end."""
    described = f"={definition}.{path.rpartition('.')[2]}"
    return (name, "integer", described, 0, lambda obj: dig(obj, path, otherwise))


NAME: Shown = text(
    "Name", "=io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta.name", lambda o: o["metadata"]["name"]
)
AGE = text("Age", "=io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta.creationTimestamp", age)
