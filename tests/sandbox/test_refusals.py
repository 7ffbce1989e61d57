"""What is refused, and in which words; what is kept, and in which form: against what upstream answers."""

from typing import Any

import pytest

from tests.sandbox.server import Api

Json = dict[str, Any]


def pod(**spec: Any) -> Json:
    container = {"name": "c", "image": "i", **spec.pop("container", {})}
    return {"kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [container], **spec}}


def deployment(labels: Json | None = None, template: Json | None = None, **spec: Any) -> Json:
    found = {"containers": [{"name": "c", "image": "i"}], **(template or {})}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d"},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": labels or {"a": "b"}}, "spec": found},
            **spec,
        },
    }


def secret(kind: str) -> Json:
    return {"kind": "Secret", "metadata": {"name": "s"}, "type": kind}


def ingress(**path: Any) -> Json:
    rule = {"http": {"paths": [{"path": "/", "pathType": "Prefix", **path}]}}
    return {"apiVersion": "networking.k8s.io/v1", "metadata": {"name": "i"}, "spec": {"rules": [rule]}}


def policy(**spec: Any) -> Json:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "metadata": {"name": "n"},
        "spec": {"podSelector": {}, **spec},
    }


def autoscaler(**spec: Any) -> Json:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}
    return {
        "apiVersion": "autoscaling/v2",
        "metadata": {"name": "h"},
        "spec": {"scaleTargetRef": target, "maxReplicas": 2, **spec},
    }


