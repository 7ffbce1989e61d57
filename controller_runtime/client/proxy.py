"""Which proxy leads to a server: the rules of Go's net/http and golang.org/x/net/http/httpproxy."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


@dataclass(frozen=True)
class Proxy:
    """``username`` is None without one. ``str()`` is safe to show."""

    scheme: str  # http, https, socks5 or socks5h; with both of the last, it is the proxy that resolves names
    host: str
    port: int
    username: str | None = None
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def is_socks(self) -> bool:
        return self.scheme.startswith("socks5")

    @property
    def authorization(self) -> str:
        """The value of Proxy-Authorization; "" without a user."""
        if self.username is None:
            return ""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


def parse_proxy(url: str) -> Proxy:
    """Raises ValueError, whose text holds no password."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS:
        raise ValueError(f"a proxy must begin with http://, https:// or socks5://, not {parts.scheme!r}")
    try:
        port = parts.port
    except ValueError:
        raise ValueError("the port of the proxy is no number from 1 to 65535") from None
    if not parts.hostname:
        raise ValueError("the URL of the proxy names no host")
    username = None if parts.username is None else unquote(parts.username)
    return Proxy(
        parts.scheme, parts.hostname, port or _PORTS[parts.scheme], username, unquote(parts.password or "")
    )


def proxy_from_environment(server: str, environ: Mapping[str, str]) -> Proxy | None:
    """The proxy for the URL ``server``. Raises ValueError, naming the variable that is of no use.

    Loopback is never reached through a proxy that the environment names.
    """
    parts = urlsplit(server)
    # A CGI program's HTTP_PROXY comes from a request's header: https://httpoxy.org
    if parts.scheme == "http" and environ.get("REQUEST_METHOD"):
        return None
    upper = f"{parts.scheme.upper()}_PROXY"
    variable = upper if environ.get(upper) else upper.lower()
    url = environ.get(variable, "")
    no_proxy = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    port = parts.port or _PORTS[parts.scheme]
    if not url or _goes_direct(parts.hostname or "", port, no_proxy):
        return None
    try:
        return parse_proxy(url if "://" in url else f"http://{url}")
    except ValueError as error:
        raise ValueError(f"{variable}: {error}") from None


def is_loopback(host: str) -> bool:
    address = _address(host)
    return host.lower() == "localhost" or (address is not None and address.is_loopback)


def _goes_direct(host: str, port: int, no_proxy: str) -> bool:
    if is_loopback(host):
        return True
    host, address = host.lower(), _address(host)
    return any(_matches(e.strip().lower(), host, address, port) for e in no_proxy.split(","))


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _address(text: str) -> _Address | None:
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found


def _matches(entry: str, host: str, address: _Address | None, port: int) -> bool:
    """``entry``: "*", an address, a network, or a domain with what is below it; all but "*" and a network
    may end in a port."""
    if entry == "*":
        return True
    if "/" in entry:
        try:
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, wanted = _split_port(entry)
    if not name or (wanted and wanted != str(port)):
        return False
    if (listed := _address(name)) is not None:
        return listed == address
    name = name.removeprefix("*")
    if name.startswith("."):
        return host.endswith(name)
    return host == name or host.endswith(f".{name}")


def _split_port(entry: str) -> tuple[str, str]:
    if entry.startswith("["):
        name, _, port = entry[1:].partition("]")
        return name, port.removeprefix(":")
    if entry.count(":") == 1:
        name, _, port = entry.partition(":")
        return name, port
    return entry, ""
