"""What every registered strategy must do, whoever wrote it: found through the registry, called through `query`."""

from __future__ import annotations

import inspect
import random
import sys
from pathlib import Path

import numpy as np
import pytest

from askew.errors import InputError
from askew.query import query
from askew.strategies.registry import strategies

N, C, D, T = 60, 5, 7, 6
LABELED = np.array([0, 7, 8, 20, 33, 59])
ONE_EACH = ("dispersion", "labeled_likeness", "frame_doubt", "frame_doubt_sum", "frame_wrong", "frame_entropy")
ONE_EACH += ("frame_margin",)
COUNTS = ("false_positives", "false_negatives")
FLOATS = ("probs", "features", "draws", "margins", *ONE_EACH)
ITEM_AXIS = {"draws": 1}

CATALOGUE = strategies()
every = pytest.mark.parametrize("name", list(CATALOGUE))
balanceable = pytest.mark.parametrize("name", [n for n, s in CATALOGUE.items() if s.kind in ("scorer", "greedy")])
deterministic = pytest.mark.parametrize("name", [n for n, s in CATALOGUE.items() if not s.stochastic and n != "oracle"])
reading = pytest.mark.parametrize(
    ("name", "field"), [(n, f) for n, s in CATALOGUE.items() for f in s.needs if f in FLOATS]
)


def everything(seed=0, dtype=np.float64):
    """Predictions without ties of 60 items of 5 classes, of every kind that a strategy can read."""
    rng = np.random.default_rng(seed)
    arrays = {
        "probs": rng.dirichlet(np.full(C, 0.7), N),
        "features": rng.standard_normal((N, D)),
        "draws": rng.dirichlet(np.full(C, 0.7), (T, N)),
        "margins": rng.standard_normal((N, C)),
        **{name: rng.permutation(N) / N for name in ONE_EACH},
    }
    counts = {name: rng.permutation(N) for name in COUNTS}
    return {**{k: v.astype(dtype) for k, v in arrays.items()}, **counts, "truth": rng.integers(C, size=N)}


def needed(name, arrays, *more):
    return {field: arrays[field] for field in (*CATALOGUE[name].needs, *more)}


def some_labels():
    labels = np.full(N, -1)
    labels[LABELED] = np.arange(len(LABELED)) % C
    return labels


def test_each_is_one_file_and_has_one_test_file():
    tests = Path(__file__).parent / "strategies"
    shipped = {name: Path(inspect.getfile(one.fn)) for name, one in CATALOGUE.items()}
    assert [name for name, file in shipped.items() if file.name != f"{name}.py"] == []
    assert [name for name in shipped if not (tests / f"test_{name}.py").is_file()] == []
    decorated = {
        file.stem for file in shipped["margin"].parent.glob("*.py") if "\n@strategy(" in file.read_text("utf-8")
    }
    assert decorated == set(shipped)


@every
def test_items_that_are_all_equal_are_asked_once_each_and_labelled_ones_between_them_never(name):
    one = {field: np.asarray(value) for field, value in needed(name, everything()).items()}
    equal = {
        field: np.repeat(value[:, :1], N, axis=1) if field == "draws" else np.repeat(value[:1], N, axis=0)
        for field, value in one.items()
    }
    labels = some_labels()
    for n in (1, 7, N - len(LABELED)):
        chosen = query(name, n, labels=labels, **equal)
        assert len(set(chosen.tolist())) == n
        assert (labels[chosen] == -1).all()


@every
@pytest.mark.parametrize("n", [1, 13, N - len(LABELED)])
def test_distinct_unlabeled_pool_indices_up_to_exhaustion(name, n):
    labels = some_labels()
    chosen = query(name, n, labels=labels, **needed(name, everything()))
    assert chosen.shape == (n,)
    assert chosen.dtype == np.int64
    assert len(set(chosen.tolist())) == n
    assert (labels[chosen] == -1).all()


@every
def test_works_before_any_label_exists(name):
    chosen = query(name, N, labels=np.full(N, -1), **needed(name, everything()))
    assert sorted(chosen.tolist()) == list(range(N))


@every
def test_the_same_seed_gives_the_same_answer(name):
    arrays = needed(name, everything())
    first = query(name, 20, labels=some_labels(), seed=5, **arrays)
    query(name, 9, labels=some_labels(), seed=6, **arrays)
    assert np.array_equal(query(name, 20, labels=some_labels(), seed=5, **arrays), first)


@every
def test_the_best_come_first_whatever_n(name):
    if CATALOGUE[name].kind == "selector" or name == "oracle":
        pytest.skip("a selector chooses a set; the oracle's score has two values")
    arrays = needed(name, everything())
    few, more = (query(name, n, labels=some_labels(), seed=1, **arrays) for n in (5, 25))
    assert np.array_equal(few, more[:5])


@every
def test_global_generators_and_inputs_stay_untouched(name):
    arrays, labels = needed(name, everything()), some_labels()
    before = {k: v.copy() for k, v in arrays.items()}
    for array in arrays.values():
        array.flags.writeable = False
    numpy_state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002
    torch_state = sys.modules["torch"].get_rng_state() if "torch" in sys.modules else None
    query(name, 20, labels=labels, **arrays)
    after = np.random.get_state()  # noqa: NPY002
    assert all(np.array_equal(a, b) for a, b in zip(numpy_state, after, strict=True))
    assert random.getstate() == python_state
    if torch_state is not None:
        assert bool((sys.modules["torch"].get_rng_state() == torch_state).all())
    assert np.array_equal(labels, some_labels())
    for key, value in arrays.items():
        assert np.array_equal(value, before[key])


