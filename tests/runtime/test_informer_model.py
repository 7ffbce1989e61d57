"""Whatever happens, in whatever order: store, handlers and bus end with what the server has."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller_runtime.events import ObjectChanged
from controller_runtime.kube.deltas import CreateEvent, DeleteEvent, UpdateEvent
from tests.runtime.faultserver import Exchange, status
from tests.runtime.harness import World, eventually, world

NAMES = ("a", "b", "c", "d")
STEPS = st.one_of(
    st.tuples(st.sampled_from(["put", "delete", "recreate"]), st.sampled_from(NAMES)),
    st.tuples(st.sampled_from(["end", "expire", "error", "refuse", "cut", "poison"]), st.just("")),
)


def step(w: World, what: str, name: str) -> None:
    server = w.server
    exists = name in server.objects
    match what:
        case "put":
            server.put(
                name, uid=server.objects[name]["metadata"]["uid"] if exists else f"{name}-{server.version}"
            )
        case "delete" if exists:
            server.delete(name)
        case "recreate" if exists:
            with server.changed:
                server.delete(name)
                server.put(name, uid=f"{name}-{server.version}")
        case "poison":
            server.put("poison", spec={"containers": 7})
        case "expire":
            with server.changed:
                server.forget_history()
                server.generation += 1
                server.changed.notify_all()
        case "end":
            w.clock.advance(2.0)
            server.end_streams()
        case "error" | "refuse" | "cut":
            fail_once(w, what)
            server.end_streams()


def fail_once(w: World, how: str) -> None:
    def script(x: Exchange) -> None:
        w.server.script = Exchange.serve
        if how == "refuse":
            x.refuse(500, "InternalError", "no")
        elif how == "error":
            x.initial() if x.query.get("sendInitialEvents") else x.begin()
            x.event("ERROR", status(500, "InternalError", "no"))
            x.finish()
        elif x.query.get("sendInitialEvents"):
            x.begin()
            for obj in list(w.server.objects.values())[:1]:
                x.event("ADDED", obj)
            x.chunk(b'{"type":"ADD')
            x.finish()
        else:
            x.handler.close_connection = True

    w.server.script = script


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=12))
def test_everything_ends_as_the_server_has_it(steps: list[tuple[str, str]]) -> None:
    with world(limit=1e9) as w:
        for what, name in steps:
            step(w, what, name)
        w.server.put("last")
        expected = {
            (o["metadata"]["uid"], o["metadata"]["resourceVersion"])
            for n, o in w.server.objects.items()
            if n != "poison"
        }

        def found() -> set[tuple[str, str]]:
            return {(p.metadata.uid, p.metadata.resource_version) for p in w.informer.list()}

        eventually(lambda: found() == expected and "last" in w.names())
        heard: dict[str, str] = {}
        for event in w.delivered:
            uid, version = event.obj.metadata.uid, event.obj.metadata.resource_version
            match event:
                case CreateEvent():
                    assert uid not in heard
                    heard[uid] = version
                case UpdateEvent(old=old):
                    assert heard[uid] == old.metadata.resource_version
                    assert int(version) > int(heard[uid])
                    heard[uid] = version
                case DeleteEvent():
                    del heard[uid]
        assert set(heard.items()) == expected
        told: dict[str, str] = {}
        for change in w.drain():
            if isinstance(change, ObjectChanged):
                if change.type == "DELETED":
                    del told[change.ref.uid]
                else:
                    assert (change.type == "ADDED") == (change.ref.uid not in told)
                    told[change.ref.uid] = change.resource_version
        assert set(told.items()) == expected
