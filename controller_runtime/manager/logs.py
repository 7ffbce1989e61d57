"""Log formatters: JSON with controller-runtime's keys, and plain text. Neither uses colours.

Structured fields go into the call's ``extra`` under the one key ``fields``, since logging keeps many names
to itself: ``log.info("Starting workers", extra={"fields": {"controller": "redis", "worker count": 1}})``.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from controller_runtime.kube.resource import Ref
from controller_runtime.kube.terminal import escape
from controller_runtime.kube.times import milli_timestamp

_LEVELS = {"WARNING": "warn", "CRITICAL": "error"}


class JsonFormatter(logging.Formatter):
    """One object a line: level, ts (RFC 3339, UTC), logger, msg, the fields, error, stacktrace."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "level": _LEVELS.get(record.levelname, record.levelname.lower()),
            "ts": milli_timestamp(record.created),
            "logger": record.name,
            "msg": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            line.setdefault("error", str(error) or type(error).__name__)
            line["stacktrace"] = self.formatException(record.exc_info)
        # ASCII: control characters, line separators and what hides text all become \\u escapes.
        return json.dumps(line, ensure_ascii=True, default=str)


class TextFormatter(logging.Formatter):
    """``time level logger: message key=value``, always one line; stack traces are left out."""

    def format(self, record: logging.LogRecord) -> str:
        time = milli_timestamp(record.created)
        parts = [time, f"{record.levelname:<7}", f"{record.name}:", escape(record.getMessage())]
        return " ".join(filter(None, [*parts, details(record)]))


class TraceFormatter(TextFormatter):
    """Likewise, with the stack trace in indented lines below: for a file."""

    def format(self, record: logging.LogRecord) -> str:
        lines = [super().format(record)]
        if record.exc_info:
            lines += [f"    {escape(line)}" for line in self.formatException(record.exc_info).splitlines()]
        return "\n".join(lines)


def details(record: logging.LogRecord) -> str:
    """The fields of a record as ``key=value``, with the error that it carries among them."""
    fields = _fields(record)
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        fields.setdefault("error", f"{type(error).__name__}: {error}")
    return " ".join(f"{escape(key).replace(' ', '_')}={_value(value)}" for key, value in fields.items())


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields = dict(getattr(record, "fields", None) or {})
    ref = getattr(record, "ref", None)
    if isinstance(ref, Ref):
        fields.setdefault("object", {"kind": ref.kind, "name": ref.name, "namespace": ref.namespace})
    return fields


def _value(value: object) -> str:
    if isinstance(value, dict):
        value = "/".join(str(part) for part in (value.get("namespace"), value.get("name")) if part)
    text = escape(str(value))
    return json.dumps(text, ensure_ascii=False) if not text or " " in text or '"' in text else text
