"""The log formats: controller-runtime's keys in JSON, one safe line in text."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from controller_runtime.kube.resource import Ref
from controller_runtime.manager.logs import JsonFormatter, TextFormatter


def record(
    message: str, *args: object, level: int = logging.INFO, error: Exception | None = None, **extra: Any
) -> logging.LogRecord:
    exc_info = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord("controller_runtime", level, "f.py", 1, message, args, exc_info)
    made.created = 1_700_000_000.25
    made.__dict__.update(extra)
    return made


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


def test_json_has_the_keys_of_controller_runtime() -> None:
    fields = {"controller": "redis", "worker count": 1, "Redis": {"name": "a", "namespace": "ns"}}
    assert json.loads(JsonFormatter().format(record("Starting %s", "workers", fields=fields))) == {
        "level": "info",
        "ts": "2023-11-14T22:13:20.250Z",
        "logger": "controller_runtime",
        "msg": "Starting workers",
        "controller": "redis",
        "worker count": 1,
        "Redis": {"name": "a", "namespace": "ns"},
    }


def test_json_of_an_error() -> None:
    error = raised(OSError("disk full"))
    line = json.loads(JsonFormatter().format(record("Reconciler error", level=logging.ERROR, error=error)))
    assert (line["level"], line["error"]) == ("error", "disk full")
    assert "Traceback" in line["stacktrace"]


def test_json_is_one_ascii_line_whatever_is_in_it() -> None:
    evil = "a\nb\x1b[31m\u2028\u202egnp.exe\x9b"
    line = JsonFormatter().format(record(evil, fields={"what": evil, "set": {1}}))
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["msg"] == evil


@pytest.mark.parametrize(("level", "name"), [(logging.WARNING, "warn"), (logging.DEBUG, "debug")])
def test_levels(level: int, name: str) -> None:
    assert json.loads(JsonFormatter().format(record("x", level=level)))["level"] == name


def test_the_object_of_a_line() -> None:
    ref = Ref("Pod", "ns", "p-1", "uid")
    line = record("Pod %s in NS %s deleted", "p-1", "ns", ref=ref)
    assert json.loads(JsonFormatter().format(line))["object"] == {
        "kind": "Pod",
        "name": "p-1",
        "namespace": "ns",
    }
    assert TextFormatter().format(line).endswith("Pod p-1 in NS ns deleted object=ns/p-1")


def test_text_is_one_line_without_control_characters() -> None:
    error = raised(OSError("disk\nfull"))
    fields = {"worker count": 1, "note": "two words", "empty": "", "evil": "\x1b]0;title\x07\u202e"}
    line = TextFormatter().format(record("bad\r\n%s", "\x1b[2J", error=error, fields=fields))
    assert line.isprintable()
    assert line.startswith("2023-11-14T22:13:20.250Z INFO    controller_runtime: bad\\r\\n\\x1b[2J ")
    assert 'worker_count=1 note="two words" empty=""' in line
    assert "OSError" in line
