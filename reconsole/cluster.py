"""Clients for commands that look at a cluster and end."""

from __future__ import annotations

from controller_runtime.client.client import Client
from controller_runtime.client.config import load_configuration
from controller_runtime.kube.errors import ConfigError
from reconsole.options import Failure, Options

TIMEOUT = 10.0  # seconds, for each request


def client_of(options: Options, *, person: bool = False) -> Client:
    """The operator's client, or that of the ``person`` who looks, on the cluster that the options name.

    Without one it is the embedded cluster that runs. Raises Failure.
    """
    kubeconfig = options.kubeconfig
    if options.embedded:
        own = person or options.impersonate or options.operator
        kubeconfig = options.sandbox_dir / ("kubeconfig" if own else "operator.kubeconfig")
        if not kubeconfig.exists():
            raise Failure("no embedded cluster runs: start one with reconsole sandbox, or name a --context")
    acting, groups = (None, ()) if person else (options.impersonate, options.groups)
    try:
        configuration = load_configuration(kubeconfig, options.context, acting, groups=groups)
    except ConfigError as error:
        raise Failure(str(error)) from error
    return Client(configuration, timeout=TIMEOUT)
