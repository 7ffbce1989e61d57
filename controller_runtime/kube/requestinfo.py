"""What a request asks to be allowed: its verb, resource and namespace, read off its method and path.

Source: apiserver pkg/endpoints/request/requestinfo.go.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class RequestInfo(NamedTuple):
    """``resource`` is ``pods`` or ``pods/log``; without one the request is for the URL ``path``."""

    verb: str
    group: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


def request_info(method: str, target: str) -> RequestInfo:
    """Of a request to an API server; ``target`` is a path with its query."""
    url = urlsplit(target)
    parts = [unquote(part) for part in url.path.split("/") if part]
    group, rest = _below_the_version(parts)
    if not rest:
        return RequestInfo(_VERBS.get(method, "get"), path=url.path)
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        # Below a namespace there are resources; the namespace itself has two subresources.
        if len(rest) > 2 and rest[2] not in ("status", "finalize"):
            rest = rest[2:]
    name = rest[1] if len(rest) > 1 else ""
    resource = "/".join([rest[0], rest[2]]) if len(rest) > 2 else rest[0]
    return RequestInfo(_verb(method, name, url.query), group, resource, namespace, name)


def _below_the_version(parts: list[str]) -> tuple[str, list[str]]:
    match parts:
        case ["api", _, *rest]:
            return "", rest
        case ["apis", group, _, *rest]:
            return group, rest
    return "", []


def _verb(method: str, name: str, query: str) -> str:
    if method in _VERBS:
        return "deletecollection" if method == "DELETE" and not name else _VERBS[method]
    if parse_qs(query).get("watch", ["false"])[-1] not in ("false", "0"):
        return "watch"
    return "get" if name else "list"
