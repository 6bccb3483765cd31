"""What every test starts from: signals as in a terminal."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Undoes what `nohup` and background jobs of a shell hand down to their processes: SIGHUP or SIGINT ignored."""
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
