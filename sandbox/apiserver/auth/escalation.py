"""Nobody gives away permissions that they do not hold: upstream's checks on roles and bindings."""

from sandbox.apiserver.auth.authn import MASTERS, User
from sandbox.apiserver.auth.authz import GROUP, Attributes, Authorizer
from sandbox.apiserver.machinery.apierrors import forbidden, quote
from sandbox.apiserver.machinery.jsonobject import Obj
from sandbox.apiserver.machinery.resources import Resource

_FIELDS = (
    ("nonResourceURLs", "NonResourceURLs"),
    ("apiGroups", "APIGroups"),
    ("resources", "Resources"),
    ("resourceNames", "ResourceNames"),
    ("verbs", "Verbs"),
)


def check(authorizer: Authorizer, user: User, resource: Resource, namespace: str, obj: Obj) -> None:
    """StatusError 403 when the write of a role or binding would give more than its author has."""
    if resource.group != GROUP or MASTERS in user.groups:
        return
    name = obj["metadata"].get("name", "")
    if resource.plural.endswith("roles"):
        asked = Attributes("escalate", GROUP, resource.plural, "", namespace, name)
        rules = obj.get("rules") or []
    else:
        ref = obj.get("roleRef") or {}
        plural = "clusterroles" if ref.get("kind") == "ClusterRole" else "roles"
        asked = Attributes("bind", GROUP, plural, "", namespace, ref.get("name", ""))
        rules = authorizer.role_rules(ref, namespace) or []
    if authorizer.check(user, asked) is not None:
        return
    missing = authorizer.may_escalate(user, rules, namespace)
    if missing:
        unique = [r for i, r in enumerate(missing) if r not in missing[:i]]
        listed = "\n".join(_words(rule) for rule in unique)
        groups = " ".join(quote(g) for g in user.groups)
        why = (
            f'user "{user.name}" (groups=[{groups}]) is attempting to grant RBAC permissions '
            f"not currently held:\n{listed}"
        )
        raise forbidden(resource.group, resource.plural, name, why)


def _words(rule: Obj) -> str:
    parts = [f"{word}:{quote(rule[key])}" for key, word in _FIELDS if rule.get(key)]
    return "{" + ", ".join(parts) + "}"
