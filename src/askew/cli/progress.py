"""How far a long count is: a bar on a terminal, elsewhere a line a minute."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LINE_SECONDS = 60.0


@contextmanager
def counting(title: str) -> Iterator[Callable[[int, int], None]]:
    """Gives what is called with the things done and the things to do; it shows them on the error stream.

    On a terminal that is a bar, which goes when the block ends. Elsewhere it is a line a minute, so that a log shows
    that work goes on. Nothing is shown of what ends at once.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True)
    task = bar.add_task(title, total=None, visible=False)
    began = told = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal began, told
        now = time.monotonic()
        if console.is_terminal:
            bar.start()
            bar.update(task, completed=done, total=total, visible=True)
        elif now - told >= LINE_SECONDS and done < total:
            left = (now - began) / max(1, done) * (total - done)
            print(f"{title}: {done:,} of {total:,}, about {left / 60:.0f} min left", file=sys.stderr, flush=True)
            told = now
        if done == total:
            began = told = now

    try:
        yield tell
    finally:
        if bar.live.is_started:
            bar.stop()
