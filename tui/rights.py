"""What the operator needs against what it has: rows of the matrix, and what a missing right breaks. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from controller.events import PermissionsReviewed, Right
from controller_runtime.events import SERVING, WatchStatus
from controller_runtime.kube.permissions import Permission, rules_for
from controller_runtime.kube.rules import PolicyRule
from tui.names import plural
from tui.state import ConsoleState

VERBS = ("get", "list", "watch", "create", "update", "patch", "delete")  # in this order; others behind
MOST_NAMES = 4


@dataclass
class Row:
    """The verbs that are needed on one resource in one scope, or on a URL."""

    group: str
    resource: str
    namespace: str
    name: str = ""
    url: str = ""
    cells: dict[str, Right] = field(default_factory=dict)  # by verb

    @property
    def key(self) -> tuple[str, ...]:
        return self.group, self.resource, self.namespace, self.name, self.url

    @property
    def missing(self) -> list[Right]:
        return [right for right in self.cells.values() if not right.allowed]

    @property
    def is_declared(self) -> bool:
        return all(right.declared for right in self.cells.values())

    @property
    def rule(self) -> PolicyRule | None:
        """What has to be added; None when nothing is missing."""
        missing = self.missing
        if not missing:
            return None
        one = missing[0].permission.rule
        verbs = tuple(in_order(right.permission.verb for right in missing))
        return PolicyRule(one.api_groups, one.resources, verbs, one.resource_names, one.non_resource_urls)


def in_order(verbs: Iterable[str]) -> list[str]:
    """Each once; reading before writing."""
    place = {verb: number for number, verb in enumerate(VERBS)}
    return sorted(dict.fromkeys(verbs), key=lambda verb: (place.get(verb, len(VERBS)), verb))


def rows(review: PermissionsReviewed | None) -> list[Row]:
    """In the order in which the markers declare them."""
    found: dict[tuple[str, ...], Row] = {}
    for right in review.rights if review else ():
        p = right.permission
        row = Row(p.group, p.resource, p.namespace, p.name, p.url)
        found.setdefault(row.key, row).cells[p.verb] = right
    return list(found.values())


def row_of(state: ConsoleState, key: tuple[str, ...]) -> Row | None:
    return next((row for row in rows(state.reviews.get("controller")) if row.key == key), None)


def needs(state: ConsoleState, resource: str) -> list[PolicyRule]:
    """What the operator needs of a resource and of its subresources."""
    found = rows(state.reviews.get("controller"))
    cells = [r.permission for row in found for r in row.cells.values()]
    return rules_for(cell for cell in cells if resource and cell.resource.partition("/")[0] == resource)


def find(state: ConsoleState, rule: PolicyRule, namespace: str) -> list[Right]:
    """What is known of the cells of a rule."""
    review = state.reviews.get("controller")
    wanted = {(verb, g, r) for verb in rule.verbs for g in rule.api_groups for r in rule.resources}
    return [
        right
        for right in (review.rights if review else ())
        if right.permission[:3] in wanted and right.permission.namespace in ("", namespace)
    ]


def is_losing(state: ConsoleState, watch: WatchStatus) -> bool:
    """The watch is open, and would be refused if it began now."""
    review = state.reviews.get("controller")
    if review is None or watch.state not in SERVING:
        return False
    needs = ("watch", "list") if watch.state == "live" else ("list",)
    cells = {Permission(verb, watch.group, watch.resource, watch.scope) for verb in needs}
    return any(right.permission in cells and not right.allowed for right in review.rights)


def blind(state: ConsoleState, rule: PolicyRule, namespace: str) -> list[str]:
    """What does not work without it: tables that show what was, and objects that wait."""
    said = []
    if {"list", "watch"} & set(rule.verbs):
        for watch in state.watches.values():
            is_its = watch.group in rule.api_groups and watch.resource in rule.resources
            if is_its and watch.scope == namespace:
                name, when = plural(watch.kind, 2), "" if watch.state not in SERVING else "will be "
                said.append(f"the table {name} {when or 'is '}blind: it shows what was known last")
        if objects := _reconciled(state, namespace):
            said.append(f"reconciled without a view of {', '.join(rule.resources)}: {objects}")
    waiting = [
        key
        for denial in state.denials.values()
        if denial.write.missing_rule is not None
        and denial.write.ref.namespace in (namespace, "" if namespace else denial.write.ref.namespace)
        and set(denial.write.missing_rule.resources) <= set(rule.resources)
        and set(denial.write.missing_rule.verbs) <= set(rule.verbs)
        for key in sorted(denial.keys)
    ]
    if waiting:
        said.append(f"waiting for it: {_some(waiting)}")
    return said


def _reconciled(state: ConsoleState, namespace: str) -> str:
    """The objects that controllers look after."""
    found = [
        f"{o.ref.kind} {o.ref.key}"
        for kind in dict.fromkeys(state.controllers.values())
        for o in state.objects.get(kind, {}).values()
        if not namespace or o.ref.namespace == namespace
    ]
    return _some(found)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more
