"""What an API server, or the way to it, can answer instead of an object."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from controller_runtime.kube.terminal import escape


class _Details(msgspec.Struct, rename="camel"):
    retry_after_seconds: float | None = None


class Status(msgspec.Struct, rename="camel"):
    """A meta/v1 Status, the fields that are needed."""

    message: str = ""
    reason: str = ""
    code: int = 0
    details: _Details | None = None


class ApiError(Exception):
    """An HTTP answer that is no success. ``message`` is in the server's own words.

    ``retry_after`` is in seconds and None when the server named no time.
    """

    def __init__(self, status: int, reason: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after


class NotFound(ApiError):
    pass


class AlreadyExists(ApiError):
    pass


class Conflict(ApiError):
    pass


class Forbidden(ApiError):
    pass


class Unauthorized(ApiError):
    pass


class Invalid(ApiError):
    pass


class Expired(ApiError):
    """410: the resource version is too old to go on from."""


class TooManyRequests(ApiError):
    pass


class ServerError(ApiError):
    """Any 5xx."""


class UnexpectedAnswer(ApiError):
    """A success by its status alone: the body is not what was asked for, but some proxy's login page."""


class NoKindMatch(LookupError):
    """The server serves no such kind."""


class Unreachable(Exception):
    """No HTTP answer: refused, reset, timed out, or a certificate that does not fit.

    ``sent``: whether the request, or a part of it, was on its way: the server may have done what it asks.
    """

    def __init__(self, message: str, *, sent: bool = False) -> None:
        super().__init__(message)
        self.sent = sent


class ConfigError(Exception):
    """A configuration that is of no use. The text is one sentence for a person, fit for a terminal."""

    def __init__(self, sentence: str) -> None:
        super().__init__(escape(sentence))


class NoCredentials(Unreachable):
    """Nothing was sent: what says who we are could not be had. The next request asks for it again."""


_BY_STATUS: dict[int, type[ApiError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Expired,
    422: Invalid,
    429: TooManyRequests,
}


def unexpected_answer(status: int, body: bytes, kind: str, error: Exception) -> UnexpectedAnswer:
    """The exception for a ``body`` that could not be decoded as a ``kind`` because of ``error``.

    The beginning of what is no JSON is shown; of an object, which may hold secrets, only what is wrong.
    """
    start = body[:60].decode(errors="replace").strip()
    if isinstance(error, msgspec.ValidationError) or start.startswith("{"):
        why = str(error)
    else:
        why = f"it begins with {start!r}" if start else "it is empty"
    return UnexpectedAnswer(status, "", f"the server answered {status} with what is no {kind}: {why}")


def api_error(status: int, body: bytes, headers: Any = None) -> ApiError:
    """The exception for an answer with ``status``, whatever its body looks like."""
    try:
        answer = msgspec.json.decode(body, type=Status)
    except msgspec.MsgspecError:
        text = body[:300].decode(errors="replace").strip()
        answer = Status(message=text or f"the server answered {status}")
    retry_after = answer.details.retry_after_seconds if answer.details else None
    header = headers.get("Retry-After") if headers is not None else None
    if header is not None and (named := _seconds(header)) is not None:
        retry_after = named
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else ApiError)
    if answer.reason == "AlreadyExists":
        kind = AlreadyExists
    elif answer.reason in ("Expired", "Gone"):
        kind = Expired
    return kind(status, answer.reason, answer.message, retry_after)


def _seconds(retry_after: str) -> float | None:
    """The header's value, a number of seconds or a date (RFC 9110, 10.2.3), as seconds from now."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        at = parsedate_to_datetime(retry_after).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, at - time.time())
