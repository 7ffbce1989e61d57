"""State on disk: a cluster that goes on where it was stopped."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.sandbox.nodeside import sandbox_process
from tests.sandbox.server import Api

Json = dict[str, Any]
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
BOXES = "/apis/example.com/v1/namespaces/n/boxes"


def _fill(api: Api) -> None:
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    spec = {"group": "example.com", "scope": "Namespaced", "names": {"plural": "boxes", "kind": "Box"}}
    api.ok("POST", CRDS, {"metadata": {"name": "boxes.example.com"}, "spec": {**spec, "versions": [version]}})
    api.ok("POST", "/api/v1/namespaces", {"metadata": {"name": "n"}})
    box = {"apiVersion": "example.com/v1", "kind": "Box", "metadata": {"name": "b", "labels": {"a": "b"}}}
    api.ok("POST", BOXES, {**box, "spec": {"size": 3}})
    for name in ("kept", "gone"):
        api.ok("POST", "/api/v1/namespaces/n/configmaps", {"metadata": {"name": name}})
    api.ok("DELETE", "/api/v1/namespaces/n/configmaps/gone")
    hard = {"metadata": {"name": "q"}, "spec": {"hard": {"services": "1"}}}
    api.ok("POST", "/api/v1/namespaces/n/resourcequotas", hard)
    api.ok("POST", "/api/v1/namespaces/n/serviceaccounts", {"metadata": {"name": "robot"}})


def test_a_cluster_outlives_its_process(tmp_path: Path) -> None:
    arguments = ("--bare", "--data-dir", str(tmp_path / "state"))
    service: Json = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}
    services = "/api/v1/namespaces/n/services"
    with sandbox_process(tmp_path / "one", *arguments) as ready:
        api = Api(Path(ready["kubeconfig"]))
        _fill(api)
        accounts = "/api/v1/namespaces/n/serviceaccounts/robot/token"
        token = api.ok("POST", accounts, {"spec": {"expirationSeconds": 3600}})["status"]["token"]
        made = api.ok("POST", services, service)
        box = api.ok("GET", f"{BOXES}/b")
    assert (tmp_path / "state" / "state.db").stat().st_mode & 0o077 == 0
    with sandbox_process(tmp_path / "two", *arguments) as ready:
        api = Api(Path(ready["kubeconfig"]))
        assert api.ok("GET", f"{BOXES}/b") == box
        assert api.ok("GET", f"{BOXES}?labelSelector=a=b")["items"]
        names = [i["metadata"]["name"] for i in api.ok("GET", "/api/v1/namespaces/n/configmaps")["items"]]
        assert sorted(names) == ["kept", "kube-root-ca.crt"]
        # Nothing is given out twice, and what is counted is still counted.
        service["metadata"]["name"] = "t"
        assert "exceeded quota: q" in api("POST", services, service)[1]["message"]
        api.ok("DELETE", "/api/v1/namespaces/n/resourcequotas/q")
        other = api.ok("POST", services, service)
        assert other["spec"]["clusterIP"] != made["spec"]["clusterIP"]
        # Versions go on counting; the history before is not known any more.
        version = box["metadata"]["resourceVersion"]
        assert int(other["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])
        events = api.watch(f"{BOXES}?resourceVersion={version}")
        assert events[0]["object"]["reason"] == "Expired"
        # The address of the API server is the new one, and tokens that were given out are still good.
        port = int(ready["server"].rpartition(":")[2])
        endpoints = api.ok("GET", "/api/v1/namespaces/default/endpoints/kubernetes")
        assert endpoints["subsets"][0]["ports"][0]["port"] == port
        review = {"spec": {"token": token}}
        answer = api.ok("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review)
        assert answer["status"]["user"]["username"] == "system:serviceaccount:n:robot"


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    command = [sys.executable, "-m", "sandbox", "--bare", "--dir", str(tmp_path / "one")]
    done = subprocess.run([*command, "--data-dir", str(tmp_path / "file")], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"cannot keep the state in {tmp_path / 'file'}: File exists; choose another"
    )
