"""What ``--no-ui`` prints of a write."""

from __future__ import annotations

import json

import pytest

from controller_runtime.events import ApiWrite, Outcome
from controller_runtime.kube.resource import Ref
from reconsole.lines import json_line, text_line


@pytest.mark.parametrize(
    ("outcome", "status", "error", "words"),
    [
        ("answered", 201, "", "answered 201 in 2 ms"),
        ("answered", 409, "exists\x1b[2J", "answered 409 in 2 ms: exists\\x1b[2J"),
        ("unknown", 0, "timed out", "sent, not answered in 2 ms: timed out"),
        ("unsent", 0, "ran out of time", "never sent in 2 ms: ran out of time"),
    ],
)
def test_a_write_is_printed_with_what_became_of_it(
    outcome: Outcome, status: int, error: str, words: str
) -> None:
    ref = Ref("Redis", "default", "db", "u", "myapp.tangx.in/v1")
    write = ApiWrite(
        at=0, verb="patch", ref=ref, subresource="status", outcome=outcome, status=status, error=error,
        duration=0.002,
    )  # fmt: skip
    line = text_line(write)
    assert line is not None
    assert line.partition("  ")[2] == f"WRITE     patch Redis/status default/db  {words}"
    record = json.loads(json_line(write) or "")
    assert (record["type"], record["outcome"], record["status"]) == ("WRITE", outcome, status)
    assert (record["name"], record["error"]) == ("db", error)
