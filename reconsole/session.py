"""One stay at a cluster: connect, run the manager, publish everything, stop in order, close all of it."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from controller.events import Connection
from controller_runtime.bus import EventBus
from controller_runtime.threads import SupervisedThread, Threads
from reconsole.embedded import EmbeddedCluster
from reconsole.flight import FlightRecorder
from reconsole.operators import load_operator
from reconsole.options import Failure, Options

if TYPE_CHECKING:
    from controller.reviews import Reviewer
    from controller_runtime.client.client import Client
    from controller_runtime.client.execplugin import WithTerminal
    from controller_runtime.kube.object import KubeObject
    from controller_runtime.manager.leaderelection import LeaderElectionConfig
    from controller_runtime.manager.manager import Manager
    from reconsole.operators import Operator


log = logging.getLogger("reconsole")

LEASE = "reconsole.myapp.tangx.in"
CLOSE_TIMEOUT = 35.0  # seconds; the manager's grace and a little more
NAMESPACE = "k8s-operator-demo-system"
IN_CLUSTER_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


# Of the five seconds that a stop takes when nothing but a server holds it up.
CONNECTING_GRACE = 1.0  # seconds, for a session that has not begun to work
CLOSING_UNTIL = 4.0  # seconds after the stop, for what it opened, the embedded cluster among it
CLOSING_LEAST = 0.5  # seconds, after a manager that took its time
EXIT_GRACE = 0.5  # seconds, for what Python waits for at its end: requests that are still connecting


def end_soon(threads: Threads, code: int) -> None:
    """End the process with ``code`` if it has not ended by itself in a moment."""
    threads.after(EXIT_GRACE, "exit", lambda: os._exit(code)).start()


class Session:
    """``run`` blocks until ``stop`` is set and everything has ended. It may run on any thread.

    One can be left (``close``) and another begun in the same process, elsewhere and
    on a bus of its own.
    """

    def __init__(
        self,
        options: Options,
        bus: EventBus,
        threads: Threads,
        *,
        flight: FlightRecorder | None = None,
        on_lost: Callable[[str], None] | None = None,
    ) -> None:
        """Raises Failure for an operator that cannot be loaded. ``on_lost`` is as in LeaderElectionConfig.

        ``flight`` is asked for the last minutes when the controller crashes.
        """
        self.operator = load_operator(options.operator) if options.operator else None
        self.stop = threading.Event()
        self.with_terminal: WithTerminal | None = None  # how a credential plugin gets to ask the person
        self.is_managing = False  # the manager runs: what holds it up is its own affair
        self._has_managed = False
        self._cluster_ended = ""
        self._threads = threads
        self._on_lost = on_lost
        self._flight = flight
        self.person: Future[Client] = Future()  # the client of whoever sits at the console
        self.reviewer: Reviewer | None = None  # for the console, once there is a connection
        self._options = options
        self._bus = bus
        # Started here, so that it comes up while this process still imports.
        self._cluster = (
            EmbeddedCluster(
                options.sandbox_dir.absolute(),
                extra=() if options.sample else ("--no-sample",),
                threads=self._threads,
            ).start()
            if options.embedded
            else None
        )
        self._opened = ExitStack()
        if self._cluster:
            self._opened.callback(self._cluster.close)
        self._runner: SupervisedThread | None = None

    def run(self) -> None:
        """Raises Failure with one sentence when there is nothing to talk to."""
        try:
            self._run()
        except Failure as failure:
            self._publish("controller", "failed", message=str(failure))
            raise
        except Exception:
            if self._flight is not None:
                with suppress(Failure):
                    log.error("The last minutes before the crash are in %s", self._flight.save())
            raise
        finally:
            self.person.cancel()
            self._opened.close()

    def start(self, ended: Callable[[BaseException | None], None] = lambda error: None) -> None:
        """``run`` on a thread of its own, where ``ended`` is called with what went wrong. Once.

        That is a Failure, or what nobody foresaw.
        """

        def run() -> None:
            error: BaseException | None = None
            try:
                self.run()
            except BaseException as caught:
                error = caught
            ended(error)

        if self._runner is None:
            self._runner = self._threads.start("session", run)

    def wait(self, timeout: float = threading.TIMEOUT_MAX) -> bool:
        """Until it has ended after ``start``; False when it is left behind after ``timeout`` seconds.

        Once it is to stop, and only connects or closes what it opened, that is much sooner.
        """
        runner, until = self._runner, time.monotonic() + timeout
        stopped: float | None = None
        idle_until: float | None = None
        while runner is not None and runner.is_alive():
            runner.join(0.2)
            now = time.monotonic()
            if self.stop.is_set():
                stopped = stopped or now
                if not self.is_managing:
                    closing = max(stopped + CLOSING_UNTIL, now + CLOSING_LEAST)
                    idle_until = idle_until or (closing if self._has_managed else now + CONNECTING_GRACE)
                    until = min(until, idle_until)
            if now >= until:
                if self._cluster:
                    self._cluster.kill()
                return False
        return True

    def close(self, timeout: float = CLOSE_TIMEOUT) -> bool:
        """Leave: stop, ``wait``, close what was opened. May be called again.

        False when something did not end in time and is left behind.
        """
        self.stop.set()
        if not self.wait(timeout):
            return False
        self.person.cancel()
        self._opened.close()
        return True

    def _run(self) -> None:
        from controller.heal import heal_histogram, watch_heals
        from controller.operator import WATCHED, add_redis_controller
        from controller.reviews import Reviewer
        from controller_runtime.client.client import Client
        from controller_runtime.client.config import ConfigError, load_configuration
        from controller_runtime.client.execplugin import Plugins
        from controller_runtime.manager.leaderelection import LeaderElectionLost
        from controller_runtime.manager.manager import CannotServe, GracefulShutdownTimeout, Manager
        from reconsole.needs import permissions_needed
        from reconsole.preflight import check, say_missing
        from why.problems.publish import watch_problems

        options = self._options
        kubeconfig, own = options.kubeconfig, options.kubeconfig
        self._publish("controller", "connecting")
        if self._cluster:
            ready = self._cluster.ready()
            kubeconfig = ready.kubeconfig
            self._threads.start("sandbox-end", self._say_that_it_ended)
            # The account of the Redis operator has just its own rights.
            foreign = options.impersonate or options.groups or self.operator
            own = ready.kubeconfig if foreign else ready.operator_kubeconfig
        plugins = Plugins(self.with_terminal, self.stop.is_set)
        self._opened.callback(plugins.close)
        try:
            configuration = load_configuration(
                own, options.context, options.impersonate, groups=options.groups, plugins=plugins
            )
            # Read once where one will do: the file may be a pipe.
            same = own == kubeconfig and not (options.impersonate or options.groups)
            persons = (
                configuration if same else load_configuration(kubeconfig, options.context, plugins=plugins)
            )
            person = Client(persons, bus=self._bus)
        except ConfigError as error:
            raise Failure(str(error)) from error
        self._opened.callback(person.transport.close)
        client = Client(configuration, bus=self._bus)
        self._opened.callback(client.transport.close)
        if options.record_rbac:
            from reconsole.used_role import UsedRights

            client.transport.observers.append(UsedRights(options.record_rbac).observe)
        try:
            server = check(client, self.stop.wait)
        except Failure:
            if self.stop.is_set():
                return
            raise
        self._check_kinds(client, person)
        say_missing(person, options.namespaces)
        self._publish(
            "controller",
            "connected",
            server=configuration.host,
            identity=server.identity,
            version=server.version,
            context=configuration.context,
            cluster="embedded cluster" if self._cluster else configuration.cluster,
        )
        if options.ui:
            self._publish("person", "connected", server=configuration.host, identity=person.identity())
        if self.person.set_running_or_notify_cancel():  # else the console is closed already
            self.person.set_result(person)
        classes: list[type[KubeObject]] = []
        if options.ui:
            from tui.kinds import registry

            classes = registry.classes()
        manager = Manager(
            client,
            self._bus,
            namespaces=options.namespaces,
            classes=classes,
            leader_election=self._election() if options.leader_elect else None,
            metrics_bind_address=options.metrics_bind_address,
            health_probe_bind_address=options.health_probe_bind_address,
            threads=self._threads,
        )
        observe = heal_histogram(manager.metrics.registry).observe
        heals = watch_heals(self._bus, self.stop, observe, self._threads)
        problems = watch_problems(self._bus, self.stop, manager.metrics.registry, self._threads)
        if options.observe:
            for kind in self.operator.kinds if self.operator else WATCHED:
                manager.informer(kind)
        elif self.operator:
            self._set_up(self.operator, manager)
        else:
            add_redis_controller(manager)
        if options.ui:
            lease = _lease_namespace() if options.leader_elect else ""
            needed = permissions_needed(
                self.operator, manager, observes=options.observe, lease_namespace=lease
            )
            self.reviewer = Reviewer(manager, person, needed, self.stop)
            self.reviewer.start()
        try:
            self.is_managing = self._has_managed = True
            manager.start(self.stop)
            if self._cluster_ended:
                raise Failure(self._cluster_ended)
        except LeaderElectionLost as lost:
            raise Failure(
                f"{lost}: somebody else may lead now, so this process ends; start it again"
            ) from lost
        except GracefulShutdownTimeout as late:
            raise Failure(f"{late}: what has not ended is left behind") from late
        except CannotServe as error:
            raise Failure(str(error)) from error
        finally:
            self.is_managing = False
            self.stop.set()
            heals.join(2.0)
            problems.join(2.0)

    def _check_kinds(self, client: Client, person: Client) -> None:
        """The operator's own kinds are there: on the embedded cluster they are installed, else asked for."""
        from controller.api import Redis
        from controller_runtime.kube.crd import custom_resource_definition
        from reconsole.preflight import check_installed, install, say_undefined

        if self.operator is None:
            check_installed(client, custom_resource_definition(Redis))
            return
        for definition in self.operator.definitions():
            if self._cluster:
                install(person, definition)
            else:
                check_installed(client, definition, str(self._options.operator))
        say_undefined(client, self.operator.declared)

    def _say_that_it_ended(self) -> None:
        assert self._cluster is not None
        code = self._cluster.wait()
        if not self.stop.is_set():
            file = self._options.sandbox_dir / "sandbox.log"
            message = f"its process ended with exit code {code}; its last words are in {file}"
            if not self._options.ui:  # nobody is there to begin it again
                self._cluster_ended = f"the embedded cluster has ended: {message}"
                self.stop.set()
            self._publish("controller", "ended", cluster="embedded cluster", message=message)

    @staticmethod
    def _set_up(operator: Operator, manager: Manager) -> None:
        try:
            operator.setup(manager)
        except Exception as error:
            raise Failure(f"the operator's setup failed: {type(error).__name__}: {error}") from error
        if not manager.runnables():
            raise Failure(
                "the operator's setup built no controller: end its builder with complete(reconciler)"
            )

    def _election(self) -> LeaderElectionConfig:
        from controller_runtime.manager.leaderelection import LeaderElectionConfig

        return LeaderElectionConfig(LEASE, _lease_namespace(), on_lost=self._on_lost)

    def _publish(
        self,
        role: Literal["controller", "person"],
        state: Literal["connecting", "connected", "failed", "ended"],
        **fields: str,
    ) -> None:
        options = self._options
        event = Connection(
            at=time.time(), role=role, state=state, namespaces=options.namespaces, observes=options.observe
        )
        self._bus.publish(msgspec.structs.replace(event, **fields))


def _lease_namespace() -> str:
    """The namespace of the pod that this runs in; outside a cluster, the one of ``manifests/``."""
    return "" if IN_CLUSTER_NAMESPACE.exists() else NAMESPACE
