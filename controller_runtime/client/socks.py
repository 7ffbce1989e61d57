"""Connections through a SOCKS5 proxy (RFC 1928, RFC 1929). The proxy resolves the server's name, as in Go."""

from __future__ import annotations

import socket
from typing import Any

from controller_runtime.client.proxy import Proxy

_NO_LOGIN, _PASSWORD = 0, 2
_CONNECT, _NAME = 1, 3
_REFUSALS = {
    1: "general failure",
    2: "not allowed by its rules",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "time to live expired",
    7: "command not supported",
    8: "address type not supported",
}  # RFC 1928 section 6


def through_socks(connection_class: Any, proxy: Proxy) -> Any:
    """urllib3's connection class, with its sockets opened by ``proxy``."""

    class ThroughSocks(connection_class):  # type: ignore[misc]
        def _new_conn(self) -> socket.socket:
            made = socket.create_connection((proxy.host, proxy.port), self.timeout)
            try:
                for option in self.socket_options or ():
                    made.setsockopt(*option)
                _ask(made, proxy, self.host, self.port)
            except BaseException:
                made.close()
                raise
            return made

    return ThroughSocks


def _ask(connection: socket.socket, proxy: Proxy, host: str, port: int) -> None:
    """Raises OSError in the proxy's words."""
    login = _PASSWORD if proxy.username is not None else _NO_LOGIN
    connection.sendall(bytes([5, 1, login]))
    version, method = _read(connection, 2)
    if version != 5:
        raise OSError("it does not speak SOCKS5")
    if method != login:
        wanted = "a user and a password" if login == _NO_LOGIN else "a login of another kind"
        raise OSError(f"it wants {wanted}")
    if proxy.username is not None:
        user, password = proxy.username.encode(), proxy.password.encode()
        connection.sendall(bytes([1, len(user)]) + user + bytes([len(password)]) + password)
        if _read(connection, 2)[1] != 0:
            raise OSError("it does not accept this user and password")
    name = host.strip("[]").encode("idna" if not host.isascii() else "ascii")
    connection.sendall(bytes([5, _CONNECT, 0, _NAME, len(name)]) + name + port.to_bytes(2, "big"))
    _, answer, _, kind = _read(connection, 4)
    if answer != 0:
        raise OSError(f"it refuses: {_REFUSALS.get(answer, f'code {answer}')}")
    length = {1: 4, 4: 16}.get(kind) or _read(connection, 1)[0]
    _read(connection, length + 2)


def _read(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        if not (more := connection.recv(length - len(data))):
            raise OSError("it hung up")
        data += more
    return data
