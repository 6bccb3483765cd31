"""What a caller may hand in: every dtype and byte order gives the same answer, or is refused with its numbers."""

from __future__ import annotations

import numpy as np
import pytest

from askew.arrays import as_array, as_floats, as_integers
from askew.errors import InputError
from askew.pick.balance import demand, l1_score, predicted_quota, solve, tune_weight
from askew.pick.greedy import GreedyBalance, greedy
from askew.pick.top import top
from askew.query import query
from askew.strategies.dispersion import DispersionTracker

P = np.array([[0.5, 0.3, 0.2], [0.4, 0.4, 0.2], [0.9, 0.05, 0.05], [0.1, 0.6, 0.3]])
FLOATS = ["<f4", ">f4", "<f8", ">f8", np.longdouble, ">f2"]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("strategy", ["margin", "entropy", "least_confidence", "kcenter", "bald"])
@pytest.mark.parametrize("balance", [None, 0.5])
def test_no_dtype_and_no_byte_order_changes_the_picks(dtype, strategy, balance):
    rng = np.random.default_rng(1)
    arrays = {"probs": rng.dirichlet(np.ones(4), 40), "features": rng.standard_normal((40, 3))}
    arrays["draws"] = rng.dirichlet(np.ones(4), (3, 40))
    needs = {"kcenter": ["features"], "bald": ["draws"]}.get(strategy, ["probs"]) + (["probs"] if balance else [])
    given = {name: arrays[name].astype(np.float16) for name in needs}
    expected = query(strategy, 9, balance=balance, **{k: v.astype(np.float64) for k, v in given.items()})
    got = query(strategy, 9, balance=balance, **{k: v.astype(dtype) for k, v in given.items()})
    assert got.tolist() == expected.tolist()


def test_margin_by_hand_in_the_other_byte_order():
    assert query("margin", 4, probs=P.astype(">f8")).tolist() == [1, 0, 3, 2]


def test_integers_in_the_other_byte_order_keep_their_values():
    assert as_integers("labels", np.array([1, -1, 256], dtype=">i2")).tolist() == [1, -1, 256]
    assert as_integers("labels", np.array([3], dtype=">i8")).dtype == np.int64


def test_a_memory_map_is_not_read(tmp_path):
    np.save(tmp_path / "x.npy", P)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert np.shares_memory(as_floats("probs", mapped, "NC"), mapped)


def test_masked_numbers_are_refused_and_masks_without_any_are_not():
    masked = np.ma.masked_less(P, 0.1)
    with pytest.raises(InputError, match=r"probs: 2 of 12 numbers are masked: fill them first"):
        query("margin", 1, probs=masked)
    assert query("margin", 1, probs=np.ma.masked_less(P, 0)).tolist() == [1]
    labels = np.ma.masked_equal([0, -1, -1, 5], 5)
    with pytest.raises(InputError, match=r"labels: 1 of 4 numbers are masked: .* labels\.filled\(-1\)"):
        query("margin", 1, probs=P, labels=labels)


def test_a_subclass_becomes_a_plain_array():
    assert type(as_array("probs", P.view(np.recarray))) is np.ndarray


def test_a_label_that_int64_cannot_hold_is_refused():
    labels = np.array([0, 2**64 - 1, 1, 2], dtype=np.uint64)
    with pytest.raises(InputError, match=r"labels: 18446744073709551615 at item 1 is above 9223372036854775807"):
        query("margin", 1, probs=P, labels=labels)
    assert as_integers("labels", labels[[0, 2, 3]]).tolist() == [0, 1, 2]
    assert as_integers("labels", np.empty(0, dtype=np.uint64)).tolist() == []


class _Unused:
    start = np.empty(0, dtype=np.int64)


WRONG = ["3", None, [1], np.array([1, 2]), {}, 1j, True, object(), 10**400, float("nan"), float("-inf")]


@pytest.mark.parametrize("value", WRONG, ids=range(len(WRONG)))
def test_a_scalar_of_a_wrong_type_is_refused_in_a_line(value):
    scores, rng = P[:, 0], np.random.default_rng(0)
    balance = GreedyBalance(P, [1, 1, 1], 1.0)
    calls = [
        lambda: solve(scores, P, [1, 1, 1], value, weight=1.0),
        lambda: solve(scores, P, [1, 1, 1], 2, weight=value),
        lambda: tune_weight(scores, P, [1, 1, 1], value),
        lambda: tune_weight(scores, P, [1, 1, 1], 2, tolerance=value),
        lambda: predicted_quota(scores, P, [1, 1, 1], value),
        lambda: demand([1, 2], value),
        lambda: top(scores, value, rng),
        lambda: GreedyBalance(P, [1, 1, 1], value),
        lambda: greedy(_Unused(), np.arange(4), value, rng, balance=balance),
        lambda: DispersionTracker(value, 3),
        lambda: DispersionTracker(3, value),
        lambda: solve(scores, P, [1, 1, 1], 2, weight=1.0, distance=value),
    ]
    if value is not None:
        calls.append(lambda: solve(scores, P, [1, 1, 1], 2, weight=1.0, time_limit=value))
    if value is not None and (not isinstance(value, int) or value is True):  # None, and more than there are, is all
        calls.append(lambda: DispersionTracker(3, 3).dispersion(last=value))
    for call in calls:
        with pytest.raises(InputError) as error:
            call()
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", ["3", 7, {}, [[1, 2]], [object()], ["a"], [1j, 2, 3], [10**400, 1, 1]], ids=range(8))
def test_a_vector_of_a_wrong_type_is_refused_in_a_line(value):
    scores = P[:, 0]
    for call in (
        lambda: l1_score(value),
        lambda: demand(value, 3),
        lambda: demand([1, 2, 3], 3, value),
        lambda: solve(scores, P, value, 2, weight=1.0),
        lambda: solve(value, P, [1, 1, 1], 2, weight=1.0),
        lambda: solve(scores, value, [1, 1, 1], 2, weight=1.0),
        lambda: tune_weight(scores, P, [1, 1, 1], 2, weights=value),
        lambda: GreedyBalance(P, value, 1.0),
        lambda: GreedyBalance(value, [1, 1, 1], 1.0),
    ):
        with pytest.raises(InputError) as error:
            call()
        assert "\n" not in str(error.value)
