"""The CRDs and the roles of somebody's operator, made from its classes and markers."""

from __future__ import annotations

from controller_runtime.bus import EventBus
from controller_runtime.client.client import Client
from controller_runtime.client.config import Configuration
from controller_runtime.controller.rbac import manager_markers
from controller_runtime.kube.errors import Unreachable
from controller_runtime.kube.markers import Marker
from controller_runtime.kube.roles import roles
from controller_runtime.manager.manager import Manager
from reconsole.operators import load_operator
from reconsole.options import Failure
from reconsole.yamltext import to_yaml

ROLE_NAME = "manager-role"  # kubebuilder's


def markers_of_operator(where: str) -> list[Marker]:
    """What the operator in FILE.py or module:function needs to be allowed. Raises Failure."""
    operator = load_operator(where)
    manager = Manager(Client(Configuration("http://localhost:1")), EventBus())
    try:
        operator.setup(manager)
    except Unreachable as error:
        raise Failure(
            f"the setup of {where} asks an API server ({error}); move that into the reconciler or a runnable"
        ) from error
    except Exception as error:
        raise Failure(f"the setup of {where} failed: {type(error).__name__}: {error}") from error
    return [*manager_markers(manager), *operator.markers]


def roles_of(where: str, namespace: str = "") -> list[str]:
    """Its roles, for all namespaces or one. Raises Failure."""
    kinds = load_operator(where).kinds
    clustered = [(k.resource.group, k.resource.plural) for k in kinds if not k.resource.namespaced]
    made = roles(markers_of_operator(where), ROLE_NAME, namespace=namespace, cluster_scoped=clustered)
    return [to_yaml(role) for role in made]


def definitions_of(where: str) -> list[str]:
    """The CRDs of the kinds that the operator in FILE.py or module:function declares. Raises Failure."""
    found = load_operator(where).definitions()
    if not found:
        raise Failure(
            f"{where} declares no kind with a definition: "
            "add definition = Definition(), of controller_runtime, to its class"
        )
    return [to_yaml(definition) for definition in found]
