"""The benchmarks run. What they measure is no matter of right and wrong here."""

from __future__ import annotations

import subprocess
import sys

from bench.figures import Figure, percentile, table


def test_the_first_sync_is_measured_and_shown() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "sync"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    header, rule, *rows = done.stdout.splitlines()
    assert header.split() == ["figure", "ours", "against", "ratio", "bar"]
    assert set(rule) == {"-", " "}
    assert [row.split("  ")[0].rsplit(": ")[-1] for row in rows] == [
        "wall", "CPU", "peak memory", "longest stall", "longest stall"
    ]  # fmt: skip
    assert all("SharedInformer" in row for row in rows)


def test_an_unknown_name_is_refused_with_those_that_exist() -> None:
    done = subprocess.run([sys.executable, "-m", "bench", "speed"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "no benchmark is called 'speed'; there are sync, watch_events" in done.stderr


def test_the_table_says_what_was_kept_and_what_was_not() -> None:
    slow = Figure("a", 40.0, "ms", 20.0, "them", bar=30.0)
    fast = Figure("b", 500.0, "/s", 250.0, "them", ratio_bar=2.0, more=True)
    text = table([slow, fast])
    assert "0.5x   ≤ 30 ms  MISSED" in text
    assert "2.0x   ≥ 2x  kept" in text


def test_percentiles_are_values_that_occurred() -> None:
    values = [float(n) for n in range(1, 101)]
    assert percentile(values, 0.99) == 100.0
    assert percentile(values, 0.5) == 51.0
    assert percentile([7.0], 0.99) == 7.0
