"""Objects in memory with an API server's rules: versions, conflicts, finalizers, the status apart,
watches.
"""

from __future__ import annotations

import copy
import itertools
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from controller_runtime.kube.errors import ApiError, api_error
from controller_runtime.kube.times import timestamp

Body = dict[str, Any]

_STATUSES = {
    "BadRequest": 400, "NotFound": 404, "Conflict": 409, "AlreadyExists": 409, "UnsupportedMediaType": 415,
    "Invalid": 422,
}  # fmt: skip


class Place(NamedTuple):
    """What a path names. ``name`` is "" for the collection."""

    group: str
    version: str
    plural: str
    namespace: str
    name: str
    subresource: str

    @classmethod
    def of(cls, path: str) -> Place:
        """Raises ApiError (404) for a path that is no resource's."""
        parts = path.strip("/").split("/")
        group, rest = ("", parts[1:]) if parts[0] == "api" else ("/".join(parts[1:2]), parts[2:])
        namespace = ""
        if len(rest) > 3 and rest[1] == "namespaces" and rest[3] not in ("status", "finalize"):
            namespace, rest = rest[2], rest[:1] + rest[3:]
        if parts[0] not in ("api", "apis") or not 2 <= len(rest) <= 4:
            raise refusal("NotFound", "the server could not find the requested resource")
        version, plural, name, subresource = (*rest, "", "")[:4]
        return cls(group, version, plural, namespace, name, subresource)

    @property
    def words(self) -> str:
        """As in ``deployments.apps "a"``."""
        return f'{self.plural}{"." if self.group else ""}{self.group} "{self.name}"'


def refusal(reason: str, message: str) -> ApiError:
    """The error that a client raises for this answer."""
    code = _STATUSES[reason]
    return api_error(code, msgspec.json.encode({"message": message, "reason": reason, "code": code}))


class _Change(NamedTuple):
    version: int
    type: str
    place: Place
    body: Body


