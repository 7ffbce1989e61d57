"""``reconsole bundle KIND/NAME`` and ``:bundle``: all about an object as one Markdown text to hand over."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

import msgspec

from controller_runtime.client.client import Client
from controller_runtime.kube.errors import ApiError, NoKindMatch, NotFound, Unreachable
from controller_runtime.kube.resource import Ref, Resource
from reconsole import __version__
from reconsole.advice import sentence
from reconsole.cluster import client_of
from reconsole.options import Failure, Options
from recording.codec import without_tokens
from recording.redaction import Redaction
from why.asker import NoSuchObject, look_up
from why.bundle import bundle
from why.explain import explain
from why.gather import gather


def run_bundle(options: Options, words: str, *, anonymize: bool) -> int:
    """Print it: where it goes is the shell's affair."""
    try:
        client = client_of(options, person=True)
        try:
            resource, namespace, name = look_up(client, words, (*options.namespaces, "default")[0])
        except (ApiError, NoSuchObject, Unreachable) as error:
            raise _failure(client, error) from error
        sys.stdout.write(_text(client, resource, namespace, name, (), anonymize))
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    return 0


class Bundler:
    """Writes bundles into the current directory, for the console."""

    def __init__(self, client: Callable[[], Future[Client]]) -> None:
        self._client = client

    def __call__(self, ref: Ref, timeline: Sequence[str], anonymize: bool) -> Path:
        """The file that was written. Raises Failure."""
        client = self._client().result()
        try:
            resource = client.resource_of(ref)
        except (ApiError, NoKindMatch, Unreachable) as error:
            raise _failure(client, error) from error
        text = _text(client, resource, ref.namespace, ref.name, timeline, anonymize)
        name = "object" if anonymize else ref.name
        stamp = time.strftime("%Y%m%d-%H%M%S")
        path = Path(f"reconsole-{ref.kind.lower()}-{name}-{stamp}.md".replace(":", "-")).absolute()
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise Failure(f"cannot write the bundle {path}: {error.strerror or error}") from error
        return path


def _text(
    client: Client, resource: Resource, namespace: str, name: str, timeline: Sequence[str], anonymize: bool
) -> str:
    try:
        obj, world = gather(client, resource, namespace, name, whole=True)
        server = str(client.get_json("/version").get("gitVersion", ""))
    except (ApiError, Unreachable) as error:
        raise _failure(client, error) from error
    versions = {"reconsole": __version__, "Python": platform.python_version(), "Kubernetes": server}
    text = bundle(obj, world, explain(obj, world), versions=versions, timeline=timeline)
    text = without_tokens(text.encode(errors="replace")).decode()
    if not anonymize:
        return text
    redaction = Redaction()
    for known in world.objects:
        redaction.learn(msgspec.to_builtins(known))
    return str(redaction.apply({"text": text})["text"])


def _failure(client: Client, error: Exception) -> Failure:
    match error:
        case NotFound():
            return Failure(f"{error.message}; name its namespace with -n")
        case ApiError():
            return Failure(error.message)
        case Unreachable():
            return Failure(sentence(client.host, error))
    return Failure(str(error))
