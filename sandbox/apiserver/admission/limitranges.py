"""The admission plugin LimitRanger: defaults and bounds for what pods and claims ask for.

Source: plugin/pkg/admission/limitranger/admission.go of kubernetes/kubernetes.
"""

from fractions import Fraction

from sandbox.apiserver.admission.quotas import pod_amounts
from sandbox.apiserver.admission.writes import CREATE, DELETE, Write
from sandbox.apiserver.machinery import quantity
from sandbox.apiserver.machinery.jsonobject import Obj
from sandbox.apiserver.storage.revisions import Store

_ANNOTATION = "kubernetes.io/limit-ranger"
_BOUNDS = ("min", "max", "maxLimitRequestRatio")


def _items(store: Store, namespace: str) -> list[Obj]:
    """Every item of every LimitRange of a namespace, in the order of their names."""
    bucket = store.bucket("limitranges")
    if not bucket.objects:
        return []
    found = [bucket.objects[key].decode() for key in bucket.ordered() if key[0] == namespace]
    return [item for obj in found for item in obj["spec"].get("limits") or []]


def admit(store: Store, write: Write) -> None:
    """Fill in the defaults for the containers of a new pod, and say so in an annotation."""
    items = [i for i in _items(store, write.namespace) if i.get("type") == "Container"]
    if not items:
        return
    said: list[str] = []
    for item in items:
        for group, called in (("containers", "container"), ("initContainers", "init container")):
            for container in write.obj["spec"].get(group) or []:
                said += _fill(container, item, called)
    if said:
        annotations = write.obj["metadata"].setdefault("annotations", {})
        annotations[_ANNOTATION] = "LimitRanger plugin set: " + "; ".join(said)


def _fill(container: Obj, item: Obj, called: str) -> list[str]:
    said: list[str] = []
    resources = container.setdefault("resources", {})
    for group, defaults, word in (("requests", "defaultRequest", "request"), ("limits", "default", "limit")):
        have = resources.get(group) or {}
        added = {k: v for k, v in (item.get(defaults) or {}).items() if k not in have}
        if added:
            resources[group] = {**have, **added}
            said.append(f"{', '.join(sorted(added))} {word} for {called} {container['name']}")
    return said


def validate(store: Store, write: Write) -> None:
    """StatusError 403 for a new pod, or any claim, outside the bounds of its namespace."""
    pod = write.kind == "pods" and write.operation == CREATE
    claim = write.kind == "persistentvolumeclaims" and write.operation != DELETE
    if write.subresource or not (pod or claim):
        return
    for item in _items(store, write.namespace):
        errors = _pod(write.obj, item) if pod else _claim(write.obj, item)
        if errors:
            raise write.forbidden(errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]")


def _pod(pod: Obj, item: Obj) -> list[str]:
    spec, kind = pod["spec"], item.get("type")
    if kind == "Pod":
        return _outside(item, pod_amounts(spec, "requests"), pod_amounts(spec, "limits"))
    if kind != "Container":
        return []
    out: list[str] = []
    for container in [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]:
        resources = container.get("resources") or {}
        out += _outside(item, _values(resources.get("requests")), _values(resources.get("limits")))
    return list(dict.fromkeys(out))


def _claim(claim: Obj, item: Obj) -> list[str]:
    if item.get("type") != "PersistentVolumeClaim":
        return []
    asked = _values(((claim.get("spec") or {}).get("resources") or {}).get("requests"))
    return _outside({k: item[k] for k in ("min", "max") if k in item}, asked, asked, item["type"])


def _values(amounts: Obj | None) -> dict[str, Fraction]:
    return {name: quantity.value(amount) for name, amount in (amounts or {}).items()}


def _outside(
    item: Obj, requests: dict[str, Fraction], limits: dict[str, Fraction], kind: str = ""
) -> list[str]:
    """The sentences for each bound that is not kept."""
    out: list[str] = []
    kind = kind or item["type"]
    limit_word = "request" if kind == "PersistentVolumeClaim" else "limit"
    for bound in _BOUNDS:
        for name, amount in sorted((item.get(bound) or {}).items()):
            wanted, request, limit = quantity.value(amount), requests.get(name), limits.get(name)
            shown = quantity.canonical(amount)
            if bound == "maxLimitRequestRatio":
                lead = f"{name} max limit to request ratio per {kind} is {shown}, but"
                if not request:
                    out.append(f"{lead} no request is specified or request is 0")
                elif not limit:
                    out.append(f"{lead} no limit is specified or limit is 0")
                elif limit / request > wanted:
                    out.append(f"{lead} provided ratio is {float(limit / request):f}")
                continue
            lead, low = f"{bound}imum {name} usage per {kind} is {shown}", bound == "min"
            pairs = [("request", request), (limit_word, limit)]
            for word, value in pairs if low else reversed(pairs):
                if value is None:
                    # A minimum is for requests, a maximum for limits; the other may be left out.
                    if (word == "request") == low or limit_word == "request":
                        out.append(f"{lead}.  No {word} is specified")
                        break
                elif value < wanted if low else value > wanted:
                    out.append(f"{lead}, but {word} is {_written(name, value)}")
                    break
    return out


def _written(name: str, value: Fraction) -> str:
    return quantity.written(value, binary="memory" in name or "storage" in name)
