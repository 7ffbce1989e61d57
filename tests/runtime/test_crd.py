"""CRDs made from the class of a kind: what they say, and that an API server takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
import pytest

from controller_runtime import ApiError, Client, KubeObject, NotFound, Resource
from controller_runtime.kube.crd import DefinitionError, custom_resource_definition, schema
from controller_runtime.kube.definition import Column, Definition, Rule, Scale
from controller_runtime.kube.kinds import ConfigMap
from tests.cluster import eventually


class Moon(msgspec.Struct, frozen=True, rename="camel"):
    """It goes round."""

    name: str
    radius_km: int | None = None


class PlanetSpec(msgspec.Struct, frozen=True, rename="camel"):
    radius: Annotated[int, schema(minimum=1, required=True, description="In kilometres.")] = 0
    rings: Literal["none", "some"] = "none"
    count: Annotated[int, schema(maximum=9, format="int32")] = 1
    moons: tuple[Moon, ...] = ()
    home: Annotated[Moon | None, schema(description="Where we live.")] = None
    port: int | str = 0
    labels: dict[str, str] = {}
    anything: Any = None
    zero: Annotated[int, schema(default=0, rules=[Rule("self >= 0", "not below zero")])] = 0


class PlanetStatus(msgspec.Struct, frozen=True, rename="camel"):
    replicas: int | None = None


class Planet(KubeObject, frozen=True):
    """A planet."""

    resource = Resource("space.example.com", "v1", "Planet", "planets", namespaced=False)
    definition = Definition(
        short_names=("pl",),
        columns=(Column("Radius", "integer", ".spec.radius", priority=1),),
        scale=Scale(".spec.count", ".status.replicas"),
        rules=(Rule("self.metadata.name != 'pluto'", "pluto is none"),),
    )
    spec: PlanetSpec = PlanetSpec()
    status: PlanetStatus = PlanetStatus()


def test_the_schema_says_what_the_class_says() -> None:
    crd = custom_resource_definition(Planet)
    (version,) = crd["spec"]["versions"]
    root = version["schema"]["openAPIV3Schema"]
    assert root["description"] == "A planet."
    assert root["x-kubernetes-validations"] == [
        {"rule": "self.metadata.name != 'pluto'", "message": "pluto is none"}
    ]
    moon = {
        "type": "object", "required": ["name"], "description": "It goes round.",
        "properties": {"name": {"type": "string"}, "radiusKm": {"type": "integer"}},
    }  # fmt: skip
    assert root["properties"]["spec"] == {
        "type": "object",
        "required": ["radius"],
        "properties": {
            "radius": {"type": "integer", "minimum": 1, "description": "In kilometres."},
            "rings": {"type": "string", "enum": ["none", "some"], "default": "none"},
            "count": {"type": "integer", "format": "int32", "maximum": 9, "default": 1},
            "moons": {"type": "array", "items": moon},
            "home": {**moon, "description": "Where we live."},
            "port": {"x-kubernetes-int-or-string": True},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "anything": {"x-kubernetes-preserve-unknown-fields": True},
            "zero": {
                "type": "integer", "default": 0,
                "x-kubernetes-validations": [{"rule": "self >= 0", "message": "not below zero"}],
            },
        },
    }  # fmt: skip
    assert version["subresources"] == {
        "status": {}, "scale": {"specReplicasPath": ".spec.count", "statusReplicasPath": ".status.replicas"},
    }  # fmt: skip
    assert version["additionalPrinterColumns"] == [
        {"name": "Radius", "type": "integer", "jsonPath": ".spec.radius", "priority": 1}
    ]
    assert crd["spec"]["names"] == {
        "kind": "Planet", "listKind": "PlanetList", "plural": "planets", "singular": "planet",
        "shortNames": ["pl"],
    }  # fmt: skip
    assert crd["spec"]["scope"] == "Cluster"


@pytest.mark.cluster
def test_an_api_server_takes_it_and_checks_by_it(admin: Client) -> None:
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    crd = custom_resource_definition(Planet)
    admin.post(path, crd)
    try:
        planet: dict[str, Any] = {
            "apiVersion": "space.example.com/v1", "kind": "Planet",
            "metadata": {"name": "earth"}, "spec": {"radius": 6371},
        }  # fmt: skip
        made = _eventually_served(lambda: admin.create(planet, Planet))
        assert (made.spec.rings, made.spec.count, made.spec.zero) == ("none", 1, 0)
        for change, says in (
            ({"metadata": {"name": "pluto"}}, "pluto is none"),
            ({"spec": {}}, "spec.radius: Required value"),
            ({"spec": {"radius": 0}}, "should be greater than or equal to 1"),
            ({"spec": {"radius": 1, "zero": -1}}, "not below zero"),
        ):
            with pytest.raises(ApiError, match=says):
                admin.create(planet | {"metadata": {"name": "mars"}} | change, Planet)
    finally:
        admin.transport.request("DELETE", f"{path}/{crd['metadata']['name']}")


def _eventually_served(create: Callable[[], Planet]) -> Planet:
    def attempt() -> Planet | None:
        try:
            return create()
        except NotFound:
            return None

    return eventually(attempt)


class Tree(msgspec.Struct, frozen=True):
    left: Tree | None = None


class Forest(KubeObject, frozen=True):
    resource = Resource("space.example.com", "v1", "Forest", "forests")
    definition = Definition()
    spec: Tree = Tree()


class Either(msgspec.Struct, frozen=True):
    value: str | list[str] = ""


class Choice(KubeObject, frozen=True):
    resource = Resource("space.example.com", "v1", "Choice", "choices")
    definition = Definition()
    spec: Either = Either()


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (Forest, "Forest.spec.left: Tree contains itself"),
        (Choice, "Choice.spec.value: .* no unions but"),
        (ConfigMap, "ConfigMap has no definition"),
    ],
)
def test_what_a_crd_cannot_express_is_named(kind: type[KubeObject], says: str) -> None:
    with pytest.raises(DefinitionError, match=says):
        custom_resource_definition(kind)
