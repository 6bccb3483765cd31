"""The table of fields: what each refuses, what all agree on, and how a new one comes in."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from askew.errors import InputError
from askew.plan import Plan
from askew.predictions import FIELDS, Field, Predictions, add_field, unit_interval
from askew.query import query
from askew.strategies.registry import strategy

P = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8], [0.6, 0.4]])


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the table back as it was."""
    from askew import predictions

    before = dict(predictions._TABLE)
    yield
    predictions._TABLE.clear()
    predictions._TABLE.update(before)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        (dict(prob=P), ["prob", "did you mean 'probs'"]),
        (dict(probs=P, truth=[0, 1, 2, 0]), ["truth", "2 at item 2", "2 classes"]),
        (dict(probs=P, truth=[0, 1, -1, 0]), ["truth", "-1 at item 2"]),
        (dict(truth=[0.0, 1.0]), ["truth", "integers"]),
        (dict(probs=P, features=np.ones((3, 2))), ["items", "probs has 4", "features has 3"]),
        (dict(probs=P, margins=np.ones((4, 3))), ["classes", "probs has 2", "margins has 3"]),
        (dict(probs=P, draws=np.full((2, 3, 2), 0.5)), ["items", "draws has 3"]),
        (dict(dispersion=[0.5, 1.5]), ["dispersion", "1.5 at item 1"]),
        (dict(objects=[[1.0, -0.5]]), ["objects", "negative", "item"]),
        (dict(videos=[0, -1]), ["videos", "-1 at item 1"]),
    ],
)
def test_wrong_values_are_refused_with_their_place(arrays: dict, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        Predictions(**arrays)
    for word in words:
        assert word in str(caught.value)


def test_what_was_not_given_is_none_and_what_was_is_read_only() -> None:
    pred = Predictions(probs=P, features=None)
    assert pred.features is None
    assert "features" not in pred
    assert "probs" in pred
    assert not pred.probs.flags.writeable
    assert P.flags.writeable
    with pytest.raises(AttributeError, match="cannot be changed"):
        pred.probs = P
    with pytest.raises(AttributeError, match="no field 'prob'"):
        _ = pred.prob


def test_the_number_of_items_comes_from_whatever_axis_is_the_items() -> None:
    assert Predictions(draws=np.full((3, 5, 2), 0.5)).n_items == 5
    assert Predictions(features=np.ones((7, 2))).n_classes is None
    assert Predictions().n_items is None


def test_a_pickled_copy_is_equal() -> None:
    copy = pickle.loads(pickle.dumps(Predictions(probs=P, truth=[0, 1, 1, 0])))
    assert np.array_equal(copy.probs, P)
    assert copy.truth.tolist() == [0, 1, 1, 0]


def test_rows_that_are_missing_are_refused_only_for_the_items_asked_about() -> None:
    pred = Predictions(features=np.array([[1.0], [np.nan], [np.inf]]))
    assert pred.require("features", np.array([0]), "kcenter") is pred.features
    with pytest.raises(InputError, match="2 of 3 rows are not finite; first at item 1"):
        pred.require("features", np.arange(3), "kcenter")
    with pytest.raises(InputError, match=r"kcenter needs probs, \(N, C\)"):
        pred.require("probs", np.arange(3), "kcenter")


def test_a_scorer_on_a_new_field_is_one_file_like_this(table: None) -> None:
    add_field(Field("surprise", "N", "how unexpected an item is, in [0, 1]", unit_interval))

    @strategy("most-surprising", kind="scorer", needs=("surprise",), paper="this test")
    def most_surprising(pred, pool, *, power=1.0):
        """Scores the surprise of an item, to some power."""
        return pred.surprise**power

    values = np.array([0.1, 0.9, 0.5, 0.7])
    assert query(most_surprising, 2, surprise=values).tolist() == [1, 3]
    assert query(most_surprising, 2, surprise=values, labels=[-1, 0, -1, -1], power=2.0).tolist() == [3, 2]
    balanced = query(most_surprising, 2, surprise=values, probs=P, balance=5.0, labels=[0, 0, -1, -1])
    assert sorted(balanced.tolist()) == [2, 3]
    assert Plan(most_surprising).needs == ("surprise",)
    with pytest.raises(InputError, match=r"surprise: 2 at item 0 is outside"):
        query(most_surprising, 1, surprise=values + 1.9)
    with pytest.raises(InputError, match="most-surprising needs surprise"):
        query(most_surprising, 1, probs=P)


def test_a_field_is_added_once_and_must_have_the_items_as_an_axis(table: None) -> None:
    field = Field("surprise", "N", "how unexpected an item is")
    assert add_field(field) is field
    assert add_field(Field("surprise", "N", "how unexpected an item is")) == field
    for wrong, words in (
        (Field("surprise", "NC", "another"), "another field"),
        (Field("probs", "NC", "not these"), "class probabilities"),
        (Field("my probs", "NC", "a blank"), "my probs"),
        (Field("_hidden", "N", "an underscore"), "'_hidden' is no name for a keyword"),
        (Field("gradient", "CD", "no items"), "item axis N"),
    ):
        with pytest.raises(InputError, match=words):
            add_field(wrong)


def test_a_strategy_of_an_unknown_field_is_refused_when_it_is_defined() -> None:
    with pytest.raises(InputError, match="did you mean 'probs'"):
        strategy("typo", kind="scorer", needs=("prob",), paper="none")
    with pytest.raises(InputError, match="called like a field"):

        @strategy("shadow", kind="scorer", needs=(), paper="none")
        def shadow(pred, pool, *, probs=1):
            """Has a parameter called like a field."""


@pytest.mark.parametrize("name", list(FIELDS))
def test_every_field_says_what_it_is(name: str) -> None:
    field = FIELDS[name]
    assert field.name == name
    assert field.dims.count("N") == 1
    assert len(field.doc) > 8


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("n_classes", [2, 10, 100, 1000])
def test_probabilities_of_every_precision_are_probabilities(dtype: str, n_classes: int) -> None:
    torch = pytest.importorskip("torch")
    exact = np.random.default_rng(0).dirichlet(np.full(n_classes, 0.3), 500)
    rounded = torch.tensor(exact).to(getattr(torch, dtype))
    assert Predictions(probs=rounded).n_items == 500
    if dtype != "bfloat16":
        assert Predictions(probs=rounded.numpy()).n_items == 500


@pytest.mark.parametrize("places", [2, 3, 4])
@pytest.mark.parametrize("n_classes", [2, 10, 100])
def test_probabilities_rounded_to_decimal_places_are_probabilities(places: int, n_classes: int) -> None:
    exact = np.random.default_rng(1).dirichlet(np.full(n_classes, 0.5), 300)
    assert Predictions(probs=exact.round(places)).n_items == 300
    assert Predictions(probs=exact.round(places).astype(np.float32)).n_items == 300


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (P * 100, "divide by 100"),
        (np.c_[np.arange(4.0) + 1, P], "first column"),
        (np.c_[P, [0.0, 3.0, 2.0, 1.0]], "last column"),
        (np.array([[0.9, 0.8], [0.2, 0.1]]), "sigmoid"),
        (np.array([[2.5, 0.3], [4.0, 1.0]]), "apply softmax"),
        (np.log(P), "apply softmax"),
        (np.array([[1.2, -0.2]]), "apply softmax"),
        (np.array([[0.52, 0.5]]), "sigmoid"),
        (np.array([[0.1], [0.7]]), r"np.column_stack\(\[1 - p, p\]\)"),
        (np.array([[100.0, 0.0]]), "divide by 100"),
        (np.array([[150.0, -50.0]]), "apply softmax"),
        (np.array([[-3.0, 1.0]]), "apply softmax"),
        (np.array([[3.0, 1.0, 0.0]]), "first column"),
        (np.array([[1.0, 0.0, 1.0, 1.0]]), "sigmoid"),
        (np.array([[1.5, 0.2]]), "apply softmax"),
        (np.array([[0.5, 0.5], [60.0, 40.0]]), "at item 1, which sums to 100: .*divide by 100"),
    ],
)
def test_what_is_no_distribution_is_told_apart(rows: np.ndarray, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Predictions(probs=rows)


def test_a_sum_may_be_off_by_half_a_unit_of_the_last_decimal_place_a_class() -> None:
    for row in ([0.5, 0.49], [0.5, 0.51], [0.33] * 3, [0.0051] * 195):
        assert Predictions(probs=np.array([row])).n_items == 1
    assert Predictions(probs=np.array([[0.7, 0.29]], dtype=np.float32)).n_items == 1
    for row in ([0.5, 0.48], [0.5061, 0.5], [0.506, 0.5], [0.00513] * 193):
        with pytest.raises(InputError, match="1 of 1 rows do not sum to 1; first at item 0"):
            Predictions(probs=np.array([row]))


@pytest.mark.parametrize(("library", "array"), [("numpy", "array"), ("torch", "tensor")])
def test_each_row_is_judged_by_itself(library: str, array: str) -> None:
    make = getattr(pytest.importorskip(library), array)
    with pytest.raises(InputError, match=r"1 of 3 rows do not sum to 1; first at item 2, which sums to 0\.9"):
        Predictions(probs=make([[0.5, 0.5], [0.5, 0.49], [0.4567, 0.4433]]))
    with pytest.raises(InputError, match=r"probs: 1 of 3 rows hold a negative number; at item 1: pass prob"):
        Predictions(probs=make([[0.5, 0.5], [1.25, -0.25], [1.0, 0.0]]))


def test_amounts_may_be_missing_but_not_negative() -> None:
    with pytest.raises(InputError, match=r"^objects: 1 of 3 rows hold a negative number; at item 2$"):
        Predictions(objects=[[-1.0, np.nan], [0.0, 1.0], [2.0, -1.0]])


def test_sizes_that_disagree_are_listed_and_classes_are_counted_from_0() -> None:
    with pytest.raises(InputError, match=r"^the arrays disagree on the number of items: probs has 4, truth has 2$"):
        Predictions(probs=P, truth=[0, 1])
    with pytest.raises(InputError, match=r"^truth: 2 at item 1 is outside the 2 classes, 0 to 1$"):
        Predictions(probs=P, truth=[1, 2, 0, 0])
    assert Predictions(truth=[0, 7]).n_classes is None


def test_it_prints_its_fields_and_their_shapes() -> None:
    assert repr(Predictions(probs=P, truth=[0, 1, 1, 0])) == "Predictions(probs=(4, 2), truth=(4,))"


DISTRIBUTIONS, UNIT, AMOUNTS, ANY, COUNTS, CLASSES = "distributions", "unit", "amounts", "any", "counts", "classes"
TABLE = {
    "probs": ("NC", DISTRIBUTIONS),
    "features": ("ND", ANY),
    "draws": ("TNC", DISTRIBUTIONS),
    "dispersion": ("N", UNIT),
    "epoch_classes": ("NE", CLASSES),
    "margins": ("NC", ANY),
    "energy": ("N", ANY),
    "labeled_likeness": ("N", ANY),
    "truth": ("N", COUNTS),
    "objects": ("NC", AMOUNTS),
    "videos": ("N", COUNTS),
    "places": ("N", COUNTS),
    "false_positives": ("N", COUNTS),
    "false_negatives": ("N", COUNTS),
    "frame_doubt": ("N", UNIT),
    "frame_doubt_sum": ("N", AMOUNTS),
    "frame_wrong": ("N", AMOUNTS),
    "frame_entropy": ("N", AMOUNTS),
    "frame_margin": ("N", AMOUNTS),
}
SIZES = {"N": 3, "C": 2, "D": 4, "T": 5, "E": 6}
TAKES = {
    DISTRIBUTIONS: [0.5],
    UNIT: [0.0, 0.5, 1.0],
    AMOUNTS: [0.0, 0.5, 3.0],
    ANY: [-2.0, 3.0],
    COUNTS: [0, 4],
    CLASSES: [0, 4],
}
REFUSES = {
    DISTRIBUTIONS: [0.4, 3.0, -0.5],
    UNIT: [-0.1, 1.1],
    AMOUNTS: [-0.5],
    ANY: [],
    COUNTS: [-1, 0.0],
    CLASSES: [-2, 0.0],
}


@pytest.mark.parametrize("name", list(TABLE))
def test_every_field_takes_and_refuses_what_its_kind_does(name: str) -> None:
    dims, kind = TABLE[name]
    shape = [SIZES[letter] for letter in dims]
    for value in TAKES[kind]:
        pred = Predictions(**{name: np.full(shape, value)})
        assert pred.n_items == 3
        assert np.array_equal(pred.require(name, np.arange(3), "this test"), np.full(shape, value))
    for value in REFUSES[kind]:
        with pytest.raises(InputError, match=f"^{name}: "):
            Predictions(**{name: np.full(shape, value)})
    with pytest.raises(InputError, match=f"^{name}: expected shape"):
        Predictions(**{name: np.full([*shape, 2], TAKES[kind][0])})
    if kind == CLASSES:
        table = np.zeros(shape, dtype=np.int8)
        table[1], table[2, :-1] = -1, -1
        with pytest.raises(InputError, match=f"^{name}: 1 of 3 rows hold no class; first at item 1$"):
            Predictions(**{name: table}).require(name, np.arange(3), "this test")
    elif kind != COUNTS:
        missing = np.full(shape, TAKES[kind][0])
        np.moveaxis(missing, dims.index("N"), 0)[1] = np.nan
        with pytest.raises(InputError, match=f"^{name}: 1 of 3 rows are not finite; first at item 1$"):
            Predictions(**{name: missing}).require(name, np.arange(3), "this test")


def test_the_table_has_no_other_field() -> None:
    assert list(FIELDS) == list(TABLE)


@pytest.mark.parametrize("n_classes", [3, 10])
def test_rows_rounded_to_one_place_are_called_so_and_no_column_is_to_go(n_classes: int) -> None:
    exact = np.random.default_rng(0).dirichlet(np.full(n_classes, 0.4), 300).round(1)
    assert (np.abs(exact.sum(axis=1) - 1) > 0.05).any()
    with pytest.raises(InputError, match="these look rounded to one decimal place: keep two or more, or divide rows"):
        Predictions(probs=exact)


def test_a_column_is_to_go_only_if_every_row_says_so() -> None:
    odd = np.array([[0.55, 0.45, 0.25], [0.2, 0.3, 0.5]])
    with pytest.raises(InputError, match="divide rows by their sums"):
        Predictions(probs=odd)
    with pytest.raises(InputError, match="without its last column it does: leave that column out"):
        Predictions(probs=[[0.55, 0.45, 0.25], [0.5, 0.5, 0.0]])


DRAWS = np.full((9, 4, 2), 0.5)


def test_draws_with_the_items_first_are_refused() -> None:
    words = r"draws: has shape \(9, 4, 2\), expected \(T, N, C\), passes first: transpose it"
    with pytest.raises(InputError, match=words):
        Predictions(draws=DRAWS, probs=np.full((9, 2), 0.5))
    with pytest.raises(InputError, match=words):
        query("bald", 1, draws=DRAWS, labels=np.full(9, -1))
    with pytest.raises(InputError, match=words + ".*or pass labels, which say that there are 4 items"):
        query("bald", 1, draws=DRAWS)
    assert len(query("bald", 1, draws=DRAWS, labels=np.full(4, -1))) == 1
    with pytest.raises(InputError, match="labels has 5 items, the other arrays have 4"):
        query("bald", 1, draws=DRAWS, labels=np.full(5, -1))


def test_passes_that_may_be_items_are_settled_by_the_labels() -> None:
    nine, four = np.full((9, 4, 2), 0.5), np.full(4, -1)
    with pytest.raises(InputError, match=r"1, 0, 2\) does, or pass labels, which say that there are 4 items$"):
        query("bald", 1, draws=nine)
    with pytest.raises(InputError, match=r"1, 0, 2\) does$"):
        query("bald", 1, draws=nine, labels=np.full(9, -1))
    assert len(query("bald", 1, draws=nine, labels=four)) == 1
    for passes in (3, 4):
        assert len(query("bald", 1, draws=nine[:passes])) == 1


def test_logits_of_one_decimal_place_are_not_taken_for_rounded_probabilities() -> None:
    with pytest.raises(InputError, match="pass probabilities, not logits"):
        Predictions(probs=np.array([[-0.3, 1.2], [0.5, 0.5]]))
    with pytest.raises(InputError, match="these look rounded to one decimal place"):
        Predictions(probs=np.array([[0.3, 0.6], [0.5, 0.5]]))


def test_a_field_that_a_model_predicts_is_asked_for_with_the_call_that_gives_it():
    with pytest.raises(
        InputError, match=r'^bald needs draws, \(T, N, C\): pass draws=; predict\(needs=\["draws"\]\) of a'
    ):
        Predictions().require("draws", np.arange(2), "bald")
    with pytest.raises(InputError, match=r"pass dispersion=$"):
        Predictions().require("dispersion", np.arange(2), "dispersion")
