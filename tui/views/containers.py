"""The containers of a pod: what each does, how it ended the last time, and how often it was begun again."""

from __future__ import annotations

import msgspec

from controller_runtime.kube.terminal import safe_text
from controller_runtime.kube.times import parse_time
from tui.kinds.model import Base
from tui.text import age, wrap
from tui.widgets.lines import Row


class _Waiting(Base, frozen=True):
    reason: str | None = None
    message: str | None = None


class _Running(Base, frozen=True):
    started_at: str | None = None


class _Terminated(Base, frozen=True):
    exit_code: int = 0
    reason: str | None = None
    message: str | None = None
    signal: int | None = None
    started_at: str | None = None
    finished_at: str | None = None


class _State(Base, frozen=True):
    waiting: _Waiting | None = None
    running: _Running | None = None
    terminated: _Terminated | None = None


class _Container(Base, frozen=True):
    name: str = ""
    image: str | None = None
    ready: bool = False
    restart_count: int = 0
    state: _State | None = None
    last_state: _State | None = None


class _Status(Base, frozen=True):
    container_statuses: tuple[_Container, ...] | None = None
    init_container_statuses: tuple[_Container, ...] | None = None


class _Spec(Base, frozen=True):
    containers: tuple[_Container, ...] | None = None
    init_containers: tuple[_Container, ...] | None = None


class _Pod(Base, frozen=True):
    spec: _Spec = _Spec()
    status: _Status = _Status()


_decode = msgspec.json.Decoder(_Pod).decode


def container_rows(raw: bytes, width: int, now: float) -> list[Row]:
    """``raw``: the pod. Two rows a container, more where something has to be said."""
    try:
        pod = _decode(raw)
    except msgspec.MsgspecError as error:
        return [[(f"cannot be read: {error}", "error")]]
    statuses = {
        c.name: c
        for c in (*(pod.status.init_container_statuses or ()), *(pod.status.container_statuses or ()))
    }
    rows: list[Row] = []
    for init, containers in ((True, pod.spec.init_containers), (False, pod.spec.containers)):
        for container in containers or ():
            status = statuses.get(container.name, _Container(container.name))
            rows += _rows(status, container.image or status.image or "", init, width, now)
    return rows


def _rows(container: _Container, image: str, init: bool, width: int, now: float) -> list[Row]:
    state = container.state or _State()
    words, style, message = _said(state, now)
    head: Row = [
        ("● " if container.ready else "○ ", "ok" if container.ready else style),
        (container.name, "bold"), (f"  {words}", style),
    ]  # fmt: skip
    if init:
        head.append(("  before the others", "muted"))
    count = container.restart_count
    if count:
        head.append((f"  begun again {count} time{'s' if count > 1 else ''}", "warn"))
    rows: list[Row] = [head, [(f"  {image}", "muted")]]
    rows += [[("  ", "text"), (line, style)] for line in _lines(message, width)]
    last = container.last_state or _State()
    if last.terminated is not None:
        words, style, message = _said(last, now)
        rows.append([("  last run  ", "muted"), (words, style)])
        rows += [[("            ", "text"), (line, style)] for line in _lines(message, width - 10)]
    return rows


def _said(state: _State, now: float) -> tuple[str, str, str]:
    """What it is doing, the style of that, and its message."""
    if (ended := state.terminated) is not None:
        words = f"{ended.reason or 'ended'} · exit code {ended.exit_code}"
        if ended.signal:
            words += f" · signal {ended.signal}"
        begun, end = parse_time(ended.started_at), parse_time(ended.finished_at)
        if end is not None:
            words += f" · {age(now - end)} ago"
            words += f", after {age(end - begun)}" if begun is not None else ""
        return words, "muted" if ended.exit_code == 0 else "error", ended.message or ""
    if (waiting := state.waiting) is not None:
        reason = waiting.reason or "waiting"
        style = "warn" if reason in ("ContainerCreating", "PodInitializing", "waiting") else "error"
        return reason, style, waiting.message or ""
    if (running := state.running) is not None:
        begun = parse_time(running.started_at)
        return "running" + (f" for {age(now - begun)}" if begun is not None else ""), "ok", ""
    return "not begun", "muted", ""


def _lines(message: str, width: int) -> list[str]:
    return wrap(safe_text(message.strip()), max(width - 4, 10)) if message.strip() else []
