"""What an API server may lack, played by the sandbox as a client: controllers, and a node."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sandbox.apiclient import Client, Connection
from sandbox.controllers.gc import GarbageCollector
from sandbox.controllers.namespaces import NamespaceController
from sandbox.controllers.served import Discovery
from sandbox.sharedcache import Informers


@contextmanager
def playing(kubeconfig: Path, name: str, part: Callable[[Client], Awaitable[None]]) -> Iterator[None]:
    """Run ``part`` beside the block, in an event loop of its own."""
    loop = asyncio.new_event_loop()

    async def play() -> None:
        async with Client(Connection.from_kubeconfig(kubeconfig), user_agent=name) as client:
            await part(client)

    task = loop.create_task(play())

    def run() -> None:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(task)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(10)


async def controllers(client: Client) -> None:
    """The two without which nothing that was made would go again."""
    informers = Informers(client)
    try:
        async with asyncio.TaskGroup() as group:
            discovery = Discovery(informers)
            group.create_task(GarbageCollector(informers, discovery).run())
            group.create_task(NamespaceController(informers, discovery).run())
            group.create_task(discovery.run())
    finally:
        await informers.close()
