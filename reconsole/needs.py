"""What the operator of a session needs on a cluster: permissions, and definitions of its kinds."""

from __future__ import annotations

from typing import Any

from controller.api import Redis
from controller.operator import MARKERS
from controller_runtime.controller.rbac import manager_markers
from controller_runtime.kube.crd import custom_resource_definition
from controller_runtime.kube.markers import Marker
from controller_runtime.kube.rules import LEASE_RULES
from controller_runtime.manager.manager import Manager
from reconsole.operators import Operator


def permissions_needed(
    operator: Operator | None, manager: Manager, *, observes: bool, lease_namespace: str
) -> list[Marker]:
    """``operator`` None is the Redis operator; ``lease_namespace`` "" elects no leader."""
    if observes:
        return manager_markers(manager)
    election = [Marker(rule, lease_namespace) for rule in LEASE_RULES] if lease_namespace else []
    if operator is None:
        return [*MARKERS, *election]
    return [*manager_markers(manager), *operator.markers, *election]


def definitions_needed(operator: Operator | None) -> list[dict[str, Any]]:
    """The CRDs of the operator's own kinds. Raises Failure."""
    return [custom_resource_definition(Redis)] if operator is None else operator.definitions()
