"""RBAC: who may do what, why, and whether a role may be given away."""

from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.apiserver.auth.authn import MASTERS, User
from sandbox.apiserver.machinery.apierrors import qualified
from sandbox.apiserver.machinery.jsonobject import Obj
from sandbox.apiserver.storage.revisions import Change, Store

GROUP = "rbac.authorization.k8s.io"
_STORED = tuple(qualified(p, GROUP) for p in ("clusterrolebindings", "clusterroles", "rolebindings", "roles"))


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is asked for. A request for a URL that is no resource has `path` only."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    def sentence(self, user: str) -> str:
        """Upstream's words after "is forbidden: "."""
        if self.path:
            return f'User "{user}" cannot {self.verb} path "{self.path}"'
        resource = self.resource + (f"/{self.subresource}" if self.subresource else "")
        scope = f'in the namespace "{self.namespace}"' if self.namespace else "at the cluster scope"
        return f'User "{user}" cannot {self.verb} resource "{resource}" in API group "{self.group}" {scope}'


@dataclass(frozen=True, slots=True)
class _Grant:
    reason: str
    namespace: str  # "" holds everywhere
    rules: list[Obj]


def _covers(listed: list[str], want: str) -> bool:
    return "*" in listed or want in listed


def rule_allows(rule: Obj, a: Attributes) -> bool:
    """Does one PolicyRule allow the request?"""
    if not _covers(rule.get("verbs") or [], a.verb):
        return False
    if a.path:
        return any(
            u == "*" or u == a.path or (u.endswith("*") and a.path.startswith(u[:-1]))
            for u in rule.get("nonResourceURLs") or []
        )
    resources = rule.get("resources") or []
    full = f"{a.resource}/{a.subresource}" if a.subresource else a.resource
    if not (
        "*" in resources or full in resources or (a.subresource and f"*/{a.subresource}" in resources)
    ) or not _covers(rule.get("apiGroups") or [], a.group):
        return False
    only = rule.get("resourceNames")
    return not only or a.name in only


class Authorizer:
    """Evaluates RBAC from the store; an answer reflects the last write."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._subjects: dict[tuple[str, str], list[_Grant]] | None = None
        store.listeners.append(self._changed)

    def _changed(self, resource: str, _change: Change) -> None:
        if resource in _STORED:
            self._subjects = None

    def check(self, user: User, a: Attributes) -> str | None:
        """Why it is allowed ("" when there is nothing to say), or None when it is not."""
        if MASTERS in user.groups:
            return ""
        for grant in self._grants(user):
            if grant.namespace and grant.namespace != a.namespace:
                continue
            if grant.namespace and a.path:
                continue
            if any(rule_allows(rule, a) for rule in grant.rules):
                return grant.reason
        return None

    def rules(self, user: User, namespace: str) -> list[Obj]:
        """Every rule that holds for a user in a namespace ("" for those that hold everywhere)."""
        if MASTERS in user.groups:
            return [
                {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
                {"verbs": ["*"], "nonResourceURLs": ["*"]},
            ]
        return [r for g in self._grants(user) if g.namespace in ("", namespace) for r in g.rules]

    def may_escalate(self, user: User, rules: list[Obj], namespace: str) -> list[Obj]:
        """The rules of a role that its author does not hold; such a role may not be made."""
        held = self.rules(user, namespace)
        return [rule for rule in rules for one in _split(rule) if not any(_within(h, one) for h in held)]

    def role_rules(self, ref: Obj, namespace: str) -> list[Obj] | None:
        """The rules of a roleRef, None when the role does not exist."""
        if ref.get("kind") == "ClusterRole":
            entry = self._store.get(qualified("clusterroles", GROUP), ("", ref.get("name", "")))
        else:
            entry = self._store.get(qualified("roles", GROUP), (namespace, ref.get("name", "")))
        return None if entry is None else entry.decode().get("rules") or []

    def _grants(self, user: User) -> Iterator[_Grant]:
        index = self._subjects
        if index is None:
            index = self._subjects = self._index()
        yield from index.get(("User", user.name), ())
        for group in user.groups:
            yield from index.get(("Group", group), ())

    def _index(self) -> dict[tuple[str, str], list[_Grant]]:
        index: dict[tuple[str, str], list[_Grant]] = {}
        for kind, plural in (
            ("ClusterRoleBinding", "clusterrolebindings"),
            ("RoleBinding", "rolebindings"),
        ):
            bucket = self._store.bucket(qualified(plural, GROUP))
            for (namespace, name), entry in bucket.objects.items():
                binding = entry.decode()
                ref = binding.get("roleRef") or {}
                rules = self.role_rules(ref, namespace)
                if rules is None:
                    continue
                label = f"{name}/{namespace}" if namespace else name
                for subject in binding.get("subjects") or []:
                    key, shown = _subject(subject, namespace)
                    role = f'{ref.get("kind")} "{ref.get("name")}"'
                    reason = f'RBAC: allowed by {kind} "{label}" of {role} to {shown}'
                    index.setdefault(key, []).append(_Grant(reason, namespace, rules))
        return index


def _subject(subject: Obj, namespace: str) -> tuple[tuple[str, str], str]:
    kind, name = subject.get("kind", ""), subject.get("name", "")
    if kind == "ServiceAccount":
        home = subject.get("namespace") or namespace
        return ("User", f"system:serviceaccount:{home}:{name}"), f'ServiceAccount "{name}/{home}"'
    return (kind, name), f'{kind} "{name}"'


def _split(rule: Obj) -> Iterator[Obj]:
    """A rule as the smallest rules that it is made of."""
    for verb in rule.get("verbs") or []:
        for url in rule.get("nonResourceURLs") or []:
            yield {"verbs": [verb], "nonResourceURLs": [url]}
        for group in rule.get("apiGroups") or []:
            for resource in rule.get("resources") or []:
                one = {"verbs": [verb], "apiGroups": [group], "resources": [resource]}
                for name in rule.get("resourceNames") or [""]:
                    yield {**one, "resourceNames": [name]} if name else one


def _within(held: Obj, one: Obj) -> bool:
    """Does a held rule cover one of `_split`?"""
    if not _covers(held.get("verbs") or [], one["verbs"][0]):
        return False
    if urls := one.get("nonResourceURLs"):
        return any(
            h == urls[0] or (h.endswith("*") and urls[0].startswith(h[:-1]))
            for h in held.get("nonResourceURLs") or []
        )
    resource = one["resources"][0]
    resources = held.get("resources") or []
    _, slash, sub = resource.partition("/")
    if not (_covers(resources, resource) or (slash and f"*/{sub}" in resources)):
        return False
    if not _covers(held.get("apiGroups") or [], one["apiGroups"][0]):
        return False
    only = held.get("resourceNames")
    return not only or (bool(one.get("resourceNames")) and one["resourceNames"][0] in only)
