"""Somebody's operator, for ``reconsole run``: found by file or module, with the kinds that it names."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from controller_runtime.kube.object import KubeObject
from controller_runtime.kube.resource import Resource
from reconsole.options import Failure

if TYPE_CHECKING:
    from controller_runtime.manager.manager import Manager

SETUP = "setup"


@dataclass(frozen=True)
class Operator:
    """``setup`` builds the controllers; ``kinds`` are those that its file declares or imports."""

    setup: Callable[[Manager], object]
    kinds: tuple[Resource, ...]


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
    kinds = {
        kind.resource: None
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, KubeObject) and kind is not KubeObject
    }
    return Operator(setup, tuple(kinds))


def _imported(name: str) -> ModuleType:
    sys.path.insert(0, "")  # as python -m does: a module of the current folder
    try:
        return importlib.import_module(name)
    except Exception as error:
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
    except Exception as error:
        raise Failure(f"cannot load {path}: {_words(error)}") from error
    return module


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
