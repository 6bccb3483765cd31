"""The door of the page: who may come in, and what every answer says to the browser about safety."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from askew.data.reading import read_text
from askew.errors import InputError

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""What every answer carries, refusals too."""

OPEN = "/static/"
"""Below this lies the package's own script and style, the only thing that is given without the token."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,200}")


@dataclass(frozen=True)
class Door:
    """Who may come in.

    Attributes:
        token: the secret that every request but those for the package's own files carries.
        names: the names that the page is called by.
        addresses: whether any IP address will do as its name, which no foreign site can borrow.
    """

    token: str
    names: frozenset[str] = LOOPBACK
    addresses: bool = False

    def refusal(self, method: str, path: str, query: bytes, headers: Headers) -> tuple[int, str] | None:
        """Returns the status and the reason that a request is refused for, or None."""
        host = headers.get("host", "")
        if not self.knows(host):
            return 403, "this page is not called by this name: use the address that `askew label` printed"
        origin = headers.get("origin")
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            return 403, "another site may not ask here"
        if not path.startswith(OPEN) and not self.lets_in(method, path, query, headers):
            return 403, "wrong or no token: use the whole address that `askew label` printed"
        return None

    def knows(self, host: str) -> bool:
        """Tells whether a Host header names this page, whatever the port (it may be forwarded)."""
        name = re.sub(r":\d{1,5}$", "", host).strip("[]").lower()
        if name in self.names:
            return True
        with contextlib.suppress(ValueError):
            return self.addresses and bool(ipaddress.ip_address(name))
        return False

    def lets_in(self, method: str, path: str, query: bytes, headers: Headers) -> bool:
        """Tells whether a request carries the token: in its header, or in the address of the page itself."""
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._is_token(given)
        if method not in ("GET", "HEAD") or path.startswith("/api/"):
            return False
        return any(self._is_token(one) for one in parse_qs(query.decode("latin-1")).get("token", [])[:1])

    def _is_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), self.token.encode())


class Guard:
    """The ASGI middleware that asks the door first and adds the headers last."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self.app, self.door = app, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or refuses it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "private, no-store")
            await send(message)

        path = scope["path"]
        refusal = self.door.refusal(scope["method"], path, scope["query_string"], Headers(scope=scope))
        await (self.app if refusal is None else _refused(path, *refusal))(scope, receive, guarded)


def _refused(path: str, status: int, reason: str) -> Response:
    if path.startswith("/api/"):
        return JSONResponse({"error": reason}, status)
    return PlainTextResponse(f"askew: {reason}\n", status)


def door_for(host: str, token: str) -> Door:
    """Returns the door of a page that listens at `host`: on this machine alone, or on its network."""
    if host in LOOPBACK or host.startswith("127."):
        return Door(token, LOOPBACK | {host})
    mine = socket.gethostname().lower()
    return Door(token, LOOPBACK | {host.lower(), mine, f"{mine}.local"}, addresses=True)


def token_in(path: Path) -> str:
    """Returns the token that a file holds, which the first call makes; nobody but its owner may read it.

    Raises:
        InputError: the file holds something else, or cannot be made.
    """
    with contextlib.suppress(FileExistsError):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(24) + "\n")
    token = read_text(path).strip()
    if not _TOKEN.fullmatch(token):
        raise InputError(f"{path}: holds no token of this page: remove the file, and a new one is made")
    path.chmod(0o600)
    return token
