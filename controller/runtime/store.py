"""The last known state of one kind's objects, with indexes. Objects are frozen: nobody changes them."""

from __future__ import annotations

import builtins
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from controller.runtime.objects import KubeObject

K = TypeVar("K", bound=KubeObject)

Indexer = Callable[[K], Iterable[str]]

NAMESPACE = "namespace"
OWNER = "owner"
LABEL = "label"


class Store(Generic[K]):
    """Thread-safe. Indexed by namespace, by the uid of every owner, and by ``key=value`` of every label."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._objects: dict[tuple[str, str], K] = {}
        self._indexers: dict[str, Indexer[K]] = {
            NAMESPACE: lambda o: (o.metadata.namespace,),
            OWNER: lambda o: (r.uid for r in o.metadata.owner_references),
            LABEL: lambda o: (f"{k}={v}" for k, v in o.metadata.labels.items()),
        }
        self._indexes: dict[str, dict[str, dict[tuple[str, str], K]]] = {
            name: defaultdict(dict) for name in self._indexers
        }

    def __len__(self) -> int:
        return len(self._objects)

    def add_index(self, name: str, indexer: Indexer[K]) -> None:
        """Index what is stored and what will be by the values that ``indexer`` gives for an object."""
        with self._lock:
            if name in self._indexers:
                raise ValueError(f"there is an index {name} already: choose another name")
            self._indexers[name] = indexer
            self._indexes[name] = defaultdict(dict)
            for key, obj in self._objects.items():
                for value in indexer(obj):
                    self._indexes[name][value][key] = obj

    def get(self, namespace: str, name: str) -> K | None:
        return self._objects.get((namespace, name))

    def list(self, namespace: str | None = None, *, labels: dict[str, str] | None = None) -> builtins.list[K]:
        """All objects, or those of a namespace, or those with all of these labels."""
        with self._lock:
            if labels:
                first, *others = labels.items()
                found = self.by_index(LABEL, f"{first[0]}={first[1]}")
                found = [o for o in found if all(o.metadata.labels.get(k) == v for k, v in others)]
                return [o for o in found if namespace is None or o.metadata.namespace == namespace]
            if namespace is not None:
                return self.by_index(NAMESPACE, namespace)
            return list(self._objects.values())

    def by_index(self, index: str, value: str) -> builtins.list[K]:
        """Raises KeyError for an index that was never added."""
        with self._lock:
            return list(self._indexes[index].get(value, {}).values())

    def put(self, obj: K) -> K | None:
        """Store an object; the one that had its name before."""
        key = (obj.metadata.namespace, obj.metadata.name)
        with self._lock:
            old = self.remove(*key)
            self._objects[key] = obj
            for name, indexer in self._indexers.items():
                for value in indexer(obj):
                    self._indexes[name][value][key] = obj
            return old

    def remove(self, namespace: str, name: str) -> K | None:
        """Forget an object; what it was, or None."""
        key = (namespace, name)
        with self._lock:
            old = self._objects.pop(key, None)
            if old is not None:
                for index, indexer in self._indexers.items():
                    for value in indexer(old):
                        holders = self._indexes[index].get(value)
                        if holders is not None:
                            holders.pop(key, None)
                            if not holders:
                                del self._indexes[index][value]
            return old
