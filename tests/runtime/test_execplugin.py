"""Credential plugins, by the contract of client.authentication.k8s.io."""

from __future__ import annotations

import base64
import json
import os
import pty
import socket
import ssl
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from controller_runtime.client.cancel import Cancel, Cancelled
from controller_runtime.client.config import load_configuration
from controller_runtime.client.credentials import Credential
from controller_runtime.client.execplugin import ExecPlugin, Plugins
from controller_runtime.client.kubeconfig import Cluster, EnvVar, ExecConfig
from controller_runtime.client.transport import Transport
from controller_runtime.kube.errors import NoCredentials, Unauthorized, Unreachable
from tests.runtime.certificates import server_context
from tests.runtime.faultserver import Exchange, FaultServer
from tests.runtime.harness import eventually
from tests.runtime.test_config import kubeconfig

V1 = "client.authentication.k8s.io/v1"


@dataclass
class Script:
    """A plugin whose answer stands in a file, and which notes each run with what it was given."""

    directory: Path
    expires: str | None = None

    def __post_init__(self) -> None:
        self.command = self.directory / "plugin"
        self.command.write_text(
            textwrap.dedent(f"""\
            #!/bin/sh
            cd {self.directory}
            printf '%s\\n' "$KUBERNETES_EXEC_INFO" >> runs
            printf '%s ' "$0" "$@" >> arguments
            . ./does
            cat answer
            """)
        )
        self.command.chmod(0o755)
        (self.directory / "runs").touch()
        self.does("")

    def does(self, shell: str) -> None:
        (self.directory / "does").write_text(f"{shell}\n")

    def answers(self, token: str = "", *, version: str = V1, **status: Any) -> None:
        found = {"token": token, "expirationTimestamp": self.expires, **status}
        answer = {"apiVersion": version, "kind": "ExecCredential", "status": found}
        (self.directory / "answer").write_text(json.dumps(answer))

    @property
    def runs(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.directory / "runs").read_text().splitlines()]

    def user(self, **more: Any) -> dict[str, Any]:
        plugin = {"apiVersion": V1, "command": str(self.command), "interactiveMode": "Never"}
        return {"exec": plugin | more}


@dataclass
class World:
    script: Script
    server: FaultServer
    path: Path
    accepted: set[str] = field(default_factory=set)

    def transport(self, **more: Any) -> Transport:
        cluster = more.pop("cluster", {"server": self.server.url})
        file = kubeconfig(self.path, cluster=cluster, user=self.script.user(**more))
        return Transport(load_configuration(file))

    def sent(self) -> list[str]:
        return [seen.headers.get("Authorization", "nobody") for seen in self.server.requests]

    def answer(self, x: Exchange) -> None:
        if x.seen.headers.get("Authorization", "").removeprefix("Bearer ") in self.accepted:
            x.answer(200, b"{}")
        else:
            x.refuse(401, "Unauthorized", "Unauthorized")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(Script(tmp_path), FaultServer(), tmp_path / "k")
    made.server.script = made.answer
    made.server.start()
    yield made
    made.server.stop()


def test_run_once_and_again_when_the_token_has_expired(tmp_path: Path) -> None:
    """Not before: a token that lives three minutes is good for three minutes."""
    script, now = Script(tmp_path, "2030-01-01T00:03:00Z"), [1893456000.0]  # 2030-01-01T00:00:00Z
    plugin = ExecPlugin(
        ExecConfig(str(script.command), api_version=V1, interactive_mode="Never"),
        Cluster(), lambda: b"", now=lambda: now[0],
    )  # fmt: skip
    script.answers("one")
    for _ in range(3):
        assert plugin.get().authorization == "Bearer one"
        now[0] += 59
    assert len(script.runs) == 1
    script.answers("two", expirationTimestamp=None)
    now[0] += 10
    assert plugin.get().authorization == "Bearer two"
    now[0] += 1e9
    assert plugin.get().authorization == "Bearer two"
    assert len(script.runs) == 2


