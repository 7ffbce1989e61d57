"""The headless operator must not pay for the console: importing Textual costs more than half a second."""

import subprocess
import sys
from pathlib import Path


def imported_by(*arguments: str) -> str:
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "reconsole", *arguments],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 1, run.stderr[-500:]
    return run.stderr


def test_no_ui_loads_no_textual_and_no_official_client(tmp_path: Path) -> None:
    imported = imported_by("--no-ui", "--kubeconfig", str(tmp_path / "none"))
    assert "controller_runtime.manager.manager" in imported
    assert "textual.app" not in imported
    assert "aiohttp.web" not in imported
    assert " kubernetes\n" not in imported  # it costs 0.7 s, and is there for operators that ask for it
