"""TLS settings from memory: authorities, client certificate and key are never written to a disk."""

from __future__ import annotations

import contextlib
import os
import re
import ssl
import tempfile
from collections.abc import Iterator
from typing import NoReturn

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----\s.+?-----END CERTIFICATE-----", re.DOTALL)


class TlsError(Exception):
    """Certificates or keys that are of no use. The text is the reason, for a person."""


def client_context(
    authorities: bytes, *, insecure: bool = False, certificate: bytes = b"", key: bytes = b""
) -> ssl.SSLContext:
    """A context for connections to one server. All are PEM; without ``authorities`` the system's are trusted.

    Every certificate of ``authorities`` is trusted for itself, as by Go, also one that is no root.
    Raises TlsError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif authorities:
        _trust(context, authorities)
    else:
        context.load_default_certs()
    if certificate:
        _present(context, certificate, key)
    return context


def _trust(context: ssl.SSLContext, authorities: bytes) -> None:
    trusted = 0
    for found in _CERTIFICATE.findall(authorities):
        with contextlib.suppress(ssl.SSLError, ValueError):  # what cannot be read is passed over, as by Go
            context.load_verify_locations(cadata=found.decode("ascii"))
            trusted += 1
    if not trusted:
        raise TlsError("the certificate authority holds no certificate in PEM")


def _present(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """The ssl module takes a certificate and its key from paths only."""
    with _path_of(certificate) as certificate_path, _path_of(key) as key_path:
        try:
            context.load_cert_chain(certificate_path, key_path, password=_refuse_password)
        except TlsError:
            raise
        except (ssl.SSLError, OSError, ValueError) as error:
            reason = getattr(error, "reason", None)
            if reason == "KEY_VALUES_MISMATCH":
                raise TlsError("the client certificate and its key do not belong together") from None
            raise TlsError("the client certificate or its key is no PEM that can be used") from None


def _refuse_password() -> NoReturn:
    raise TlsError("the client key is encrypted, and there is nobody to ask for its password")


@contextlib.contextmanager
def _path_of(data: bytes) -> Iterator[str]:
    """A path to ``data`` in memory. Where there is no memfd_create (macOS) it is a file without a name."""
    try:
        descriptor = os.memfd_create("pem")
    except (AttributeError, OSError):
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    try:
        os.write(descriptor, data)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield f"/dev/fd/{descriptor}"
    finally:
        os.close(descriptor)
