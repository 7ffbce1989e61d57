"""Kubeconfig files: read and merged as client-go's clientcmd does, and what a context of them names."""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from controller_runtime.client.goyaml import YamlError, parse
from controller_runtime.kube.errors import ConfigError


class _Named(msgspec.Struct, frozen=True):
    name: str = ""


class Extension(_Named, frozen=True):
    extension: Any = None


class Cluster(msgspec.Struct, frozen=True, rename="kebab"):
    server: str = ""
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    certificate_authority: str = ""  # a path, absolute once loaded
    certificate_authority_data: bytes = b""  # PEM
    proxy_url: str = ""
    disable_compression: bool = False
    extensions: list[Extension] = []


class EnvVar(_Named, frozen=True):
    value: str = ""


class ExecConfig(msgspec.Struct, frozen=True, rename="camel"):
    command: str = ""
    args: list[str] = []
    env: list[EnvVar] = []
    api_version: str = ""
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: str = ""

    __repr__ = object.__repr__


class AuthProvider(msgspec.Struct, frozen=True):
    name: str = ""
    config: dict[str, str] = {}

    __repr__ = object.__repr__


class User(msgspec.Struct, frozen=True, rename="kebab"):
    client_certificate: str = ""
    client_certificate_data: bytes = b""
    client_key: str = ""
    client_key_data: bytes = b""
    token: str = ""
    token_file: str = msgspec.field(default="", name="tokenFile")
    impersonate: str = msgspec.field(default="", name="as")
    as_uid: str = ""
    as_groups: list[str] = []
    as_user_extra: dict[str, list[str]] = {}
    username: str = ""
    password: str = ""
    auth_provider: AuthProvider | None = None
    exec: ExecConfig | None = None

    __repr__ = object.__repr__  # it holds secrets


class Context(msgspec.Struct, frozen=True):
    cluster: str = ""
    user: str = ""
    namespace: str = ""


class _NamedCluster(_Named, frozen=True):
    cluster: Cluster = Cluster()


class _NamedUser(_Named, frozen=True):
    user: User = User()


class _NamedContext(_Named, frozen=True):
    context: Context = Context()


class _File(msgspec.Struct, frozen=True, rename="kebab"):
    api_version: str = msgspec.field(default="", name="apiVersion")
    kind: str = ""
    clusters: list[_NamedCluster] = []
    users: list[_NamedUser] = []
    contexts: list[_NamedContext] = []
    current_context: str = ""


@dataclass(frozen=True)
class Kubeconfig:
    """One or more files, merged. ``where`` names them for a person."""

    where: str
    clusters: dict[str, Cluster] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict, repr=False)
    contexts: dict[str, Context] = field(default_factory=dict)
    current_context: str = ""


def load_kubeconfig(explicit: Path | None, environ: Mapping[str, str]) -> Kubeconfig:
    """The file ``explicit``, or those of ``KUBECONFIG``, or ``~/.kube/config``. Raises ConfigError.

    The first file that names a cluster, user, context or current-context wins
    (clientcmd's ClientConfigLoadingRules). Missing files of a list are passed over.
    """
    if explicit is not None:
        paths = [str(explicit)]
        if not os.path.lexists(explicit):
            raise ConfigError(f"no such file: {explicit}; name a kubeconfig with --kubeconfig")
    elif listed := environ.get("KUBECONFIG"):
        paths = [path for path in dict.fromkeys(listed.split(os.pathsep)) if path]
    else:
        paths = [os.path.join(os.path.expanduser("~"), ".kube", "config")]
    loaded = [(path, found) for path in paths if (found := _read(path)) is not None]
    if not loaded:
        raise ConfigError(
            f"there is no kubeconfig: no such file: {', '.join(paths) or environ['KUBECONFIG']!r}; "
            "name one with --kubeconfig or KUBECONFIG"
        )
    merged = Kubeconfig(
        ", ".join(path for path, _ in loaded),
        current_context=next((file.current_context for _, file in loaded if file.current_context), ""),
    )
    for path, file in loaded:
        base = os.path.abspath(os.path.dirname(path))
        for cluster in file.clusters:
            merged.clusters.setdefault(cluster.name, _absolute_cluster(cluster.cluster, base))
        for user in file.users:
            merged.users.setdefault(user.name, _absolute_user(user.user, base))
        for context in file.contexts:
            merged.contexts.setdefault(context.name, context.context)
    return merged


