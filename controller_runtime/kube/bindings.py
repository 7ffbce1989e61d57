"""RBAC bindings: what would give somebody a permission, and what nearly does."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

from controller_runtime.kube.permissions import Permission
from controller_runtime.kube.roles import API_VERSION
from controller_runtime.kube.rules import PolicyRule

GROUP = "rbac.authorization.k8s.io"
GRANTED = "reconsole-granted-"  # how the names of roles begin that were made here
_ACCOUNT = "system:serviceaccount:"
MOST = 3  # sentences


def subject(identity: str) -> dict[str, str]:
    """As in a binding, for the name that the server knows somebody by."""
    if identity.startswith(_ACCOUNT) and identity.count(":") == 3:
        namespace, name = identity.removeprefix(_ACCOUNT).split(":")
        return {"kind": "ServiceAccount", "namespace": namespace, "name": name}
    return {"kind": "User", "apiGroup": GROUP, "name": identity}


def granting(identity: str, rule: PolicyRule, namespace: str = "") -> list[dict[str, Any]]:
    """A role with just this rule, and its binding to ``identity``: in ``namespace``, or everywhere.

    The same wish has the same name, and another one another name.
    """
    wish = hashlib.sha256(repr((identity, rule.to_dict())).encode()).hexdigest()[:8]
    what = "-".join([*rule.resources, *rule.non_resource_urls, wish])
    name = GRANTED + re.sub(r"[^a-z0-9.]+", "-", what.lower()).strip("-.")
    kind = "Role" if namespace else "ClusterRole"
    metadata: dict[str, Any] = {"name": name, "labels": {"app.kubernetes.io/managed-by": "reconsole"}}
    if namespace:
        metadata["namespace"] = namespace
    return [
        {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "rules": [rule.to_dict()]},
        {
            "apiVersion": API_VERSION,
            "kind": f"{kind}Binding",
            "metadata": metadata,
            "roleRef": {"apiGroup": GROUP, "kind": kind, "name": name},
            "subjects": [subject(identity)],
        },
    ]


def is_bound(binding: dict[str, Any], identity: str) -> bool:
    """Whether it is for ``identity``, by name or as every service account of a namespace."""
    names = {identity, "system:authenticated"}
    if identity.startswith(_ACCOUNT):
        names |= {"system:serviceaccounts", f"system:serviceaccounts:{identity.split(':')[2]}"}
    own = subject(identity)
    for s in binding.get("subjects") or ():
        if s.get("kind") == "ServiceAccount":
            if (s.get("namespace"), s.get("name")) == (own.get("namespace"), own["name"]):
                return True
        elif s.get("name") in names:
            return True
    return False


def nearly(
    identity: str, wanted: Permission, roles: Iterable[dict[str, Any]], bindings: Sequence[dict[str, Any]]
) -> list[str]:
    """Sentences: which of these bindings and roles almost give ``identity`` what is ``wanted``, and why not.

    Both are JSON data of all four kinds, with their ``kind``.
    """
    by_name = {_key(role): role for role in roles}
    near: list[tuple[int, str]] = []
    what = wanted.resource or wanted.url
    for binding in bindings:
        if not is_bound(binding, identity):
            continue
        reference = binding["roleRef"]
        where = binding["metadata"].get("namespace", "")
        home = where if reference["kind"] == "Role" else ""
        role = by_name.get((reference["kind"], home, reference["name"]))
        said = f"{_named(binding)} gives {reference['kind']} {reference['name']}"
        if role is None:
            near.append((2, f"{said}, which is not there"))
            continue
        whys = [_why_not(rule, wanted, where) for rule in role.get("rules") or ()]
        near += [(why[0], f"{said}, {why[1]}") for why in whys if why is not None and why[1]]
        is_here = where in ("", wanted.namespace)
        if is_here and not any(whys) and not role["metadata"]["name"].startswith(("system:", GRANTED)):
            near.append((5, f"{said}, which has no rule for {what}"))
    near.sort(key=lambda n: n[0])
    found = list(dict.fromkeys(sentence for _, sentence in near))[:MOST]
    return found or _unbound(wanted, by_name.values())


def _unbound(wanted: Permission, roles: Iterable[dict[str, Any]]) -> list[str]:
    """No binding comes near: which role would do, if one were bound."""
    enough = [
        role
        for role in roles
        if role["metadata"].get("namespace", "") in ("", wanted.namespace)
        and not role["metadata"]["name"].startswith("system:")
        and any(wanted.resource in (rule.get("resources") or ()) for rule in role.get("rules") or ())
        and any(_why_not(rule, wanted, wanted.namespace) == (0, "") for rule in role.get("rules") or ())
    ]
    enough.sort(key=lambda role: (len(role["rules"]), role["metadata"]["name"]))
    found = ["it has no binding"]
    if enough:
        found.append(f"{_named(enough[0])} would give it, and is not bound to it")
    return found


def _why_not(rule: dict[str, Any], wanted: Permission, where: str) -> tuple[int, str] | None:
    """How far a rule that is bound in ``where`` is from it, and why; None when it is about something else."""
    if wanted.url:
        return None
    verbs, groups = rule.get("verbs") or (), rule.get("apiGroups") or ()
    resources, names = rule.get("resources") or (), rule.get("resourceNames") or ()
    if not {"*", wanted.resource} & set(resources):
        return None
    if not {"*", wanted.group} & set(groups):
        listed = ", ".join(f'"{group}"' for group in groups)
        return 4, f'but for {wanted.resource} in the API group {listed} and not "{wanted.group}"'
    if not {"*", wanted.verb} & set(verbs):
        return 1, f"with {', '.join(verbs)} on {wanted.resource} and not {wanted.verb}"
    if names and wanted.name not in names:
        return 2, f"but only for those named {', '.join(names)}"
    if where and where != wanted.namespace:
        needed = f"the namespace {wanted.namespace}" if wanted.namespace else "all namespaces"
        return 1, f"but in the namespace {where} only; it is needed in {needed}"
    return 0, ""


def _key(o: dict[str, Any]) -> tuple[str, str, str]:
    return o["kind"], o["metadata"].get("namespace", ""), o["metadata"]["name"]


def _named(o: dict[str, Any]) -> str:
    meta = o["metadata"]
    where = f" in {meta['namespace']}" if meta.get("namespace") else ""
    return f"{o['kind']} {meta['name']}{where}"
