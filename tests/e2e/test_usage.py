"""Wrong flags and wrong kubeconfigs: one sentence, the right exit code, no stack trace."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def reconsole(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "reconsole", *arguments],
        capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--no-ui", "-n", "a", "-A"], "-n and -A"),
        (["--no-ui", "--context", "x", "--sandbox-dir", "/tmp/x"], "--sandbox-dir"),
        (["-o", "json"], "-o needs --no-ui"),
        (["--no-ui", "--as-group", "dev"], "--as-group needs --as"),
        (["--no-ui", "--as", ""], "argument --as: it is empty"),
        (["--no-ui", "-n", "My_Team"], "'My_Team' is not the name of a namespace"),
        (["run", "", "--no-ui"], "it is empty"),
        (["--no-ui", "--read-only"], "--observe"),
        (["--no-ui", "-o", "xml"], "invalid choice"),
        (["--nope"], "unrecognized"),
        (["sandbox", "--port", "99999"], "not a port"),
        (["manifests", "nope"], "invalid choice"),
        ([], "needs a terminal"),
    ],
)
def test_wrong_usage_exits_2(arguments: list[str], words: str) -> None:
    run = reconsole(*arguments)
    assert run.returncode == 2
    assert words in run.stderr
    assert "Traceback" not in run.stderr
    assert run.stdout == ""


def kubeconfig(directory: Path, server: str) -> Path:
    path = directory / "config"
    path.write_text(
        f"""apiVersion: v1
kind: Config
current-context: here
contexts: [{{name: here, context: {{cluster: here, user: me}}}}]
clusters: [{{name: here, cluster: {{server: "{server}"}}}}]
users: [{{name: me, user: {{token: secret-token}}}}]
"""
    )
    return path


@pytest.mark.parametrize(
    ("text", "arguments", "words"),
    [
        (None, [], "no such file"),
        ("", [], "kubeconfig"),
        ("{nope", [], "did not find expected"),
        ("apiVersion: v1\nkind: Config\n", [], "kubeconfig"),
        ("good", ["--context", "elsewhere"], "elsewhere"),
        ("good", [], "cannot reach"),
    ],
)
def test_a_kubeconfig_that_is_of_no_use_exits_1(
    tmp_path: Path, text: str | None, arguments: list[str], words: str
) -> None:
    path = tmp_path / "config"
    if text == "good":
        kubeconfig(tmp_path, "https://127.0.0.1:1")
    elif text is not None:
        path.write_text(text)
    run = reconsole("--no-ui", "--kubeconfig", str(path), *arguments)
    assert run.returncode == 1, run.stderr
    assert words.lower() in run.stderr.lower()
    assert run.stderr.count("error:") == 1
    assert "Traceback" not in run.stderr
    assert "secret-token" not in run.stderr


def test_help_names_the_commands() -> None:
    run = reconsole("--help")
    assert run.returncode == 0
    for word in ("sandbox", "manifests", "--no-ui", "--kubeconfig"):
        assert word in run.stdout