def test_run_again_once_after_a_401(world: World) -> None:
    world.accepted = {"one"}
    world.script.answers("one")
    transport = world.transport()
    transport.request("GET", "/version")
    world.accepted = {"two"}
    world.script.answers("two")
    transport.request("GET", "/version")
    assert world.sent() == ["Bearer one", "Bearer one", "Bearer two"]
    world.accepted = set()
    with pytest.raises(Unauthorized):
        transport.request("GET", "/version")
    assert len(world.script.runs) == 3


def test_without_credentials_nothing_is_sent(world: World) -> None:
    """The plugin's own words are the error, and the next request after the login goes through."""
    world.accepted = {"one"}
    world.script.answers("one")
    transport = world.transport()
    transport.request("GET", "/version")
    world.accepted = {"two"}
    world.script.does("printf 'session ended\\033[31m\\nlog in: cloud login' >&2; exit 3")
    for _ in range(2):
        with pytest.raises(NoCredentials) as raised:
            transport.request("GET", "/version")
        assert str(raised.value) == (
            f"the credential plugin {world.script.command} failed with exit code 3: "
            r"session ended\x1b[31m log in: cloud login"
        )
    assert world.sent() == ["Bearer one", "Bearer one"]
    world.script.does("")
    world.script.answers("two")
    transport.request("GET", "/version")
    assert world.sent()[2:] == ["Bearer two"]


def test_requests_at_once_run_it_once(world: World) -> None:
    world.accepted = {"one"}
    world.script.answers("one")
    world.script.does("while ! test -e go; do sleep 0.02; done")
    transport = world.transport()
    threads = [threading.Thread(target=transport.request, args=("GET", "/version")) for _ in range(5)]
    for thread in threads:
        thread.start()
    eventually(lambda: world.script.runs)
    (world.path.parent / "go").touch()
    for thread in threads:
        thread.join(5)
    assert len(world.script.runs) == 1
    assert world.sent() == ["Bearer one"] * 5


def test_a_cancelled_request_does_not_wait_for_it(world: World) -> None:
    world.script.does("sleep 10")
    transport, cancel, failed = world.transport(), Cancel(), threading.Event()

    def ask() -> None:
        with pytest.raises(Cancelled):
            transport.request("GET", "/version", cancel=cancel)
        failed.set()

    threading.Thread(target=ask, daemon=True).start()
    eventually(lambda: world.script.runs)
    cancel.set()
    assert failed.wait(2)
    assert world.sent() == []


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_what_it_is_given(world: World, version: str, tmp_path: Path) -> None:
    world.accepted = {"one"}
    named = f"client.authentication.k8s.io/{version}"
    world.script.answers("one", version=named)
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x", "none": None}}
    _, authority = server_context(tmp_path, "ca")
    cluster = {
        "server": world.server.url, "certificate-authority": str(authority), "tls-server-name": "name",
        "extensions": [extension, {"name": "other"}],
    }  # fmt: skip
    world.script.does('printf "%s" "$MINE" > mine')
    world.transport(
        cluster=cluster, provideClusterInfo=True, apiVersion=named, args=["a b", "c"],
        env=[{"name": "MINE", "value": "yes"}], command="./plugin",
    ).request("GET", "/version")  # fmt: skip
    assert world.script.runs == [
        {
            "apiVersion": named,
            "kind": "ExecCredential",
            "spec": {
                "interactive": False,
                "cluster": {
                    "server": world.server.url,
                    "tls-server-name": "name",
                    "certificate-authority-data": base64.b64encode(authority.read_bytes().strip()).decode(),
                    "config": {"audience": "x", "none": None},
                },
            },
        }
    ]
    assert (tmp_path / "arguments").read_text() == f"{world.script.command} a b c "
    assert (tmp_path / "mine").read_text() == "yes"


