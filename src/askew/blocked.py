"""Work over the rows of a NumPy array in blocks, on every core the process may use."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Floats, Mask, blocks
from askew.files import n_cores

THREAD_BYTES = 1 << 21
"""A block so large that threads spend little time waiting for their turn of the interpreter between two of NumPy's
calls; with much smaller ones two threads can be slower than one."""

PARALLEL_BYTES = 1 << 22
"""Below this many bytes starting threads costs more than it gains."""


def over_blocks(
    work: Callable[[slice], None],
    n_rows: int,
    row_bytes: int,
    *,
    block_bytes: int = THREAD_BYTES,
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


def map_rows(kernel: Callable[[Floats], Floats], array: Floats) -> Floats:
    """Returns (N,) `kernel(block)` of the rows of an (N, C) array, in its dtype; every block is contiguous."""
    out = np.empty(len(array), dtype=array.dtype)

    def work(rows: slice) -> None:
        out[rows] = kernel(np.ascontiguousarray(array[rows]))

    over_blocks(work, len(array), array.shape[1] * array.itemsize)
    return out


def row_max(block: Floats) -> Floats:
    """Returns the largest number of each row of a contiguous block of probabilities, faster than `max(axis=1)`.

    The bits of floats from 0, read as integers, are in the order of the floats, and `reduceat` has less to do for each
    row than a reduction over an axis. -inf counts as below all, except -0.0.
    """
    bits = block.view(np.int32 if block.itemsize == 4 else np.int64)
    return np.maximum.reduceat(bits.reshape(-1), np.arange(0, block.size, block.shape[1])).view(block.dtype)


def sums_and_negatives(array: Floats) -> tuple[Floats, Mask]:
    """Returns of an (N, C) array, in one pass, the row sums and whether each row holds a number below zero.

    A row with a NaN or an infinity has a sum that is not finite.
    """
    sums: NDArray[np.floating] = np.empty(len(array), dtype=array.dtype)
    negative = np.zeros(len(array), dtype=bool)

    def work(rows: slice) -> None:
        block = np.ascontiguousarray(array[rows])
        with np.errstate(over="ignore", invalid="ignore"):
            np.einsum("ij->i", block, out=sums[rows])
            if not block.min() >= 0:
                negative[rows] = (block < 0).any(axis=1)

    over_blocks(work, len(array), array.shape[1] * array.itemsize)
    return sums, negative