@deterministic
@pytest.mark.parametrize("balance", [None, 0.5])
def test_permuting_the_pool_permutes_the_answer(name, balance):
    if balance is not None and CATALOGUE[name].kind == "selector":
        pytest.skip("a selector cannot be balanced")
    arrays, labels = needed(name, everything(), *(["probs"] if balance else [])), some_labels()
    chosen = query(name, 15, labels=labels, balance=balance, **arrays)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(N)
        moved = {k: np.take(v, order, axis=ITEM_AXIS.get(k, 0)) for k, v in arrays.items()}
        got = query(name, 15, labels=labels[order], balance=balance, seed=seed, **moved)
        assert order[got].tolist() == chosen.tolist()


@reading
def test_a_row_that_is_not_finite_is_refused_with_its_number(name, field):
    arrays = needed(name, everything())
    for value in (np.nan, np.inf):
        wrong = np.moveaxis(arrays[field].copy(), ITEM_AXIS.get(field, 0), 0)
        wrong[[2, 40]] = value
        broken = {**arrays, field: np.moveaxis(wrong, 0, ITEM_AXIS.get(field, 0))}
        with pytest.raises(InputError, match=rf"{field}: .*item 2\b"):
            query(name, 5, labels=some_labels(), **broken)


@reading
def test_labelled_rows_may_be_nan_where_they_are_not_read(name, field):
    if field == "features":
        pytest.skip("strategies over features measure distances to labelled items too")
    if CATALOGUE[name].reads_labeled:
        pytest.skip("it says that it reads labelled rows")
    arrays = needed(name, everything())
    expected = query(name, 20, labels=some_labels(), **arrays)
    holes = np.moveaxis(arrays[field].copy(), ITEM_AXIS.get(field, 0), 0)
    holes[LABELED] = np.nan
    holed = {**arrays, field: np.moveaxis(holes, 0, ITEM_AXIS.get(field, 0))}
    assert np.array_equal(query(name, 20, labels=some_labels(), **holed), expected)


@reading
def test_labelled_rows_that_are_read_must_be_finite(name, field):
    if not CATALOGUE[name].reads_labeled:
        pytest.skip("it does not say that it reads labelled rows")
    arrays = needed(name, everything())
    holes = np.moveaxis(arrays[field].copy(), ITEM_AXIS.get(field, 0), 0)
    holes[LABELED[3]] = np.nan
    holed = {**arrays, field: np.moveaxis(holes, 0, ITEM_AXIS.get(field, 0))}
    with pytest.raises(InputError, match=rf"{field}: 1 of 60 rows are not finite; first at item {LABELED[3]}"):
        query(name, 20, labels=some_labels(), **holed)


@every
@pytest.mark.parametrize("n", [N - len(LABELED) + 1, 10_000])
def test_too_large_n_is_refused_with_numbers(name, n):
    with pytest.raises(InputError, match=rf"n: {n} is more than the 54 unlabeled items of 60"):
        query(name, n, labels=some_labels(), **needed(name, everything()))


@every
def test_n_below_one_is_refused(name):
    with pytest.raises(InputError, match="n: expected at least 1, got 0"):
        query(name, 0, labels=some_labels(), **needed(name, everything()))


@every
def test_a_missing_array_is_named(name):
    for field in CATALOGUE[name].needs:
        arrays = needed(name, everything())
        del arrays[field]
        with pytest.raises(InputError, match=field):
            query(name, 5, labels=some_labels(), **arrays)


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numpy_and_torch_agree(name, dtype):
    torch = pytest.importorskip("torch")
    arrays = needed(name, everything(dtype=dtype))
    expected = query(name, 30, labels=some_labels(), **arrays)
    as_torch = {k: torch.tensor(v) for k, v in arrays.items()}
    assert np.array_equal(query(name, 30, labels=torch.tensor(some_labels()), **as_torch), expected)


@deterministic
def test_float32_and_float64_agree_where_there_are_no_ties(name):
    answers = [
        query(name, 30, labels=some_labels(), **needed(name, everything(dtype=t))) for t in (np.float32, np.float64)
    ]
    assert np.array_equal(*answers)


@balanceable
def test_balance_brings_the_expected_counts_nearer_the_demand(name):
    arrays = needed(name, everything(), "probs")
    labels = np.full(N, -1)
    labels[[0, 1, 2]] = 0

    def distance(chosen):
        counts = arrays["probs"][chosen].sum(axis=0) + np.bincount(labels[labels >= 0], minlength=C)
        return np.abs(counts - counts.mean()).sum()

    plain = query(name, 25, labels=labels, **arrays)
    balanced = query(name, 25, labels=labels, balance=50.0, **arrays)
    assert len(set(balanced.tolist())) == 25
    assert (labels[balanced] == -1).all()
    assert distance(balanced) < distance(plain)


@balanceable
def test_balance_with_no_weight_is_the_plain_answer(name):
    if CATALOGUE[name].stochastic or name == "oracle":
        pytest.skip("its order is drawn by chance")
    arrays = needed(name, everything(), "probs")
    plain = query(name, 20, labels=some_labels(), **arrays)
    assert np.array_equal(query(name, 20, labels=some_labels(), balance=0.0, **arrays), plain)


@every
def test_a_parameter_that_it_does_not_have_is_refused(name):
    with pytest.raises(InputError, match=f"parameter of {name}"):
        query(name, 3, labels=some_labels(), **needed(name, everything()), colour=3)


@every
def test_it_says_what_it_is(name):
    entry = CATALOGUE[name]
    assert len(entry.summary) > 20
    assert entry.paper