def _read(path: str) -> _File | None:
    """None for a file that is not there."""
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"cannot read the kubeconfig {path}: {reason}") from error
    try:
        return _decode(data)
    except YamlError as error:
        raise ConfigError(f"the kubeconfig {path} is of no use: it is not YAML ({error})") from None
    except _Unfit as error:
        raise ConfigError(f"the kubeconfig {path} is of no use: {error}") from None


class _Unfit(Exception):
    """YAML that is no kubeconfig."""


def _decode(data: bytes) -> _File:
    document = parse(data)
    if document is None:
        return _File()
    if not isinstance(document, dict):
        raise _Unfit(f"it must be a mapping with clusters, users and contexts, not {_KINDS[type(document)]}")
    try:
        file = msgspec.convert(_normal(document, ""), _File)
    except msgspec.ValidationError as error:
        raise _Unfit(_in_words(str(error))) from None
    if (file.api_version or "v1") != "v1" or (file.kind or "Config") != "Config":
        raise _Unfit(f"it is a {file.kind or 'Config'} of {file.api_version or 'v1'}, not a Config of v1")
    lists: tuple[tuple[str, Sequence[_Named]], ...] = (
        ("clusters", file.clusters), ("users", file.users), ("contexts", file.contexts),
    )  # fmt: skip
    for kind, entries in lists:
        names = [entry.name for entry in entries]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise _Unfit(f"two {kind} are named {twice!r}")
    return file


_KINDS = {
    str: "text", int: "a number", float: "a number", bool: "true or false", list: "a list", dict: "a mapping",
}  # fmt: skip
_WORDS = {
    "str": "text", "int": "a number", "float": "a number", "bool": "true or false", "array": "a list",
    "object": "a mapping", "bytes": "base64 text", "null": "nothing",
}  # fmt: skip
_MISMATCH = re.compile(r"Expected `([a-z]+)(?: \| null)?`, got `([a-z]+)`(?: - at `([^`]*)`)?")
_BASE64 = ("certificate-authority-data", "client-certificate-data", "client-key-data")
_LISTS_OF_MAPPINGS = ("clusters", "users", "contexts", "env")


def _normal(value: Any, path: str) -> Any:
    """Without nulls, which stand for "not set", and with the base64 decoded as Go does."""
    if isinstance(value, dict):
        made = {}
        for key, item in value.items():
            if item is None or (key == "extensions" and not path.endswith("cluster")):
                continue
            there = f"{path}.{key}" if path else key
            if key in _BASE64 and isinstance(item, str):
                made[key] = _base64(item, there)
            else:
                made[key] = item if key == "extension" else _normal(item, there)
        return made
    if isinstance(value, list):
        empty: Any = {} if path.rpartition(".")[2] in _LISTS_OF_MAPPINGS else ""
        return [empty if v is None else _normal(v, f"{path}[{i}]") for i, v in enumerate(value)]
    return value


def _base64(text: str, path: str) -> bytes:
    """Go's decoder: newlines are passed over, anything else that is foreign is not."""
    try:
        return base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        raise _Unfit(f"{path} is not base64") from None


def _in_words(error: str) -> str:
    if not (found := _MISMATCH.match(error)):
        return error
    wanted, got, path = found.groups()
    where = (path or "").removeprefix("$.") or "it"
    hint = ": put it in quotes" if wanted == "str" and got in ("int", "float", "bool") else ""
    return f"{where} must be {_WORDS.get(wanted, wanted)}, not {_WORDS.get(got, got)}{hint}"


def _absolute_cluster(cluster: Cluster, base: str) -> Cluster:
    return msgspec.structs.replace(
        cluster, certificate_authority=_absolute(cluster.certificate_authority, base)
    )


def _absolute_user(user: User, base: str) -> User:
    plugin = user.exec
    if plugin is not None and os.sep in plugin.command:
        plugin = msgspec.structs.replace(plugin, command=_absolute(plugin.command, base))
    return msgspec.structs.replace(
        user,
        client_certificate=_absolute(user.client_certificate, base),
        client_key=_absolute(user.client_key, base),
        token_file=_absolute(user.token_file, base),
        exec=plugin,
    )


def _absolute(path: str, base: str) -> str:
    return os.path.normpath(os.path.join(base, path)) if path else ""
