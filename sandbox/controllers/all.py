"""Starts the controllers over one set of shared watches."""

from __future__ import annotations

import asyncio

from ..apiclient import Client
from ..sharedcache import Informers
from .endpoints import EndpointsController
from .gc import GarbageCollector
from .namespaces import NamespaceController
from .podgc import PodCollector
from .served import Discovery
from .serviceaccounts import ServiceAccountController


async def run_controllers(client: Client, *, bare: bool, informers: Informers | None = None) -> None:
    """Run until cancelled.

    `bare`: garbage collector, namespaces and service accounts. Otherwise also endpoints of Services and the
    pods of nodes that are gone. `informers` are watches shared with the kubelet.
    """
    own = informers is None
    shared = informers or Informers(client)
    try:
        async with asyncio.TaskGroup() as group:
            discovery = Discovery(shared)
            group.create_task(GarbageCollector(shared, discovery).run())
            group.create_task(NamespaceController(shared, discovery).run())
            group.create_task(ServiceAccountController(shared).run())
            group.create_task(discovery.run())
            if not bare:
                group.create_task(EndpointsController(shared).run())
                group.create_task(PodCollector(shared).run())
    finally:
        if own:
            await shared.close()
