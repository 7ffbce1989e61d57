"""What a request is about, read from its method, path and query (upstream's RequestInfo)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.apiserver.auth.authz import Attributes

_NAMESPACE_SUBRESOURCES = ("status", "finalize")
_VERBS = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """`is_resource` is False for /healthz, /apis and the like; then only verb and path mean anything."""

    is_resource: bool
    verb: str
    path: str
    group: str = ""
    version: str = ""
    namespace: str = ""
    resource: str = ""
    name: str = ""
    subresource: str = ""
    extra: str = ""
    query: Mapping[str, str] = field(default_factory=dict)

    def attributes(self) -> Attributes:
        """What is asked of the authorizer."""
        if not self.is_resource:
            return Attributes(self.verb, path=self.path)
        name = self.name
        if not name and self.verb in ("list", "watch", "deletecollection"):
            name = _named(self.query.get("fieldSelector", ""))
        return Attributes(self.verb, self.group, self.resource, self.subresource, self.namespace, name)

    @property
    def flag_watch(self) -> bool:
        return self.verb == "watch"


def _named(selector: str) -> str:
    """The name in a field selector that is exactly one metadata.name, so that RBAC by name holds for it."""
    terms = [t for t in selector.split(",") if t.startswith("metadata.name=")]
    return terms[0].partition("=")[2].lstrip("=") if len(terms) == 1 else ""


def truthy(value: str | None) -> bool:
    """A boolean query parameter as Go's conversion reads it."""
    return value is not None and value.lower() not in ("false", "0")


def parse(method: str, path: str, query: Mapping[str, str]) -> RequestInfo:
    """RequestInfo of a request; never fails."""
    plain = RequestInfo(False, method.lower(), path, query=query)
    parts = [p for p in path.split("/") if p]
    if len(parts) < 3 or parts[0] not in ("api", "apis"):
        return plain
    if parts[0] == "api":
        group, version, rest = "", parts[1], parts[2:]
    else:
        if len(parts) < 4:
            return plain
        group, version, rest = parts[1], parts[2], parts[3:]
    verb = _VERBS.get(method, method.lower())
    old_watch = rest[0] == "watch"
    if old_watch:
        rest = rest[1:]
        if not rest:
            return plain
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in _NAMESPACE_SUBRESOURCES:
            rest = rest[2:]
    resource = rest[0]
    name = rest[1] if len(rest) > 1 else ""
    if resource == "namespaces" and group == "":
        namespace = name
    if not name and verb == "get":
        verb = "watch" if truthy(query.get("watch")) else "list"
    elif not name and verb == "delete":
        verb = "deletecollection"
    elif verb == "get" and truthy(query.get("watch")):
        verb = "watch"
    if old_watch and method == "GET":
        verb = "watch"
    return RequestInfo(
        True,
        verb,
        path,
        group,
        version,
        namespace,
        resource,
        name,
        rest[2] if len(rest) > 2 else "",
        "/".join(rest[3:]),
        query,
    )
