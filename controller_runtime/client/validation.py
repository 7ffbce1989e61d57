"""What a context names, and what clientcmd refuses of it (client-go tools/clientcmd/validation.go)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec

from controller_runtime.client.execplugin import API_VERSIONS
from controller_runtime.client.kubeconfig import (
    AuthProvider,
    Cluster,
    ExecConfig,
    Kubeconfig,
    User,
)
from controller_runtime.client.proxy import parse_proxy
from controller_runtime.kube.errors import ConfigError

NOBODY = User()


@dataclass(frozen=True)
class Chosen:
    """One context with its cluster and user. Equal to another when nothing in the files has changed."""

    context: str
    cluster_name: str
    user_name: str
    cluster: Cluster
    user: User = field(repr=False)


def choose(kubeconfig: Kubeconfig, context: str | None, acting: User = NOBODY) -> Chosen:
    """The named context, or the current one; ``acting`` holds what the command line impersonates.

    Raises ConfigError for what kubectl would not use either, and for a context whose cluster or user
    is not there: kubectl takes localhost:8080 then, and nobody.
    """
    where = kubeconfig.where
    name = context or kubeconfig.current_context
    names = ", ".join(sorted(kubeconfig.contexts))
    listed = f"it has: {names}" if names else "it has no contexts"
    if not name:
        raise ConfigError(f"there is no current-context in {where}; choose one with --context ({listed})")
    found = kubeconfig.contexts.get(name)
    if found is None:
        if context:
            raise ConfigError(f"no context {name!r} in {where}; {listed}")
        raise ConfigError(
            f"the current-context {name!r} is not in {where}; choose one with --context ({listed})"
        )
    if not found.cluster:
        raise ConfigError(f"context {name!r} in {where} names no cluster")
    cluster = kubeconfig.clusters.get(found.cluster)
    if cluster is None:
        raise ConfigError(f"context {name!r} names the cluster {found.cluster!r}, which is not in {where}")
    user = kubeconfig.users.get(found.user) if found.user else NOBODY
    if user is None:
        raise ConfigError(f"context {name!r} names the user {found.user!r}, which is not in {where}")
    user = msgspec.structs.replace(
        user,
        impersonate=acting.impersonate or user.impersonate,
        as_groups=acting.as_groups or user.as_groups,
    )
    for fault in (*_cluster_faults(cluster), *_user_faults(user)):
        about = f"cluster {found.cluster!r}" if fault.of_cluster else f"user {found.user!r}"
        raise ConfigError(f"the {about} in {where} is of no use: {fault.reason}")
    return Chosen(name, found.cluster, found.user, cluster, user)


@dataclass(frozen=True)
class _Fault:
    reason: str
    of_cluster: bool = False


def server_url(server: str) -> str:
    """The URL of ``server`` as rest.DefaultServerURL makes it; http without a scheme. Raises ValueError."""
    parts = urlsplit(server if "://" in server else f"http://{server}")
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"{server!r} must begin with https:// or http://")
    if not parts.hostname or not server.isprintable() or " " in server or parts.port == 0:
        raise ValueError(f"{server!r} is no URL of a server")
    if "://" not in server and parts.path not in ("", "/"):
        raise ValueError(f"{server!r} must be a URL or host:port")
    address = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, address, parts.path.rstrip("/"), "", ""))


def server_login(server: str) -> tuple[str, str] | None:
    """The user and password that stand in the URL ``server``, if any."""
    parts = urlsplit(server)
    return None if parts.username is None else (unquote(parts.username), unquote(parts.password or ""))


def _cluster_faults(cluster: Cluster) -> Iterator[_Fault]:
    def fault(reason: str) -> _Fault:
        return _Fault(reason, of_cluster=True)

    if not cluster.server:
        yield fault("it has no server")
    try:
        server_url(cluster.server)
    except ValueError as error:
        yield fault(f"server: {error}")
    if cluster.proxy_url:
        try:
            if parse_proxy(cluster.proxy_url).scheme == "socks5h":
                yield fault("proxy-url: kubectl does not know socks5h:// there; socks5:// means the same")
        except ValueError as error:
            yield fault(f"proxy-url: {error}")
    if cluster.certificate_authority and cluster.certificate_authority_data:
        yield fault("it has both certificate-authority and certificate-authority-data: keep one")
    if cluster.insecure_skip_tls_verify and (
        cluster.certificate_authority or cluster.certificate_authority_data
    ):
        yield fault("it has both a certificate authority and insecure-skip-tls-verify: keep one")


def _user_faults(user: User) -> Iterator[_Fault]:
    basic = user.username or user.password
    if (user.token or user.token_file) and basic:
        yield _Fault("it has both a token and a username with password: keep one")
    if user.client_certificate or user.client_certificate_data:
        if user.client_certificate and user.client_certificate_data:
            yield _Fault("it has both client-certificate and client-certificate-data: keep one")
        if user.client_key and user.client_key_data:
            yield _Fault("it has both client-key and client-key-data: keep one")
        if not (user.client_key or user.client_key_data):
            yield _Fault("its client certificate has no key: add client-key or client-key-data")
    for name, text in (("token", user.token), ("username", user.username), ("as", user.impersonate)):
        if not text.isprintable():
            yield _Fault(f"{name} holds a line break or another character that no header can carry")
    if user.auth_provider and user.exec:
        yield _Fault("it has both auth-provider and exec: keep one")
    if user.auth_provider:
        yield from _provider_faults(user.auth_provider)
    if user.exec:
        yield from _exec_faults(user.exec)
    if (user.as_uid or user.as_groups or user.as_user_extra) and not user.impersonate:
        yield _Fault("it impersonates groups, a uid or extras without a user; add 'as:' or use --as")


def _provider_faults(provider: AuthProvider) -> Iterator[_Fault]:
    if provider.name in ("gcp", "azure"):
        plugin = {"gcp": "gke-gcloud-auth-plugin", "azure": "kubelogin"}[provider.name]
        yield _Fault(f"the auth-provider {provider.name} is gone from Kubernetes: use the plugin {plugin}")
    elif provider.name != "oidc":
        yield _Fault(f"there is no auth-provider {provider.name!r}")
    else:
        for name in ("idp-issuer-url", "client-id"):
            if not provider.config.get(name):
                yield _Fault(f"the auth-provider oidc has no {name}")


def _exec_faults(plugin: ExecConfig) -> Iterator[_Fault]:
    if not plugin.command:
        yield _Fault("exec has no command")
    if plugin.api_version not in API_VERSIONS:
        has = f"the apiVersion {plugin.api_version!r}" if plugin.api_version else "no apiVersion"
        known = " or ".join(sorted(API_VERSIONS))
        yield _Fault(f"exec has {has}: use {known}, and a plugin that speaks it")
    if not all(variable.name for variable in plugin.env):
        yield _Fault("exec sets an environment variable without a name")
    # v1beta1 has a default, IfAvailable.
    needs_mode = plugin.interactive_mode or plugin.api_version == "client.authentication.k8s.io/v1"
    if needs_mode and plugin.interactive_mode not in ("Never", "IfAvailable", "Always"):
        yield _Fault("exec needs an interactiveMode: Never, IfAvailable or Always")
