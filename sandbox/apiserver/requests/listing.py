"""Lists, pages and the options that lists and watches share."""

import base64
import json

import msgspec

from sandbox.apiserver.machinery.apierrors import (
    FieldError,
    bad_request,
    expired,
    forbidden_field,
    internal,
    invalid,
    not_supported,
    too_large_version,
)
from sandbox.apiserver.machinery.jsonobject import Obj
from sandbox.apiserver.machinery.resources import Resource
from sandbox.apiserver.machinery.selectors import parse_fields, parse_labels
from sandbox.apiserver.registry.cluster_state import Cluster
from sandbox.apiserver.requests.requestinfo import RequestInfo, truthy
from sandbox.apiserver.storage.revisions import Entry, Key
from sandbox.apiserver.storage.watch import Filter, Options

_FRESH_SECONDS = 3.0
"""How long a list waits for a revision that has not come yet; upstream's watch cache does the same."""


def selection(info: RequestInfo, resource: Resource) -> Filter:
    """What the query selects."""
    query = info.query
    fields = parse_fields(query.get("fieldSelector", ""), resource.fields, resource.own_field_words)
    namespace = info.namespace if resource.namespaced else ""
    if info.name:
        only = parse_fields(f"metadata.name={info.name}", (), False)
        fields = type(fields)((*fields.terms, *only.terms))
    return Filter(resource, namespace, parse_labels(query.get("labelSelector", "")), fields)


def version(text: str) -> int | None:
    """A resourceVersion parameter; None when it is not given."""
    if not text:
        return None
    if not text.isascii() or not text.isdigit():
        raise internal(
            f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        )
    return int(text)


def _whole(query: str, text: str | None) -> int:
    try:
        return int(text or 0)
    except ValueError:
        why = f'strconv.ParseInt: parsing "{text}": invalid syntax'
        raise bad_request(f'unable to decode "{query}": {why}') from None


def check(info: RequestInfo) -> None:
    """Refuse combinations of options that make no sense."""
    query = info.query
    match, given = query.get("resourceVersionMatch", ""), query.get("resourceVersion", "")
    initial = query.get("sendInitialEvents")
    errors: list[FieldError] = []
    if info.verb == "watch":
        if initial is not None and match != "NotOlderThan":
            text = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
            errors.append(forbidden_field("resourceVersionMatch", text))
        elif match and initial is None:
            text = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
            errors.append(forbidden_field("resourceVersionMatch", text))
    else:
        if initial is not None:
            errors.append(forbidden_field("sendInitialEvents", "sendInitialEvents is forbidden for list"))
        if match:
            if not given:
                text = "resourceVersionMatch is forbidden unless resourceVersion is provided"
                errors.append(forbidden_field("resourceVersionMatch", text))
            if query.get("continue"):
                text = "resourceVersionMatch is forbidden when continue is provided"
                errors.append(forbidden_field("resourceVersionMatch", text))
            if match not in ("Exact", "NotOlderThan"):
                errors.append(not_supported("resourceVersionMatch", match, ["Exact", "NotOlderThan", ""]))
            elif match == "Exact" and given == "0":
                text = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
                errors.append(forbidden_field("resourceVersionMatch", text))
    if errors:
        raise invalid("meta.k8s.io", "ListOptions", "", errors)


def watch_options(info: RequestInfo) -> Options:
    """Options of a watch; the default time-out is upstream's 30 minutes."""
    query = info.query
    since = version(query.get("resourceVersion", ""))
    initial = truthy(query.get("sendInitialEvents")) if "sendInitialEvents" in query else False
    seconds = _whole(f"timeoutSeconds={query.get('timeoutSeconds')}", query.get("timeoutSeconds"))
    return Options(
        since or None,
        truthy(query.get("allowWatchBookmarks")),
        initial,
        float(seconds) if seconds > 0 else 1800.0,
    )


def _token(rv: int, key: Key, namespaced: bool) -> str:
    start = f"{key[0]}/{key[1]}" if namespaced else key[1]
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": rv, "start": start + "\0"}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _untoken(token: str, namespaced: bool) -> tuple[int, Key]:
    lead = "invalid continue token: continue key is not valid: "
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
    except ValueError:
        wrong = next((i for i, c in enumerate(token) if not (c.isalnum() or c in "-_")), len(token))
        raise bad_request(f"{lead}illegal base64 data at input byte {wrong}") from None
    try:
        data = msgspec.json.decode(raw)
        namespace, _, name = data["start"].rstrip("\0").rpartition("/")
        return int(data["rv"]), (namespace if namespaced else "", name)
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError, ValueError):
        first = raw[:1].decode("ascii", "backslashreplace") if raw[:1] else ""
        if not first:
            raise bad_request(lead + "unexpected end of JSON input") from None
        raise bad_request(f"{lead}invalid character '{first}' looking for beginning of value") from None


async def page(cluster: Cluster, info: RequestInfo, resource: Resource) -> tuple[list[Entry], Obj]:
    """(entries, list metadata) of a list request."""
    check(info)
    chosen = selection(info, resource)
    store, query = cluster.store, info.query
    limit = _whole(f"limit={query.get('limit')}", query.get("limit"))
    rv = version(query.get("resourceVersion", ""))
    if rv and not await store.wait_for(rv, _FRESH_SECONDS if rv < store.revision + 1000 else 0):
        raise too_large_version(rv, store.revision)
    at, after = store.revision, None
    if token := query.get("continue"):
        if rv:
            raise bad_request("specifying resource version is not allowed when using continue")
        at, after = _untoken(token, resource.namespaced)
        at = at if at > 0 else store.revision
        if at < store.compacted:
            raise expired(
                "The provided continue parameter is too old to display a consistent list result. You can "
                "start a new list without the continue parameter."
            )
    elif rv and query.get("resourceVersionMatch") == "Exact":
        if rv < store.compacted:
            raise expired(f"The resourceVersion for the provided list is too old: {rv}.")
        at = rv
    bucket = store.bucket(resource.storage_name)
    objects = store.snapshot(resource.storage_name, at)
    keys = bucket.ordered() if objects is bucket.objects else sorted(objects)
    entries = [objects[k] for k in keys if after is None or k > after]
    if chosen.namespace or not chosen.everything:
        entries = [e for e in entries if chosen.matches(e)]
    meta: Obj = {"resourceVersion": str(at)}
    if 0 < limit < len(entries):
        meta["continue"] = _token(at, entries[limit - 1].key, resource.namespaced)
        if chosen.everything:
            meta["remainingItemCount"] = len(entries) - limit
        entries = entries[:limit]
    return entries, meta