def test_certificates_from_a_plugin(tmp_path: Path) -> None:
    context, authority = server_context(tmp_path, "first")
    context.load_verify_locations(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    server = FaultServer(tls=context, script=lambda x: x.answer(200, b"{}")).start()
    script = Script(tmp_path)
    script.answers(
        clientCertificateData=authority.read_text(), clientKeyData=(tmp_path / "first.key").read_text()
    )
    cluster = {"server": server.url, "certificate-authority": str(authority)}
    file = kubeconfig(tmp_path / "k", cluster=cluster, user=script.user())
    transport = Transport(load_configuration(file))
    for _ in range(2):
        transport.request("GET", "/version")
    assert len(script.runs) == 1
    assert [seen.headers.get("Authorization") for seen in server.requests] == [None, None]

    def break_tls(x: Exchange) -> None:
        socket.socket.send(x.handler.connection, b"no record of TLS")

    server.script = break_tls
    with pytest.raises(Unreachable, match="SSL") as raised:
        transport.request("POST", "/api/v1/namespaces/default/pods", body=b"{}")
    assert raised.value.sent
    assert len(server.requests) == 3, "a write that may have arrived is not repeated"
    server.stop()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("", "wrote no ExecCredential to standard output"),
        ("<html>", "wrote no ExecCredential to standard output"),
        ("[]", "wrote no ExecCredential to standard output"),
        ('{"apiVersion": "%s", "kind": "ExecCredential"}', "wrote neither a token nor a certificate"),
        ('{"apiVersion": "x/v1", "kind": "ExecCredential"}', "wrote ExecCredential of x/v1"),
        (
            '{"apiVersion": "%s", "kind": "ExecCredential", "status": {"clientKeyData": "x"}}',
            "wrote a certificate or a key, and not both",
        ),
        (
            '{"apiVersion": "%s", "kind": "ExecCredential", "status": {"clientKeyData": "x",'
            ' "clientCertificateData": "y"}}',
            "the client certificate or its key is no PEM",
        ),
        (
            '{"apiVersion": "%s", "kind": "ExecCredential", "status": {"token": "t",'
            ' "expirationTimestamp": "soon"}}',
            "wrote an expirationTimestamp that is no RFC 3339 time",
        ),
        (
            '{"apiVersion": "%s", "kind": "ExecCredential", "status": {"token": "a\\nb"}}',
            "the token holds a line break",
        ),
    ],
)
def test_answers_that_are_of_no_use(tmp_path: Path, answer: str, words: str) -> None:
    script = Script(tmp_path)
    (tmp_path / "answer").write_text(answer.replace("%s", V1))
    cluster = {"server": "https://127.0.0.1:1"}
    file = kubeconfig(tmp_path / "k", cluster=cluster, user=script.user())
    with pytest.raises(NoCredentials) as raised:
        Transport(load_configuration(file)).request("GET", "/version")
    assert words in str(raised.value)


def _plugin(command: Path | str, **more: Any) -> ExecPlugin:
    options = {name: more.pop(name) for name in ("timeout", "with_terminal", "now") if name in more}
    config = ExecConfig(str(command), api_version=V1, **{"interactive_mode": "Never", **more})
    return ExecPlugin(config, Cluster(), lambda: b"", **options)


def test_a_plugin_that_is_not_there(tmp_path: Path) -> None:
    hint = "install it with:\n  cloud components install \x1b[1mauth"
    with pytest.raises(NoCredentials) as raised:
        _plugin("no-such-plugin", install_hint=hint).get()
    assert str(raised.value) == (
        "the credential plugin no-such-plugin is not installed: "
        r"install it with: cloud components install \x1b[1mauth"
    )
    (tmp_path / "file").write_text("#!/no/such/interpreter\n")
    with pytest.raises(NoCredentials, match="file is not executable"):
        _plugin(tmp_path / "file").get()
    (tmp_path / "file").chmod(0o755)
    with pytest.raises(NoCredentials, match="file cannot be run: No such file or directory"):
        _plugin(tmp_path / "file").get()


def test_a_plugin_that_never_ends_is_ended_with_what_it_started(tmp_path: Path) -> None:
    script = Script(tmp_path)
    script.does("echo open https://login and enter 1234 >&2; sleep 60 & echo $! > child; wait")
    with pytest.raises(NoCredentials, match=r"did not end within 0\.3 s: open https://login and enter 1234"):
        _plugin(script.command, timeout=0.3).get()
    child = int((tmp_path / "child").read_text())
    eventually(lambda: _is_gone(child))


