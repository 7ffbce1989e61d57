"""The verbs on stored resources: what each makes of its request, and the bytes of its answer."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from sandbox.apiserver.admission.writes import Origin
from sandbox.apiserver.auth import escalation
from sandbox.apiserver.auth.authn import User
from sandbox.apiserver.machinery import protobuf
from sandbox.apiserver.machinery.apierrors import (
    StatusError,
    bad_request,
    forbidden_field,
    invalid,
    invalid_value,
    not_found,
    required,
    success,
    too_long,
)
from sandbox.apiserver.machinery.jsonobject import Obj, copy, without_nulls
from sandbox.apiserver.machinery.resources import Resource
from sandbox.apiserver.registry import apply, lifecycle
from sandbox.apiserver.registry.cluster_state import Cluster, Conversion, Steps
from sandbox.apiserver.requests import decoding, fieldvalidation, listing, patch
from sandbox.apiserver.requests.conversion import Converter
from sandbox.apiserver.requests.negotiate import Form, Renderer, encode
from sandbox.apiserver.requests.requestinfo import RequestInfo, truthy
from sandbox.apiserver.requests.webhookclient import WebhookClient
from sandbox.apiserver.requests.webhooks import Webhooks
from sandbox.apiserver.storage.revisions import Entry, Key
from sandbox.apiserver.storage.watch import Filter, Options, WatchStream

_PATCHES = (patch.JSON, patch.MERGE, patch.STRATEGIC, patch.APPLY)
_LONGEST_MANAGER = 128
_ACCOUNT_SECONDS = 1.0
_MODES = ("Ignore", "Warn", "Strict")
_OPTIONS = ("fieldManager", "fieldValidation")
_T = TypeVar("_T")
Entries = list[Entry]


@dataclass
class Call:
    """One request on a resource, with all that the verbs need of it."""

    info: RequestInfo
    resource: Resource
    user: User
    form: Form
    content_type: str = "application/json"
    raw: bytes = b""
    user_agent: str = ""
    warnings: list[str] = field(default_factory=list)

    @property
    def key(self) -> Key:
        return (self.info.namespace if self.resource.namespaced else "", self.info.name)

    @property
    def dry_run(self) -> bool:
        value = self.info.query.get("dryRun", "")
        if value not in ("", "All"):
            message = f'Invalid value: "{value}": supported values: "All"'
            raise bad_request(f"dryRun: {message}")
        return value == "All"

    @property
    def origin(self) -> Origin:
        """Who writes, and how."""
        query = self.info.query
        options = {key: query[key] for key in _OPTIONS if key in query}
        return Origin(self.user, self.dry_run, options, self.warnings)

    def deletion(self, options: Obj) -> Origin:
        """The same of a deletion, which may be tried only by the query or by DeleteOptions."""
        return Origin(self.user, self.dry_run or bool(options.get("dryRun")), options, self.warnings)

    @property
    def validation(self) -> str:
        """fieldValidation: Ignore, Warn or Strict."""
        mode = self.info.query.get("fieldValidation", "") or "Warn"
        if mode not in _MODES:
            raise bad_request(
                f'fieldValidation: Unsupported value: "{mode}": supported values: "Ignore", "Strict", "Warn"'
            )
        return mode

    @property
    def manager(self) -> str:
        """Who is written down as the owner of fields."""
        asked = self.info.query.get("fieldManager", "")
        if len(asked) > _LONGEST_MANAGER:
            kind = {"create": "CreateOptions", "update": "UpdateOptions"}.get(self.info.verb, "PatchOptions")
            raise invalid("meta.k8s.io", kind, "", [too_long("fieldManager", _LONGEST_MANAGER)])
        return asked or self.user_agent.partition("/")[0][:_LONGEST_MANAGER] or "unknown"

    @property
    def owner(self) -> apply.Owner:
        return apply.Owner(self.manager, self.info.subresource)

    def body(self) -> Obj:
        if self.content_type not in ("application/json", "application/yaml", protobuf.CONTENT_TYPE, ""):
            raise decoding.unsupported(self.content_type)
        if not self.raw:
            raise bad_request("couldn't get version/kind; json parse error: unexpected end of JSON input")
        obj = decoding.as_object(self.raw, self.content_type)
        if self.content_type != protobuf.CONTENT_TYPE and self.info.query.get("fieldValidation"):
            # Reading the body a second time costs; only who asks for validation pays.
            self._report_repeated()
        return obj

    def _report_repeated(self) -> None:
        found = [f'duplicate field "{path}"' for path in fieldvalidation.repeated_fields(self.raw)]
        if found and self.validation == "Strict":
            lead = f'{self.resource.kind} in version "{self.resource.version}" cannot be handled as a '
            raise bad_request(f"{lead}{self.resource.kind}: strict decoding error: {', '.join(found)}")
        if self.validation != "Ignore":
            self.warnings += found


def _itself(obj: Obj) -> Obj:
    return obj


class Verbs:
    """Get, list, watch, create, update, patch, delete, deletecollection."""

    def __init__(self, cluster: Cluster, stopping: asyncio.Event) -> None:
        self.cluster = cluster
        self.ingest = decoding.Ingest(cluster.registry)
        self.client = WebhookClient(cluster.store)
        self.webhooks = Webhooks(cluster, self.ingest, self.client)
        self.converter = Converter(self.client)
        self._stopping = stopping

    async def settle(self, steps: Steps[_T]) -> _T:
        """Run a write through, and ask the webhooks where it stops for them."""
        while True:
            try:
                step = next(steps)
            except StopIteration as done:
                result: _T = done.value
                return result
            if isinstance(step, Conversion):
                await self.converter.step(step)
            elif self.webhooks.any:
                await self.webhooks.ask(step)

    async def get(self, call: Call) -> bytes:
        return await self._one(call, self.cluster.get(call.resource, call.key))

    async def _one(self, call: Call, entry: Entry) -> bytes:
        """An entry in the version and form that was asked for."""
        return Renderer(call.resource, call.form).one(await self.converter.one(call.resource, entry))

    async def list(self, call: Call) -> bytes:
        entries, meta = await listing.page(self.cluster, call.info, call.resource)
        return await self._many(call, entries, meta)

    async def _many(self, call: Call, entries: Entries, meta: Obj) -> bytes:
        entries = await self.converter.many(call.resource, entries)
        return Renderer(call.resource, call.form).many(entries, meta)

    def watch(self, call: Call) -> Callable[[Callable[[bytes], Awaitable[None]]], Awaitable[None]]:
        """Checks the request at once; what it returns feeds the stream until it ends."""
        listing.check(call.info)
        chosen: Filter = listing.selection(call.info, call.resource)
        options: Options = listing.watch_options(call.info)
        renderer = Renderer(call.resource, call.form)
        render = None if renderer.plain else renderer.event
        convert = self.converter.many if call.resource.custom and call.resource.custom.webhook else None
        stream = WatchStream(self.cluster.store, chosen, options, render, convert)
        return lambda write: stream.run(write, self._stopping)

    # ---- create, update

    async def create(self, call: Call) -> bytes:
        obj = call.body()
        self.ingest.check_kind(call.resource, obj)
        obj = self.ingest.normal(call.resource, obj, call.validation, call.warnings)
        meta = obj["metadata"]
        self._same_namespace(call, meta)
        if meta.get("name") is None and call.info.name:
            meta["name"] = call.info.name
        escalation.check(self.cluster.authorizer, call.user, call.resource, call.info.namespace, obj)
        if call.resource.storage_name == "pods":
            await self._account(call.info.namespace, obj)
        entry = await self.settle(
            self.cluster.creating(call.resource, call.info.namespace, obj, call.origin, call.owner)
        )
        return await self._one(call, entry)

    async def _account(self, namespace: str, pod: Obj) -> None:
        """Wait a moment for the account `default` of a new namespace, as upstream's plugin does."""
        asked = (pod.get("spec") or {}).get("serviceAccountName") or "default"
        if not self.cluster.plugins.service_accounts or asked != "default":
            return
        store, end = self.cluster.store, time.monotonic() + _ACCOUNT_SECONDS
        while store.get("serviceaccounts", (namespace, asked)) is None:
            left = end - time.monotonic()
            if store.get("namespaces", ("", namespace)) is None or left <= 0:
                return
            await store.wait_for(store.revision + 1, left)

    def _same_namespace(self, call: Call, meta: Obj) -> None:
        if call.resource.namespaced and meta.get("namespace") not in (None, "", call.info.namespace):
            raise bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )

    async def update(self, call: Call) -> tuple[int, bytes]:
        """(HTTP status, body): 201 when the PUT made the object."""
        obj = call.body()
        self.ingest.check_kind(call.resource, obj)
        obj = self.ingest.normal(call.resource, obj, call.validation, call.warnings)
        meta = obj["metadata"]
        name = meta.setdefault("name", call.info.name)
        if name != call.info.name:
            text = f"the name of the object ({name}) does not match the name on the URL ({call.info.name})"
            raise bad_request(text)
        self._same_namespace(call, meta)
        escalation.check(self.cluster.authorizer, call.user, call.resource, call.info.namespace, obj)
        found = self.cluster.store.get(call.resource.storage_name, call.key)
        if found is None and call.resource.create_on_update and not call.info.subresource:
            if meta.pop("resourceVersion", None) or meta.get("uid"):
                raise not_found(call.resource.group, call.resource.plural, call.info.name)
            made = self.cluster.creating(call.resource, call.info.namespace, obj, call.origin, call.owner)
            return 201, await self._one(call, await self.settle(made))
        # Where webhooks are asked, it may have to begin again from what was sent.
        again = copy if self.webhooks.any else _itself
        steps = self.cluster.updating(
            call.resource,
            call.key,
            lambda _: again(obj),
            call.info.subresource,
            call.origin,
            True,
            call.owner,
        )
        entry = await self.settle(steps)
        return 200, await self._one(call, entry)

    # ---- patch

    async def patch(self, call: Call) -> tuple[int, bytes]:
        """(HTTP status, body); server-side apply makes what is not there."""
        resource, kind = call.resource, call.content_type
        self.check_patch_type(resource, kind)
        if kind == patch.APPLY:
            status, entry = await self._apply(call)
            return status, await self._one(call, entry)
        if "force" in call.info.query:
            wrong = forbidden_field("force", "may not be specified for non-apply patch")
            raise invalid("meta.k8s.io", "PatchOptions", "", [wrong])
        change = decoding.parse(call.raw, "application/json") if call.raw else None
        self.cluster.get(resource, call.key)

        def changed(old: Obj) -> Obj:
            current = resource.outward(old) if resource.outward else old
            current = {"kind": resource.kind, "apiVersion": resource.api_version, **current}
            new = patch.apply(kind, resource.group, resource.kind, current, change)
            self.ingest.check_kind(resource, new)
            try:
                new = self.ingest.normal(resource, new, call.validation, call.warnings)
            except decoding.Undecodable as error:
                shown = change if kind == patch.STRATEGIC else new
                raise invalid(
                    "", "", "", [invalid_value("patch", encode(shown).decode(), error.why)]
                ) from None
            escalation.check(self.cluster.authorizer, call.user, resource, call.info.namespace, new)
            return new

        entry = await self.settle(
            self.cluster.updating(
                resource, call.key, changed, call.info.subresource, call.origin, owner=call.owner
            )
        )
        return 200, await self._one(call, entry)

    @staticmethod
    def check_patch_type(resource: Resource, content_type: str) -> None:
        """StatusError 415 for a patch type that the resource does not take."""
        allowed = tuple(p for p in _PATCHES if p != patch.STRATEGIC) if resource.custom else _PATCHES
        if content_type in allowed:
            return
        if resource.custom:
            listed = ", ".join(allowed)
            text = (
                f"the body of the request was in an unknown format - accepted media types include: {listed}"
            )
            raise StatusError(415, "UnsupportedMediaType", text)
        raise StatusError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})

    async def _apply(self, call: Call) -> tuple[int, Entry]:
        """Server-side apply: (201, the new object) or (200, the changed one)."""
        resource, info, query = call.resource, call.info, call.info.query
        if not query.get("fieldManager"):
            wrong = required("fieldManager", "is required for apply patch")
            raise invalid("meta.k8s.io", "PatchOptions", "", [wrong])
        config = decoding.as_object(call.raw, call.content_type)
        if (version := config.get("apiVersion") or "") != resource.api_version:
            # Before the kind is looked at (apimachinery managedfields/internal/structuredmerge.go).
            raise bad_request(
                "Incorrect version specified in apply patch. "
                f"Specified patch version: {version}, expected: {resource.api_version}"
            )
        self.ingest.check_kind(resource, config)
        self.ingest.check_declared(resource, config)
        meta = config.setdefault("metadata", {})
        name = meta.setdefault("name", info.name)
        if name != info.name:
            text = f"the name of the object ({name}) does not match the name on the URL ({info.name})"
            raise bad_request(text)
        self._same_namespace(call, meta)
        config = without_nulls(config)

        def merged(live: Obj | None) -> Obj:
            new = apply.apply(resource, live, config, call.owner, truthy(query.get("force")))
            new = self.ingest.normal(resource, new, call.validation, call.warnings)
            escalation.check(self.cluster.authorizer, call.user, resource, info.namespace, new)
            return new

        if self.cluster.store.get(resource.storage_name, call.key) is None:
            if info.subresource or meta.get("uid"):
                raise not_found(resource.group, resource.plural, info.name)
            made = self.cluster.creating(resource, info.namespace, merged(None), call.origin)
            return 201, await self.settle(made)

        def changed(old: Obj) -> Obj:
            live = resource.outward(old) if resource.outward else old
            return merged({"kind": resource.kind, "apiVersion": resource.api_version, **live})

        steps = self.cluster.updating(resource, call.key, changed, info.subresource, call.origin)
        return 200, await self.settle(steps)

    # ---- delete

    async def delete(self, call: Call) -> bytes:
        options = self._options(call)
        resource = call.resource
        entry, gone = await self.settle(
            self.cluster.deleting(resource, call.key, options, call.deletion(options))
        )
        if gone and not resource.returns_deleted:
            details: Obj = {"name": call.info.name}
            if resource.group:
                details["group"] = resource.group
            return encode(success(details={**details, "kind": resource.plural, "uid": entry.uid}))
        return await self._one(call, entry)

    async def delete_collection(self, call: Call) -> bytes:
        options = self._options(call)
        options.pop("preconditions", None)
        entries, meta = await listing.page(self.cluster, call.info, call.resource)
        for entry in entries:
            if self.cluster.store.get(call.resource.storage_name, entry.key) is not None:
                one = self.cluster.deleting(call.resource, entry.key, dict(options), call.deletion(options))
                await self.settle(one)
        return await self._many(call, entries, meta)

    def _options(self, call: Call) -> Obj:
        """DeleteOptions from the body, else from the query."""
        options: Obj = {}
        if call.raw:
            options = decoding.as_object(call.raw, call.content_type)
            options = decoding.checked("", "v1", "DeleteOptions", options)
            if options.get("kind") not in (None, "", "DeleteOptions"):
                raise bad_request(
                    f'{options["kind"]} in version "v1" cannot be handled as a DeleteOptions: unknown kind'
                )
        query = call.info.query
        try:
            if (grace := query.get("gracePeriodSeconds")) is not None:
                options.setdefault("gracePeriodSeconds", int(grace))
            if (grace := options.get("gracePeriodSeconds")) is not None:
                options["gracePeriodSeconds"] = int(grace)
        except (TypeError, ValueError):
            raise bad_request(f'gracePeriodSeconds: "{grace}" is not a number of seconds') from None
        if (policy := query.get("propagationPolicy")) is not None:
            options.setdefault("propagationPolicy", policy)
        if (orphan := query.get("orphanDependents")) is not None:
            options.setdefault("orphanDependents", orphan == "true")
        if errors := lifecycle.option_errors(options):
            raise invalid("meta.k8s.io", "DeleteOptions", "", errors)
        return options
