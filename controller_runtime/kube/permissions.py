"""Permissions one by one: what markers say is needed, and the rule that gives some of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from controller_runtime.kube.markers import Marker
from controller_runtime.kube.rules import PolicyRule, merge


class Permission(NamedTuple):
    """One cell of what is needed. ``namespace`` "" is all of them, or none for what is in none.

    ``resource`` is ``pods`` or ``pods/log``; without one, ``url`` is what is to be got.
    """

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""
    url: str = ""

    def __str__(self) -> str:
        """As the server says it: ``list resource "pods" in API group "" in the namespace "x"``."""
        if self.url:
            return f'{self.verb} path "{self.url}"'
        where = f'in the namespace "{self.namespace}"' if self.namespace else "at the cluster scope"
        return f'{self.verb} resource "{self.resource}" in API group "{self.group}" {where}'

    @property
    def rule(self) -> PolicyRule:
        """What grants it, and nothing else."""
        if self.url:
            return PolicyRule((), (), (self.verb,), (), (self.url,))
        return PolicyRule((self.group,), (self.resource,), (self.verb,), (self.name,) if self.name else ())


def permissions(markers: Iterable[Marker], namespaces: Sequence[str] = ()) -> list[Permission]:
    """The cells of these markers, in ``namespaces`` where a marker does not name its own."""
    found: dict[Permission, None] = {}
    for rule, namespace, _ in ((m.rule, m.namespace, m.role_name) for m in markers):
        for url in rule.non_resource_urls:
            found |= {Permission(verb, "", "", url=url): None for verb in rule.verbs}
        for where in (namespace,) if namespace else namespaces or ("",):
            for group in rule.api_groups:
                for resource in rule.resources:
                    for name in rule.resource_names or ("",):
                        cells = (Permission(verb, group, resource, where, name) for verb in rule.verbs)
                        found |= dict.fromkeys(cells)
    return list(found)


def rules_for(cells: Iterable[Permission]) -> list[PolicyRule]:
    """The rules that give these, wherever they are bound."""
    return merge(cell.rule for cell in cells)
