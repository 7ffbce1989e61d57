"""What is known of one kind: objects by key, with indexes, and the raw bytes of the most recent."""

from __future__ import annotations

import builtins
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

import msgspec

from controller_runtime.cache.sharing import Sharing
from controller_runtime.kube.object import KubeObject

K = TypeVar("K", bound=KubeObject)
Key = tuple[str, str]  # namespace ("" for cluster-scoped kinds), name
# Pure: the values of an object are asked for again when it leaves.
IndexFunction = Callable[[K], builtins.list[str] | tuple[str, ...]]

RAW_LIMIT = 4 << 20  # bytes


_BUILT_IN = ("namespace", "owner", "label")


def _same_place(a: KubeObject, b: KubeObject) -> bool:
    """Whether the built-in indexes have the same values for both, given that their keys are the same."""
    one, other = a.metadata, b.metadata  # whose equal parts are shared
    return one.labels is other.labels and one.owner_references is other.owner_references


class RawCache:
    """Raw JSON of objects by uid, least recently written first out. One for all stores; thread-safe."""

    def __init__(self, limit: int = RAW_LIMIT) -> None:
        self.limit = limit
        self.size = 0  # bytes
        self._lock = threading.Lock()
        self._raw: OrderedDict[str, tuple[msgspec.Raw, int]] = OrderedDict()  # with its length

    def put(self, uid: str, raw: msgspec.Raw) -> None:
        length = memoryview(raw).nbytes
        with self._lock:
            if before := self._raw.pop(uid, None):
                self.size -= before[1]
            self._raw[uid] = raw, length
            self.size += length
            while self.size > self.limit:
                self.size -= self._raw.popitem(last=False)[1][1]

    def get(self, uid: str) -> msgspec.Raw | None:
        with self._lock:
            found = self._raw.get(uid)
            return found[0] if found else None

    def pop(self, uid: str) -> msgspec.Raw | None:
        with self._lock:
            found = self._raw.pop(uid, None)
            if found is None:
                return None
            self.size -= found[1]
            return found[0]


class Store(Generic[K]):
    """Thread-safe. Objects are frozen and handed out as they are."""

    def __init__(self, kind: type[K]) -> None:
        self._lock = threading.Lock()
        self._sharing = Sharing(kind)
        self._objects: dict[Key, K] = {}
        self._functions: dict[str, IndexFunction[K]] = {
            "namespace": lambda o: (o.metadata.namespace,),
            "owner": lambda o: [r.uid for r in o.metadata.owner_references],
        }
        self._own_indexes = False  # whether there are others than the built-in ones
        self._indexes: dict[str, dict[str, dict[Key, None]]] = {name: {} for name in self._functions}

    def __len__(self) -> int:
        return len(self._objects)

    def add_index(self, name: str, function: IndexFunction[K]) -> None:
        """Index by the values that ``function`` gives for an object; what is there is indexed at once."""
        with self._lock:
            if name in self._functions or name in _BUILT_IN:
                raise ValueError(f"there is an index {name!r} already: choose another name")
            self._own_indexes = True
            self._add_index(name, function)

    def get(self, namespace: str, name: str) -> K | None:
        return self._objects.get((namespace, name))

    def list(
        self, namespace: str | None = None, *, labels: Mapping[str, str] | None = None
    ) -> builtins.list[K]:
        """Objects of one namespace, or of all (None or ""), that carry all of ``labels``."""
        with self._lock:
            if labels:
                self._index_labels()
                first, *others = labels.items()
                found = self._indexes["label"].get("=".join(first), ())
                return [
                    o
                    for o in map(self._objects.__getitem__, found)
                    if all(o.metadata.labels.get(k) == v for k, v in others)
                    and (not namespace or o.metadata.namespace == namespace)
                ]
            if namespace:
                return [self._objects[key] for key in self._indexes["namespace"].get(namespace, ())]
            return list(self._objects.values())

    def by_index(self, name: str, value: str) -> builtins.list[K]:
        """Raises KeyError when there is no index of that name."""
        with self._lock:
            if name == "label":
                self._index_labels()
            return [self._objects[key] for key in self._indexes[name].get(value, ())]

    def keys(self, namespace: str = "") -> set[Key]:
        """The keys in one namespace, or in all ("")."""
        with self._lock:
            return set(self._indexes["namespace"].get(namespace, ())) if namespace else set(self._objects)

    def count(self, namespace: str = "") -> int:
        with self._lock:
            return len(self._indexes["namespace"].get(namespace, ())) if namespace else len(self._objects)

    def put(self, obj: K) -> None:
        meta = obj.metadata
        key = (meta.namespace, meta.name)
        with self._lock:
            old = self._objects.get(key)
            self._sharing.apply(obj, old)
            self._objects[key] = obj
            if old is not None and not self._own_indexes and _same_place(old, obj):
                return  # as most changes are: of the status
            for name, function in self._functions.items():
                values = function(obj)
                if old is not None:
                    before = function(old)
                    if before == values:
                        continue
                    self._leave(name, before, key)
                self._enter(name, values, key)

    def remove(self, key: Key) -> K | None:
        """The object that was there."""
        with self._lock:
            old = self._objects.pop(key, None)
            if old is not None:
                for name, function in self._functions.items():
                    self._leave(name, function(old), key)
            return old

    def _add_index(self, name: str, function: IndexFunction[K]) -> None:
        self._functions[name] = function
        self._indexes[name] = {}
        for key, obj in self._objects.items():
            self._enter(name, function(obj), key)

    def _index_labels(self) -> None:
        """From when it is first asked for: it is the largest of the indexes, and many never need it."""
        if "label" not in self._functions:
            self._add_index("label", lambda o: [f"{k}={v}" for k, v in o.metadata.labels.items()])

    def _enter(self, name: str, values: Iterable[str], key: Key) -> None:
        index = self._indexes[name]
        for value in values:
            index.setdefault(value, {})[key] = None

    def _leave(self, name: str, values: Iterable[str], key: Key) -> None:
        index = self._indexes[name]
        for value in values:
            entries = index.get(value)
            if entries is not None:
                entries.pop(key, None)
                if not entries:
                    del index[value]
