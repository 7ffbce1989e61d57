"""Where the cluster is and who we are there: from a kubeconfig, or from the pod that this runs in."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote, urlsplit

from controller_runtime.client.credentials import ANONYMOUS, Credential, Credentials, Source, Static
from controller_runtime.client.execplugin import Plugins
from controller_runtime.client.kubeconfig import Cluster, User, load_kubeconfig
from controller_runtime.client.oidc import IdToken
from controller_runtime.client.proxy import Proxy, is_loopback, parse_proxy, proxy_from_environment
from controller_runtime.client.tls import TlsError, client_context
from controller_runtime.client.validation import Chosen, choose, server_login, server_url
from controller_runtime.kube.errors import ConfigError, NoCredentials

__all__ = ["ConfigError", "Configuration", "load_configuration"]

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True)
class Configuration:
    """What a transport needs to know. ``impersonation``: the headers beside Impersonate-User.

    ``reload`` takes the configuration in use and returns it when the files it came from name nothing
    else by now, or a new one. It raises ConfigError. ``source`` is what they named.
    """

    host: str  # the server's URL, with a path where it is below one
    credentials: Credentials = field(default=ANONYMOUS, repr=False)
    authorities: Source | None = field(default=None, repr=False)  # PEM; None: those of the system
    server_name: str = ""  # in the server's certificate, where it is not that of ``host``
    insecure: bool = False
    proxy: Proxy | None = None
    context: str = ""
    cluster: str = ""
    impersonate: str | None = None
    impersonation: tuple[tuple[str, str], ...] = ()
    reload: Callable[[Configuration], Configuration] | None = field(default=None, repr=False)
    source: Chosen | None = field(default=None, repr=False)

    def tls_context(self, credential: Credential) -> ssl.SSLContext | None:
        """For connections with this credential; None without TLS. Raises TlsError, NoCredentials."""
        if self.host.startswith("http:"):
            return None
        authorities = self.authorities.get() if self.authorities else b""
        return client_context(
            authorities, insecure=self.insecure, certificate=credential.certificate, key=credential.key
        )


def load_configuration(
    kubeconfig: Path | None = None,
    context: str | None = None,
    impersonate: str | None = None,
    *,
    groups: Sequence[str] = (),
    plugins: Plugins | None = None,
    environ: Mapping[str, str] | None = None,
) -> Configuration:
    """The configuration of a kubeconfig, or of the pod that this runs in when none is named.

    With ``context`` alone the kubeconfig is found as kubectl does: ``KUBECONFIG``, or ``~/.kube/config``.
    ``impersonate`` and ``groups`` go before what the kubeconfig impersonates. Configurations with the same
    ``plugins`` share the runs of a credential plugin. ``environ`` is the process's own when it is None.
    Raises ConfigError.
    """
    environ = os.environ if environ is None else environ
    running = plugins or Plugins()
    acting = User(impersonate=impersonate or "", as_groups=list(groups))
    if kubeconfig is None and context is None:
        return _checked(_impersonating(_in_cluster(environ), acting), "in-cluster configuration")

    read_once = kubeconfig is not None and kubeconfig.is_fifo()  # to open a pipe again would block

    def load(before: Configuration | None) -> Configuration:
        found = load_kubeconfig(kubeconfig, environ)
        chosen = choose(found, context, acting)
        if before is not None and before.source == chosen:
            return before
        made = _impersonating(_of(chosen, environ, running), chosen.user)
        made = _checked(made, f"kubeconfig {found.where}")
        return replace(made, reload=None if read_once else load, source=chosen)

    return load(None)


def _of(chosen: Chosen, environ: Mapping[str, str], plugins: Plugins) -> Configuration:
    cluster, user = chosen.cluster, chosen.user
    host = server_url(cluster.server)
    authorities = None
    if cluster.certificate_authority or cluster.certificate_authority_data:
        authorities = Source(
            "certificate authority", cluster.certificate_authority_data, cluster.certificate_authority
        )
    return Configuration(
        host=host,
        credentials=_credentials(user, cluster, authorities, plugins),
        authorities=authorities,
        server_name=cluster.tls_server_name,
        insecure=cluster.insecure_skip_tls_verify,
        proxy=parse_proxy(cluster.proxy_url) if cluster.proxy_url else _proxy(host, environ),
        context=chosen.context,
        cluster=chosen.cluster_name,
    )


def _credentials(user: User, cluster: Cluster, authorities: Source | None, plugins: Plugins) -> Credentials:
    """A plugin is not asked where there is something else (client-go plugin/pkg/client/auth/exec)."""
    token = basic = certificate = None
    if login := server_login(cluster.server):
        basic = login  # goes before all others in Go too
    elif user.token or user.token_file:
        token = Source("token file", user.token.encode(), user.token_file)
    elif user.username or user.password:
        basic = user.username, user.password
    if user.client_certificate or user.client_certificate_data:
        certificate = (
            Source("client certificate", user.client_certificate_data, user.client_certificate),
            Source("client key", user.client_key_data, user.client_key),
        )
    if user.exec is not None and not (token or basic or certificate):
        return plugins.plugin(user.exec, cluster, authorities.get if authorities else bytes)
    if user.auth_provider is not None and not (token or basic or certificate):
        return IdToken(user.auth_provider.config)
    return Static(token=token, basic=basic, certificate=certificate)


def _in_cluster(environ: Mapping[str, str]) -> Configuration:
    """As client-go's rest.InClusterConfig."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise ConfigError(
            "no in-cluster configuration: this runs in no pod (KUBERNETES_SERVICE_HOST is not set); "
            "use --kubeconfig or --context"
        )
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    return Configuration(
        host=server,
        credentials=Static(token=Source("token file", path=str(SERVICE_ACCOUNT / "token"))),
        authorities=Source("certificate authority", path=str(SERVICE_ACCOUNT / "ca.crt")),
        proxy=_proxy(server, environ),
        context="in-cluster",
        cluster="in-cluster",
    )