class Memory:
    """Thread-safe. What it is given and gives is copied."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._changed = threading.Condition()
        self._objects: dict[tuple[str, str, str, str], Body] = {}  # group, plural, namespace, name
        self._history: list[_Change] = []
        self._numbers = itertools.count(1)
        self.version = 0

    # Reading

    def get(self, place: Place) -> Body:
        with self._changed:
            return self._seen(self._found(place), place)

    def list(self, place: Place, query: Mapping[str, str]) -> Body:
        with self._changed:
            items = [
                self._seen(body, place)
                for (group, plural, namespace, _), body in sorted(self._objects.items(), key=lambda kv: kv[0])
                if (group, plural) == (place.group, place.plural)
                and place.namespace in ("", namespace)
                and _is_selected(body, query)
            ]
            return {"metadata": {"resourceVersion": str(self.version)}, "items": items}

    def watch(self, place: Place, query: Mapping[str, str], is_over: Callable[[], bool]) -> Iterator[Body]:
        """Watch events, beginning with the list when the query wants it, until ``is_over``."""
        seen = int(query.get("resourceVersion") or 0)
        if query.get("sendInitialEvents") == "true":
            found = self.list(place, query)
            seen = int(found["metadata"]["resourceVersion"])
            yield from ({"type": "ADDED", "object": item} for item in found["items"])
            yield _bookmark(seen)
        while not is_over():
            with self._changed:
                if self.version <= seen:
                    self._changed.wait(timeout=0.5)
                changes = [change for change in self._history if change.version > seen]
                seen = self.version
            for change in changes:
                named = (change.place.group, change.place.plural)
                if named == (place.group, place.plural) and place.namespace in ("", change.place.namespace):
                    yield from self._event(change, place, query)

    def _event(self, change: _Change, place: Place, query: Mapping[str, str]) -> Iterator[Body]:
        """An object that is selected no more is gone for who selected it."""
        if _is_selected(change.body, query):
            yield {"type": change.type, "object": self._seen(change.body, place)}
        elif change.type == "MODIFIED" and (query.get("labelSelector") or query.get("fieldSelector")):
            yield {"type": "DELETED", "object": self._seen(change.body, place)}

    def wake(self) -> None:
        """Let every watch look whether it is over."""
        with self._changed:
            self._changed.notify_all()

    # Writing

    def create(self, place: Place, given: Body, *, as_is: bool = False) -> Body:
        """``as_is``: with the status and what else only the server sets, where ``given`` has it."""
        body = copy.deepcopy(given)
        meta = body.setdefault("metadata", {})
        with self._changed:
            if not meta.get("name") and meta.get("generateName"):
                meta["name"] = f"{meta['generateName']}{next(self._numbers):05d}"
            place = place._replace(name=str(meta.get("name") or ""))
            if not place.name:
                raise refusal("Invalid", "metadata.name: Required value: name or generateName is required")
            if meta.get("resourceVersion"):
                raise refusal("BadRequest", "resourceVersion should not be set on objects to be created")
            if self._key(place) in self._objects:
                raise refusal("AlreadyExists", f"{place.words} already exists")
            if place.namespace:
                meta["namespace"] = place.namespace
            new = {"uid": str(uuid.uuid4()), "generation": 1, "creationTimestamp": timestamp(self._now())}
            if as_is:
                meta |= {field: value for field, value in new.items() if field not in meta}
            else:
                meta |= new
                body.pop("status", None)
                for field in ("deletionTimestamp", "deletionGracePeriodSeconds"):
                    meta.pop(field, None)
            return self._put(place, body, "ADDED")

    def update(self, place: Place, given: Body) -> Body:
        with self._changed:
            return self._update(place, copy.deepcopy(given))

    def patch(self, place: Place, change: Callable[[Body], Body]) -> Body:
        """Raises what ``change`` raises."""
        with self._changed:
            return self._update(place, change(copy.deepcopy(self._found(place))))

    def delete(self, place: Place, options: Body) -> Body:
        with self._changed:
            body = copy.deepcopy(self._found(place))
            meta, asked = body["metadata"], options.get("preconditions") or {}
            for field in ("uid", "resourceVersion"):
                if asked.get(field) and asked[field] != meta[field]:
                    raise refusal(
                        "Conflict",
                        f"Operation cannot be fulfilled on {place.words}: the {field} in the precondition "
                        f"({asked[field]}) does not match that of the object ({meta[field]})",
                    )
            if not meta.get("finalizers"):
                return self._end(place, body)
            if meta.get("deletionTimestamp"):
                return body
            meta |= {"deletionTimestamp": timestamp(self._now()), "generation": meta["generation"] + 1}
            return self._put(place, body, "MODIFIED")

    def _update(self, place: Place, body: Body) -> Body:
        before = self._found(place)
        meta, old = body.setdefault("metadata", {}), before["metadata"]
        if meta.get("resourceVersion") not in (None, "", old["resourceVersion"]):
            raise refusal(
                "Conflict",
                f"Operation cannot be fulfilled on {place.words}: the object has been modified; please apply "
                "your changes to the latest version and try again",
            )
        if meta.get("uid") not in (None, "", old["uid"]):
            raise refusal("Conflict", f"Precondition failed: UID in precondition: {meta['uid']}")
        if place.subresource == "status":
            body = copy.deepcopy(before) | {"status": body.get("status", {})}
        else:
            body.pop("status", None)
            body |= {"status": before["status"]} if "status" in before else {}
            kept = ("name", "namespace", "uid", "generation", "creationTimestamp", "deletionTimestamp")
            meta |= {field: old[field] for field in kept if field in old}
            for field in [f for f in kept if f not in old]:
                meta.pop(field, None)
            meta["resourceVersion"] = old["resourceVersion"]
            new = set(meta.get("finalizers") or ()) - set(old.get("finalizers") or ())
            if old.get("deletionTimestamp") and new:
                raise refusal(
                    "Invalid",
                    "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being "
                    f"deleted, found new finalizers {sorted(new)}",
                )
            if _without_metadata(body) != _without_metadata(before):
                meta["generation"] = old["generation"] + 1
        if body == before:
            return copy.deepcopy(before)
        if old.get("deletionTimestamp") and not body["metadata"].get("finalizers"):
            return self._end(place, body)
        return self._put(place, body, "MODIFIED")

    # The store itself; the caller holds the lock

    def _key(self, place: Place) -> tuple[str, str, str, str]:
        return place.group, place.plural, place.namespace, place.name

    def _found(self, place: Place) -> Body:
        try:
            return self._objects[self._key(place)]
        except KeyError:
            raise refusal("NotFound", f"{place.words} not found") from None

    def _put(self, place: Place, body: Body, type_: str) -> Body:
        self._record(place, body, type_)
        self._objects[self._key(place)] = body
        return copy.deepcopy(body)

    def _end(self, place: Place, body: Body) -> Body:
        del self._objects[self._key(place)]
        self._record(place, body, "DELETED")
        return copy.deepcopy(body)

    def _record(self, place: Place, body: Body, type_: str) -> None:
        self.version += 1
        body["metadata"]["resourceVersion"] = str(self.version)
        self._history.append(_Change(self.version, type_, place, copy.deepcopy(body)))
        self._changed.notify_all()

    def _seen(self, body: Body, place: Place) -> Body:
        """In the version that was asked for."""
        api_version = f"{place.group}/{place.version}" if place.group else place.version
        return copy.deepcopy(body) | {"apiVersion": api_version}


def merged(target: Any, patch: Any) -> Any:
    """A merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def patched(target: Any, operations: list[Body]) -> Any:
    """A JSON patch (RFC 6902). Raises ApiError (422) for one that does not fit."""
    root = {"": target}
    for operation in operations:
        path = [step.replace("~1", "/").replace("~0", "~") for step in operation["path"].split("/")]
        try:
            if operation["op"] == "test":
                if _at(root, path) != operation["value"]:
                    raise refusal("Invalid", f"testing value {operation['path']} failed")
                continue
            if operation["op"] not in ("add", "replace", "remove"):
                raise refusal(
                    "BadRequest", f"the fake client knows no JSON patch {operation['op']}: use envtest"
                )
            _change(_at(root, path[:-1]), path[-1], operation)
        except (KeyError, IndexError, ValueError, TypeError):
            raise refusal("Invalid", f"the JSON patch does not fit at {operation['path']}") from None
    return root[""]


