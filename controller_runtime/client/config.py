"""Where the cluster is and who we are there: the official client's configuration and authentication."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote


class ConfigError(Exception):
    """A configuration that is of no use. The text is one sentence for a person."""


@dataclass(frozen=True)
class Configuration:
    """``official`` is a kubernetes.client.Configuration; ``reload`` makes one with fresh credentials.

    ``impersonation``: the headers beside Impersonate-User; the official loader ignores what they come from.
    """

    official: Any
    context: str
    cluster: str
    impersonate: str | None
    reload: Any
    impersonation: tuple[tuple[str, str], ...] = ()

    @property
    def host(self) -> str:
        return str(self.official.host)


def load_configuration(
    kubeconfig: Path | None = None, context: str | None = None, impersonate: str | None = None
) -> Configuration:
    """The configuration of a kubeconfig, or of the pod that this runs in when none is named.

    With ``context`` alone the kubeconfig is found as kubectl does: ``KUBECONFIG``, or ``~/.kube/config``.
    Raises ConfigError.
    """
    from kubernetes.client import Configuration as Official
    from kubernetes.config import ConfigException, kube_config, load_incluster_config

    if kubeconfig is None and context is None:
        official = Official()
        try:
            load_incluster_config(client_configuration=official)
        except ConfigException as error:
            raise ConfigError(
                f"no in-cluster configuration ({error}); use --kubeconfig or --context"
            ) from error

        def renew() -> Any:
            fresh = Official()
            load_incluster_config(client_configuration=fresh)
            return fresh

        return Configuration(official, "in-cluster", "in-cluster", impersonate, renew)

    where = str(kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config")
    if kubeconfig is not None and not kubeconfig.is_file():
        raise ConfigError(f"no such file: {kubeconfig}; name a kubeconfig with --kubeconfig")

    def load() -> Any:
        official = Official()
        kube_config.load_kube_config(
            config_file=where, context=context, client_configuration=official, persist_config=False
        )
        return official

    try:
        contexts, active = kube_config.list_kube_config_contexts(config_file=where)
        names = sorted(str(c["name"]) for c in contexts)
        if context is not None and context not in names:
            raise ConfigError(f"no context {context!r} in {where}; it has: {', '.join(names)}")
        chosen = context or str(active["name"])
        cluster = next(str(c["context"]["cluster"]) for c in contexts if c["name"] == chosen)
        user = next(c["context"].get("user") for c in contexts if c["name"] == chosen)
        merged = kube_config.KubeConfigMerger(where).config.value
        listed = merged.get("users") or []
        entry: dict[str, Any] = next((u.value for u in listed if user and u.safe_get("name") == user), {})
        settings = entry.get("user") or {}
        headers = _impersonation(settings)
        acting = impersonate or settings.get("as") or None
        if headers and not acting:
            raise ConfigError(
                f"user {user!r} in {where} impersonates groups without a user; add 'as:' or use --as"
            )
        return Configuration(load(), chosen, cluster, acting, load, headers)
    except ConfigError:
        raise
    except ConfigException as error:
        raise ConfigError(f"the kubeconfig {where} is of no use: {_first_line(error)}") from error
    except OSError as error:
        raise ConfigError(f"cannot read the kubeconfig {where}: {error.strerror or error}") from error
    except Exception as error:
        # The loader raises whatever a malformed file makes it trip over: YAML errors, TypeError, KeyError.
        kind = "it is not YAML" if type(error).__module__.startswith("yaml") else _first_line(error)
        raise ConfigError(f"the kubeconfig {where} is of no use: {kind}") from error


def _impersonation(user: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """The headers of as-uid, as-groups and as-user-extra, as client-go's transport sends them."""
    headers = [("Impersonate-Uid", str(user["as-uid"]))] if user.get("as-uid") else []
    headers += [("Impersonate-Group", str(group)) for group in user.get("as-groups") or ()]
    for key, values in (user.get("as-user-extra") or {}).items():
        name = "Impersonate-Extra-" + quote(str(key), safe="!#$&'*+-.^_`|~")
        headers += [(name, str(value)) for value in values or ()]
    return tuple(headers)


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
