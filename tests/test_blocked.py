"""Blocks, threads and the row kernels: the same answer however the rows are cut up."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askew.blocked import map_rows, over_blocks, row_max, sums_and_negatives


@given(st.integers(1, 3000), st.integers(1, 5000), st.integers(1, 4))
def test_blocks_cover_every_row_once(n_rows, row_bytes, cores):
    seen, lock = np.zeros(n_rows, dtype=int), threading.Lock()

    def work(rows):
        with lock:
            seen[rows] += 1

    over_blocks(work, n_rows, row_bytes, cores=cores)
    assert (seen == 1).all()


def test_large_arrays_are_worked_on_by_several_threads_and_small_ones_by_none_but_this():
    threads = set()
    over_blocks(lambda rows: threads.add(threading.get_ident()), 10, 8, cores=4)  # noqa: ARG005
    assert threads == {threading.get_ident()}
    barrier = threading.Barrier(2, timeout=30)

    def meet(rows):
        threads.add(threading.get_ident())
        if rows.start in (0, 500_000):
            barrier.wait()

    over_blocks(meet, 1_000_000, 100, block_bytes=100_000, cores=2)
    assert len(threads) == 3


def test_an_error_in_a_thread_is_raised_here():
    def fail(rows):
        if rows.stop == 1_000_000:
            raise ZeroDivisionError("in the last block")

    with pytest.raises(ZeroDivisionError, match="in the last block"):
        over_blocks(fail, 1_000_000, 100, cores=2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_row_max_of_probabilities(dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    block = np.array([[0, tiny, 0], [0, 0, 0], [0.25, 1, 0.5], [-np.inf, 0, tiny], [-0.0, 0.5, 1e-30]], dtype=dtype)
    assert row_max(block).tolist() == block.max(axis=1).tolist()
    assert row_max(block).dtype == dtype


@given(st.integers(1, 200), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_map_rows_gives_contiguous_blocks_of_any_layout(n_rows, n_columns, seed):
    array = np.random.default_rng(seed).random((2 * n_rows, n_columns))

    def kernel(block):
        assert block.flags.c_contiguous
        return row_max(block)

    for laid in (array[::2], np.asfortranarray(array)[::2], array[::-2]):
        assert np.array_equal(map_rows(kernel, laid), laid.max(axis=1))


def test_sums_and_negatives_tell_what_each_row_holds():
    array = np.array([[0.5, 0.5], [1.5, -0.5], [np.nan, 1.0], [np.inf, 0.0], [-np.inf, np.inf], [0.0, -0.0]])
    sums, negative = sums_and_negatives(array)
    assert sums[[0, 1, 5]].tolist() == [1.0, 1.0, 0.0]
    assert np.isfinite(sums).tolist() == [True, True, False, False, False, True]
    assert negative.tolist() == [False, True, False, False, True, False]


def test_sums_of_many_blocks_are_near_those_in_float64():
    array = np.random.default_rng(0).dirichlet(np.ones(100), 50_000).astype(np.float32)
    sums, negative = sums_and_negatives(array)
    assert np.abs(sums - 1).max() < 1e-6
    assert not negative.any()