def _at(root: Any, path: list[str]) -> Any:
    for step in path:
        root = root[int(step)] if isinstance(root, list) else root[step]
    return root


def _change(holder: Any, step: str, operation: Body) -> None:
    is_list = isinstance(holder, list)
    if operation["op"] == "add":
        if is_list:
            holder.insert(len(holder) if step == "-" else int(step), operation["value"])
        else:
            holder[step] = operation["value"]
        return
    place: Any = int(step) if is_list else step
    _ = holder[place]
    if operation["op"] == "remove":
        del holder[place]
    else:
        holder[place] = operation["value"]


def _without_metadata(body: Body) -> Body:
    return {key: value for key, value in body.items() if key not in ("metadata", "status", "apiVersion")}


def _bookmark(version: int) -> Body:
    annotations = {"k8s.io/initial-events-end": "true"}
    meta = {"resourceVersion": str(version), "annotations": annotations}
    return {"type": "BOOKMARK", "object": {"metadata": meta}}


def _is_selected(body: Body, query: Mapping[str, str]) -> bool:
    labels = body["metadata"].get("labels") or {}
    return all(_holds(labels.get, term) for term in _terms(query.get("labelSelector", ""))) and all(
        _holds(lambda path: _field(body, path), term) for term in _terms(query.get("fieldSelector", ""))
    )


def _terms(selector: str) -> Iterator[str]:
    depth, start = 0, 0
    for place, letter in enumerate(selector + ","):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and not depth:
            if term := selector[start:place].strip():
                yield term
            start = place + 1


def _holds(value_of: Callable[[str], Any], term: str) -> bool:
    """One requirement of a selector: ``a=b``, ``a!=b``, ``a in (b, c)``, ``a notin (b)``, ``a``, ``!a``."""
    for word, wanted in ((" notin ", False), (" in ", True)):
        name, found, values = term.partition(word)
        if found:
            listed = {value.strip() for value in values.strip().strip("()").split(",")}
            return (value_of(name.strip()) in listed) is wanted
    for sign, wanted in (("!=", False), ("==", True), ("=", True)):
        name, found, value = term.partition(sign)
        if found:
            return ((value_of(name.strip()) or "") == value.strip()) is wanted
    return value_of(term.lstrip("! ")) is None if term.startswith("!") else value_of(term) is not None


def _field(body: Body, path: str) -> Any:
    found: Any = body
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found
