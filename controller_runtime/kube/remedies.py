"""What to do about a request that failed: one clause for each kind of failure, for a person to act on.

A server's own words say what happened; these say what helps. They go together as "words; remedy".
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from controller_runtime.kube.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Expired,
    NoCredentials,
    UnexpectedAnswer,
    Unreachable,
)

# X509_V_ERR_* of OpenSSL's x509_vfy.h
_NOT_YET_VALID, _EXPIRED, _OTHER_NAMES = 9, 10, (62, 64)
# How those say no that have a say beside RBAC: apiserver pkg/admission/plugin/webhook/errors/statuserror.go,
# plugin/policy/validating, plugin/pkg/admission (resourcequota, limitranger), pod-security-admission.
_FORBIDDEN = tuple(
    (re.compile(pattern), says)
    for pattern, says in (
        (r'admission webhook "([^"]+)" denied', "the webhook {} refuses it: satisfy it, or change it"),
        (r"ValidatingAdmissionPolicy '([^']+)'", "the policy {} refuses it: satisfy it, or change it"),
        (r"exceeded quota: ([^,\s]+)", "the quota {} is used up: raise it, or delete what nobody needs"),
        (r'violates PodSecurity "([^"]+)"', "pod security {} refuses it: change the pod, or its namespace"),
        (r"(?:minimum|maximum) \S+ usage per (\w+)", "a LimitRange for each {} refuses it: keep to it"),
        (r"because it is being terminated()", "the namespace ends: nothing can be made in it any more"),
        (r'cannot impersonate resource "(\w+)"', "grant the verb impersonate on {}, or act as yourself"),
    )
)
_RBAC = re.compile(r'forbidden: User ".*?" cannot \S+ (?:resource|path) ')


def remedy(host: str, error: Exception) -> str:
    """For what a request to ``host`` (the server's URL) ended with; "" when there is nothing to be done."""
    match error:
        case NoCredentials():
            return "see to the credentials that the kubeconfig names: log in again, or mend the plugin"
        case Unreachable():
            return unreachable(host, error)
        case UnexpectedAnswer():
            return "check the server in the kubeconfig, or log in to what stands before it"
        case AlreadyExists():
            return "something else has that name: delete or rename it, or choose another"
        case Conflict():
            return "somebody else wrote it at the same time: it is read and tried again"
        case Expired():
            return "it is listed anew, by itself"
        case ApiError():
            return _answered(error)
    return ""


def _answered(error: ApiError) -> str:
    match error.status:
        case 400:
            return "the server does not understand it: compare its version with what this was made for"
        case 401:
            return "the credentials are not accepted, and were read anew: log in again"
        case 403:
            return _forbidden(error.message)
        case 404:
            return "it is gone, or its kind is not installed"
        case 413 | 422:
            return "it is not valid: change the fields that are named"
        case 429:
            pause = f" after {error.retry_after:g} s" if error.retry_after else ""
            return f"the server is asked too much, or protects it for now: it is tried again{pause}"
        case 503:
            return "the server, or what it asks, is not ready: it is tried again; look at it when that lasts"
        case status if status >= 500:
            return "that is a fault of the server, or of a webhook: its log tells more"
    return ""


def _forbidden(message: str) -> str:
    """RBAC, or one of those that have a say afterwards."""
    for pattern, says in _FORBIDDEN:
        if found := pattern.search(message):
            return says.format(found[1])
    if _RBAC.search(message):
        return "add the rule that is missing to a role of this identity"
    return "no role helps here: admission, or a proxy on the way, refuses it"


def unreachable(host: str, error: Unreachable) -> str:
    """DNS, TLS, refused and timed out, told apart by what caused ``error``."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _certificate(cause)
        if isinstance(cause, ssl.SSLError):
            return _handshake(host, cause)
        if isinstance(cause, socket.gaierror):
            return "check the name in the kubeconfig, the DNS and a VPN"
        if isinstance(cause, TimeoutError):
            return "check the network, and a VPN or a firewall in between"
        if isinstance(cause, ConnectionRefusedError):
            return "check that it runs, and the port in the kubeconfig"
        if isinstance(cause, (http.client.BadStatusLine, ConnectionError)) and host.startswith("http:"):
            return f"check the kubeconfig: perhaps it wants https://{urlsplit(host).netloc}"
    return "check the kubeconfig and that it runs"


def _certificate(error: ssl.SSLCertVerificationError) -> str:
    match error.verify_code:
        case code if code == _EXPIRED:
            return "its certificate has to be renewed, or the clock here is wrong"
        case code if code == _NOT_YET_VALID:
            return "the clock here, or there, is wrong"
        case code if code in _OTHER_NAMES:
            return "use a name of its certificate as the server in the kubeconfig, or as tls-server-name"
    return (
        "its certificate is not by the certificate-authority of the kubeconfig: fetch the kubeconfig again "
        "if the cluster was made anew; if it was not, somebody is in between"
    )


def _handshake(host: str, error: ssl.SSLError) -> str:
    reason = error.reason or ""
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return f"it does not speak TLS: check the kubeconfig, perhaps it wants http://{urlsplit(host).netloc}"
    if "ALERT" in reason:
        return "it does not accept the client certificate: log in again, or fetch the kubeconfig again"
    if isinstance(error, ssl.SSLEOFError):
        return "it hung up on TLS: perhaps it wants another client certificate, or something is in between"
    return "check the kubeconfig and that it runs"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
