"""Which form of an answer the client wants: the object, a Table, or its metadata alone."""

from dataclasses import dataclass
from typing import Any

import msgspec
import yaml

from sandbox.apiserver.machinery.apierrors import StatusError
from sandbox.apiserver.machinery.jsonobject import Obj
from sandbox.apiserver.machinery.resources import Resource
from sandbox.apiserver.printing import tables
from sandbox.apiserver.storage.revisions import Entry

encode = msgspec.json.encode
JSON_TYPE, YAML_TYPE = "application/json", "application/yaml"


@dataclass(frozen=True, slots=True)
class Form:
    """`kind` is "" for the object itself, "Table" or "PartialObjectMetadata"."""

    kind: str = ""
    content_type: str = JSON_TYPE
    include: str = "Metadata"  # what a Table row carries: Metadata, Object or None


def accepted(accept: str, include: str = "") -> Form:
    """The first clause of an Accept header that can be served; StatusError 406 when none can."""
    for clause in (accept or "*/*").split(","):
        media, *rest = (part.strip() for part in clause.split(";"))
        params = dict(p.split("=", 1) for p in rest if "=" in p)
        if media in (YAML_TYPE, "text/yaml"):
            content_type = YAML_TYPE
        elif media in (JSON_TYPE, "*/*", "application/*"):
            content_type = JSON_TYPE
        else:
            continue
        wanted = params.get("as", "")
        if not wanted:
            return Form("", content_type)
        if params.get("g") != "meta.k8s.io" or params.get("v") not in ("v1", "v1beta1"):
            continue
        if wanted == "Table":
            return Form("Table", content_type, include or "Metadata")
        if wanted in ("PartialObjectMetadata", "PartialObjectMetadataList"):
            return Form("PartialObjectMetadata", content_type)
    message = "only the following media types are accepted: application/json, application/yaml"
    raise StatusError(406, "NotAcceptable", message, {})


def body(form: Form, data: bytes) -> bytes:
    """JSON bytes in the content type of the form."""
    if form.content_type == YAML_TYPE:
        return yaml.safe_dump(msgspec.json.decode(data), sort_keys=False).encode()
    return data


class Renderer:
    """Turns stored entries of one resource into the bytes of an answer."""

    def __init__(self, resource: Resource, form: Form) -> None:
        self.resource, self.form = resource, form
        self._first_row = True

    @property
    def plain(self) -> bool:
        """Can stored bytes be sent as they are?"""
        return not self.form.kind and self.resource.outward is None

    def decode(self, entry: Entry) -> Obj:
        obj = entry.decode()
        if self.resource.outward:
            obj = self.resource.outward(obj)
        return {"kind": self.resource.kind, "apiVersion": self.resource.api_version, **obj}

    def one(self, entry: Entry) -> bytes:
        """A single object."""
        if self.plain:
            return self.resource.prefix + entry.body
        obj = self.decode(entry)
        if self.form.kind == "Table":
            meta = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
            return encode(tables.render(self.resource, [obj], meta, self.form.include))
        return encode(_partial(obj) if self.form.kind else obj)

    def event(self, entry: Entry) -> bytes:
        """The object of a watch event; only the first Table has column definitions."""
        if self.form.kind != "Table":
            return self.one(entry)
        obj = self.decode(entry)
        meta = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
        table = tables.render(self.resource, [obj], meta, self.form.include)
        if not self._first_row:
            table["columnDefinitions"] = None
        self._first_row = False
        return encode(table)

    def many(self, entries: list[Entry], meta: dict[str, Any]) -> bytes:
        """A list."""
        resource = self.resource
        if self.form.kind == "Table":
            objects = [self.decode(e) for e in entries]
            return encode(tables.render(resource, objects, meta, self.form.include))
        if self.form.kind:
            return encode(
                {
                    "kind": "PartialObjectMetadataList",
                    "apiVersion": "meta.k8s.io/v1",
                    "metadata": meta,
                    "items": [_partial(self.decode(e)) for e in entries],
                }
            )
        if resource.outward:
            items = [encode(resource.outward(e.decode())) for e in entries]
        else:
            # Items of built-in kinds do not repeat what the list's own kind says.
            start = resource.prefix if resource.custom else b"{"
            items = [start + e.body for e in entries]
        head = encode({"kind": resource.list_kind, "apiVersion": resource.api_version, "metadata": meta})
        return head[:-1] + b',"items":[' + b",".join(items) + b"]}"


def _partial(obj: Obj) -> Obj:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}
