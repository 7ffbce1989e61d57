"""Why the API server cannot be used, in one sentence with what to do about it."""

from __future__ import annotations

import re

from controller_runtime.kube.errors import (
    ApiError,
    NoCredentials,
    Unauthorized,
    UnexpectedAnswer,
    Unreachable,
)
from controller_runtime.kube.remedies import unreachable
from controller_runtime.kube.terminal import safe_text

_LONGEST = 400  # characters of a server's own words
_BEGINNING = 60  # characters of a page that is none of Kubernetes'
_IMPERSONATION = re.compile(r'cannot impersonate resource "(\w+)"')


def sentence(host: str, error: ApiError | Unreachable) -> str:
    """``host`` is the server's URL; ``error`` is what the first requests to it ended with."""
    if isinstance(error, NoCredentials):
        return f"nothing was sent to {host}, for there are no credentials: {_words(str(error))}"
    if isinstance(error, Unreachable):
        return f"cannot reach the API server at {host}: {_words(str(error))}; {unreachable(host, error)}"
    if found := _IMPERSONATION.search(error.message):
        return (
            f"the API server at {host} does not let us act as somebody else: {_words(error.message)}; "
            f"grant the verb impersonate on {found[1]}, or leave out --as"
        )
    if isinstance(error, Unauthorized):
        return f"the API server at {host} does not accept these credentials: log in again"
    if isinstance(error, UnexpectedAnswer) or (not error.reason and error.status not in (429, 503)):
        return f"something else than Kubernetes answers at {host}: {_instead(host, error)}"
    return f"the API server at {host} answers {error.status}: {_words(error.message)}; try again later"


def _instead(host: str, error: ApiError) -> str:
    """What answered, and what to do."""
    todo = "check the server in the kubeconfig, or log in to what stands before it"
    if isinstance(error, UnexpectedAnswer):
        return f"{_words(error.message)}; {todo}"
    if error.status == 400 and "HTTPS" in error.message.upper():
        todo = f"use https:// in the kubeconfig, as in {host.replace('http:', 'https:', 1)}"
    if 300 <= error.status < 400:
        return f"it redirects ({error.status}); {todo}"
    return f"{error.status} {_words(error.message)[:_BEGINNING]!r}; {todo}"


def _words(text: str) -> str:
    """Of a server or a plugin: one line, bounded, harmless."""
    line = safe_text(" ".join(text.split()))
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
