"""Shapes of kubeconfig files, with what kubectl makes of each: refuses it, or sends a token to a server."""

# ruff: noqa: E501 - a table

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# Each is changed by the shapes. Server, CA and folder are filled in.
GOOD = """\
apiVersion: v1
kind: Config
current-context: c
clusters:
- name: c
  cluster: {server: "SERVER", certificate-authority: "DIR/ca.crt"}
users:
- name: u
  user: {token: t}
contexts:
- name: c
  context: {cluster: c, user: u}
"""

# Answers with the version that its first argument names, as JSON, or as YAML if there is a second.
PLUGIN = """\
#!/bin/sh
test -n "$2" && format='apiVersion: %s\\nkind: ExecCredential\\nstatus: {token: %s}\\n' ||
  format='{"apiVersion": "%s", "kind": "ExecCredential", "status": {"token": "%s", "clientKeyData": null}}'
printf "$format" "client.authentication.k8s.io/$1" "${TOKEN:-t}"
"""

Make = Callable[[str], "str | bytes"]


def change(*pairs: str) -> Make:
    """Text by text replaced in the good one."""

    def make(good: str) -> str:
        for old, new in zip(pairs[::2], pairs[1::2], strict=True):
            assert old in good, old
            good = good.replace(old, new)
        return good

    return make


@dataclass(frozen=True)
class Shape:
    """``sends`` is the Authorization header that arrives; None: the files are refused, saying ``words``."""

    name: str
    files: Mapping[str, Make]
    sends: str | None = "Bearer t"
    words: str = ""
    context: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    explicit: str | None = "k"  # the file of --kubeconfig; None: KUBECONFIG in ``env``

    def write(self, directory: Path, server: str, authority: bytes) -> None:
        (directory / "ca.crt").write_bytes(authority)
        (directory / "t").write_text("\n filed\n")
        (directory / "plugin").write_text(PLUGIN)
        (directory / "plugin").chmod(0o755)
        for name, make in self.files.items():
            made = make(GOOD)
            if isinstance(made, str):
                made = made.encode()
            for mark, text in (
                ("DIR", str(directory)),
                ("SERVER", server),
                ("HOST", server[len("https://") :]),
            ):
                for encoding in ("ascii", "utf-16-le"):
                    made = made.replace(mark.encode(encoding), text.encode(encoding))
            made = made.replace(b"CADATA", base64.b64encode(authority))
            made = made.replace(
                b"CAWRAPPED", base64.encodebytes(authority).rstrip().replace(b"\n", b"\n      ")
            )
            file = directory / name
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(made)

    def environ(self, directory: Path) -> dict[str, str]:
        return {name: value.replace("DIR", str(directory)) for name, value in self.env.items()}


def _one(name: str, *pairs: str, sends: str | None = "Bearer t", words: str = "", **more: str) -> Shape:
    context = more.get("context")
    return Shape(name, {"k": change(*pairs)}, sends if not words else None, words, context)


def _bytes(name: str, make: Make, words: str = "") -> Shape:
    return Shape(name, {"k": make}, None if words else "Bearer t", words)


def _listed(
    name: str, kubeconfig: str, files: Mapping[str, Make], *, sends: str = "Bearer t", words: str = ""
) -> Shape:
    return Shape(name, files, None if words else sends, words, "c", {"KUBECONFIG": kubeconfig}, None)


_CA = 'certificate-authority: "DIR/ca.crt"'
_CURRENT = "current-context: c\n"
_TOKEN = "{token: t}"
_QUOTES = "must be text, not .*: put it in quotes"


_PLUGIN = "apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never"
# {"exp": 4102444800}, which is 2100-01-01
_ID_TOKEN = "e30.eyJleHAiOiA0MTAyNDQ0ODAwfQ.c2ln"


def _same(good: str) -> str:
    return good