@pytest.mark.parametrize("at_once", [True, False])
def test_a_plugin_that_runs_at_the_end_is_ended(world: World, at_once: bool) -> None:
    world.script.does("sleep 60 & echo $! > child; wait")
    stop, said = threading.Event(), list[str]()
    plugins = Plugins(is_stopped=stop.is_set)
    file = kubeconfig(world.path, cluster={"server": world.server.url}, user=world.script.user())
    transport = Transport(load_configuration(file, plugins=plugins))

    def ask() -> None:
        try:
            transport.request("GET", "/version")
        except NoCredentials as error:
            said.append(str(error))

    threading.Thread(target=ask, daemon=True).start()
    child = world.path.parent / "child"
    eventually(lambda: child.exists() and child.read_text())
    plugins.close() if at_once else stop.set()
    eventually(lambda: said)
    assert "exit code -9" in said[0] or "was ended" in said[0]
    eventually(lambda: _is_gone(int(child.read_text())))


def _is_gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] == "Z"
    except FileNotFoundError:
        return True


def test_one_that_must_ask_and_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(tmp_path)
    script.answers("one")
    with open(os.devnull) as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        with pytest.raises(NoCredentials, match=r"must ask a person .*standard input is no terminal"):
            _plugin(script.command, interactive_mode="Always").get()
        assert script.runs == []
        assert _plugin(script.command, interactive_mode="IfAvailable").get().authorization == "Bearer one"
    assert [run["spec"] for run in script.runs] == [{"interactive": False}]


def test_one_that_asks_has_the_terminal_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script, lent = Script(tmp_path), []
    script.answers("one")

    def with_terminal(run: Callable[[], None]) -> None:
        lent.append(len(script.runs))
        run()
        lent.append(len(script.runs))

    ours, theirs = pty.openpty()
    with open(theirs, "rb") as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        plugin = _plugin(script.command, interactive_mode="Always", with_terminal=with_terminal)
        assert plugin.get().authorization == "Bearer one"
    os.close(ours)
    assert lent == [0, 1]
    assert [run["spec"] for run in script.runs] == [{"interactive": True}]


def test_who_sent_the_question_away_is_not_asked_with_every_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, now = Script(tmp_path), [1000.0]
    script.does("exit 1")
    ours, theirs = pty.openpty()
    with open(theirs, "rb") as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        plugin = _plugin(script.command, interactive_mode="Always", now=lambda: now[0])
        with pytest.raises(NoCredentials, match=r"failed with exit code 1$"):
            plugin.get()
        now[0] += 10
        with pytest.raises(NoCredentials, match=r"failed with exit code 1; it asks again in 20 s"):
            plugin.get()
        now[0] += 21
        with pytest.raises(NoCredentials, match=r"failed with exit code 1$"):
            plugin.get()
    os.close(ours)
    assert len(script.runs) == 2


def test_configurations_share_the_runs_of_one_plugin(world: World) -> None:
    world.accepted = {"one"}
    world.script.answers("one")
    file = kubeconfig(world.path, cluster={"server": world.server.url}, user=world.script.user())
    plugins = Plugins()
    for user in (None, "jane"):
        Transport(load_configuration(file, impersonate=user, plugins=plugins)).request("GET", "/version")
    assert len(world.script.runs) == 1
    assert [seen.headers.get("Impersonate-User") for seen in world.server.requests] == [None, "jane"]


def test_nothing_secret_is_shown() -> None:
    config = ExecConfig("x", env=[EnvVar("TOKEN", "hidden")], args=["--password=hidden"])
    assert "hidden" not in repr(config) + repr(Credential("hidden", b"hidden", b"hidden"))


def test_a_token_of_the_kubeconfig_goes_before_the_plugin(world: World) -> None:
    world.accepted = {"mine"}
    user = {**world.script.user(), "token": "mine"}
    file = kubeconfig(world.path, cluster={"server": world.server.url}, user=user)
    Transport(load_configuration(file)).request("GET", "/version")
    assert world.script.runs == []


def test_a_kubeconfig_that_names_another_plugin_by_now(world: World) -> None:
    world.accepted = {"two"}
    world.script.does("exit 1")
    transport = world.transport()
    with pytest.raises(NoCredentials):
        transport.request("GET", "/version")
    kubeconfig(world.path, cluster={"server": world.server.url}, user={"token": "two"})
    began = time.monotonic()
    transport.request("GET", "/version")
    assert world.sent() == ["Bearer two"]
    assert time.monotonic() - began < 2
