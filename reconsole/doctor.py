"""``reconsole doctor``: what is in the operator's way on a cluster, and the command that mends it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from controller.api import Redis
from controller.operator import MARKERS
from controller_runtime.client.client import Client
from controller_runtime.client.permissions import review
from controller_runtime.kube.crd import custom_resource_definition
from controller_runtime.kube.errors import ApiError, NotFound, Unreachable
from controller_runtime.kube.kinds import Lease
from controller_runtime.kube.markers import Marker
from controller_runtime.kube.permissions import Permission, permissions
from controller_runtime.kube.terminal import safe_text
from controller_runtime.kube.times import parse_time
from reconsole.advice import sentence
from reconsole.cluster import TIMEOUT, client_of
from reconsole.operator_manifests import markers_of_operator
from reconsole.operators import load_operator
from reconsole.options import Failure, Options
from reconsole.session import LEASE, NAMESPACE

State = Literal["ok", "warning", "failed", "unknown"]

OLDEST = (1, 25)  # checks all that the CRD asks for: CEL rules (KEP-2876) are on by default from 1.25
SKEW = 5.0  # seconds between the clocks that do no harm; a Lease lasts for 15
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_ADMISSION = "/apis/admissionregistration.k8s.io/v1"


@dataclass(frozen=True)
class Finding:
    """``says`` is a sentence; ``remedy`` a command, or what to do. What ``failed`` makes the exit code 1."""

    check: str
    state: State
    says: str
    remedy: str = ""


@dataclass(frozen=True)
class Patient:
    """What is looked at: a cluster, and what the operator needs there.

    ``client`` is the operator's; ``person`` is who looks, whom the server may tell more.
    """

    client: Client
    person: Client
    definitions: Sequence[dict[str, Any]]
    markers: Sequence[Marker]
    namespaces: Sequence[str]
    lease: str  # namespace/name
    arguments: str  # of the command line, behind "reconsole manifests crd" and the like
    now: Callable[[], float] = time.time


def run_doctor(options: Options) -> int:
    """Print the findings as they come. 0, or 1 when something would keep the operator from its work."""
    code = 0
    try:
        for finding in examine(_patient(options)):
            _print(finding, options.output)
            code = 1 if finding.state == "failed" else code
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    return code


def _patient(options: Options) -> Patient:
    client, person = client_of(options), client_of(options, person=True)
    lease = f"{NAMESPACE}/{LEASE}"
    if options.operator is None:
        definitions, markers, arguments = [custom_resource_definition(Redis)], list(MARKERS), ""
    else:
        definitions = load_operator(options.operator).definitions()
        markers, arguments = markers_of_operator(options.operator), f" {options.operator}"
    return Patient(client, person, definitions, markers, options.namespaces, lease, arguments)


def examine(patient: Patient) -> Iterator[Finding]:
    """All that can be found; without a connection that alone."""
    connection = list(_connection(patient))
    yield from connection
    if any(finding.state == "failed" for finding in connection):
        return
    for check in (_identity, _definitions, _permissions, _leader, _quotas, _admission):
        try:
            yield from check(patient)
        except (ApiError, Unreachable) as error:
            words = getattr(error, "message", "") or str(error)
            name = check.__name__.strip("_")
            yield Finding(name, "unknown", f"cannot be seen: {words}")


def _connection(patient: Patient) -> Iterator[Finding]:
    client = patient.client
    try:
        answer = client.transport.request("GET", "/version", timeout=TIMEOUT)
        version = str(json.loads(answer.body)["gitVersion"])
    except (ApiError, Unreachable) as error:
        host = client.host
        yield Finding("connection", "failed", sentence(host, error), f"curl -k {host}/version")
        return
    except (ValueError, KeyError, TypeError):
        yield Finding("connection", "failed", f"something else than Kubernetes answers at {client.host}")
        return
    yield Finding("connection", "ok", f"{client.host} answers")
    yield _tls(client)
    numbers = tuple(int(part) for part in version.lstrip("v").split(".")[:2] if part.isdigit())
    if numbers >= OLDEST:
        yield Finding("version", "ok", version)
    else:
        oldest = ".".join(map(str, OLDEST))
        yield Finding("version", "warning", f"{version} is older than {oldest}: CEL rules are not checked")
    if date := answer.headers.get("Date"):
        skew = patient.now() - parsedate_to_datetime(date).timestamp()
        # The header has whole seconds.
        if abs(skew) <= SKEW + 1:
            yield Finding("clock", "ok", "the clocks agree")
        else:
            side = "ahead of" if skew > 0 else "behind"
            says = f"the clock here is {abs(skew):.0f} s {side} the server's"
            yield Finding("clock", "warning", says, "timedatectl set-ntp true")


def _tls(client: Client) -> Finding:
    configuration = client.transport.configuration
    if client.host.startswith("http:"):
        return Finding("tls", "warning", "the connection is not encrypted", "use https:// in the kubeconfig")
    if configuration.insecure:
        remedy = "put certificate-authority-data into the kubeconfig instead of insecure-skip-tls-verify"
        return Finding("tls", "warning", "the server's certificate is not checked", remedy)
    return Finding("tls", "ok", "the server's certificate is checked")


def _identity(patient: Patient) -> Iterator[Finding]:
    name = patient.client.identity()
    if name:
        yield Finding("identity", "ok", name)
    else:
        yield Finding("identity", "unknown", "the server does not say who we are")


def _definitions(patient: Patient) -> Iterator[Finding]:
    for definition in patient.definitions:
        name = definition["metadata"]["name"]
        remedy = f"reconsole manifests crd{patient.arguments} | kubectl apply -f -"
        try:
            live = patient.person.get_json(f"{_CRDS}/{name}")
        except NotFound:
            yield Finding("crd", "failed", f"{name} is not installed", remedy)
            continue
        conditions = {c["type"]: c for c in live.get("status", {}).get("conditions") or ()}
        established = conditions.get("Established", {})
        if established.get("status") != "True":
            says = established.get("message") or "nobody has looked at it yet"
            yield Finding(
                "crd", "failed", f"{name} is not established: {says}", f"kubectl describe crd {name}"
            )
        elif (path := _missing(definition["spec"], live["spec"])) is not None:
            yield Finding("crd", "failed", f"{name} is of another version: it differs at spec{path}", remedy)
        else:
            yield Finding("crd", "ok", f"{name} is installed, and of this version")


def _missing(wanted: Any, live: Any) -> str | None:
    """Where ``live`` lacks what is ``wanted``; None when it has all of it. Defaults may have been added."""
    if isinstance(wanted, dict) and isinstance(live, dict):
        for key, value in wanted.items():
            if key not in live:
                return f".{key}"
            if (path := _missing(value, live[key])) is not None:
                return f".{key}{path}"
        return None
    if isinstance(wanted, list) and isinstance(live, list) and len(wanted) == len(live):
        for number, (one, other) in enumerate(zip(wanted, live, strict=True)):
            if (path := _missing(one, other)) is not None:
                return f"[{number}]{path}"
        return None
    return None if wanted == live else ""


def _permissions(patient: Patient) -> Iterator[Finding]:
    needed = permissions(patient.markers, patient.namespaces)
    option = f" -n {patient.namespaces[0]}" if patient.namespaces else ""
    remedy = f"reconsole manifests rbac{patient.arguments}{option} | kubectl apply -f -"
    refused: dict[Permission, list[str]] = {}
    for permission in needed:
        if not review(patient.client, permission).allowed:
            refused.setdefault(permission._replace(verb=""), []).append(permission.verb)
    for what, verbs in refused.items():
        yield Finding("permissions", "failed", f"we cannot {what._replace(verb=', '.join(verbs))}", remedy)
    if not refused:
        yield Finding("permissions", "ok", f"all {len(needed)} that are needed")


def _leader(patient: Patient) -> Iterator[Finding]:
    namespace, _, name = patient.lease.partition("/")
    try:
        lease = patient.person.get(Lease, namespace, name)
    except NotFound:
        yield Finding("leader", "ok", "nobody leads: no other operator is at work with --leader-elect")
        return
    spec = lease.spec
    if not spec.holder_identity:
        yield Finding("leader", "ok", "nobody leads: the last leader has let go")
        return
    renewed = parse_time(spec.renew_time)
    age = patient.now() - renewed if renewed is not None else None
    if age is None or age > spec.lease_duration_seconds:
        says = f"{spec.holder_identity} led, and has not renewed since {spec.renew_time or 'it began'}"
        yield Finding("leader", "warning", says, f"kubectl -n {namespace} get pods")
    else:
        yield Finding("leader", "ok", f"{spec.holder_identity} leads, renewed {max(0.0, age):.0f} s ago")


def _quotas(patient: Patient) -> Iterator[Finding]:
    found = False
    for namespace in patient.namespaces or ("",):
        where = f"/namespaces/{namespace}" if namespace else ""
        for quota in patient.person.get_json(f"/api/v1{where}/resourcequotas")["items"]:
            meta, status = quota["metadata"], quota.get("status", {})
            hard, used = status.get("hard") or {}, status.get("used") or {}
            for what in sorted(hard.keys() & {"pods", "count/pods", "services", "count/services"}):
                if int(used.get(what, "0")) >= int(hard[what]):
                    found = True
                    says = f"{meta['namespace']} has no room for more {what}: {used[what]} of {hard[what]}"
                    remedy = f"kubectl -n {meta['namespace']} edit resourcequota {meta['name']}"
                    yield Finding("quotas", "warning", says, remedy)
    if not found:
        yield Finding("quotas", "ok", "no quota is used up")


def _admission(patient: Patient) -> Iterator[Finding]:
    """Who else has a say in what the operator writes."""
    writes = {
        (group, resource.partition("/")[0])
        for rule in (marker.rule for marker in patient.markers)
        for group in rule.api_groups
        for resource in rule.resources
        if {"create", "update", "patch", "delete"} & set(rule.verbs)
    }
    found = False
    for kind in ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"):
        for configuration in patient.person.get_json(f"{_ADMISSION}/{kind}")["items"]:
            for webhook in configuration.get("webhooks") or ():
                if _touches(webhook.get("rules") or (), writes):
                    found = True
                    ends = "refuses" if webhook.get("failurePolicy", "Fail") == "Fail" else "lets through"
                    says = f"webhook {webhook['name']} is asked; when it does not answer, the server {ends}"
                    remedy = f"kubectl describe {kind[:-1]} {configuration['metadata']['name']}"
                    yield Finding("admission", "warning", says, remedy)
    for policy in patient.person.get_json(f"{_ADMISSION}/validatingadmissionpolicies")["items"]:
        rules = policy["spec"].get("matchConstraints", {}).get("resourceRules") or ()
        if _touches(rules, writes):
            found = True
            name = policy["metadata"]["name"]
            remedy = f"kubectl describe validatingadmissionpolicy {name}"
            yield Finding("admission", "warning", f"policy {name} has a say", remedy)
    if not found:
        yield Finding("admission", "ok", "no webhook and no policy has a say in what is written")


def _touches(rules: Sequence[dict[str, Any]], writes: set[tuple[str, str]]) -> bool:
    return any(
        ("*" in rule.get("apiGroups", ()) or group in rule.get("apiGroups", ()))
        and ("*" in rule.get("resources", ()) or "*/*" in rule["resources"] or resource in rule["resources"])
        for rule in rules
        for group, resource in writes
    )


def _print(finding: Finding, output: str) -> None:
    if output == "json":
        print(json.dumps(asdict(finding)), flush=True)
        return
    mark = {"ok": "ok", "warning": "warning", "failed": "FAILED", "unknown": "?"}[finding.state]
    print(f"{mark:<8} {finding.check:<12} {safe_text(finding.says)}", flush=True)
    if finding.remedy:
        print(f"{'':<22}{safe_text(finding.remedy)}", flush=True)
