"""``--record-rbac``: the least role that a run used, written down while it goes on."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from controller_runtime.client.transport import Exchange
from controller_runtime.kube.markers import Marker
from controller_runtime.kube.requestinfo import RequestInfo, request_info
from controller_runtime.kube.roles import roles
from controller_runtime.kube.rules import PolicyRule
from reconsole.operator_manifests import ROLE_NAME
from reconsole.options import Failure
from reconsole.yamltext import to_yaml

log = logging.getLogger("reconsole")

# What everybody may do who is logged in: the ClusterRoles system:basic-user, system:discovery and
# system:public-info-viewer (plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go).
_FREE_GROUPS = ("authentication.k8s.io", "authorization.k8s.io")
_FREE_PATHS = ("/api", "/apis", "/healthz", "/livez", "/openapi", "/readyz", "/version")


class UsedRights:
    """Give ``observe`` to a transport. The file holds all that was allowed so far, whenever the run ends."""

    def __init__(self, path: Path) -> None:
        """Raises Failure for a file that cannot be written."""
        self._path = path
        self._lock = threading.Lock()
        self._used: dict[RequestInfo, None] = {}
        self._complained = False
        try:
            self._write()
        except OSError as error:
            raise Failure(f"cannot write {path}: {error.strerror}; name another file") from error

    def observe(self, exchange: Exchange) -> None:
        """A request was answered. What was refused, or never arrived, was not used."""
        if not exchange.status or exchange.status in (401, 403):
            return
        info = request_info(exchange.method, exchange.target)._replace(name="")
        if info in self._used or _is_free(info):
            return
        with self._lock:
            self._used[info] = None
            try:
                self._write()
            except OSError as error:
                if not self._complained:
                    log.error("Cannot write %s: %s", self._path, error.strerror)
                self._complained = True

    def _write(self) -> None:
        documents = [to_yaml(role) for role in roles(self._markers(), ROLE_NAME)]
        self._path.write_text("---\n".join(documents))

    def _markers(self) -> list[Marker]:
        """What was used in all namespaces at once is not listed again for single ones."""
        everywhere = {(i.verb, i.group, i.resource) for i in self._used if not i.namespace}
        return [
            Marker(_rule(info), info.namespace)
            for info in self._used
            if not info.namespace or (info.verb, info.group, info.resource) not in everywhere
        ]


def _rule(info: RequestInfo) -> PolicyRule:
    if not info.resource:
        return PolicyRule((), (), (info.verb,), (), (info.path,))
    # A watch brings the first list with it, but not from every server and not at every time.
    verbs = ("list", "watch") if info.verb == "watch" else (info.verb,)
    return PolicyRule((info.group,), (info.resource,), verbs)


def _is_free(info: RequestInfo) -> bool:
    if info.resource:
        return info.group in _FREE_GROUPS and info.resource.startswith("self")
    return info.verb == "get" and f"/{info.path.split('/')[1]}" in _FREE_PATHS
