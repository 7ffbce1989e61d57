"""Completion is made from the parser: a real shell completes our words with it."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from reconsole.cli import _parser, main
from reconsole.completion import SHELLS, script

ROOT = Path(__file__).parents[2]


def completed(*words: str) -> set[str]:
    """What bash offers for the last of these words."""
    line = " ".join(f"'{word}'" for word in words)
    source = f"{script(_parser(), 'bash')}\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}\n_reconsole\n"
    source += 'printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(
        ["bash", "--norc", "-c", source], capture_output=True, text=True, check=True, timeout=10
    )
    return set(done.stdout.split())


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_commands_options_and_values() -> None:
    assert {"sandbox", "why", "bundle", "doctor", "--no-ui"} <= completed("reconsole", "")
    assert completed("reconsole", "--kubec") == {"--kubeconfig"}
    assert completed("reconsole", "why", "--out") == {"--output"}
    assert completed("reconsole", "-n", "x", "why", "-o", "") == {"text", "json"}
    assert completed("reconsole", "completion", "") >= set(SHELLS)
    assert completed("reconsole", "bundle", "--a") >= {"--anonymize", "--as", "--all-namespaces"}


@pytest.mark.parametrize("shell", SHELLS)
def test_every_option_of_every_command_is_in_it(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    text = capsys.readouterr().out
    for word in ("anonymize", "sandbox-dir", "record-rbac", "replay", "manifests"):
        assert word in text
    if (program := shutil.which(shell)) is not None:
        check = subprocess.run([program, "-n"], input=text, text=True, capture_output=True, timeout=10)
        assert (check.returncode, check.stderr) == (0, "")


def test_kubectl_finds_the_console_as_its_plugin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts["kubectl-reconsole"] == "reconsole.cli:main"
    monkeypatch.setattr("sys.argv", ["/usr/bin/kubectl-reconsole", "why", "--help"])
    with pytest.raises(SystemExit):
        main()
    assert capsys.readouterr().out.startswith("usage: kubectl reconsole why")
