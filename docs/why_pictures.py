"""Makes the pictures of docs/why.md: things that are made wrong on a real embedded cluster, and explained.

make permission-pictures
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from controller_runtime import Client, load_configuration
from controller_runtime.bus import EventBus
from controller_runtime.kube.kinds import ConfigMap, Namespace
from docs.picture import Until, console, svg
from tui.app import ConsoleApp

IMAGES = Path(__file__).parent / "img"
SIZE = (110, 22)
STAMPER = Path(__file__).parent / "stamping_operator.py"


def pod(name: str, image: str, **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": labels},
        "spec": {"containers": [{"name": "main", "image": image}]},
    }


FAULTS: tuple[dict[str, Any], ...] = (
    pod("typo", "sandbox/no-image"),
    pod("crashes", "sandbox/crash"),
    pod("web-0", "nginx:1.27", app="web"),
    {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "default"},
        "spec": {"selector": {"app": "wbe"}, "ports": [{"port": 80}]},
    },
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "old-project"}},
    {
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": "ledger", "namespace": "old-project", "finalizers": ["billing.example.com/export"],
        },
    },
)  # fmt: skip


class Camera:
    def __init__(self, app: ConsoleApp, pilot: Pilot[int], until: Until) -> None:
        self._app, self._pilot, self._until = app, pilot, until

    async def take(self, name: str, command: str, *words: str) -> None:
        """The screen that a command opens, once these words are on it."""
        await self._pilot.press("colon", *command, "enter")
        for each in words:
            await self._until(each)
        await self._pilot.resize_terminal(*SIZE)
        self._app.clear_notifications()
        await self._pilot.pause(1.0)
        (IMAGES / f"why-{name}.svg").write_text(svg(self._app))
        await self._pilot.press("escape")


async def objects(directory: Path) -> None:
    async with console(directory, EventBus()) as (app, pilot, until):
        admin = Client(load_configuration(directory / "kubeconfig"))
        for fault in FAULTS:
            await asyncio.to_thread(admin.create, fault)
        await asyncio.to_thread(admin.delete, Namespace, "", "old-project")
        await until("CrashLoopBackOff")
        await pilot.pause(6.0)
        camera = Camera(app, pilot, until)
        await camera.take("image", "why pod/typo", "pull")
        await camera.take("crash", "why pod/crashes", "exit code")
        await camera.take("service", "why service/web", "app=wbe")
        await camera.take("namespace", "why namespace/old-project", "billing.example.com/export")
        await pilot.press("colon", *"revoke services", "enter")
        await until("list forbidden")
        await asyncio.to_thread(admin.create, redis("waits"))
        await until("waits")
        await pilot.pause(3.0)
        await camera.take("refused", "why redis/waits", "services")


def redis(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "myapp.tangx.in/v1", "kind": "Redis",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"replicas": 1, "port": 8333, "image": "redis:5-alpine"},
    }  # fmt: skip


async def loop(directory: Path) -> None:
    async with console(directory, EventBus(), str(STAMPER)) as (app, pilot, until):
        admin = Client(load_configuration(directory / "kubeconfig"))
        stamped: dict[str, Any] = {
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "settings", "namespace": "default", "labels": {"stamp": "here"}},
        }  # fmt: skip
        await asyncio.to_thread(admin.create, stamped)
        await until("! 1 problem")
        await pilot.pause(6.0)
        camera = Camera(app, pilot, until)
        await camera.take("problems", "problems", "reconcile loop")
        await camera.take("loop", "why configmap/settings", "reconcile loop")
        await asyncio.to_thread(admin.delete, ConfigMap, "default", "settings")


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    stories: tuple[Callable[[Path], Any], ...] = (objects, loop)
    for story in stories:
        with tempfile.TemporaryDirectory() as directory:
            asyncio.run(story(Path(directory)))


if __name__ == "__main__":
    main()
