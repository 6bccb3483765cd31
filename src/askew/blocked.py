"""Work over the rows of a NumPy array in blocks that fit a core's cache, on every core the process may use."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from askew.arrays import BLOCK_BYTES, blocks

PARALLEL_BYTES = 1 << 22
"""Below this many bytes starting threads costs more than it gains."""


def n_cores() -> int:
    """Returns how many cores the process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def over_blocks(
    work: Callable[[slice], None],
    n_rows: int,
    row_bytes: int,
    *,
    block_bytes: int = BLOCK_BYTES,
    cores: int | None = None,
) -> None:
    """Calls `work(rows)` for slices that cover `range(n_rows)`, each of about `block_bytes`, in threads if that pays.

    NumPy releases the interpreter while it computes, so threads do run at once. `work` writes its result into the rows
    of an array of its own; the answer does not depend on how many cores there are. An error in `work` is raised here.
    """
    slices = list(blocks(n_rows, row_bytes, block_bytes))
    n_threads = min(n_cores() if cores is None else cores, len(slices), 1 + n_rows * row_bytes // PARALLEL_BYTES)
    if n_threads <= 1:
        _each(work, slices)
        return
    share = -(-len(slices) // n_threads)
    with ThreadPoolExecutor(n_threads) as pool:
        running = [pool.submit(_each, work, slices[i : i + share]) for i in range(0, len(slices), share)]
        for part in running:
            part.result()


def _each(work: Callable[[slice], None], slices: list[slice]) -> None:
    for rows in slices:
        work(rows)
