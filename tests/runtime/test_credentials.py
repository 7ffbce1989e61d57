"""Tokens, authorities and client certificates: in memory, read again when they may have changed."""

from __future__ import annotations

import base64
import os
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import serialization

from controller_runtime.client import config
from controller_runtime.client.config import ConfigError, load_configuration
from controller_runtime.client.credentials import REREAD_AFTER, Source
from controller_runtime.client.transport import Transport
from controller_runtime.kube.errors import NoCredentials, Unauthorized, Unreachable
from tests.runtime.certificates import server_context
from tests.runtime.faultserver import Exchange, FaultServer
from tests.runtime.test_config import kubeconfig


def _data(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


@pytest.fixture
def mutual(tmp_path: Path) -> Iterator[tuple[FaultServer, Path]]:
    """A server that wants a client certificate, and a folder with one: first.crt and first.key."""
    context, authority = server_context(tmp_path / "pki", "first")
    context.load_verify_locations(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    server = FaultServer(tls=context, script=lambda x: x.answer(200, b"{}")).start()
    yield server, tmp_path / "pki"
    server.stop()


def test_nothing_of_a_kubeconfig_goes_to_the_disk(
    tmp_path: Path, mutual: tuple[FaultServer, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the temporary files of a long run are cleaned away, connections are still made anew."""
    server, pki = mutual
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    user = {"client-certificate-data": _data(pki / "first.crt"), "client-key-data": _data(pki / "first.key")}
    cluster = {"server": server.url, "certificate-authority-data": _data(pki / "first.crt")}
    transport = Transport(load_configuration(kubeconfig(tmp_path / "k", user=user, cluster=cluster)))
    for file in (pki / "first.crt", pki / "first.key", tmp_path / "k"):
        file.unlink()
    for _ in range(2):
        assert transport.request("GET", "/version").status == 200
        assert list(scratch.iterdir()) == []
        server.stop()
        server.start()


def test_without_memory_files_the_file_has_no_name(
    tmp_path: Path, mutual: tuple[FaultServer, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, pki = mutual
    monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "pki"))
    before = sorted(pki.iterdir())
    user = {"client-certificate": "pki/first.crt", "client-key": "pki/first.key"}
    cluster = {"server": server.url, "certificate-authority": "pki/first.crt"}
    transport = Transport(load_configuration(kubeconfig(tmp_path / "k", user=user, cluster=cluster)))
    assert transport.request("GET", "/version").status == 200
    assert sorted(pki.iterdir()) == before


def test_client_certificates_may_rotate(tmp_path: Path, mutual: tuple[FaultServer, Path]) -> None:
    """One that the server does not know any more is read again from its file at once."""
    server, pki = mutual
    server_context(tmp_path / "stale", "stale")
    own = tmp_path / "own.crt", tmp_path / "own.key"
    for file, end in zip(own, ("crt", "key"), strict=True):
        file.write_bytes((tmp_path / "stale" / f"stale.{end}").read_bytes())
    user = {"client-certificate": "own.crt", "client-key": "own.key"}
    cluster = {"server": server.url, "certificate-authority": "pki/first.crt"}
    transport = Transport(load_configuration(kubeconfig(tmp_path / "k", user=user, cluster=cluster)))
    with pytest.raises(Unreachable, match=r"(?i)unknown ca|EOF"):
        transport.request("GET", "/version")
    for file, end in zip(own, ("crt", "key"), strict=True):
        file.write_bytes((pki / f"first.{end}").read_bytes())
    assert transport.request("GET", "/version").status == 200


def test_keys_that_are_of_no_use(tmp_path: Path) -> None:
    server_context(tmp_path, "one")
    server_context(tmp_path, "two")
    key = serialization.load_pem_private_key((tmp_path / "one.key").read_bytes(), None)
    (tmp_path / "locked.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"hidden"),
        )
    )
    for name, words in [
        ("two.key", "the client certificate and its key do not belong together"),
        ("locked.key", "the client key is encrypted"),
        ("one.crt", "the client certificate or its key is no PEM"),
        ("gone.key", "cannot read the client key .*gone.key: No such file"),
    ]:
        user = {"client-certificate": "one.crt", "client-key": name}
        with pytest.raises(ConfigError, match=f"the kubeconfig .*/k is of no use: {words}"):
            load_configuration(kubeconfig(tmp_path / "k", user=user))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_account_of_a_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setattr(config, "SERVICE_ACCOUNT", tmp_path)
    _, authority = server_context(tmp_path, "pod")
    environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "443"}
    with pytest.raises(ConfigError, match="is of no use: cannot read the token file"):
        load_configuration(environ=environ)
    (tmp_path / "token").write_text("")
    (tmp_path / "ca.crt").write_bytes(authority.read_bytes())
    with pytest.raises(ConfigError, match=r"token file .*: it is empty"):
        load_configuration(environ=environ)
    (tmp_path / "token").write_text("pod\n")
    found = load_configuration(environ=environ)
    assert found.host == ("https://[::1]:443" if ":" in host else "https://127.0.0.1:443")
    assert found.credentials.get().authorization == "Bearer pod"


def test_the_account_of_a_pod_rotates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Token and authority are read again when they are refused, not only after a minute."""
    monkeypatch.setattr(config, "SERVICE_ACCOUNT", tmp_path)

    def script(x: Exchange) -> None:
        if x.seen.headers["Authorization"] == f"Bearer {valid}":
            x.answer(200, b"{}")
        else:
            x.refuse(401, "Unauthorized", "Unauthorized")

    context, first = server_context(tmp_path, "first")
    server = FaultServer(tls=context, script=script).start()
    valid = "one"
    (tmp_path / "token").write_text("one")
    (tmp_path / "ca.crt").write_bytes(first.read_bytes())
    environ = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(server.port)}
    transport = Transport(load_configuration(environ=environ))
    transport.request("GET", "/version")
    valid = "two"
    with pytest.raises(Unauthorized):
        transport.request("GET", "/version")
    assert len(server.requests) == 2, "the same token is not sent again"
    (tmp_path / "token").write_text("two")
    transport.request("GET", "/version")
    server.stop()
    server.tls, second = server_context(tmp_path, "second")
    server.start()
    (tmp_path / "ca.crt").write_bytes(second.read_bytes())
    transport.request("GET", "/version")
    server.stop()


def test_files_are_read_every_minute_and_the_last_good_content_is_kept(tmp_path: Path) -> None:
    now = [0.0]
    file = tmp_path / "token"
    source = Source("token file", path=str(file), clock=lambda: now[0])
    with pytest.raises(NoCredentials, match=r"cannot read the token file .*token: No such file"):
        source.get()
    file.write_text(" one\n")
    assert source.get() == b"one"
    file.write_text("two")
    now[0] += REREAD_AFTER - 1
    assert source.get() == b"one"
    now[0] += 1
    assert source.get() == b"two"
    for text in ("", None):
        file.write_text(text) if text is not None else file.unlink()
        now[0] += REREAD_AFTER
        assert source.get() == b"two"


def test_a_certificate_for_another_name(tmp_path: Path) -> None:
    context, authority = server_context(tmp_path, "named")
    server = FaultServer(tls=context, script=lambda x: x.answer(200, b"{}")).start()
    cluster = {"server": f"https://localhost:{server.port}", "certificate-authority": str(authority)}
    file = kubeconfig(tmp_path / "k", cluster=cluster)
    with pytest.raises(Unreachable, match=r"doesn't match|mismatch"):
        Transport(load_configuration(file)).request("GET", "/version")
    kubeconfig(tmp_path / "k", cluster={**cluster, "tls-server-name": "127.0.0.1"})
    assert Transport(load_configuration(file)).request("GET", "/version").status == 200
    server.stop()


def test_an_authority_among_others_and_words(tmp_path: Path) -> None:
    """As Go reads a bundle: text between the blocks, and blocks that cannot be read, are passed over."""
    context, authority = server_context(tmp_path, "right")
    _, other = server_context(tmp_path, "wrong")
    server = FaultServer(tls=context, script=lambda x: x.answer(200, b"{}")).start()
    broken = "-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n"
    bundle = tmp_path / "bundle.crt"
    bundle.write_text(f"# Zürich\n{broken}{other.read_text()}\n# ours\n{authority.read_text()}")
    cluster = {"server": server.url, "certificate-authority": str(bundle)}
    configuration = load_configuration(kubeconfig(tmp_path / "k", cluster=cluster))
    assert Transport(configuration).request("GET", "/version").status == 200
    server.stop()


def test_credentials_are_not_sent_in_the_clear(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"would send credentials in the clear to http://example\.com"):
        load_configuration(kubeconfig(tmp_path / "k", server="http://example.com"))
    for server in ("http://127.0.0.1:8001", "http://localhost:8001", "127.0.0.1:8001"):
        found = load_configuration(kubeconfig(tmp_path / "k", server=server))
        assert urlsplit(found.host).port == 8001


def test_an_id_token_that_has_expired(tmp_path: Path) -> None:
    """It is not sent, and the next request sends the one that kubectl has put in its place."""
    server = FaultServer(script=lambda x: x.answer(200, b"{}")).start()

    def write(expires: int) -> str:
        claims = base64.urlsafe_b64encode(f'{{"exp":{expires}}}'.encode()).decode().rstrip("=")
        token = f"e30.{claims}.c2ln"
        provider = {"idp-issuer-url": "https://x", "client-id": "c", "id-token": token}
        user = {"auth-provider": {"name": "oidc", "config": provider}}
        kubeconfig(tmp_path / "k", cluster={"server": server.url}, user=user)
        return token

    write(0)
    transport = Transport(load_configuration(tmp_path / "k"))
    with pytest.raises(NoCredentials, match=r"good until 1970-01-01T00:00:00Z; any kubectl command"):
        transport.request("GET", "/version")
    assert server.requests == []
    token = write(4102444800)
    transport.request("GET", "/version")
    assert server.requests[0].headers["Authorization"] == f"Bearer {token}"
    server.stop()
