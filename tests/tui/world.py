"""Events as a cluster would cause them, with a clock that the test moves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

import msgspec

from controller.access import NEEDS
from controller.actions import READ_ONLY
from controller.events import (
    ActionFinished,
    ActionStarted,
    ActionVerb,
    Connection,
    Heal,
    PermissionsReviewed,
    Right,
)  # fmt: skip
from controller.logfeed import Feed, LogOptions, Source
from controller.verdict import Verdict
from controller_runtime.bus import EventBus, Listing
from controller_runtime.events import (
    ApiWrite,
    LeaderStatus,
    ObjectChanged,
    ReconcileFinished,
    ReconcileStarted,
    WatchState,
    WatchStatus,
)
from controller_runtime.kube.permissions import Permission
from controller_runtime.kube.resource import Ref
from controller_runtime.kube.rules import PolicyRule, to_yaml

START = 1_790_000_000.0
AUTHORIZATION = "rbac.authorization.k8s.io"
PLURALS = {"Redis": "redis", "Pod": "pods", "Service": "services"}
GROUPS = {"Redis": "myapp.tangx.in", "Pod": "", "Service": ""}
OPERATOR = "system:serviceaccount:k8s-operator-demo-system:k8s-operator-demo-controller-manager"
FORBIDDEN = (
    'services is forbidden: User "system:serviceaccount:k8s-operator-demo-system:'
    'k8s-operator-demo-controller-manager" cannot list resource "services" in API group "" '
    "at the cluster scope"
)


def stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class FakeActions:
    """Writes down what was asked; answers every check with ``allowed``."""

    def __init__(self, world: World, *, read_only: bool = False, allowed: bool = True) -> None:
        self.read_only = read_only
        self.may = allowed
        self.changed: list[tuple[object, ...]] = []
        self.refusals: list[str] = []
        self.deleted: list[Ref] = []
        self.browsed: list[str] = []
        self.asked: list[tuple[str, ...]] = []  # about permissions
        self.feeds: list[tuple[LogOptions, Feed]] = []
        self.followed: list[Source] = []
        self._world = world

    def delete(self, ref: Ref, *, grace_period: int | None = None, propagation: str = "Background") -> str:
        self.deleted.append(ref)
        self._world.bus.publish(ActionStarted(at=self._world.now, id="delete-1", verb="delete", ref=ref))
        return "delete-1"

    def apply(self, documents: Sequence[dict[str, Any]]) -> str:
        self.asked.append(("apply", *(d["metadata"]["name"] for d in documents)))
        return "apply-1"

    def definitions(self, group: str, resource: str) -> list[dict[str, Any]]:
        names = {"plural": resource}
        kind, meta = "CustomResourceDefinition", {"name": f"{resource}.{group}"}
        spec = {"group": group, "names": names}
        return [{"apiVersion": "apiextensions.k8s.io/v1", "kind": kind, "metadata": meta, "spec": spec}]

    def revoke(self, identity: str, resource: str) -> str:
        self.asked.append(("revoke", identity, resource))
        return "revoke-1"

    def grant(self, identity: str, resource: str, rules: Sequence[PolicyRule]) -> str:
        self.asked.append(("grant", identity, resource, to_yaml(rules)))
        return "grant-1"

    def review(self, user: str = "") -> bool:
        self.asked.append(("review", user))
        return True

    def retry(self) -> bool:
        self.asked.append(("retry",))
        return True

    def allowed(self, verb: ActionVerb, ref: Ref) -> Verdict:
        if self.read_only:
            return Verdict(False, READ_ONLY)
        rule = PolicyRule(("",), (ref.kind.lower(),), (NEEDS[verb][0],))
        return Verdict(True) if self.may else Verdict(False, f"you may not {NEEDS[verb][0]} it", rule)

    def scale(self, ref: Ref, replicas: int) -> str:
        return self._change("scale", ref, replicas)

    def restart(self, ref: Ref) -> str:
        return self._change("restart", ref)

    def pause(self, ref: Ref) -> str:
        return self._change("pause", ref)

    def resume(self, ref: Ref) -> str:
        return self._change("resume", ref)

    def label(self, ref: Ref, values: Mapping[str, str | None]) -> str:
        return self._change("label", ref, values)

    def annotate(self, ref: Ref, values: Mapping[str, str | None]) -> str:
        return self._change("annotate", ref, values)

    def edit(self, ref: Ref, patch: Mapping[str, Any]) -> str:
        return self._change("edit", ref, patch)

    def _change(self, verb: ActionVerb, ref: Ref, *more: object) -> str:
        """Refused with the first of ``refusals``, if there are any."""
        self.changed.append((verb, ref.name, ref.uid, *more))
        id_ = f"{verb}-{len(self.changed)}"
        message = self.refusals.pop(0) if self.refusals else ""
        self._world.bus.publish(ActionStarted(at=self._world.now, id=id_, verb=verb, ref=ref))
        self._world.bus.publish(
            ActionFinished(
                at=self._world.now, id=id_, verb=verb, ref=ref, ok=not message, message=message or "done"
            )
        )
        return id_

    def browse(self, name: str) -> None:
        self.browsed.append(name)

    def logs(self, options: LogOptions) -> Feed:
        self.feeds.append((options, feed := Feed(lambda feed, source: self.followed.append(source))))
        return feed

    def check(self, verb: str, ref: Ref) -> str:
        self._world.bus.publish(ActionStarted(at=self._world.now, id="check-1", verb="check", ref=ref))
        group, resource = GROUPS.get(ref.kind, AUTHORIZATION), PLURALS.get(ref.kind, f"{ref.kind.lower()}s")
        rule = None if self.may else PolicyRule((group,), (resource,), (verb,))
        message = "" if self.may else f"you may not {verb} {resource}"
        self._world.bus.publish(
            ActionFinished(
                at=self._world.now, id="check-1", verb="check", ref=ref, ok=self.may, message=message,
                missing_rule=rule,
            )
        )  # fmt: skip
        return "check-1"


class World:
    def __init__(self, maxlen: int = 10_000) -> None:
        self.bus = EventBus()
        self.subscription = self.bus.subscribe("test", maxlen=maxlen)
        self.now = START
        self._version = 100
        self.last = 0  # number of the last watch event
        self._stores: dict[str, dict[str, ObjectChanged]] = {kind: {} for kind in PLURALS}
        for kind in PLURALS:
            self.bus.add_store(kind, partial(self._listing, kind))

    def clock(self) -> float:
        return self.now

    @property
    def next_version(self) -> str:
        return str(self._version + 1)

    def version(self) -> str:
        self._version += 1
        return str(self._version)

    def connected(self, namespaces: tuple[str, ...] = ()) -> None:
        self.bus.publish(
            Connection(
                at=self.now, role="controller", state="connected", cluster="embedded cluster",
                context="reconsole", server="https://127.0.0.1:6443", version="v1.32.0",
                namespaces=namespaces,
                identity=OPERATOR,
            )
        )  # fmt: skip
        self.bus.publish(
            Connection(
                at=self.now, role="person", state="connected", cluster="embedded cluster", identity="admin"
            )
        )
        self.bus.publish(LeaderStatus(at=self.now, state="leading", identity="me", holder="me"))

    def watch(self, kind: str, state: WatchState = "live", **more: Any) -> None:
        more = {"since": self.now, "verb": "watch", "last_event": self.now, "scope": "", **more}
        self.bus.publish(
            WatchStatus(
                at=self.now, resource=PLURALS[kind], group=GROUPS[kind], kind=kind, state=state, **more
            )
        )

    def forbid(self, kind: str = "Service", attempts: int = 4) -> None:
        rule = PolicyRule((GROUPS[kind],), (PLURALS[kind],), ("list", "watch"))
        self.watch(
            kind, "forbidden", verb="list", attempts=attempts, next_try=self.now + 8, message=FORBIDDEN,
            missing_rule=rule,
        )  # fmt: skip

    def review(
        self, *missing: str, role: Literal["controller", "person", "subject"] = "controller",
        identity: str = OPERATOR, undeclared: str = "", message: str = "",
    ) -> None:  # fmt: skip
        """All that the operator needs is allowed, but ``missing``, each as in "list services"."""
        needed = ["list redis", "watch redis", "list pods", "watch pods", "create pods", "list services",
                  "watch services", "create services", *filter(None, [undeclared])]  # fmt: skip
        rights = []
        for wish in needed:
            verb, resource = wish.split()
            group = GROUPS["Redis"] if resource == "redis" else ""
            almost = ("ClusterRoleBinding b gives ClusterRole r, which is nearly it",)
            allowed = wish not in missing
            rights.append(
                Right(Permission(verb, group, resource), allowed, "", () if allowed else almost,
                      declared=wish != undeclared)
            )  # fmt: skip
        self.bus.publish(
            PermissionsReviewed(
                at=self.now, role=role, identity=identity, rights=() if message else tuple(rights),
                message=message,
            )
        )  # fmt: skip

    def refuse(
        self,
        key: str,
        number: int,
        verb: Literal["create", "delete"] = "create",
        kind: str = "Pod",
        status: int = 403,
    ) -> None:
        """A reconcile whose one write is refused (403) or goes well (201)."""
        namespace, _, name = key.partition("/")
        id_, resource = f"id-{number}", PLURALS[kind]
        rule = PolicyRule((GROUPS[kind],), (resource,), (verb,)) if status == 403 else None
        error = "" if rule is None else (
            f'{resource} is forbidden: User "operator" cannot {verb} resource "{resource}" in API group '
            f'"{GROUPS[kind]}" in the namespace "{namespace}"'
        )  # fmt: skip
        self.bus.publish(ReconcileStarted(at=self.now, controller="redis", key=key, id=id_, number=number))
        self.bus.publish(
            ApiWrite(
                at=self.now, verb=verb, ref=self.ref(kind, f"{name}-0", "", namespace), reconcile=id_,
                status=status, error=error, missing_rule=rule,
            )
        )  # fmt: skip
        self.reconciled(key, number, id_, error)

    def reconciled(self, key: str, number: int, id_: str, error: str = "") -> None:
        self.bus.publish(
            ReconcileFinished(
                kind="Redis", at=self.now, controller="redis", key=key, id=id_, number=number, duration=0.01,
                result="error" if error else "success", error=error,
            )
        )  # fmt: skip

    def ref(self, kind: str, name: str, uid: str, namespace: str = "default") -> Ref:
        version = "myapp.tangx.in/v1" if kind == "Redis" else "v1"
        return Ref(kind=kind, namespace=namespace, name=name, uid=uid, api_version=version)

    def send(
        self, type_: str, ref: Ref, body: dict[str, Any], *, initial: bool = False,
        created: float | None = None, **metadata: Any,
    ) -> str:  # fmt: skip
        """Publish one watch event; returns its resourceVersion."""
        version = self.version()
        o = {
            "apiVersion": ref.api_version,
            "kind": ref.kind,
            "metadata": {
                "name": ref.name, "namespace": ref.namespace, "uid": ref.uid, "resourceVersion": version,
                "creationTimestamp": stamp(self.now if created is None else created), **metadata,
            },
            **body,
        }  # fmt: skip
        event = ObjectChanged(
            at=self.now, type=type_, ref=ref, resource_version=version, initial=initial,  # type: ignore[arg-type]
            raw=msgspec.Raw(json.dumps(o).encode()),
        )  # fmt: skip
        self.show(event)
        return version

    def show(self, event: ObjectChanged) -> None:
        """Publish it when the store has it, as informers do."""
        store = self._stores.setdefault(event.ref.kind, {})
        store.pop(event.ref.uid, None)
        if event.type != "DELETED":
            store[event.ref.uid] = event
        self.last = self.bus.publish(event)

    def _listing(self, kind: str) -> Listing:
        api_version = f"{GROUPS[kind]}/v1" if GROUPS[kind] else "v1"
        return Listing(api_version, kind, list(self._stores[kind].values()))

    def pod(
        self, type_: str, name: str, uid: str, phase: str = "Running", *, namespace: str = "default",
        waiting: str = "", restarts: int = 0, node: str = "node-1", **more: Any,
    ) -> str:  # fmt: skip
        running = phase == "Running" and not waiting
        state = {"waiting": {"reason": waiting}} if waiting else {"running": {}} if running else {}
        statuses = [{"name": "redis", "ready": running, "restartCount": restarts, "state": state}]
        body = {
            "spec": {
                "nodeName": node,
                "terminationGracePeriodSeconds": 30,
                "containers": [{"name": "redis", "image": "redis:5-alpine"}],
            },
            "status": {
                "phase": phase,
                "podIP": "10.244.0.7" if running else None,
                "conditions": [{"type": "Ready", "status": "True" if running else "False"}],
                "containerStatuses": statuses if phase == "Running" or waiting else None,
            },
        }
        return self.send(type_, self.ref("Pod", name, uid, namespace), body, **more)

    def redis(
        self, type_: str, name: str = "my-op-redis", *, ready: int = 2, replicas: int = 2, reason: str = "",
        **more: Any,
    ) -> str:  # fmt: skip
        done = ready == replicas
        why = reason or ("Ready" if done else "Healing")
        body = {
            "spec": {"replicas": replicas, "port": 8333, "image": "redis:5-alpine"},
            "status": {
                "replicas": replicas,
                "readyReplicas": ready,
                "observedGeneration": 1,
                "conditions": [{"type": "Ready", "status": "True" if done else "False", "reason": why}],
            },
        }
        more.setdefault("generation", 1)
        return self.send(type_, self.ref("Redis", name, f"uid-{name}"), body, **more)

    def service(self, type_: str, name: str = "my-op-redis", **more: Any) -> str:
        body = {
            "spec": {
                "type": "ClusterIP",
                "clusterIP": "10.96.113.20",
                "ports": [{"port": 8333, "protocol": "TCP"}],
                "selector": {"app": name},
            }
        }
        return self.send(type_, self.ref("Service", name, f"uid-svc-{name}"), body, **more)

    def settled(self, *, denied: bool = False) -> None:
        """A connected console with one Redis, its pods and, unless denied, its service."""
        self.connected()
        then = self.now - 251
        self.redis("ADDED", initial=True, created=then)
        self.pod("ADDED", "my-op-redis-0", "uid-0", initial=True, created=then)
        self.pod("ADDED", "my-op-redis-1", "uid-1", initial=True, created=then)
        self.watch("Redis", objects=1)
        self.watch("Pod", objects=2)
        if denied:
            self.forbid()
        else:
            self.service("ADDED", initial=True, created=then)
            self.watch("Service", objects=1)

    def reconcile(self, number: int, *, duration: float = 0.018, writes: int = 2) -> None:
        key = "default/my-op-redis"
        self.bus.publish(
            ReconcileFinished(
                kind="Redis", group=GROUPS["Redis"], at=self.now, controller="redis", key=key,
                id=f"r-{number}", number=number, duration=duration,
                result="success", writes=writes,
            )
        )  # fmt: skip

    def heal(self, stage: str, begun: float, **more: Any) -> None:
        self.bus.publish(
            Heal(
                at=self.now, namespace="default", name="my-op-redis-1", owner="default/my-op-redis",
                old_uid="uid-1", stage=stage, requested=begun, by="you", **more,  # type: ignore[arg-type]
            )
        )  # fmt: skip

    def service_heal(self) -> None:
        self.bus.publish(
            Heal(
                at=self.now, namespace="default", name="my-op-redis", owner="default/my-op-redis",
                kind="Service",
                old_uid="uid-svc-old", stage="ready", requested=self.now - 0.5, gone=self.now - 0.4,
                created=self.now, ready=self.now,
            )
        )  # fmt: skip

    def story(self) -> None:
        """Pod 1 is deleted by the person and made again by reconcile #42, ready after 1.24 s."""
        for _ in self.chapters():
            pass

    def chapters(self) -> Any:
        begun = self.now
        old, new = self.ref("Pod", "my-op-redis-1", "uid-1"), self.ref("Pod", "my-op-redis-1", "uid-2")
        self.bus.publish(ApiWrite(at=self.now, verb="delete", ref=old, action="delete-1", status=200))
        self.pod(
            "MODIFIED", "my-op-redis-1", "uid-1", deletionTimestamp=stamp(self.now), created=self.now - 251
        )
        self.heal("deleting", begun)
        yield "deleting"
        self.now += 0.03
        gone = self.now
        self.pod(
            "DELETED", "my-op-redis-1", "uid-1", deletionTimestamp=stamp(self.now), created=self.now - 251
        )
        self.heal("gone", begun, gone=gone)
        self.bus.publish(
            ReconcileStarted(at=self.now, controller="redis", key="default/my-op-redis", id="r-42", number=42)
        )
        yield "gone"
        self.now += 0.018
        made = self.now
        version = self.pod("ADDED", "my-op-redis-1", "uid-2", "Pending", node="")
        self.bus.publish(
            ApiWrite(
                at=self.now, verb="create", ref=new, reconcile="r-42", status=201, resource_version=version
            )
        )
        self.redis("MODIFIED", ready=1, created=begun - 251)
        self.reconcile(42)
        self.heal("recreated", begun, gone=gone, created=made, new_uid="uid-2", reconcile=42)
        yield "recreated"
        self.now += 0.4
        self.pod("MODIFIED", "my-op-redis-1", "uid-2", "Pending", waiting="ContainerCreating", created=made)
        yield "creating"
        self.now = begun + 1.24
        self.pod("MODIFIED", "my-op-redis-1", "uid-2", created=made)
        self.heal("ready", begun, gone=gone, created=made, ready=self.now, new_uid="uid-2", reconcile=42)
        self.redis("MODIFIED", ready=2, created=begun - 251)
        self.reconcile(43, duration=0.006, writes=1)
        yield "ready"
