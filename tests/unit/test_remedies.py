"""Failures of requests are told apart, each with what helps."""

from __future__ import annotations

import json
import socket

import pytest

from controller_runtime.bus import EventBus
from controller_runtime.client.client import Client
from controller_runtime.client.config import Configuration
from controller_runtime.events import ApiWrite
from controller_runtime.kube.errors import Expired, NoCredentials, UnexpectedAnswer, Unreachable, api_error
from controller_runtime.kube.remedies import remedy
from tests.runtime.sandboxed import Recording

HOST = "https://cluster.example:6443"
POD = 'pods "a" is forbidden: '


@pytest.mark.parametrize(
    ("status", "reason", "message", "says"),
    [
        (401, "Unauthorized", "Unauthorized", "log in again"),
        (403, "Forbidden", POD + 'User "me" cannot create resource "pods" in API group ""', "add the rule"),
        (403, "Forbidden", 'admission webhook "v.io" denied the request: no', "the webhook v.io"),
        (403, "Forbidden", POD + "exceeded quota: small, requested: pods=1", "the quota small is used up"),
        (403, "Forbidden", POD + 'violates PodSecurity "restricted:latest": x', "security restricted:latest"),
        (403, "Forbidden", POD + "maximum cpu usage per Container is 1", "LimitRange for each Container"),
        (403, "Forbidden", POD + "ValidatingAdmissionPolicy 'p' with binding", "the policy p refuses it"),
        (403, "Forbidden", POD + "unable to create new content in namespace x because it is being terminated",
         "the namespace ends"),
        (403, "Forbidden", 'forbidden: User "me" cannot impersonate resource "users"', "impersonate on"),
        (403, "", "<html>Blocked</html>", "no role helps here"),
        (404, "NotFound", "the server could not find the requested resource", "its kind is not installed"),
        (409, "AlreadyExists", 'services "a" already exists', "delete or rename it"),
        (409, "Conflict", "the object has been modified", "it is read and tried again"),
        (422, "Invalid", "spec.port: Invalid value", "change the fields that are named"),
        (429, "TooManyRequests", "try again later", "it is tried again after 3 s"),
        (500, "InternalError", "etcd", "a fault of the server"),
        (503, "ServiceUnavailable", "starting", "is not ready"),
    ],
)  # fmt: skip
def test_answers(status: int, reason: str, message: str, says: str) -> None:
    details = {"retryAfterSeconds": 3} if status == 429 else {}
    body = {"kind": "Status", "code": status, "reason": reason, "message": message, "details": details}
    assert says in remedy(HOST, api_error(status, json.dumps(body).encode()))


def test_what_is_no_answer() -> None:
    def unreachable(cause: BaseException) -> Unreachable:
        error = Unreachable("no answer")
        error.__cause__ = cause
        return error

    assert "DNS" in remedy(HOST, unreachable(socket.gaierror(-2, "Name or service not known")))
    assert "firewall" in remedy(HOST, unreachable(TimeoutError("timed out")))
    assert "check that it runs" in remedy(HOST, unreachable(ConnectionRefusedError()))
    assert "mend the plugin" in remedy(HOST, NoCredentials("the plugin said no"))
    assert "log in to what stands before it" in remedy(HOST, UnexpectedAnswer(200, "", "a page"))
    assert remedy(HOST, Expired(410, "Expired", "too old")) == "it is listed anew, by itself"
    assert remedy(HOST, KeyError("x")) == ""


def test_a_write_that_nobody_answers_is_published_with_what_helps() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]  # nobody listens there
        bus = EventBus()
        seen = Recording(bus)
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "b"}}
        with pytest.raises(Unreachable):
            Client(Configuration(f"http://127.0.0.1:{port}"), bus=bus).create(body)
    (write,) = seen.of(ApiWrite)
    assert write.remedy == "check that it runs, and the port in the kubeconfig"
