"""The state of the cluster and every rule of writing to it. Nothing here knows of HTTP."""

import uuid
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeVar

from sandbox.apiserver.admission import (
    cel,
    defaulting,
    definitions,
    fieldrules,
    registrations,
    structural,
    validation,
)
from sandbox.apiserver.admission.plugins import Plugins
from sandbox.apiserver.admission.writes import CREATE, DELETE, UPDATE, Origin, Write
from sandbox.apiserver.auth.authn import Tokens
from sandbox.apiserver.auth.authz import GROUP as RBAC
from sandbox.apiserver.auth.authz import Authorizer
from sandbox.apiserver.machinery import names
from sandbox.apiserver.machinery.apierrors import (
    FieldError,
    already_exists,
    conflict,
    forbidden,
    internal,
    invalid,
    invalid_value,
    not_found,
    qualified,
)
from sandbox.apiserver.machinery.builtin import registry
from sandbox.apiserver.machinery.jsonobject import Obj, copy, now
from sandbox.apiserver.machinery.resources import Resource
from sandbox.apiserver.registry import apply, lifecycle
from sandbox.apiserver.registry.addresses import Addresses
from sandbox.apiserver.registry.aggregation import aggregate
from sandbox.apiserver.storage.disk import Disk
from sandbox.apiserver.storage.revisions import Entry, Key, Store, make_entry, reencoded, unstored

# plugin/pkg/admission/namespace/lifecycle of kubernetes/kubernetes
_KEPT_NAMESPACES = ("default", "kube-system", "kube-public")
_GIVEN = (
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "generation",
    "resourceVersion",
)
_T = TypeVar("_T")


@dataclass(slots=True)
class Conversion:
    """An object that is to be in another version before a write goes on; whoever runs it replaces `obj`."""

    resource: Resource
    source: str
    target: str
    obj: Obj


Steps = Generator[Write | Conversion, None, _T]
"""A write that stops: where it may still be changed, where it may only be refused, and to be converted."""


def _stored(resource: Resource) -> str:
    """The version that objects of a resource are stored in; "" of the built-in kinds."""
    return resource.custom.stored if resource.custom else ""