SHAPES: Sequence[Shape] = (
    _one("as it should be"),
    # The current context
    _one("no current-context, with --context", _CURRENT, "", context="c"),
    _one("an empty one, with --context", _CURRENT, 'current-context: ""\n', context="c"),
    _one("a null one, with --context", _CURRENT, "current-context: null\n", context="c"),
    _one("one that was deleted, with --context", _CURRENT, "current-context: gone\n", context="c"),
    _one("one that was deleted", _CURRENT, "current-context: gone\n", words="current-context 'gone' is not in .*; choose"),
    _one("--context that is not there", context="x", words="no context 'x' in .*; it has: c"),
    # Lists of files
    _listed("a list with an empty current-context", "DIR/k:DIR/l", {
        "k": _same, "l": lambda good: 'current-context: ""\n',
    }),
    _listed("a list with empty and missing entries and one twice", ":DIR/k::DIR/nowhere:DIR/k:", {"k": _same}),
    _listed("the first of a list wins", "DIR/k:DIR/l", {"k": _same, "l": change(_TOKEN, "{token: second}")}),
    _listed("parts in several files", "DIR/k:DIR/l", {
        "k": lambda good: good.split("users:")[0],
        "l": lambda good: "users:" + good.split("users:")[1],
    }),
    _listed("paths by the file that they stand in", "DIR/a/k:DIR/b/l", {
        "a/k": change(_CA, 'certificate-authority: "../ca.crt"', "  user: {token: t}", "  user: {tokenFile: ../t}"),
        "b/l": _same,
    }, sends="Bearer filed"),
    _listed("one of a list that is broken", "DIR/k:DIR/l", {"k": _same, "l": lambda good: "a: ["},
            words="the kubeconfig .*/l is of no use: it is not YAML .line"),
    _listed("a folder in the list", "DIR/k:DIR", {"k": _same}, words="cannot read the kubeconfig .*: Is a directory"),
    Shape("a colon in the path of --kubeconfig", {"dir:v1/config": _same}, explicit="dir:v1/config"),
    # How the file is written
    _bytes("CRLF", lambda good: good.replace("\n", "\r\n")),
    _bytes("a byte order mark", lambda good: b"\xef\xbb\xbf" + good.encode()),
    _bytes("UTF-16", lambda good: good.encode("utf-16")),
    _bytes("UTF-16 without its mark", lambda good: good.encode("utf-16-le"), words="control characters"),
    _bytes("Latin-1", lambda good: good.encode() + b"# caf\xe9\n", words="UTF-8"),
    _bytes("more documents after it", lambda good: good + "---\nother: [\n"),
    _bytes("tabs between words", lambda good: good.replace("kind: ", "kind:\t").replace("v1\n", "v1\t\n")),
    _bytes("a control character", lambda good: good.replace("token: t", "token: 'a\x01'"), words="control"),
    _bytes("words", lambda good: "just words", words="it must be a mapping .*, not text"),
    _one("anchors and merges", _TOKEN, "\n    <<: &base {token: t}\n    as: me"),
    _one("an anchor that is not there", _TOKEN, "*none", words="there is no anchor &none"),
    # What stands in it
    _one("no apiVersion and no kind", "apiVersion: v1\nkind: Config\n", ""),
    _one("another kind", "kind: Config", "kind: Pod", words="it is a Pod of v1"),
    _one("another apiVersion", "apiVersion: v1", "apiVersion: v2", words="it is a Config of v2"),
    _one("fields that nobody knows", "kind: Config", "kind: Config\nzone: 1\npreferences: {colors: true}"),
    _one("nulls", _TOKEN, "{token: t, tokenFile: null, exec: null, as-groups: null, client-key-data: null}"),
    _one("a null in a list", "users:\n", "users:\n- null\n"),
    _one("the same key twice", _TOKEN, "{token: first, token: t}"),
    _one("the same name twice", "users:\n", "users:\n- {name: u, user: {}}\n", words="two users are named 'u'"),
    _one("colons and slashes in names", "name: c\n", "name: 'arn:aws:eks:x:1:cluster/c'\n", "cluster: c,",
         "cluster: 'arn:aws:eks:x:1:cluster/c',", "current-context: c\n", "current-context: arn:aws:eks:x:1:cluster/c\n"),
    _one("a number as a name", "name: u", "name: 7", "user: u", "user: 7", words=_QUOTES),
    _one("a number in quotes as a name", "name: u", 'name: "7"', "user: u", "user: '7'"),
    _one("a number as the token", _TOKEN, "{token: 0x1_0}", words=_QUOTES),
    _one("a token that YAML 1.1 takes for true", _TOKEN, "{token: y}", words=_QUOTES),
    _one("a token that only YAML 1.1 takes for a number", _TOKEN, "{token: 1:30}", sends="Bearer 1:30"),
    _one("a token that looks like a date", _TOKEN, "{token: 2001-01-01}", sends="Bearer 2001-01-01"),
    _one("a token that is a list", _TOKEN, "{token: [t]}", words="users.0..user.token must be text, not a list"),
    _one("users that are a number", "users:\n", "users: 7\nothers:\n", words="users must be a list, not a number"),
    # The server
    _one("CA data", _CA, "certificate-authority-data: CADATA"),
    _one("CA data in wrapped base64", "{server: ", "\n    server: ", f", {_CA}}}",
         "\n    certificate-authority-data: |\n      CAWRAPPED"),
    _one("CA data that is null beside a CA file", _CA, f"{_CA}, certificate-authority-data: null"),
    _one("CA data and a CA file", _CA, f"{_CA}, certificate-authority-data: CADATA", words="keep one"),
    _one("CA data that is not base64", _CA, "certificate-authority-data: '@@'", words="is not base64"),
    _one("CA data that is no PEM", _CA, "certificate-authority-data: YQ==", words="no certificate in PEM"),
    _one("a CA file that is not there", _CA, "certificate-authority: nope.crt", words="nope.crt: No such file"),
    _one("insecure with null CA data", _CA, "insecure-skip-tls-verify: true, certificate-authority-data: null"),
    _one("insecure with a CA", _CA, f"{_CA}, insecure-skip-tls-verify: yes", words="keep one"),
    _one("insecure in quotes", _CA, 'insecure-skip-tls-verify: "true"', words="must be true or false, not text"),
    _one("tls-server-name", _CA, f"{_CA}, tls-server-name: 127.0.0.1"),
    _one("a proxy of a kind that is unknown", _CA, f"{_CA}, proxy-url: 'ftp://x'", words="a proxy must begin with"),
    _one("a proxy of a kind that Go alone knows", _CA, f"{_CA}, proxy-url: 'socks5h://x'", words="socks5:// means"),
    _one("a token beside a user in the server's URL", '"SERVER"', '"https://me:1@HOST"', sends="Basic bWU6MQ=="),
    _one("a CA file that is not there, and a plugin", _CA, "certificate-authority: nope.crt", _TOKEN,
         "{exec: {command: x, apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never}}",
         words="nope.crt: No such file"),
    # The user
    _one("a token file that ends in a newline", _TOKEN, "{tokenFile: DIR/t}", sends="Bearer filed"),
    _one("a stale token beside a token file", _TOKEN, "{token: stale, tokenFile: t}", sends="Bearer filed"),
    _one("a token beside a token file that is gone", _TOKEN, "{token: t, tokenFile: gone}"),
    _one("a token file that is gone", _TOKEN, "{tokenFile: gone}", words="cannot read the token file .*gone: No such"),
    _one("a password", _TOKEN, '{username: me, password: "1"}', sends="Basic bWU6MQ=="),
    _one("a token and a password", _TOKEN, '{token: t, username: me, password: "1"}', words="keep one"),
    _one("a client certificate without a key", _TOKEN, "{client-certificate: DIR/ca.crt}", words="has no key"),
    _one("groups without a user", _TOKEN, "{token: t, as-groups: [g]}", words="without a user"),
    _one("groups that are text", _TOKEN, "{token: t, as: me, as-groups: g}", words="must be a list, not text"),
    _one("a plugin without interactiveMode", _TOKEN,
         "{exec: {command: x, apiVersion: client.authentication.k8s.io/v1}}", words="interactiveMode"),
    _one("a plugin of a version that is gone", _TOKEN,
         "{exec: {command: x, apiVersion: client.authentication.k8s.io/v1alpha1}}", words="v1alpha1"),
    _one("an id-token", _TOKEN, "{auth-provider: {name: oidc, config: {"
         f"idp-issuer-url: 'https://x', client-id: c, id-token: {_ID_TOKEN}}}}}}}",
         sends=f"Bearer {_ID_TOKEN}"),
    _one("an id-token of nobody", _TOKEN, f"{{auth-provider: {{name: oidc, config: {{id-token: {_ID_TOKEN}}}}}}}",
         words="the auth-provider oidc has no idp-issuer-url"),
    _one("an auth-provider that is gone", _TOKEN, "{auth-provider: {name: gcp}}", words="gke-gcloud-auth-plugin"),
    _one("an auth-provider that never was", _TOKEN, "{auth-provider: {name: x}}", words="no auth-provider 'x'"),
    _one("a plugin beside the file", _TOKEN, f"{{exec: {{command: ./plugin, args: [v1], {_PLUGIN}}}}}"),
    _one("a plugin that answers in YAML", _TOKEN, f"{{exec: {{command: ./plugin, args: [v1, yaml], {_PLUGIN}}}}}"),
    _one("a plugin with a variable", _TOKEN, "{exec: {command: DIR/plugin, args: [v1], "
         f"env: [{{name: TOKEN, value: mine}}], {_PLUGIN}}}}}", sends="Bearer mine"),
    _one("a plugin with nulls, and no interactiveMode in v1beta1", _TOKEN, "{exec: {command: ./plugin, "
         "args: [v1beta1, null], env: null, installHint: null, apiVersion: client.authentication.k8s.io/v1beta1}}"),
    _one("a variable without a name", _TOKEN,
         f"{{exec: {{command: ./plugin, env: [{{value: x}}], {_PLUGIN}}}}}", words="variable without a name"),
    # The environment
    Shape("a proxy that points at nothing, and the server on loopback", {"k": _same},
          env={"HTTPS_PROXY": "http://127.0.0.1:9"}),
)  # fmt: skip
