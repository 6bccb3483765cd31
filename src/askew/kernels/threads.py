"""One thread for the products of small matrices, whose threads would mostly wait for each other."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_inside = threading.Lock()
"""Held by the one caller that has set the limit: it alone takes it back, so that none leaves another's behind."""


@functools.cache
def _libraries(with_scipy: bool) -> Any:  # noqa: ARG001
    """Finds the libraries that are loaded; SciPy brings one of its own with `scipy.linalg`, so they are sought anew."""
    from threadpoolctl import ThreadpoolController  # late, for a quick `import askew`

    return ThreadpoolController()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keeps BLAS to one thread while it is entered, in the whole process.

    A product that takes microseconds is done before a second thread has woken up, and where other work holds that
    thread's core, the product waits for it: class balance and k-center took three to ten times as long beside one busy
    process. Work large enough for several cores is cut up by `askew.blocked` instead, whose threads wait for no one.

    Entered again, in this thread or another, it changes nothing; the limit ends where the first caller leaves.
    Cost: some 10 µs; some milliseconds the first time in a process.
    """
    if not _inside.acquire(blocking=False):
        yield
        return
    try:
        with _libraries("scipy.linalg" in sys.modules).limit(limits=1, user_api="blas"):
            yield
    finally:
        _inside.release()