def settle(steps: Steps[_T]) -> _T:
    """Run a write through without asking anybody."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            result: _T = done.value
            return result


class Cluster:
    """Objects, who may touch them, and what happens to them on the way in and out."""

    def __init__(self) -> None:
        self.store = Store()
        self.registry = registry()
        self.authorizer = Authorizer(self.store)
        self.tokens = Tokens(self.store)
        self.plugins = Plugins(self.store, self.registry)
        self.addresses = Addresses()

    def restore(self, disk: Disk) -> bool:
        """Begin with the state on disk, and keep it there from now on; was there any?"""
        self.tokens.key = disk.fact("token-key", self.tokens.key)
        kept = list(disk.objects())
        for kind, entry in kept:
            if kind == definitions.STORAGE:
                definitions.sync(self.registry, entry.decode())
        for kind, entry in kept:
            if resource := self.registry.by_storage(kind):
                obj = entry.decode()
                self.store.restore(kind, reencoded(entry, obj, entry.version, resource.field_values(obj)))
                if kind == "services":
                    self.addresses.allocate(obj, entry.key, False)
        self.store.revision = self.store.compacted = max(self.store.revision, disk.revision)
        self.plugins.quotas.recount()
        disk.follow(self.store)
        return bool(kept)

    # ---- reading

    def get(self, resource: Resource, key: Key) -> Entry:
        """StatusError 404 when there is none."""
        entry = self.store.get(resource.storage_name, key)
        if entry is None:
            raise not_found(resource.group, resource.plural, key[1])
        return entry

    def decode(self, resource: Resource, entry: Entry) -> Obj:
        """A fresh object in the resource's own version, with kind and apiVersion."""
        obj = entry.decode()
        if resource.outward:
            obj = resource.outward(obj)
        return {"kind": resource.kind, "apiVersion": resource.api_version, **obj}

    def check_namespace(self, resource: Resource, namespace: str, name: str) -> None:
        """Nothing is made in a namespace that is not there or on its way out."""
        entry = self.store.get("namespaces", ("", namespace))
        if entry is None:
            raise not_found("", "namespaces", namespace)
        if b'"deletionTimestamp"' in entry.body and "deletionTimestamp" in entry.decode()["metadata"]:
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            cause = {
                "reason": "NamespaceTerminating",
                "message": f"namespace {namespace} is being terminated",
                "field": "metadata.namespace",
            }
            raise forbidden(resource.group, resource.plural, name, why, [cause])

    # ---- writing

    def create(
        self,
        resource: Resource,
        namespace: str,
        obj: Obj,
        origin: Origin | None = None,
        owner: apply.Owner | None = None,
    ) -> Entry:
        """`creating`, with nobody to be asked but the built-in plugins."""
        return settle(self.creating(resource, namespace, obj, origin or Origin(), owner))

    def creating(
        self,
        resource: Resource,
        namespace: str,
        obj: Obj,
        origin: Origin,
        owner: apply.Owner | None = None,
    ) -> Steps[Entry]:
        """Store a new object; `obj` is normal (see decoding) and becomes the caller's no more.

        owner: who is written down as the manager of its fields, None when they are written down already.
        """
        meta = obj["metadata"]
        if resource.namespaced:
            meta["namespace"] = namespace
            self.check_namespace(resource, namespace, meta.get("name", ""))
        else:
            meta.pop("namespace", None)
        # One that is no number says nothing, as in upstream's storage.
        if str(meta.get("resourceVersion", "")).strip("0").isdigit():
            raise internal("resourceVersion should not be set on objects to be created")
        for key in _GIVEN:
            meta.pop(key, None)
        self._default(resource, obj)
        if owner is not None:
            # A status that the server itself starts with is nobody's.
            started = resource.subresource("status") is not None
            apply.track(
                resource, None, {k: v for k, v in obj.items() if k != "status"} if started else obj, owner
            )
        at = (meta.get("namespace", ""), meta.get("name", ""))
        write = Write(CREATE, resource, at, obj, None, "", origin)
        self.plugins.mutate(write)
        yield write
        if write.obj is not obj:
            obj = write.obj
            meta = obj["metadata"]
            self._default(resource, obj)
        if not meta.get("name") and (prefix := meta.get("generateName")):
            meta["name"] = prefix[:58] + names.suffix()
            at = (at[0], meta["name"])
        meta["uid"], meta["creationTimestamp"] = str(uuid.uuid4()), now()
        if resource.has_generation:
            meta["generation"] = 1
        lifecycle.prepare_create(resource, obj)
        self._validate(resource, obj, None)
        write.key = at
        self.plugins.validate(write)
        write.final = True
        yield write
        obj = yield from self._converted(resource, resource.version, _stored(resource), obj)
        self.plugins.charge(write)
        old = self.store.get(resource.storage_name, at)
        if old is not None:
            leaving = "deletionTimestamp" in old.decode()["metadata"]
            raise already_exists(resource.group, resource.plural, at[1], leaving)
        if resource.plural == "services" and not resource.group:
            self.addresses.allocate(obj, at, origin.dry_run)
        return self._put(resource, at, obj, origin.dry_run)

    def update(
        self,
        resource: Resource,
        key: Key,
        change: Callable[[Obj], Obj],
        subresource: str = "",
        origin: Origin | None = None,
        needs_version: bool = False,
        owner: apply.Owner | None = None,
    ) -> Entry:
        """`updating`, with nobody to be asked but the built-in plugins."""
        steps = self.updating(resource, key, change, subresource, origin or Origin(), needs_version, owner)
        return settle(steps)

    def updating(
        self,
        resource: Resource,
        key: Key,
        change: Callable[[Obj], Obj],
        subresource: str,
        origin: Origin,
        needs_version: bool = False,
        owner: apply.Owner | None = None,
    ) -> Steps[Entry]:
        """Replace an object with `change(its copy)`, minding conflicts, no-ops and last finalizers."""
        entry = self.get(resource, key)
        old = yield from self._converted(resource, entry.version, resource.version, entry.decode())
        new = change(copy(old))
        meta, was = new["metadata"], old["metadata"]
        version = meta.get("resourceVersion")
        if version in (None, "", "0"):
            if needs_version and not resource.unconditional_update:
                wrong = invalid_value("metadata.resourceVersion", 0, "must be specified for an update")
                raise invalid(resource.group, resource.kind, key[1], [wrong])
        elif version != was["resourceVersion"]:
            raise conflict(resource.group, resource.plural, key[1])
        if meta.get("uid") and meta["uid"] != was["uid"]:
            why = f"Precondition failed: UID in precondition: {meta['uid']}, UID in object meta: {was['uid']}"
            raise conflict(resource.group, resource.plural, key[1], why)
        lifecycle.keep_metadata(meta, was)
        self._default(resource, new)
        lifecycle.prepare_update(resource, new, old, subresource)
        if owner is not None:
            apply.track(resource, old, new, owner)
        # A binding is the creation of a Binding, though what it writes is a pod.
        operation = CREATE if subresource == "binding" else UPDATE
        write = Write(operation, resource, key, new, old, subresource, origin)
        self.plugins.mutate(write)
        yield write
        if write.obj is not new:
            new = write.obj
            meta = new["metadata"]
            lifecycle.keep_metadata(meta, was)
            self._default(resource, new)
            lifecycle.prepare_update(resource, new, old, subresource)
        self._validate(resource, new, old, subresource)
        meta["resourceVersion"] = was["resourceVersion"]
        self.plugins.validate(write)
        write.final = True
        yield write
        unchanged = lifecycle.same(new, old) and entry.version in ("", _stored(resource))
        new = yield from self._converted(resource, resource.version, _stored(resource), new)
        if self.store.get(resource.storage_name, key) is not entry:
            # Somebody wrote while webhooks were asked: again, from what is there now.
            return (
                yield from self.updating(resource, key, change, subresource, origin, needs_version, owner)
            )
        self.plugins.charge(write)
        if unchanged:
            return entry
        if lifecycle.gone_after_update(resource, new):
            # What the watchers get is the object as it was stored; the caller gets what was asked for.
            if not origin.dry_run:
                self._remove(resource, key)
            return make_entry(key, self.store.revision, new, (), _stored(resource))
        if resource.plural == "services" and not resource.group:
            self.addresses.allocate(new, key, origin.dry_run)
        return self._put(resource, key, new, origin.dry_run)

    def delete(
        self, resource: Resource, key: Key, options: Obj, origin: Origin | None = None
    ) -> tuple[Entry, bool]:
        """`deleting`, with nobody to be asked but the built-in plugins."""
        return settle(self.deleting(resource, key, options, origin or Origin()))

    def deleting(
        self, resource: Resource, key: Key, options: Obj, origin: Origin
    ) -> Steps[tuple[Entry, bool]]:
        """(the object, is it gone), minding grace, finalizers, propagation and preconditions."""
        if resource.storage_name == "namespaces" and key[1] in _KEPT_NAMESPACES:
            raise forbidden("", "namespaces", key[1], "this namespace may not be deleted")
        entry = self.get(resource, key)
        old = entry.decode()
        lifecycle.check_preconditions(resource, key[1], old["metadata"], options)
        evicted = origin.body is not None
        write = Write(
            CREATE if evicted else DELETE, resource, key, {}, old, "eviction" if evicted else "", origin
        )
        yield write
        self.plugins.validate(write)
        write.final = True
        yield write
        if self.store.get(resource.storage_name, key) is not entry:
            return (yield from self.deleting(resource, key, options, origin))
        new = copy(old)
        immediate = lifecycle.begin_deletion(resource, new, options)
        if resource.storage_name == definitions.STORAGE and immediate:
            lifecycle.mark_deleting(new["metadata"])
            new["metadata"]["finalizers"] = [definitions.FINALIZER]
            definitions.terminating(new)
            immediate = False
        if not lifecycle.same(new, old):
            if origin.dry_run:
                return make_entry(key, entry.rv, new, (), entry.version), immediate
            entry = self._put(resource, key, new, False, entry.version)
        if immediate and not origin.dry_run:
            entry = self._remove(resource, key)
        return entry, immediate

    # ---- the steps of a write

    def _default(self, resource: Resource, obj: Obj) -> None:
        if fill := defaulting.DEFAULTS.get(resource.storage_name):
            fill(obj)

    def _validate(self, resource: Resource, new: Obj, old: Obj | None, subresource: str = "") -> None:
        errors: list[FieldError] = []
        custom = resource.custom
        if custom:
            body = {k: v for k, v in new.items() if k not in ("metadata", "kind", "apiVersion")}
            errors += structural.validate(custom.schema, body, "", structural.NOTHING if old is None else old)
            if not errors:
                full = {"kind": resource.kind, "apiVersion": resource.api_version, **new}
                errors += [
                    FieldError(reason, path, invalid_value(path, value, message).message)
                    for path, reason, value, message in cel.violations(custom.schema, full, old)
                ]
        if old is None:
            errors = names.metadata_errors(new["metadata"], resource.namespaced, resource.check_name) + errors
        else:
            errors = lifecycle.metadata_update_errors(new["metadata"], old["metadata"]) + errors
        if not custom:
            if subresource != "status" or resource.storage_name == "nodes":
                form = self.registry.by_storage(resource.storage_name) or resource
                errors += fieldrules.check(form.group, form.version, form.kind, new)
            if resource.storage_name == definitions.STORAGE:
                errors += definitions.errors(new)
            elif check := validation.CREATE.get(resource.storage_name):
                errors += check(new)
            check_update = validation.UPDATE.get(resource.storage_name)
            if old is not None and check_update and subresource != "binding":
                errors += check_update(new, old)
        if errors:
            raise invalid(resource.group, resource.kind, new["metadata"].get("name", ""), errors)

    @staticmethod
    def _converted(resource: Resource, source: str, target: str, obj: Obj) -> Steps[Obj]:
        """The object in another version, if there is more to it than the name."""
        if resource.custom is None or resource.custom.webhook is None or source in ("", target):
            return obj
        step = Conversion(resource, source, target, obj)
        yield step
        return step.obj

    def _put(self, resource: Resource, key: Key, obj: Obj, dry_run: bool, version: str = "") -> Entry:
        if resource.storage_name == definitions.STORAGE:
            definitions.accept(obj)
        elif resource.storage_name == registrations.POLICIES:
            # A controller checks the types of its expressions; there is nothing to say of them here.
            generation = obj["metadata"]["generation"]
            obj["status"] = {"observedGeneration": generation, "typeChecking": {}}
        version = version or _stored(resource)
        if dry_run:
            return unstored(key, obj, version)
        fields = (self.registry.by_storage(resource.storage_name) or resource).field_values(obj)
        entry = self.store.put(resource.storage_name, key, obj, fields, version)
        if resource.storage_name == definitions.STORAGE:
            definitions.sync(self.registry, obj)
            if "deletionTimestamp" in obj["metadata"]:
                self._delete_instances(obj)
        elif resource.storage_name == qualified("clusterroles", RBAC):
            aggregate(self.store)
        return entry

    def _remove(self, resource: Resource, key: Key) -> Entry:
        gone = self.store.delete(resource.storage_name, key)
        if resource.storage_name == definitions.STORAGE:
            definition = gone.decode()
            definitions.sync(self.registry, definition, gone=True)
            names = definition["spec"]["names"]
            self.store.drop_watchers(qualified(names["plural"], definition["spec"]["group"]))
        elif resource.custom:
            self._crd_done(resource)
        elif resource.storage_name == "services":
            self.addresses.release(key)
        elif resource.storage_name == qualified("clusterroles", RBAC):
            aggregate(self.store)
        return gone

    # ---- custom resources follow their definition

    def _delete_instances(self, definition: Obj) -> None:
        storage = qualified(definition["spec"]["names"]["plural"], definition["spec"]["group"])
        resource = self.registry.by_storage(storage)
        if resource is not None:
            for key in list(self.store.bucket(storage).objects):
                if key in self.store.bucket(storage).objects:
                    self.delete(resource, key, {})
            self._crd_done(resource)

    def _crd_done(self, custom: Resource) -> None:
        """Drop the clean-up finalizer of a CRD once its last object is gone."""
        if self.store.bucket(custom.storage_name).objects:
            return
        resource = self.registry.by_storage(definitions.STORAGE)
        entry = self.store.get(definitions.STORAGE, ("", qualified(custom.plural, custom.group)))
        if (
            resource is None
            or entry is None
            or definitions.FINALIZER not in (entry.decode()["metadata"].get("finalizers") or [])
        ):
            return

        def drop(obj: Obj) -> Obj:
            obj["metadata"]["finalizers"] = [
                f for f in obj["metadata"]["finalizers"] if f != definitions.FINALIZER
            ]
            return obj

        self.update(resource, entry.key, drop)
