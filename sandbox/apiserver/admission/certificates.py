"""Certificate signing requests: who asks, what may change of one by which path, and what is wrong with one.

Source: pkg/registry/certificates/certificates/strategy.go and pkg/apis/certificates/validation of
kubernetes/kubernetes.
"""

import base64

from cryptography import x509

from sandbox.apiserver.admission.writes import Write
from sandbox.apiserver.machinery.apierrors import FieldError, duplicate, invalid_value, required
from sandbox.apiserver.machinery.jsonobject import Obj, copy, now

KIND = "certificatesigningrequests.certificates.k8s.io"
_DECIDED = ("Approved", "Denied")
_SHORTEST = 600  # seconds
_USAGES = {"any", "cert sign", "client auth", "code signing", "content commitment", "crl sign"}
_USAGES |= {"data encipherment", "decipher only", "digital signature", "email protection", "encipher only"}
_USAGES |= {"ipsec end system", "ipsec tunnel", "ipsec user", "key agreement", "key encipherment"}
_USAGES |= {
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
}


def admit(write: Write) -> None:
    """Write down who asks; whatever was said of it."""
    spec, user = write.obj["spec"], write.origin.user
    for key in ("username", "uid", "groups", "extra"):
        spec.pop(key, None)
    spec["username"] = user.name
    said = {"uid": user.uid, "groups": list(user.groups), "extra": user.extra}
    spec |= {key: value for key, value in said.items() if value}


def prepare_update(new: Obj, old: Obj, subresource: str) -> None:
    """Each path changes its own part: the object metadata, approval the verdict, status the certificate."""
    new["spec"] = copy(old["spec"])
    had, status = old.get("status") or {}, new.get("status") or {}
    if not subresource:
        new["status"] = copy(had)
        return
    meta = copy(old["metadata"])
    for key in ("managedFields", "resourceVersion"):
        if key in new["metadata"]:
            meta[key] = new["metadata"][key]
    new["metadata"] = meta
    approval = subresource == "approval"
    kept = [c for c in had.get("conditions") or [] if (c.get("type") in _DECIDED) != approval]
    given = [c for c in status.get("conditions") or [] if (c.get("type") in _DECIDED) == approval]
    before = {c["type"]: c for c in had.get("conditions") or []}
    for condition in given:
        condition.setdefault("lastUpdateTime", now())
        same = before.get(condition.get("type", ""))
        since = same.get("lastTransitionTime") if same and same["status"] == condition.get("status") else None
        condition.setdefault("lastTransitionTime", since or now())
    out: Obj = {"conditions": [*kept, *given]} if kept or given else {}
    certificate = had.get("certificate") if approval else status.get("certificate")
    new["status"] = out | ({"certificate": certificate} if certificate else {})


def request_of(obj: Obj) -> x509.CertificateSigningRequest:
    """The PKCS#10 request; ValueError when it is none."""
    return x509.load_pem_x509_csr(base64.b64decode(obj["spec"]["request"]))


def errors(obj: Obj) -> list[FieldError]:
    """What is wrong with a request."""
    spec, out = obj.get("spec") or {}, list[FieldError]()
    if not spec.get("request"):
        out.append(invalid_value("spec.request", "", "PEM block type must be CERTIFICATE REQUEST"))
    else:
        try:
            if not request_of(obj).is_signature_valid:
                raise ValueError("the signature is not valid")
        except ValueError as error:
            out.append(invalid_value("spec.request", spec["request"], str(error).partition(",")[0]))
    signer = spec.get("signerName") or ""
    if not signer:
        out.append(required("spec.signerName"))
    elif "/" not in signer:
        text = 'must be a fully qualified domain and path of the form "example.com/signer-name"'
        out.append(invalid_value("spec.signerName", signer, text))
    usages = spec.get("usages") or []
    if not usages:
        out.append(required("spec.usages", "usages is required and must be set"))
    for i, usage in enumerate(usages):
        if usage not in _USAGES:
            out.append(invalid_value(f"spec.usages[{i}]", usage, "unknown usage"))
        elif usage in usages[:i]:
            out.append(duplicate(f"spec.usages[{i}]", usage))
    seconds = spec.get("expirationSeconds")
    if seconds is not None and seconds < _SHORTEST:
        text = "may not specify a duration less than 600 seconds (10 minutes)"
        out.append(invalid_value("spec.expirationSeconds", seconds, text))
    kinds = [c.get("type") for c in (obj.get("status") or {}).get("conditions") or []]
    if set(_DECIDED) <= set(kinds):
        at = f"status.conditions[{max(kinds.index(k) for k in _DECIDED)}].type"
        text = "Approved and Denied conditions are mutually exclusive"
        out.append(invalid_value(at, "Denied", text))
    return out
