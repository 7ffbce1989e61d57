"""The project's story, told without a screen on an embedded cluster: all of it has to be true."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from controller.events import Caption, Deed, Heal
from reconsole.demo.command import STORY
from reconsole.demo.script import read_script
from recording.reader import read


def test_the_story_goes_as_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "story.jsonl"
    done = subprocess.run(
        [sys.executable, "-m", "reconsole", "demo", "--check", "--events", str(file)],
        capture_output=True, text=True, timeout=90, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "Reconsole, told by itself: all went as written.\n"), (
        done.stderr
    )
    events = [event for _, event in read(file, lambda damage: None)]
    told = [e for e in events if isinstance(e, Caption)]
    assert list(dict.fromkeys(e.chapter for e in told)) == [c.chapter for c in read_script(STORY).chapters]
    refused = [e.answer for e in events if isinstance(e, Deed) and not e.ok]
    assert any("spec.port" in words for words in refused), refused
    assert {e.kind for e in events if isinstance(e, Heal) and e.stage == "ready"} == {"Pod", "Service"}
