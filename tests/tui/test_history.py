"""Every version of an object, and what changed in it."""

from __future__ import annotations

import json

from tests.tui.screen import console
from tui.versions import Version, Versions, differences


async def test_versions_are_stepped_through_with_what_changed_and_who_did_it() -> None:
    async with console() as c:
        kubelet = [{"manager": "kubelet", "operation": "Update", "time": "2026-01-01T00:00:00Z"}]
        c.world.pod("MODIFIED", "my-op-redis-0", "uid-0", restarts=1, managedFields=kubelet)
        c.world.pod(
            "MODIFIED", "my-op-redis-0", "uid-0", restarts=2, labels={"a": "b"}, managedFields=kubelet
        )
        await c.show()
        text = await c.press("h")
        assert "version 3 of 3" in text
        assert "+ metadata.labels.a" in text
        assert "~ status.containerStatuses[redis].restartCount" in text
        assert "managedFields" not in text
        text = await c.press("left_square_bracket")
        assert "version 2 of 3" in text
        assert "MODIFIED  by kubelet" in text
        text = await c.press("left_square_bracket", "left_square_bracket")
        assert "version 1 of 3" in text
        assert "The first version that was seen" in text
        await c.press("escape")
        assert len(c.app.screen_stack) == 1


def raw(**fields: object) -> bytes:
    return json.dumps({"metadata": {"resourceVersion": str(fields)}, **fields}).encode()


def test_differences_name_the_field() -> None:
    old = raw(spec={"a": 1, "containers": [{"name": "x", "image": "1"}]}, gone=True)
    new = raw(spec={"a": 2, "containers": [{"name": "x", "image": "2"}, {"name": "y"}]}, list=[])
    said = {(d.kind, d.path, d.old, d.new) for d in differences(old, new)}
    assert said == {
        ("~", "spec.a", "1", "2"),
        ("~", "spec.containers[x].image", "1", "2"),
        ("+", "spec.containers[y].name", "", "y"),
        ("+", "list", "", "[]"),
        ("−", "gone", "true", ""),
    }
    assert differences(b"no json", b"neither")[0].kind == "~"


def test_the_oldest_versions_go_when_there_is_no_room() -> None:
    versions = Versions(most=100)
    for number in range(50):
        versions.add(f"uid-{number % 3}", Version(number, "MODIFIED", b"x" * 10))
    assert len(versions) == 10
    assert [v.at for v in versions.of("uid-1")] == [40.0, 43.0, 46.0, 49.0]