def _proxy(host: str, environ: Mapping[str, str]) -> Proxy | None:
    try:
        return proxy_from_environment(host, environ)
    except ValueError as error:
        raise ConfigError(f"the environment names a proxy that is of no use: {error}") from None


def _impersonating(made: Configuration, user: User) -> Configuration:
    """With the headers of as, as-uid, as-groups and as-user-extra, as client-go's transport sends them."""
    if user.as_groups and not user.impersonate:
        raise ConfigError("--as-group needs --as: whom to act as in those groups")
    headers = [("Impersonate-Uid", user.as_uid)] if user.as_uid else []
    headers += [("Impersonate-Group", group) for group in user.as_groups]
    for key, values in user.as_user_extra.items():
        name = "Impersonate-Extra-" + quote(key, safe="!#$&'*+-.^_`|~")
        headers += [(name, value) for value in values]
    for text in (user.impersonate, *(value for _, value in headers)):
        if not text.isprintable():
            raise ConfigError(f"cannot impersonate {text!r}: it holds a character that no header can carry")
    return replace(made, impersonate=user.impersonate or None, impersonation=tuple(headers))


def _checked(made: Configuration, where: str) -> Configuration:
    """See that files are there and certificates fit. A plugin is not run. Raises ConfigError."""
    in_the_clear = made.host.startswith("http:") and not is_loopback(urlsplit(made.host).hostname or "")
    try:
        credential = made.credentials.get() if isinstance(made.credentials, Static) else Credential()
        if made.authorities or credential.certificate:
            made.tls_context(credential)
        if isinstance(made.credentials, Static):
            in_the_clear = in_the_clear and bool(credential.authorization)
    except (NoCredentials, TlsError) as error:
        raise ConfigError(f"the {where} is of no use: {error}") from None
    if in_the_clear:
        raise ConfigError(
            f"the {where} would send credentials in the clear to {made.host}; use a server with https://"
        )
    return made
