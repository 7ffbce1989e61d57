from __future__ import annotations

import yaml

from controller_runtime.controller.builder import new_controller_managed_by
from controller_runtime.controller.handlers import Funcs
from controller_runtime.controller.rbac import controller_rules
from controller_runtime.kube.kinds import ConfigMap, Lease, Pod, Service
from controller_runtime.kube.rules import EVENT_RULES, LEASE_RULES, PolicyRule, merge, to_yaml
from tests.runtime.fakes import ManualSource, Reconciling, manager


def test_rules_come_from_what_a_controller_watches_and_what_is_declared() -> None:
    builder = new_controller_managed_by(manager()).for_(ConfigMap).owns(Pod).watches(Service, Funcs())
    controller = builder.watches(Lease, Funcs()).watches(ManualSource(), Funcs()).build(Reconciling())
    extra = [PolicyRule(("",), ("pods",), ("create", "delete", "get"))]
    assert controller_rules([controller], extra) == [
        PolicyRule(("",), ("configmaps", "services"), ("list", "watch")),
        PolicyRule(("",), ("pods",), ("create", "delete", "get", "list", "watch")),
        PolicyRule(("coordination.k8s.io",), ("leases",), ("list", "watch")),
    ]


def test_merging_is_stable_and_loses_nothing() -> None:
    rules = [
        PolicyRule(("b", "a"), ("y", "x"), ("list",)),
        PolicyRule(("a",), ("x",), ("get", "list")),
        *EVENT_RULES,
        *LEASE_RULES,
    ]
    merged = merge(rules)
    assert merged == merge(reversed(rules)) == merge(merged)
    assert PolicyRule(("a",), ("x",), ("get", "list")) in merged
    assert PolicyRule(("a", "b"), ("x", "y"), ("list",)) in merged


def test_rules_as_yaml_to_paste() -> None:
    text = to_yaml([PolicyRule(("",), ("pods",), ("list",)), PolicyRule(("apps",), ("deployments",), ("*",))])
    assert text == (
        '- apiGroups: [""]\n  resources: ["pods"]\n  verbs: ["list"]\n'
        '- apiGroups: ["apps"]\n  resources: ["deployments"]\n  verbs: ["*"]\n'
    )
    assert yaml.safe_load(text)[0] == {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}
