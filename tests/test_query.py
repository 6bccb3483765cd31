"""`query`: the one call, its answers by hand and its refusals word by word."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from askew.errors import InputError
from askew.query import OPTIONS, query

P = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8], [0.6, 0.4]])


def test_labelled_items_are_never_asked_and_the_best_comes_first() -> None:
    assert query("entropy", 3, probs=P, labels=[-1, 1, -1, -1]).tolist() == [3, 2, 0]


def test_the_answer_is_int64_pool_indices() -> None:
    chosen = query("margin", 2, probs=P)
    assert chosen.dtype == np.int64
    assert chosen.tolist() == [1, 3]


def test_rows_of_labelled_items_may_be_nan() -> None:
    probs = P.copy()
    probs[1] = np.nan
    assert query("entropy", 1, probs=probs, labels=[-1, 0, -1, -1]).tolist() == [3]


def test_the_oracle_asks_what_the_model_gets_wrong() -> None:
    assert set(query("oracle", 2, probs=P, truth=[1, 0, 0, 0]).tolist()) == {0, 2}


def test_random_needs_only_labels_and_depends_on_the_seed_alone() -> None:
    labels = np.full(1000, -1)
    first = query("random", 50, labels=labels, seed=3)
    assert np.array_equal(first, query("random", 50, labels=labels, seed=3))
    assert not np.array_equal(first, query("random", 50, labels=labels, seed=4))


def test_ties_are_settled_by_seed_and_every_item_gets_its_turn() -> None:
    probs = np.full((6, 2), 0.5)
    seen = {int(query("entropy", 1, probs=probs, seed=seed)[0]) for seed in range(60)}
    assert seen == set(range(6))


@pytest.mark.parametrize("balance", [dict(balance=0.6), dict(balance="auto"), dict(balance_by="predicted")])
def test_balanced_ties_are_settled_by_seed_too(balance: dict) -> None:
    probs = np.full((8, 2), 0.5)
    seen = {tuple(sorted(query("entropy", 2, probs=probs, seed=seed, **balance).tolist())) for seed in range(300)}
    assert len(seen) == 28
    first = query("entropy", 2, probs=probs, seed=5, **balance)
    assert np.array_equal(query("entropy", 2, probs=probs, seed=5, **balance), first)


def test_balance_asks_for_the_classes_that_lack_labels() -> None:
    probs = np.repeat(np.array([[0.9, 0.1], [0.1, 0.9]]), 10, axis=0)
    labels = np.r_[np.zeros(8, dtype=int), np.full(12, -1)]
    chosen = query("entropy", 6, probs=probs, labels=labels, balance=5.0)
    assert (chosen >= 10).all()


def test_balance_auto_returns_as_many() -> None:
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(4) * 0.3, 200)
    chosen = query("entropy", 20, probs=probs, balance="auto")
    assert len(set(chosen.tolist())) == 20


def test_a_target_distribution_is_followed() -> None:
    probs = np.eye(3)[np.arange(300) % 3] * 0.97 + 0.01
    chosen = query("random", 30, probs=probs, balance=10.0, target=[0.0, 0.5, 0.5])
    counts = np.bincount(np.arange(300)[chosen] % 3, minlength=3)
    assert counts[0] <= 1
    assert abs(int(counts[1]) - int(counts[2])) <= 1


def test_balance_by_predicted_takes_each_class_its_quota() -> None:
    probs = np.eye(2)[np.r_[np.zeros(90, int), np.ones(10, int)]] * 0.8 + 0.1
    chosen = query("entropy", 10, probs=probs, balance_by="predicted")
    assert (chosen >= 90).sum() == 5


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (dict(strategy="entropi", probs=P), ["entropi", "entropy"]),
        (dict(strategy="entropy"), ["probs"]),
        (dict(strategy="entropy", probs=P, n=5), ["5", "4"]),
        (dict(strategy="entropy", probs=P, n=0), ["n", "0"]),
        (dict(strategy="entropy", probs=P, n=1.5), ["n", "1.5"]),
        (dict(strategy="entropy", probs=P, n=True), ["n", "True"]),
        (dict(strategy="entropy", probs=P * 2), ["probs", "4 of 4", "1"]),
        (dict(strategy="entropy", probs=np.log(P)), ["probs", "logits"]),
        (dict(strategy="entropy", probs=np.where(P == 0.9, np.nan, P)), ["probs: 1 of 4 rows", "item 0"]),
        (dict(strategy="entropy", probs=np.array([[1.5, -0.5]] * 4)), ["probs", "negative"]),
        (dict(strategy="entropy", probs=P[0]), ["probs", "(N, C)", "(2,)"]),
        (dict(strategy="entropy", probs=np.ones((4, 1), int)), ["probs", "int"]),
        (dict(strategy="entropy", probs=np.empty((0, 2))), ["probs", "empty"]),
        (dict(strategy="entropy", probs=[["a", "b"]]), ["probs", "numbers"]),
        (dict(strategy="entropy", probs=P, labels=[-1, 2, -1, -1]), ["labels", "2", "item 1", "2 classes"]),
        (dict(strategy="entropy", probs=P, labels=[-1, -2, -1, -1]), ["labels", "-2", "item 1"]),
        (dict(strategy="entropy", probs=P, labels=[-1, -1, -1]), ["3", "4"]),
        (dict(strategy="entropy", probs=P, labels=[-1.0, 0, 0, 0]), ["labels", "integers"]),
        (dict(strategy="entropy", probs=P, temperature=2), ["parameter of entropy", "temperature"]),
        (dict(strategy="entropy", probs=P, balance=-1.0), ["balance", "-1"]),
        (dict(strategy="entropy", probs=P, balance="much"), ["balance", "much"]),
        (dict(strategy="entropy", probs=P, target=[0.5, 0.5]), ["balance"]),
        (dict(strategy="entropy", probs=P, balance=1.0, target=[0.5, 0.2]), ["target"]),
        (dict(strategy="entropy", probs=P, balance_by="predictd"), ["predictd", "predicted"]),
        (dict(strategy="random", labels=[-1] * 4, balance=1.0), ["balance needs probs"]),
        (dict(strategy="dispersion", dispersion=np.array([0.5, 2.0])), ["dispersion", "2", "item 1"]),
        (dict(strategy="random"), ["random", "large"]),
        (dict(strategy="entropy", probs=P, seed=-1), ["seed", "-1"]),
        (dict(strategy="entropy", probs=P, seed=None), ["seed", "None"]),
        (dict(strategy="entropy", probs=P, seed=1.5), ["seed", "1.5"]),
        (dict(strategy="entropy", probs=P, seed=np.random.default_rng(0)), ["seed", "whole number", "Generator"]),
        (dict(strategy="entropy", probs=P, seed=True), ["seed", "True"]),
        (dict(strategy="entropy", prob=P), ["prob", "did you mean 'probs'"]),
        (dict(strategy="entropy", probs=P, label=[0] * len(P)), ["label", "did you mean 'labels'"]),
        (dict(strategy="oracle", probs=P, truth=[0, 1, 99, 0]), ["truth", "99", "item 2"]),
        (dict(strategy="oracle", probs=P, truth=[0, 1, -1, 0]), ["truth", "-1", "item 2"]),
        (dict(strategy="entropy", probs=P, balance=True), ["balance", "True"]),
        (dict(strategy="kcenter", features=P, probs=P, balance=1.0, balance_distance="l2"), ["kcenter", "L1"]),
        (dict(strategy="entropy", probs=P, balance_by="predicted", balance=0.5), ["no weight"]),
        (dict(strategy="kcenter", features=np.ones((4, 2)), probs=np.ones((3, 2)) / 2), ["items", "4", "3"]),
    ],
)
def test_bad_input_is_refused_with_its_values(call: dict, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        query(call.pop("strategy"), call.pop("n", 1), **call)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message


GAPS = [[0, None, 1, None], [0, float("nan"), 1.0, -1], np.array([0, np.nan, 1, np.nan])]


@pytest.mark.parametrize("labels", GAPS)
def test_gaps_between_whole_numbers_are_unlabeled(labels: object) -> None:
    assert sorted(query("entropy", 2, probs=P, labels=labels).tolist()) == [1, 3]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["cat", None, "dog", None], "'cat' at item 0 is a name.*in the order of the columns of probs"),
        (np.array(["-1", "0", "1", "0"]), "'-1' at item 0 is a name"),
        ([0, None, "dog", 1], "'dog' at item 2 is a name"),
        ([0, None, 0.5, 1], "0.5 at item 2: expected a class"),
        ([0, None, float("inf"), 1], "inf at item 2"),
        ([0, None, True, 1], "True at item 2"),
        ([0, None, 2**60, 1], "at item 2"),
        ([0, None, -2, 1], "-2 at item 2"),
        ([0.0, 1.0, -1.0, 1.0], "expected integers"),
        ([[0, None, 1, 1]], "labels"),
    ],
)
def test_labels_of_two_meanings_are_refused(labels: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        query("entropy", 1, probs=P, labels=labels)


def test_tensors_with_gaps_are_labels_too() -> None:
    torch = pytest.importorskip("torch")
    labels = torch.tensor([0, float("nan"), 1, float("nan")], requires_grad=True)
    assert sorted(query("entropy", 2, probs=P, labels=labels).tolist()) == [1, 3]


@pytest.mark.parametrize("dtype", ["float64", "Int64", "object"])
def test_columns_of_pandas_are_labels_and_their_index_is_not_read(dtype: str) -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(P, index=[3, 0, 2, 1])
    table["label"] = pandas.Series([0, None, 1, None], index=table.index, dtype=dtype)
    for strategy in ("entropy", "margin"):
        want = query(strategy, 2, probs=P, labels=[0, -1, 1, -1])
        assert np.array_equal(query(strategy, 2, probs=table[[0, 1]], labels=table["label"]), want)
    with pytest.raises(InputError, match=r"expected shape \(N,\)"):
        query("entropy", 1, probs=P, labels=table[["label"]])
    codes = pandas.Series(["dog", None, "cat", None]).astype("category").cat.codes
    assert query("entropy", 2, probs=P, labels=codes).tolist() == [1, 3]
    with pytest.raises(InputError, match="'dog' at item 0 is a name"):
        query("entropy", 1, probs=P, labels=pandas.Series(["dog", None, "cat", None]))


def test_the_options_of_a_hint_are_those_of_the_call() -> None:
    taken = inspect.signature(query).parameters
    assert [name for name in OPTIONS if name not in taken] == []
    assert set(taken) - set(OPTIONS) == {"strategy", "n", "given"}
