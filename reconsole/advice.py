"""Why the API server cannot be used, in one sentence with what to do about it."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from controller_runtime.kube.errors import (
    ApiError,
    NoCredentials,
    Unauthorized,
    UnexpectedAnswer,
    Unreachable,
)
from controller_runtime.kube.terminal import safe_text

_LONGEST = 400  # characters of a server's own words
_BEGINNING = 60  # characters of a page that is none of Kubernetes'
_IMPERSONATION = re.compile(r'cannot impersonate resource "(\w+)"')
# X509_V_ERR_* of OpenSSL's x509_vfy.h
_NOT_YET_VALID, _EXPIRED, _OTHER_NAMES = 9, 10, (62, 64)


def sentence(host: str, error: ApiError | Unreachable) -> str:
    """``host`` is the server's URL; ``error`` is what the first requests to it ended with."""
    if isinstance(error, NoCredentials):
        return f"nothing was sent to {host}, for there are no credentials: {_words(str(error))}"
    if isinstance(error, Unreachable):
        return f"cannot reach the API server at {host}: {_words(str(error))}; {_unreachable(host, error)}"
    if found := _IMPERSONATION.search(error.message):
        return (
            f"the API server at {host} does not let us act as somebody else: {_words(error.message)}; "
            f"grant the verb impersonate on {found[1]}, or leave out --as"
        )
    if isinstance(error, Unauthorized):
        return f"the API server at {host} does not accept these credentials: log in again"
    if isinstance(error, UnexpectedAnswer) or (not error.reason and error.status not in (429, 503)):
        return f"something else than Kubernetes answers at {host}: {_instead(host, error)}"
    return f"the API server at {host} answers {error.status}: {_words(error.message)}; try again later"


def _instead(host: str, error: ApiError) -> str:
    """What answered, and what to do."""
    todo = "check the server in the kubeconfig, or log in to what stands before it"
    if isinstance(error, UnexpectedAnswer):
        return f"{_words(error.message)}; {todo}"
    if error.status == 400 and "HTTPS" in error.message.upper():
        todo = f"use https:// in the kubeconfig, as in {host.replace('http:', 'https:', 1)}"
    if 300 <= error.status < 400:
        return f"it redirects ({error.status}); {todo}"
    return f"{error.status} {_words(error.message)[:_BEGINNING]!r}; {todo}"


def _unreachable(host: str, error: Unreachable) -> str:
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


def _words(text: str) -> str:
    """Of a server or a plugin: one line, bounded, harmless."""
    line = safe_text(" ".join(text.split()))
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
