"""Who is asking: bearer tokens, service-account tokens, impersonation."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass, field

from sandbox.apiserver.machinery.jsonobject import Obj
from sandbox.apiserver.storage.revisions import Store

AUTHENTICATED = "system:authenticated"
UNAUTHENTICATED = "system:unauthenticated"
MASTERS = "system:masters"
ISSUER = "https://kubernetes.default.svc"


@dataclass(frozen=True, slots=True)
class User:
    """An identity as authorization sees it."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: dict[str, list[str]] = field(default_factory=dict, hash=False, compare=False)

    def info(self) -> Obj:
        """UserInfo of a review."""
        out: Obj = {"username": self.name}
        if self.uid:
            out["uid"] = self.uid
        if self.groups:
            out["groups"] = list(self.groups)
        if self.extra:
            out["extra"] = self.extra
        return out


ANONYMOUS = User("system:anonymous", (UNAUTHENTICATED,))


def service_account_groups(namespace: str) -> tuple[str, ...]:
    return ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", AUTHENTICATED)


def impersonated(name: str, groups: tuple[str, ...], uid: str, extra: dict[str, list[str]]) -> User:
    """The user that impersonation headers describe, with the groups that upstream adds."""
    parts = name.split(":")
    if not groups and len(parts) == 4 and parts[:2] == ["system", "serviceaccount"]:
        groups = service_account_groups(parts[2])
    elif name == ANONYMOUS.name:
        groups = groups if UNAUTHENTICATED in groups else (*groups, UNAUTHENTICATED)
    elif AUTHENTICATED not in groups:
        groups = (*groups, AUTHENTICATED)
    return User(name, groups, uid, extra)


def certified(certificate: Obj) -> User:
    """The user that a client certificate names (as ssl has it): CN, and each O is a group."""
    named = [pair for part in certificate.get("subject", ()) for pair in part]
    name = next((value for key, value in named if key == "commonName"), "")
    groups = tuple(value for key, value in named if key == "organizationName")
    return User(name, (*groups, AUTHENTICATED)) if name else ANONYMOUS


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Tokens:
    """Makes and checks tokens. The signing key lives as long as the process, or as the state on disk."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.key = secrets.token_bytes(32)
        self._static: dict[bytes, User] = {}

    def add_static(self, user: User) -> str:
        """A new random token for a fixed identity."""
        token = secrets.token_urlsafe(32)
        self._static[hashlib.sha256(token.encode()).digest()] = user
        return token

    def issue(self, account: Obj, seconds: int, audiences: list[str], bound: Obj | None = None) -> str:
        """A service-account token; `account` is the stored ServiceAccount."""
        meta = account["metadata"]
        now = int(time.time())
        claims: Obj = {
            "aud": audiences or [ISSUER],
            "exp": now + seconds,
            "iat": now,
            "iss": ISSUER,
            "jti": secrets.token_hex(8),
            "kubernetes.io": {
                "namespace": meta["namespace"],
                "serviceaccount": {"name": meta["name"], "uid": meta["uid"]},
            },
            "nbf": now,
            "sub": f"system:serviceaccount:{meta['namespace']}:{meta['name']}",
        }
        if bound:
            claims["kubernetes.io"]["pod"] = {"name": bound.get("name", ""), "uid": bound.get("uid", "")}
        head = _b64(b'{"alg":"HS256","typ":"JWT"}')
        body = f"{head}.{_b64(json.dumps(claims).encode())}"
        return f"{body}.{self._sign(body)}"

    def _sign(self, body: str) -> str:
        return _b64(hmac.digest(self.key, body.encode(), "sha256"))

    def user(self, token: str) -> User | None:
        """The identity behind a token, or None when it is not (or no longer) good."""
        found = self._static.get(hashlib.sha256(token.encode()).digest())
        if found is not None:
            return found
        body, _, signature = token.rpartition(".")
        if not body or not hmac.compare_digest(signature.encode(), self._sign(body).encode()):
            return None
        claims = json.loads(_unb64(body.split(".")[1]))
        inner = claims["kubernetes.io"]
        namespace, account = inner["namespace"], inner["serviceaccount"]
        live = self._store.get("serviceaccounts", (namespace, account["name"]))
        if claims["exp"] < time.time() or live is None or live.uid != account["uid"]:
            return None
        if pod := inner.get("pod"):
            entry = self._store.get("pods", (namespace, pod["name"]))
            if entry is None or (pod["uid"] and entry.uid != pod["uid"]):
                return None
        return User(claims["sub"], service_account_groups(namespace), account["uid"])
