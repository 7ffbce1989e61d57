"""Starts the controllers over one set of shared watches."""

from __future__ import annotations

import asyncio
from typing import Any

from ..apiclient import Client
from ..eventsink import EventSink
from ..sharedcache import Informers
from .accounttokens import AccountTokenController
from .autoscaler import AutoscalerController
from .certificates import CertificateSigner, Sign
from .claims import ClaimController
from .disruption import DisruptionController
from .endpoints import EndpointsController
from .gc import GarbageCollector
from .namespaces import NamespaceController
from .podgc import PodCollector
from .served import Discovery
from .serviceaccounts import ServiceAccountController
from .tainteviction import TaintEviction
from .workloads.base import Indexes, WorkloadController
from .workloads.cronjob import CronJobController
from .workloads.daemonset import DaemonSetController
from .workloads.deployment import DeploymentController
from .workloads.job import JobController
from .workloads.replicaset import ReplicaSetController, ReplicationControllerController
from .workloads.statefulset import StatefulSetController

WORKLOADS: tuple[type[WorkloadController[Any]], ...] = (
    ReplicaSetController,
    ReplicationControllerController,
    DeploymentController,
    StatefulSetController,
    DaemonSetController,
    JobController,
    CronJobController,
    DisruptionController,
    AutoscalerController,
)


async def run_controllers(
    client: Client, *, bare: bool, informers: Informers | None = None, sign: Sign | None = None
) -> None:
    """Run until cancelled.

    `bare`: garbage collector, namespaces and service accounts. Otherwise also what needs nodes.
    `informers` are watches shared with the kubelet. `sign`: how certificates are made; without it none are.
    """
    own = informers is None
    shared = informers or Informers(client)
    try:
        async with asyncio.TaskGroup() as group:
            discovery = Discovery(shared)
            group.create_task(GarbageCollector(shared, discovery).run())
            group.create_task(NamespaceController(shared, discovery).run())
            group.create_task(ServiceAccountController(shared).run())
            group.create_task(AccountTokenController(shared).run())
            group.create_task(discovery.run())
            if sign is not None:
                group.create_task(CertificateSigner(shared, sign).run())
            if not bare:
                group.create_task(run_with_nodes(shared))
    finally:
        if own:
            await shared.close()


async def run_with_nodes(informers: Informers) -> None:
    """What a cluster with nodes has: endpoints of Services, the end of lost pods, and all that makes pods."""
    events, indexes = EventSink(informers.client), Indexes(informers)
    async with asyncio.TaskGroup() as group:
        group.create_task(events.run())
        group.create_task(EndpointsController(informers).run())
        group.create_task(PodCollector(informers).run())
        group.create_task(TaintEviction(informers, events).run())
        group.create_task(ClaimController(informers, events).run())
        for controller in WORKLOADS:
            group.create_task(controller(informers, indexes, events).run())