_SERVICE: Json = {"name": "s", "port": {"number": 80}}
REFUSED: list[tuple[str, Json, str]] = [
    (
        "ingresses",
        {**ingress(), "spec": {}},
        "spec: Invalid value: []: either `defaultBackend` or `rules` must",
    ),
    (
        "ingresses",
        ingress(backend={"service": _SERVICE}, path="x"),
        'spec.rules[0].http.paths[0].path: Invalid value: "x": must be an absolute path',
    ),
    (
        "ingresses",
        ingress(backend={}),
        "paths[0].backend: Required value: resource or service backend is required",
    ),
    (
        "ingresses",
        ingress(backend={"service": {"name": "s"}}),
        "paths[0].backend: Required value: port name or number is required",
    ),
    (
        "ingresses",
        ingress(backend={"service": _SERVICE}, pathType="Some"),
        'pathType: Unsupported value: "Some": supported values: "Exact", "ImplementationSpecific", "Prefix"',
    ),
    (
        "networkpolicies",
        policy(ingress=[{"from": [{}]}]),
        "spec.ingress[0].from[0]: Required value: must specify a peer",
    ),
    (
        "networkpolicies",
        policy(egress=[{"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}}]}]),
        'to[0].ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`',
    ),
    (
        "networkpolicies",
        policy(ingress=[{"ports": [{"port": 80, "endPort": 79}]}]),
        "ports[0].endPort: Invalid value: 79: must be greater than or equal to `port`",
    ),
    (
        "networkpolicies",
        policy(policyTypes=["Both"]),
        'spec.policyTypes[0]: Unsupported value: "Both": supported values: "Egress", "Ingress"',
    ),
    (
        "horizontalpodautoscalers",
        autoscaler(minReplicas=3),
        "spec.maxReplicas: Invalid value: 2: must be greater than or equal to `minReplicas`",
    ),
    (
        "horizontalpodautoscalers",
        autoscaler(metrics=[{"type": "Pods"}]),
        "spec.metrics[0].pods: Required value: must populate information for the given metric source",
    ),
    (
        "pods",
        pod(container={"readinessProbe": {}}),
        "readinessProbe: Required value: must specify a handler type",
    ),
    (
        "deployments",
        deployment(replicas=-1),
        "spec.replicas: Invalid value: -1: must be greater than or equal",
    ),
    (
        "deployments",
        deployment({"a": "c"}),
        'spec.template.metadata.labels: Invalid value: {"a":"c"}: `selector`',
    ),
    ("deployments", deployment(template={"containers": []}), "spec.template.spec.containers: Required value"),
    (
        "deployments",
        deployment(template={"restartPolicy": "Never"}),
        'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    ),
    (
        "pods",
        pod(container={"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}}),
        'resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
    ),
    (
        "pods",
        pod(container={"resources": {"limits": {"cpu": "-1"}}}),
        'spec.containers[0].resources.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0',
    ),
    (
        "pods",
        pod(container={"livenessProbe": {"periodSeconds": 1}}),
        "spec.containers[0].livenessProbe: Required value: must specify a handler type",
    ),
    (
        "pods",
        pod(volumes=[{"name": "v", "emptyDir": {}, "configMap": {"name": "x"}}]),
        "may not specify more than 1 volume type",
    ),
    (
        "pods",
        pod(
            volumes=[{"name": "v"}],
            container={"volumeMounts": [{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/a"}]},
        ),
        'spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/a": must be unique',
    ),
    (
        "pods",
        pod(tolerations=[{"key": "a", "operator": "Like"}]),
        'spec.tolerations[0].operator: Unsupported value: "Like": supported values: "Equal", "Exists"',
    ),
    (
        "pods",
        pod(
            affinity={
                "podAntiAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": [
                        {"labelSelector": {}, "topologyKey": ""}
                    ]
                }
            }
        ),
        "requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Required value: can not be empty",
    ),
    (
        "secrets",
        secret("kubernetes.io/tls"),
        "[data[tls.crt]: Required value, data[tls.key]: Required value]",
    ),
    ("secrets", secret("kubernetes.io/dockerconfigjson"), "data[.dockerconfigjson]: Required value"),
    (
        "configmaps",
        {"kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"a": "b"}, "binaryData": {"a": "Yg=="}},
        'data[a]: Invalid value: "a": duplicate of key present in binaryData',
    ),
    (
        "configmaps",
        {"kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"a": "b" * (1 << 20) + "b"}},
        "[]: Too long: may not be more than 1048576 bytes",
    ),
    (
        "endpoints",
        {"kind": "Endpoints", "metadata": {"name": "e"}, "subsets": [{"addresses": [{"ip": "no"}]}]},
        'subsets[0].addresses[0].ip: Invalid value: "no": must be a valid IP address',
    ),
]


_GROUPS = {
    "deployments": "/apis/apps/v1",
    "ingresses": "/apis/networking.k8s.io/v1",
    "networkpolicies": "/apis/networking.k8s.io/v1",
    "horizontalpodautoscalers": "/apis/autoscaling/v2",
}


def path(namespace: str, plural: str) -> str:
    group = _GROUPS.get(plural, "/api/v1")
    return f"{group}/namespaces/{namespace}/{plural}"


@pytest.mark.parametrize(("plural", "body", "words"), REFUSED)
def test_invalid_objects_are_refused(api: Api, namespace: str, plural: str, body: Json, words: str) -> None:
    status, answer = api("POST", path(namespace, plural), body)
    assert (status, answer["reason"]) == (422, "Invalid")
    assert words in answer["message"]
    assert api("GET", f"{path(namespace, plural)}/{body['metadata']['name']}")[0] == 404


@pytest.mark.parametrize(
    ("cpu", "words"),
    [
        ("many", "quantities must match the regular expression"),
        ("1Q", "quantities must"),
        ("1.1.1", "unable to parse quantity's suffix"),
    ],
)
def test_what_is_no_quantity_is_not_decoded(api: Api, namespace: str, cpu: str, words: str) -> None:
    body = pod(container={"resources": {"limits": {"cpu": cpu}}})
    status, answer = api("POST", path(namespace, "pods"), body)
    assert (status, answer["reason"]) == (400, "BadRequest")
    assert words in answer["message"]


def test_values_are_kept_as_a_go_type_would_write_them(api: Api, namespace: str) -> None:
    limits = {"cpu": "0.5", "memory": "1024Mi"}
    made = api.ok(
        "POST",
        path(namespace, "pods"),
        pod(
            container={"resources": {"limits": limits}, "args": [], "workingDir": ""},
            nodeSelector={},
            volumes=[],
        ),
    )
    container = made["spec"]["containers"][0]
    assert container["resources"]["limits"] == {"cpu": "500m", "memory": "1Gi"}
    assert not {"args", "workingDir"} & container.keys()
    assert not {"nodeSelector", "volumes"} & made["spec"].keys()
    api.ok("POST", path(namespace, "secrets"), {"metadata": {"name": "s"}, "data": {"a": "YWJj\nZGVm\n"}})
    assert api.ok("GET", path(namespace, "secrets") + "/s")["data"] == {"a": "YWJjZGVm"}
    assert api.ok("POST", path(namespace, "deployments"), deployment())["status"] == {}


def test_a_micro_time_has_six_digits(api: Api, namespace: str) -> None:
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
    body = {"metadata": {"name": "l"}, "spec": {"renewTime": "2026-01-01T00:00:00Z"}}
    status, answer = api("POST", leases, body)
    assert status == 400
    assert 'as "2006-01-02T15:04:05.000000Z07:00": cannot parse "Z" as ".000000"' in answer["message"]
    body["spec"] = {"renewTime": "2026-01-01T00:00:00.000000Z"}
    assert api.ok("POST", leases, body)["spec"] == body["spec"]


@pytest.mark.parametrize("name", ["default", "kube-system", "kube-public"])
def test_a_namespace_of_the_system_stays(api: Api, name: str) -> None:
    status, answer = api("DELETE", f"/api/v1/namespaces/{name}")
    words = f'namespaces "{name}" is forbidden: this namespace may not be deleted'
    assert (status, answer["message"]) == (403, words)
    assert api.ok("GET", f"/api/v1/namespaces/{name}")["status"]["phase"] == "Active"


def test_dry_runs_in_the_body_delete_nothing(api: Api, namespace: str) -> None:
    pods = path(namespace, "pods")
    api.ok("POST", pods, pod())
    tried = {"dryRun": ["All"]}
    api.ok("DELETE", f"{pods}/p", tried)
    api.ok("DELETE", pods, tried)
    eviction = {
        "kind": "Eviction",
        "apiVersion": "policy/v1",
        "metadata": {"name": "p"},
        "deleteOptions": tried,
    }
    api.ok("POST", f"{pods}/p/eviction", eviction)
    assert "deletionTimestamp" not in api.ok("GET", f"{pods}/p")["metadata"]
    assert api("DELETE", f"{pods}/p", {"dryRun": ["Some"]})[0] == 422


def test_a_dry_run_takes_no_address(api: Api, namespace: str) -> None:
    services = path(namespace, "services")
    body: Json = {"metadata": {"name": "s"}, "spec": {"clusterIP": "10.96.77.7", "ports": [{"port": 1}]}}
    api.ok("POST", services + "?dryRun=All", body)
    body["metadata"]["name"] = "t"
    assert api.ok("POST", services, body)["spec"]["clusterIP"] == "10.96.77.7"


def test_a_patch_that_does_not_decode_is_unprocessable(api: Api, namespace: str) -> None:
    api.ok("POST", path(namespace, "configmaps"), {"metadata": {"name": "m"}})
    status, answer = api.patch(path(namespace, "configmaps") + "/m", {"data": {"a": 5}})
    assert (status, answer["reason"]) == (422, "Invalid")
    words = "json: cannot unmarshal number into Go struct field ConfigMap.data of type string"
    assert answer["details"]["causes"][0]["field"] == "patch"
    assert words in answer["message"]


def test_an_answer_ends_in_a_newline(api: Api) -> None:
    for url in ("/api/v1/namespaces/default", "/api/v1/pods", "/api", "/nothing/here"):
        connection, answer = api.send("GET", url)
        assert answer.read().endswith(b"\n")
        connection.close()


# ---- field managers


def apply(api: Api, where: str, body: Json, manager: str = "me") -> tuple[int, Any]:
    full = {"apiVersion": "v1", "kind": "ConfigMap", **body}
    return api.patch(f"{where}?fieldManager={manager}", full, "application/apply-patch+yaml")


def test_apply_may_drop_the_last_field_of_a_manager(api: Api, namespace: str) -> None:
    where = path(namespace, "configmaps") + "/m"
    meta: Json = {"name": "m", "labels": {"a": "b"}, "finalizers": ["x.y/z"]}
    assert apply(api, where, {"metadata": meta})[0] == 201
    for gone in ("finalizers", "labels"):
        del meta[gone]
        status, answer = apply(api, where, {"metadata": meta})
        assert status == 200, answer
        assert gone not in answer["metadata"]


def test_apply_from_either_side_is_one_owner(api: Api, namespace: str) -> None:
    where = path(namespace, "configmaps") + "/m"
    key = "kubectl.kubernetes.io/last-applied-configuration"
    text = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"},"data":{"a":"1"}}'
    body: Json = {"metadata": {"name": "m", "annotations": {key: text}}, "data": {"a": "1"}}
    api.ok("POST", path(namespace, "configmaps") + "?fieldManager=kubectl-client-side-apply", body)
    status, answer = apply(api, where, {"metadata": {"name": "m"}, "data": {"a": "2"}}, "somebody")
    assert (status, answer["reason"]) == (409, "Conflict")
    status, answer = apply(api, where, {"metadata": {"name": "m"}, "data": {"a": "2"}}, "kubectl")
    assert status == 200, answer
    assert '"data":{"a":"2"}' in answer["metadata"]["annotations"][key]


def test_the_oldest_of_many_managers_are_merged(api: Api, namespace: str) -> None:
    where = path(namespace, "configmaps") + "/m"
    api.ok("POST", path(namespace, "configmaps"), {"metadata": {"name": "m"}})
    for number in range(13):
        api.patch(f"{where}?fieldManager=m{number}", {"data": {f"k{number}": "v"}})
    fields = api.ok("GET", where)["metadata"]["managedFields"]
    assert len(fields) == 10
    ancient = next(f for f in fields if f["manager"] == "ancient-changes")
    assert len(ancient["fieldsV1"]["f:data"]) == 5


def test_a_deprecated_version_warns(api: Api) -> None:
    schema = {"openAPIV3Schema": {"type": "object"}}
    version = {"name": "v1", "served": True, "storage": True, "deprecated": True, "schema": schema}
    names = {"plural": "olds", "kind": "Old"}
    body = {
        "metadata": {"name": "olds.dep.example"},
        "spec": {"group": "dep.example", "scope": "Namespaced", "names": names, "versions": [version]},
    }
    api.ok("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", body)
    connection, answer = api.send("GET", "/apis/dep.example/v1/olds")
    assert answer.getheader("Warning") == '299 - "dep.example/v1 Old is deprecated"'
    connection.close()


def test_an_editor_may_write_workloads_and_a_viewer_read_them(api: Api, namespace: str) -> None:
    bindings = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings"
    for role in ("edit", "view"):
        ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
        subjects = [{"kind": "User", "name": f"{role}or"}]
        api.ok("POST", bindings, {"metadata": {"name": role}, "roleRef": ref, "subjects": subjects})
    where = path(namespace, "deployments")
    assert api("POST", where, deployment(), user="viewor")[0] == 403
    assert api("POST", where, deployment(), user="editor")[0] == 201
    assert api("GET", f"{where}/d/status", user="viewor")[0] == 200


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{", "unexpected end of JSON input"),
        ('{"a": 1}{', "invalid character '{' after top-level value"),
        ('{"a" 1}', "invalid character '1' after object key"),
        ('{"a": 1 "b"}', "invalid character '\"' after object key:value pair"),
        ("[1 2]", "invalid character '2' after array element"),
        ('{"a": trux}', "invalid character 'x' in literal true (expecting 'e')"),
        ('{"kind": 5}', "json: cannot unmarshal number into Go struct field .kind of type string"),
        (
            "[]",
            'json: cannot unmarshal array into Go value of type struct { APIVersion string "json:\\"'
            'apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }',
        ),
    ],
)
def test_bodies_that_are_no_object_are_refused_in_gos_words(
    api: Api, namespace: str, body: str, words: str
) -> None:
    status, answer = api("POST", path(namespace, "pods"), body)
    assert (status, answer["message"]) == (400, "couldn't get version/kind; json parse error: " + words)


def test_every_json_answer_ends_in_a_newline(api: Api, namespace: str) -> None:
    for method, at in (
        ("GET", "/version"),
        ("GET", "/apis"),
        ("GET", "/openapi/v3"),
        ("GET", path(namespace, "pods")),
        ("POST", path(namespace, "pods")),
    ):
        connection, answer = api.send(method, at)
        assert answer.read().endswith(b"}\n"), at
        connection.close()
