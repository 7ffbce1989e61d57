"""The config maps and secrets that a pod cannot be started without."""

from __future__ import annotations

from typing import Any

from controller_runtime.kube.errors import NotFound
from controller_runtime.kube.resource import Resource

from ..apiclient import Client
from ..apiobjects import CONFIG_MAPS, SECRETS, Container, EnvSource, Pod

RETRY = 1.0  # seconds between two looks


async def missing_volume(client: Client, pod: Pod) -> str:
    """Why a volume cannot be set up, in the kubelet's words; "" when all can."""
    for volume in pod.spec.volumes or ():
        sources = (
            (CONFIG_MAPS, volume.config_map and volume.config_map.name, volume.config_map),
            (SECRETS, volume.secret and volume.secret.secret_name, volume.secret),
        )
        for resource, name, source in sources:
            if source is None or source.optional or not name:
                continue
            if await _data(client, resource, pod, name) is None:
                what = resource.kind.lower()
                return f'MountVolume.SetUp failed for volume "{volume.name}" : {what} "{name}" not found'
    return ""


async def missing_for(client: Client, pod: Pod, container: Container) -> str:
    """What the environment of a container needs and is not there; "" when all of it is."""
    for source in container.env_from or ():
        for resource, ref in ((CONFIG_MAPS, source.config_map_ref), (SECRETS, source.secret_ref)):
            if ref and not ref.optional and await _data(client, resource, pod, ref.name) is None:
                return f'{resource.kind.lower()} "{ref.name}" not found'
    for variable in container.env or ():
        value = variable.value_from or EnvSource()
        for resource, key in ((CONFIG_MAPS, value.config_map_key_ref), (SECRETS, value.secret_key_ref)):
            if key is None or key.optional:
                continue
            data = await _data(client, resource, pod, key.name)
            if data is None:
                return f'{resource.kind.lower()} "{key.name}" not found'
            if key.key not in data:
                where = f"{pod.metadata.namespace}/{key.name}"
                return f"couldn't find key {key.key} in {resource.kind} {where}"
    return ""


async def _data(client: Client, resource: Resource, pod: Pod, name: str) -> set[str] | None:
    """The keys that it has; None when it is not there. The values are not looked at."""
    try:
        found: dict[str, Any] = await client.get(resource.path(pod.metadata.namespace, name))
    except NotFound:
        return None
    return {*(found.get("data") or ()), *(found.get("binaryData") or ())}
