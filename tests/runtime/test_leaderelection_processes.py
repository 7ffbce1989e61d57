"""Leader election between real processes: one is killed, one is paused and wakes up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cluster import eventually

# Works as long as it thinks that it leads, and signs every step with its name.
CANDIDATE = """
import os, sys, threading, time
from pathlib import Path
from controller_runtime.bus import EventBus
from controller_runtime.client.client import Client
from controller_runtime.client.config import load_configuration
from controller_runtime.manager.leaderelection import LeaderElectionConfig
from controller_runtime.manager.manager import Manager

kubeconfig, namespace, name, journal = sys.argv[1:]

class Work:
    def start(self, stop):
        with open(journal, "a", buffering=1) as out:
            while not stop.wait(0.01):
                if manager.leadership_lost:
                    continue
                out.write(f"{time.monotonic()} {name}\\n")

config = LeaderElectionConfig("op", namespace, name, lease_duration=2.0, renew_deadline=1.0,
                              retry_period=0.1, on_lost=lambda why: os._exit(1))
bus = EventBus()
manager = Manager(Client(load_configuration(Path(kubeconfig))), bus, leader_election=config)
manager.add(Work())
manager.start(threading.Event())
"""


class Candidate:
    def __init__(self, kubeconfig: Path, namespace: str, name: str, journal: Path) -> None:
        self.name = name
        command = [sys.executable, "-c", CANDIDATE, str(kubeconfig), namespace, name, str(journal)]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)


def entries(journal: Path) -> list[tuple[float, str]]:
    lines = journal.read_text().splitlines() if journal.exists() else []
    return [(float(at), name) for at, _, name in (line.partition(" ") for line in lines)]


def leads(journal: Path, candidate: Candidate) -> bool:
    return bool(entries(journal)) and entries(journal)[-1][1] == candidate.name


@pytest.mark.cluster
def test_a_pause_and_a_kill(kubeconfig: Path, namespace: str, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    processes: list[subprocess.Popen[bytes]] = []

    def start(name: str) -> Candidate:
        candidate = Candidate(kubeconfig, namespace, name, journal)
        processes.append(candidate.process)
        return candidate

    try:
        one = start("one")
        eventually(lambda: leads(journal, one))
        two = start("two")
        one.process.send_signal(signal.SIGSTOP)
        eventually(lambda: leads(journal, two), seconds=20)
        one.process.send_signal(signal.SIGCONT)
        assert one.process.wait(15) == 1  # it noticed, and ended itself

        three = start("three")
        time.sleep(0.5)  # long enough to stand by, as three's first look starts its wait
        killed = time.monotonic()
        os.kill(two.process.pid, signal.SIGKILL)
        eventually(lambda: leads(journal, three), seconds=20)
        assert time.monotonic() - killed < 15  # a Lease of seconds; the machine may be busy
    finally:
        for process in processes:
            process.kill()
            process.wait()
    # At no moment two at once: each name has one stretch of time, after that of the one before.
    names = [name for _, name in sorted(entries(journal))]
    assert list(dict.fromkeys(names)) == ["one", "two", "three"]
    assert names == sorted(names, key=["one", "two", "three"].index)
