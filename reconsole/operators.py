"""Somebody's operator, for ``reconsole run``: found by file or module, with the kinds that it names."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeGuard

from controller_runtime.kube.crd import DefinitionError, custom_resource_definition
from controller_runtime.kube.markers import Marker, MarkerError, comment_markers, declared_on
from controller_runtime.kube.object import KubeObject
from reconsole.options import Failure

if TYPE_CHECKING:
    from controller_runtime.manager.manager import Manager

SETUP = "setup"


@dataclass(frozen=True)
class Operator:
    """``setup`` builds the controllers; ``kinds`` are those that its file ``declared`` or imports.

    ``markers`` are the RBAC markers in its comments and on ``setup``; those on reconcilers are found on them.
    """

    setup: Callable[[Manager], object]
    kinds: tuple[type[KubeObject], ...]
    declared: tuple[type[KubeObject], ...]
    markers: tuple[Marker, ...]

    def definitions(self) -> list[dict[str, Any]]:
        """The CRDs of the declared kinds that have a definition. Raises Failure."""
        try:
            return [custom_resource_definition(kind) for kind in self.declared if kind.definition]
        except DefinitionError as error:
            raise Failure(str(error)) from error


def load_operator(where: str) -> Operator:
    """``where`` is FILE.py, whose function is ``setup(manager)``, or module:function. Raises Failure."""
    name, colon, function = where.partition(":")
    if colon and not name.endswith(".py"):
        module = _imported(name)
    else:
        name, function = where, SETUP
        module = _from_file(Path(where))
    setup = getattr(module, function or SETUP, None)
    if not callable(setup):
        raise Failure(f"{name} has no function {function}(manager): add one that builds its controllers")
    kinds = tuple({thing: None for thing in vars(module).values() if _is_kind(thing)})
    declared = tuple(kind for kind in kinds if kind.__module__ == module.__name__)
    return Operator(setup, kinds, declared, (*_comments(module), *declared_on(setup)))


def _is_kind(thing: object) -> TypeGuard[type[KubeObject]]:
    return isinstance(thing, type) and issubclass(thing, KubeObject) and hasattr(thing, "resource")


def _comments(module: ModuleType) -> list[Marker]:
    try:
        source = Path(module.__file__ or "").read_text()
    except (OSError, UnicodeDecodeError):
        return []  # there is none to read: a built-in, or compiled
    try:
        return comment_markers(source)
    except MarkerError as error:
        raise Failure(f"{module.__file__}, {error}") from error


def _imported(name: str) -> ModuleType:
    sys.path.insert(0, "")  # as python -m does: a module of the current folder
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise Failure(f"cannot import {name}: {_words(error)}") from error


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise Failure(f"no such file: {path}; name a Python file or module:function")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise Failure(f"{path} is no Python file: its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # msgspec resolves annotations by it
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise Failure(f"cannot load {path}: {_words(error)}") from error
    return module


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
