"""Certificates: asked for, approved, signed by the cluster, and good for signing in."""

import base64
import http.client
import json
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.sandbox.server import Api, until

Json = dict[str, Any]
REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
CLIENT = "kubernetes.io/kube-apiserver-client"


def asked(name: str, key: ec.EllipticCurvePrivateKey, **spec: Any) -> Json:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "jane"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "team"),
        ]
    )
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    text = base64.b64encode(made.public_bytes(serialization.Encoding.PEM)).decode()
    body = {"request": text, "signerName": CLIENT, "usages": ["client auth"], **spec}
    return {"metadata": {"name": name}, "spec": body}


def verdict(kind: str) -> Json:
    condition = {"type": kind, "status": "True", "reason": "Because", "message": "it is so"}
    return {"status": {"conditions": [condition]}}


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on PATH")
def test_an_approved_request_is_signed_and_its_certificate_signs_in(
    api: Api, bare_kubeconfig: Path, tmp_path: Path
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    made = api.ok("POST", REQUESTS, asked("mine", key, username="somebody", expirationSeconds=3600))
    assert made["spec"]["username"] == "kubernetes-admin"
    assert made["status"] == {}

    def kubectl(*words: str) -> str:
        command = ["kubectl", "--kubeconfig", str(bare_kubeconfig), *words]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert kubectl("get", "csr", "mine", "--no-headers").split()[2:] == [
        CLIENT,
        "kubernetes-admin",
        "60m",
        "Pending",
    ]
    assert "approved" in kubectl("certificate", "approve", "mine")
    signed = until(lambda: api.ok("GET", f"{REQUESTS}/mine"), lambda o: "certificate" in o["status"])
    assert kubectl("get", "csr", "mine", "--no-headers").split()[-1] == "Approved,Issued"
    file = tmp_path / "jane.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(base64.b64decode(signed["status"]["certificate"]) + secret)
    cluster = yaml.safe_load(bare_kubeconfig.read_text())["clusters"][0]["cluster"]
    trusted = base64.b64decode(cluster["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=trusted)
    context.load_cert_chain(file)
    where = urlsplit(cluster["server"])
    connection = http.client.HTTPSConnection(str(where.hostname), where.port, context=context)
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    connection.request("POST", path, json.dumps(review), {"Content-Type": "application/json"})
    user = json.loads(connection.getresponse().read())["status"]["userInfo"]
    connection.close()
    assert (user["username"], user["groups"]) == ("jane", ["team", "system:authenticated"])


def test_each_path_changes_its_own_part(api: Api) -> None:
    body = asked("parts", ec.generate_private_key(ec.SECP256R1()), signerName="example.com/mine")
    api.ok("POST", REQUESTS, body)
    path = f"{REQUESTS}/parts"
    assert api.patch(path, {**verdict("Approved"), "spec": {"signerName": "example.com/other"}})[0] == 200
    assert api.patch(f"{path}/status", verdict("Approved"))[0] == 200
    untouched = api.ok("GET", path)
    assert (untouched["spec"]["signerName"], untouched["status"]) == ("example.com/mine", {})
    denied = api.patch(f"{path}/approval", verdict("Denied"))[1]
    assert [c["type"] for c in denied["status"]["conditions"]] == ["Denied"]
    both = {
        "status": {
            "conditions": [*denied["status"]["conditions"], *verdict("Approved")["status"]["conditions"]]
        }
    }
    status, answer = api.patch(f"{path}/approval", both)
    assert status == 422
    assert "Approved and Denied conditions are mutually exclusive" in answer["message"]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"request": base64.b64encode(b"no").decode()}, "spec.request: Invalid value"),
        ({"signerName": "mine"}, "spec.signerName: Invalid value"),
        ({"usages": []}, "spec.usages: Required value"),
        ({"usages": ["flying"]}, 'spec.usages[0]: Invalid value: "flying"'),
        (
            {"expirationSeconds": 5},
            "spec.expirationSeconds: Invalid value: 5: may not specify a duration less",
        ),
    ],
)
def test_requests_that_are_refused(api: Api, spec: Json, words: str) -> None:
    body = asked("wrong", ec.generate_private_key(ec.SECP256R1()), **spec)
    status, answer = api("POST", REQUESTS, body)
    assert status == 422
    assert words in answer["message"]


def test_the_administrator_can_sign_in_with_a_certificate_alone(
    bare_kubeconfig: Path, tmp_path: Path
) -> None:
    config = yaml.safe_load(bare_kubeconfig.read_text())
    user, cluster = config["users"][0]["user"], config["clusters"][0]["cluster"]
    files = {kind: tmp_path / f"{kind}.pem" for kind in ("certificate", "key")}
    for kind, file in files.items():
        file.write_bytes(base64.b64decode(user[f"client-{kind}-data"]))
    tls = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    tls.load_cert_chain(files["certificate"], files["key"])
    server = urlsplit(cluster["server"])
    connection = http.client.HTTPSConnection(str(server.hostname), server.port, context=tls, timeout=10)
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    path, head = "/apis/authentication.k8s.io/v1/selfsubjectreviews", {"Content-Type": "application/json"}
    connection.request("POST", path, json.dumps(review), head)
    found = json.loads(connection.getresponse().read())["status"]["userInfo"]
    connection.close()
    assert found["username"] == "kubernetes-admin"
    assert set(found["groups"]) == {"system:masters", "system:authenticated"}
