"""Makes a recording anonymous: names, images and addresses are replaced, the same one always by the same."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

# What every cluster has; and words that say nothing about anybody.
KEPT = frozenset(
    {"default", "kube-system", "kube-public", "kube-node-lease", "kubernetes", "localhost", "reconsole"}
)

# Fields whose values are words of Kubernetes or of this program, never names.
_WORDS = frozenset({
    "event", "type", "kind", "apiVersion", "api_version", "verb", "resource", "group", "state", "stage",
    "result", "reason", "status", "phase", "outcome", "level", "logger", "at", "time", "uid", "old_uid",
    "new_uid", "resourceVersion", "resource_version", "controller", "protocol", "restartPolicy",
    "operation", "fieldsType", "role", "subresource", "creationTimestamp", "deletionTimestamp",
    "action", "id", "reconcile", "recording",
})  # fmt: skip
_PLACES = frozenset({"cluster", "context", "identity", "server", "holder", "lease", "host"})

_ADDRESS = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4})(?![\w:]|\.\d)"
)
_TOKEN = re.compile(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?")
_ORDINAL = re.compile(r"(.+?)-(\d+)")


class Redaction:
    """First ``learn`` every line, then ``apply`` it: what is a name in one is one in the messages of all."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._images: dict[str, str] = {}
        self._addresses: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def learn(self, line: Any) -> None:
        """``line`` is one as JSON data."""
        for field, text in _strings(line, ""):
            if field in ("namespace", "scope", "namespaces"):
                self._learn(text, "namespace")
            elif field in ("nodeName", "host"):
                self._learn(text, "node")
            elif field in ("image", "imageID"):
                if text and text not in self._images:
                    self._images[text] = f"image-{len(self._images) + 1}"
            elif field in _PLACES:
                for part in _TOKEN.findall(_ADDRESS.sub(" ", text)):
                    if not part.isdigit() and part not in ("https", "http", "system", "serviceaccount"):
                        self._learn(part, field if field in ("cluster", "context") else "name")
            elif field in ("name", "generateName", "key", "owner"):
                for part in text.split("/"):
                    self._learn(part.strip("-"), "name")

    def apply(self, line: Any) -> Any:
        """The line with everything replaced that was learnt, and the values of environment variables gone."""
        return self._apply(line, "")

    def _learn(self, name: str, what: str) -> None:
        if not name or name in KEPT or name in self._names or _ADDRESS.fullmatch(name):
            return
        if ordinal := _ORDINAL.fullmatch(name):  # db-0 and db-1 stay of one family
            self._learn(ordinal[1], what)
            self._names[name] = f"{self._names.get(ordinal[1], ordinal[1])}-{ordinal[2]}"
            return
        self._counts[what] = self._counts.get(what, 0) + 1
        self._names[name] = f"{what}-{_letters(self._counts[what])}"

    def _apply(self, value: Any, field: str) -> Any:
        if isinstance(value, dict):
            if field == "env" and "value" in value:
                value = {**value, "value": "REDACTED"}
            return {k: self._apply(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [self._apply(v, field) for v in value]
        if not isinstance(value, str) or field in _WORDS:
            return value
        return self._text(value)

    def _text(self, text: str) -> str:
        if text in self._images:
            return self._images[text]
        for image, other in self._images.items():
            if image in text:
                text = text.replace(image, other)
        text = _ADDRESS.sub(lambda found: self._address(found[0]), text)
        return _TOKEN.sub(lambda found: self._token(found[0]), text)

    def _token(self, token: str) -> str:
        """The longest beginning of it, up to a hyphen or dot, that is a name is replaced; then the rest."""
        if token in self._names:
            return self._names[token]
        for cut in range(len(token) - 1, 0, -1):
            if token[cut] in ".-_" and token[:cut] in self._names:
                rest = token[cut + 1 :]
                return self._names[token[:cut]] + token[cut] + (self._token(rest) if rest else "")
        return token

    def _address(self, text: str) -> str:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return text
        if address.is_loopback or address.is_unspecified:
            return text
        known = self._addresses.get(text)
        if known is None:
            number = len(self._addresses) + 1
            # Addresses that are nobody's: RFC 2544 for benchmarks, RFC 3849 for documentation.
            base = "198.18.0.0" if address.version == 4 else "2001:db8::"
            known = self._addresses[text] = str(ipaddress.ip_address(base) + number)
        return known


def _strings(value: Any, field: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            # Of containers, ports, volumes and the like the names say what they are, not whose.
            yield from _strings(inner, key if key != "name" or field in _OWNED else "")
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, field)
    elif isinstance(value, str):
        yield field, value


# Where a "name" is that of an object.
_OWNED = frozenset({
    "", "about", "ref", "metadata", "ownerReferences", "trigger", "involvedObject", "regarding", "secretRef",
    "configMapRef", "configMap", "claimRef", "targetRef", "subjects", "roleRef",
})  # fmt: skip


def _letters(number: int) -> str:
    """1 is a, 26 is z, 27 is aa: no digits, which are ordinals."""
    text = ""
    while number:
        number, digit = divmod(number - 1, 26)
        text = chr(ord("a") + digit) + text
    return text
