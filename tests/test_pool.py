"""`Pool`: who is labelled, by hand, and what it refuses."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from askew.errors import InputError
from askew.pool import Pool


def test_a_pool_by_hand() -> None:
    pool = Pool(np.array([2, -1, 0, -1, 2]))
    assert len(pool) == 5
    assert pool.labeled.tolist() == [0, 2, 4]
    assert pool.unlabeled.tolist() == [1, 3]
    assert pool.counts(4).tolist() == [1, 0, 2, 0]
    assert pool.counts(4).dtype == np.int64


def test_a_pool_of_one_item_without_labels() -> None:
    pool = Pool.without_labels(1)
    assert pool.labels.tolist() == [-1]
    assert pool.labels.dtype == np.int64
    assert pool.counts(3).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([], "^labels: the pool is empty$"),
        ([0, -2], "^labels: -2 at item 1: expected a class from 0, or -1 for unlabeled$"),
        ([0.5], "^labels: .*integers"),
        ([[0]], "^labels: "),
    ],
)
def test_what_are_no_labels_is_refused(labels: list[object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Pool(np.array(labels, dtype=np.int64) if labels == [] else np.array(labels))


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.array(["NaT"], dtype="datetime64[D]"), r"^labels: expected numbers, got dtype datetime64\[D\]$"),
        (np.ma.array([0, 1], mask=[True, False]), "^labels: 1 of 2 numbers are masked: fill them first"),
        ([[0], [0, 1]], "^labels: not an array: "),
        ([None, 2**53 + 1], "^labels: 9007199254740993 at item 1: expected a class from 0; gaps and -1 are unlabeled$"),
        ([None, 10**400], "^labels: 1000* at item 1: expected a class from 0"),
        ([None, 0.5], r"^labels: 0\.5 at item 1: expected a class from 0"),
    ],
)
def test_what_looks_like_labels_with_gaps_is_refused(labels: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Pool(labels)  # type: ignore[arg-type]


def test_the_largest_class_beside_a_gap_is_the_last_that_a_float_tells_from_the_next() -> None:
    assert Pool([None, 2**53]).labels.tolist() == [-1, 2**53]  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", ["Int64", "object"])
def test_a_gap_of_pandas_is_unlabeled(dtype: str) -> None:
    pandas = pytest.importorskip("pandas")
    labels = Pool(pandas.Series([1, pandas.NA, 0], dtype=dtype)).labels
    assert (labels.tolist(), labels.dtype) == ([1, -1, 0], np.int64)


def test_a_pool_is_equal_to_itself_alone_and_may_be_a_key() -> None:
    pool = Pool(np.array([0, -1]))
    assert pool != Pool(np.array([0, -1]))
    assert {pool: 1}[pool] == 1


def test_a_label_outside_the_classes_is_refused_with_the_range() -> None:
    with pytest.raises(InputError, match=r"^labels: 2 at item 1 is outside the 2 classes, 0 to 1$"):
        Pool(np.array([0, 2])).counts(2)


def test_labels_cannot_be_changed_through_the_pool_and_the_callers_array_can() -> None:
    labels = np.array([0, -1])
    pool = Pool(labels)
    with pytest.raises(ValueError, match="read-only"):
        pool.labels[1] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        pool.labels = labels  # type: ignore[misc]
    labels[1] = -1
