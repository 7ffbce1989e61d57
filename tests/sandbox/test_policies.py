"""ValidatingAdmissionPolicies: what they deny, warn of and let through, and with which words."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.server import Api

Json = dict[str, Any]
GROUP = "/apis/admissionregistration.k8s.io/v1/"
_numbers = itertools.count()


@pytest.fixture(autouse=True)
def _clean(api: Api) -> Iterator[None]:
    yield
    for plural in ("validatingadmissionpolicybindings", "validatingadmissionpolicies"):
        api.ok("DELETE", GROUP + plural)


class Policy:
    """A policy for the leases of a namespace, and its binding."""

    def __init__(self, api: Api, namespace: str, binding: Json | None = None, **spec: Any) -> None:
        self.api, self.name = api, f"p{next(_numbers)}"
        self.leases = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        rule = {
            "apiGroups": ["coordination.k8s.io"],
            "apiVersions": ["v1"],
            "operations": ["*"],
            "resources": ["leases"],
        }
        body = {
            "metadata": {"name": self.name},
            "spec": {"matchConstraints": {"resourceRules": [rule]}, **spec},
        }
        self.stored = api.ok("POST", GROUP + "validatingadmissionpolicies", body)
        chosen = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
        bound = {"policyName": self.name, "validationActions": ["Deny"], "matchResources": chosen}
        body = {"metadata": {"name": "b"}, "spec": {**bound, **(binding or {})}}
        api.ok("POST", GROUP + "validatingadmissionpolicybindings", body)

    def lease(self, holder: str = "me", **labels: str) -> tuple[int, Json]:
        body = {
            "metadata": {"name": f"l{next(_numbers)}", "labels": labels},
            "spec": {"holderIdentity": holder},
        }
        status, answer = self.api("POST", self.leases, body)
        return status, answer

    def denial(self, **lease: Any) -> str:
        """What is said of a lease after the words that all denials have."""
        _, answer = self.lease(**lease)
        lead, found, rest = answer["message"].partition(
            f" is forbidden: ValidatingAdmissionPolicy '{self.name}' with binding 'b' denied request: "
        )
        assert lead.startswith('leases.coordination.k8s.io "l'), answer
        assert found
        return str(rest)


def test_a_validation_denies_with_its_message_reason_and_code(api: Api, namespace: str) -> None:
    policy = Policy(
        api,
        namespace,
        validations=[
            {"expression": "object.spec.holderIdentity != 'plain'"},
            {
                "expression": "object.spec.holderIdentity != 'said'",
                "message": " not so ",
                "reason": "Forbidden",
            },
            {
                "expression": "!(object.spec.holderIdentity in variables.bad)",
                "message": "unused",
                "messageExpression": "'not ' + object.spec.holderIdentity + ' in ' +"
                " namespaceObject.metadata.name",
            },
        ],
        variables=[
            {"name": "all", "expression": "['made', 'up']"},
            {"name": "bad", "expression": "variables.all.filter(x, x != 'up')"},
        ],
    )
    assert policy.stored["spec"]["failurePolicy"] == "Fail"
    assert policy.lease()[0] == policy.lease(holder="up")[0] == 201
    assert policy.denial(holder="plain") == "failed expression: object.spec.holderIdentity != 'plain'"
    assert policy.denial(holder="said") == "not so"
    assert policy.denial(holder="made") == f"not made in {namespace}"
    codes = [policy.lease(holder=h) for h in ("plain", "said")]
    assert [(code, answer["reason"]) for code, answer in codes] == [(422, "Invalid"), (403, "Forbidden")]
    assert codes[0][1]["details"]["causes"][0]["message"].startswith("ValidatingAdmissionPolicy 'p")


def test_updates_deletions_and_match_conditions(api: Api, namespace: str) -> None:
    policy = Policy(
        api,
        namespace,
        matchConditions=[{"name": "no-jane", "expression": "request.userInfo.username != 'jane'"}],
        validations=[
            {
                "expression": "request.operation != 'UPDATE' || "
                "object.spec.holderIdentity == oldObject.spec.holderIdentity",
                "message": "kept",
            },
            {"expression": "object != null", "message": "stays"},
        ],
    )
    made = policy.lease()[1]
    path = f"{policy.leases}/{made['metadata']['name']}"
    assert api.patch(path, {"spec": {"holderIdentity": "you"}})[1]["message"].endswith("denied request: kept")
    assert api("DELETE", path)[1]["message"].endswith("denied request: stays")
    assert api("DELETE", policy.leases)[0] == 422
    jane = {"Impersonate-User": "jane", "Impersonate-Group": "system:masters"}
    api.ok("DELETE", path, headers=jane)


def test_a_binding_that_warns_and_one_that_audits(api: Api, namespace: str) -> None:
    policy = Policy(
        api, namespace, {"validationActions": ["Warn", "Audit"]}, validations=[{"expression": "false"}]
    )
    body = {"metadata": {"name": "l"}, "spec": {}}
    connection, answer = api.send("POST", policy.leases, body)
    assert answer.status == 201
    assert answer.getheader("Warning") == (
        f"299 - \"Validation failed for ValidatingAdmissionPolicy '{policy.name}' with binding 'b': "
        'failed expression: false"'
    )
    connection.close()


@pytest.mark.parametrize(("failure", "code"), [("Fail", 422), ("Ignore", 201)])
def test_an_expression_without_a_value(api: Api, namespace: str, failure: str, code: int) -> None:
    expression = "object.metadata.labels.app == 'x'"
    policy = Policy(api, namespace, failurePolicy=failure, validations=[{"expression": expression}])
    assert policy.lease(app="x")[0] == 201
    assert policy.lease(app="y")[0] == 422
    assert policy.lease(other="z")[0] == code
    if failure == "Fail":
        words = f"expression '{expression}' resulted in error: no such key: app"
        assert policy.denial(other="z") == words


def test_parameters(api: Api, namespace: str) -> None:
    ref = {"name": "limits", "parameterNotFoundAction": "Deny"}
    policy = Policy(
        api,
        namespace,
        {"paramRef": ref},
        paramKind={"apiVersion": "v1", "kind": "ConfigMap"},
        validations=[{"expression": "size(object.spec.holderIdentity) <= int(params.data.longest)"}],
    )
    assert policy.denial() == (
        "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"
    )
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    api.ok("POST", maps, {"metadata": {"name": "limits"}, "data": {"longest": "3"}})
    assert policy.lease(holder="abc")[0] == 201
    assert policy.lease(holder="abcd")[0] == 422


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("quantity('1Gi').isGreaterThan(quantity('1000Mi'))", True),
        ("object.spec.holderIdentity.split('-').join('.') == 'a.b'", True),
        ("'%s has %d'.format(['x', 2]) == 'x has 2'", True),
        ("'x1y22'.findAll('[0-9]+') == ['1', '22']", True),
        ("[1, 3, 2].isSorted()", False),
        ("has(object.spec.leaseDurationSeconds)", False),
        ("object.metadata.name.matches('^l[0-9]+$')", True),
    ],
)
def test_functions_of_cel(api: Api, namespace: str, expression: str, holds: bool) -> None:
    policy = Policy(api, namespace, validations=[{"expression": expression}])
    status, answer = policy.lease(holder="a-b")
    assert (status == 201) is holds, answer
    assert holds or answer["message"].endswith(f"failed expression: {expression}")


def test_policies_and_bindings_that_are_refused(api: Api) -> None:
    spec: Json = {"validations": [{"expression": "1 +"}]}
    status, answer = api(
        "POST", GROUP + "validatingadmissionpolicies", {"metadata": {"name": "x"}, "spec": spec}
    )
    assert status == 422
    assert "spec.matchConstraints: Required value" in answer["message"]
    assert 'spec.validations[0].expression: Invalid value: "1 +": compilation failed' in answer["message"]
    spec = {"validationActions": ["Deny", "Warn"], "policyName": "x"}
    body = {"metadata": {"name": "x"}, "spec": spec}
    status, answer = api("POST", GROUP + "validatingadmissionpolicybindings", body)
    assert status == 422
    assert "must not contain both Deny and Warn" in answer["message"]
