"""What the command line asks for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    kubeconfig: Path | None
    context: str | None
    embedded: bool
    namespaces: tuple[str, ...]  # empty: all
    impersonate: str | None
    sandbox_dir: Path
    ui: bool
    output: str  # text or json
    read_only: bool
    observe: bool
    metrics_bind_address: str
    health_probe_bind_address: str
    leader_elect: bool
    groups: tuple[str, ...] = ()  # to act in, beside ``impersonate``
    events: Path | None = None  # where to write everything that the bus carries
    record: Path | None = None  # where to write what is on the screen, as it changes
    record_rbac: Path | None = None  # where to write the least role that the run used
    no_mouse: bool = False
    sample: bool = True  # the embedded cluster begins with a Redis
    operator: str | None = None  # of ``reconsole run``: FILE.py or module:function; None is Redis


class Failure(Exception):
    """Something that ends the program with exit code 1. The text is one sentence for a person."""
