"""Serving the page: a socket, the addresses to print, the learner in a process beside it, and an end of both."""

from __future__ import annotations

import contextlib
import errno
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from askew.errors import AskewError, InputError
from askew.files import cleaned_up

PORT, TRIED = 8427, 20
"""The port that is tried first, and how many after it: a browser keeps unsent answers by the port, so it stays."""

ENDING_SECONDS = 10.0
"""How long the learner may take to end."""


def listening(host: str, port: int | None) -> socket.socket:
    """Returns a socket that listens at a port, or at the first free one from `PORT` on; port 0 is any free one.

    Raises:
        InputError: the port is taken, or `host` is no address of this machine.
    """
    tried = [port] if port is not None else [*range(PORT, PORT + TRIED), 0]
    for one in tried:
        try:
            return _listening(host, one)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or one == tried[-1]:
                reason = error.strerror or error
                raise InputError(f"cannot listen at {host}:{one}: {reason}: take another --port or --host") from error
    raise AssertionError("port 0 is never in use")


def _listening(host: str, port: int) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(2048)
    except OSError:
        made.close()
        raise
    return made


def addresses(listener: socket.socket, token: str) -> tuple[str, str | None]:
    """Returns the page's address on this machine, and the one for others on its network, or None if it has none."""
    host, port = listener.getsockname()[:2]
    everywhere = host in ("0.0.0.0", "::")
    here = _url("127.0.0.1" if host == "0.0.0.0" else "::1" if host == "::" else host, port, token)
    if everywhere:
        return here, _url(network_address(), port, token)
    return here, None if _is_loopback(host) else here


def _url(host: str, port: int, token: str) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/?token={token}"


def _is_loopback(host: str) -> bool:
    return host == "::1" or host.startswith("127.")


def network_address() -> str:
    """Returns this machine's address on its network; nothing is sent to find it."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])
    return socket.gethostname()


def serve(app: ASGIApp, listener: socket.socket) -> None:
    """Serves until the process is told to end; what was begun is finished first."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=5,
    )
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])


@contextlib.contextmanager
def beside(folder: Path, work: Callable[[Path], None]) -> Iterator[Callable[[], bool]]:
    """Does `work(folder)` in a process of its own during the block; gives what tells whether it is still at work.

    The process ends with this one, however this one ends.
    """
    process = multiprocessing.get_context("spawn").Process(target=_working, args=(folder, work), daemon=True)
    process.start()
    try:
        yield process.is_alive
    finally:
        process.terminate()
        process.join(ENDING_SECONDS)
        process.kill()
        process.join()


def _working(folder: Path, work: Callable[[Path], None]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends this
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(5)  # who waits for the next picture comes before the model
    with cleaned_up():
        try:
            work(folder)
        except AskewError as error:
            print(f"askew: no more learning: {error}", file=sys.stderr, flush=True)
            raise SystemExit(2) from None


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os.kill(os.getpid(), signal.SIGTERM)  # files that are half written are taken away first
    time.sleep(ENDING_SECONDS)
    os._exit(1)
