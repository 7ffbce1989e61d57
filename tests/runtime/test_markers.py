"""RBAC markers, against what controller-gen makes of the same ones."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from controller_runtime.kube.markers import Marker, MarkerError, comment_markers, markers_of, rbac
from controller_runtime.kube.roles import roles
from controller_runtime.kube.rules import PolicyRule, merge

RECORDED = Path(__file__).parent / "markers"


def test_comments_become_the_roles_that_controller_gen_prints() -> None:
    markers = comment_markers((RECORDED / "operator.py").read_text())
    recorded = list(yaml.safe_load_all((RECORDED / "role.yaml").read_text()))
    assert roles(markers, "manager-role") == recorded


@rbac(groups="", resources="services", verbs="get;list;watch")
@rbac(groups=["apps"], resources=["deployments"], verbs=["create"], namespace="zoo", role_name="zoo-role")
class Decorated:
    @rbac(urls="/metrics", verbs="get")
    def reconcile(self) -> None: ...


class Derived(Decorated): ...


def test_decorators_add_up_and_are_inherited() -> None:
    expected = [
        Marker(PolicyRule(("",), ("services",), ("get", "list", "watch"))),
        Marker(PolicyRule(("apps",), ("deployments",), ("create",)), "zoo", "zoo-role"),
        Marker(PolicyRule((), (), ("get",), (), ("/metrics",))),
    ]
    assert markers_of(Derived()) == markers_of(Decorated()) == expected
    assert markers_of(object()) == []


@pytest.mark.parametrize(
    ("marker", "says"),
    [
        ("groups=apps,resources=deployments", "it has no verbs"),
        ("groups=apps,verbs=get", "either resources or urls"),
        ("urls=/x,resources=pods,verbs=get", "either resources or urls"),
        ("urls=/x,groups=apps,verbs=get", "urls stand alone"),
        ("group=apps,resources=deployments,verbs=get", "there is no 'group'"),
        ("groups=apps resources", "there is no|cannot read|no verbs"),
        ("=,", "cannot read"),
    ],
)
def test_a_marker_that_cannot_be_read_is_named_with_its_line(marker: str, says: str) -> None:
    source = f"x = 1\n# +kubebuilder:rbac:{marker}\n"
    with pytest.raises(MarkerError, match=says) as raised:
        comment_markers(source)
    assert str(raised.value).startswith("line 2: # +kubebuilder:rbac:")


def test_text_in_strings_is_no_marker() -> None:
    assert comment_markers('x = "# +kubebuilder:rbac:nonsense"\n# +kubebuilder:object:root=true\n') == []


def test_in_one_namespace_only_what_is_in_no_namespace_stays_a_cluster_role() -> None:
    markers = [
        Marker(PolicyRule(("", "apps"), ("pods", "nodes"), ("list",))),
        Marker(PolicyRule(("example.com",), ("planets", "planets/status"), ("get",))),
        Marker(PolicyRule((), (), ("get",), (), ("/metrics",))),
        Marker(PolicyRule(("",), ("secrets",), ("get",)), "vault"),
    ]
    made = roles(markers, "r", namespace="mine", cluster_scoped=[("example.com", "planets")])
    assert [(role["kind"], role["metadata"].get("namespace")) for role in made] == [
        ("ClusterRole", None), ("Role", "mine"), ("Role", "vault"),
    ]  # fmt: skip
    assert made[0]["rules"] == [
        {"nonResourceURLs": ["/metrics"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]},
        {"apiGroups": ["example.com"], "resources": ["planets", "planets/status"], "verbs": ["get"]},
    ]
    assert made[1]["rules"] == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
        {"apiGroups": ["apps"], "resources": ["nodes", "pods"], "verbs": ["list"]},
    ]


words = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(tuple)
rules = st.builds(PolicyRule, words, words, words, st.just(()) | words)


@given(st.lists(rules, max_size=8))
def test_merging_gives_and_takes_nothing(some: list[PolicyRule]) -> None:
    merged = merge(some)
    assert _permissions(merged) == _permissions(some)
    assert merged == merge(reversed(some))
    assert len(merged) <= len(some)


def _permissions(rules: list[PolicyRule]) -> set[tuple[str, str, str, str]]:
    return {
        (group, resource, verb, name)
        for rule in rules
        for group in rule.api_groups
        for resource in rule.resources
        for verb in rule.verbs
        for name in rule.resource_names or ("",)
    }
