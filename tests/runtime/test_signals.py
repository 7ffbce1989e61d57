"""SIGTERM and SIGINT of an operator that is run by ``Manager.run``."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OPERATOR = """
import threading
from controller_runtime.manager.signals import setup_signal_handler
from tests.runtime.fakes import manager

class Slow:
    needs_leader_election = False
    def start(self, stop):
        print("running", flush=True)
        stop.wait()
        print("stopping", flush=True)
        threading.Event().wait(float({seconds}))

made = manager()
made.add(Slow())
made.run()
try:
    setup_signal_handler()
except RuntimeError as error:
    print("drained:", error, flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_drains_and_the_second_ends_with_1(number: signal.Signals) -> None:
    for seconds, twice in ((0, False), (60, True)):
        command = [sys.executable, "-c", OPERATOR.format(seconds=seconds)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as operator:
            assert operator.stdout is not None
            assert operator.stdout.readline() == "running\n"
            operator.send_signal(number)
            assert operator.stdout.readline() == "stopping\n"
            if twice:
                operator.send_signal(number)
            rest = operator.stdout.read()
            assert operator.wait(10) == (1 if twice else 0)
            assert rest.startswith("drained: the signal handler is set up already") != twice
