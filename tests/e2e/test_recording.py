"""``--events``: a headless run that is killed leaves a file that can be read."""

from __future__ import annotations

import signal
import stat
from pathlib import Path

import pytest

from controller.events import Connection
from controller_runtime.bus import EventBus
from controller_runtime.events import ApiWrite, ObjectChanged, ReconcileFinished
from controller_runtime.threads import Threads
from reconsole.flight import FlightRecorder
from reconsole.options import Options
from reconsole.session import Session
from recording.reader import Damage, header_of, read
from tests.cluster import eventually
from tests.e2e.conftest import Headless


def test_a_run_that_is_killed_leaves_a_readable_recording(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl.gz"
    run = Headless(tmp_path, "--sandbox-dir", str(tmp_path), "--events", str(path))
    eventually(lambda: run.find(type="RECONCILE", writes=1) or run.process.poll() is not None, 40)
    eventually(lambda: {type(e) for _, e in read(path, lambda _: None)} >= {Connection, ApiWrite}, 5)
    run.stop(signal.SIGKILL)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert header_of(path).program.startswith("reconsole ")
    damaged: list[Damage] = []
    events = [event for _, event in read(path, damaged.append)]
    assert len(damaged) <= 1, "the line that was under way"
    numbers = [e.seq for e in events]
    assert numbers == sorted(numbers)
    assert {ObjectChanged, ReconcileFinished, ApiWrite} <= {type(e) for e in events}


def test_a_file_that_cannot_be_made_is_said_at_once(tmp_path: Path) -> None:
    run = Headless(tmp_path, "--sandbox-dir", str(tmp_path), "--events", str(tmp_path / "no" / "a.jsonl"))
    assert run.process.wait(20) == 1
    run.stop(0)
    assert "cannot write the recording" in run.log
    assert "No such file or directory" in run.log
    assert "Traceback" not in run.log


def test_a_crash_of_the_controller_is_in_the_state_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    bus = EventBus()
    options = Options(
        kubeconfig=tmp_path / "kubeconfig", context=None, embedded=False, namespaces=(), impersonate=None,
        sandbox_dir=tmp_path, ui=False, output="text", read_only=False, observe=False,
        metrics_bind_address="0", health_probe_bind_address="0", leader_elect=False,
    )  # fmt: skip
    threads = Threads(bus)
    flight = FlightRecorder(bus, threads, None)
    session = Session(options, bus, threads, flight=flight)

    def crash() -> None:
        session._publish("controller", "connecting")
        raise RuntimeError("a fault of the program")

    monkeypatch.setattr(session, "_run", crash)
    with pytest.raises(RuntimeError):
        session.run()
    (path,) = (tmp_path / "state" / "reconsole").glob("recording-*.jsonl.gz")
    assert [type(e) for _, e in read(path, lambda _: None)] == [Connection]
    session.close()
    flight.close()
