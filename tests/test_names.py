"""Names in `query`: ids of items, the index of a table, names of classes; and the rows of an answer."""

from __future__ import annotations

import math

import numpy as np
import pytest

from askew import Balance, InputError, Spacing, query

P = np.array([[0.9, 0.1], [0.5, 0.5], [0.6, 0.4], [0.8, 0.2]])
FILES = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]


def test_details_are_the_same_picks_with_what_belongs_to_each() -> None:
    found = query("entropy", 2, probs=P, labels=[0, -1, -1, -1], ids=FILES, classes=["cat", "dog"], details=True)
    assert found.chosen.tolist() == query("entropy", 2, probs=P, labels=[0, -1, -1, -1]).tolist() == [1, 2]
    assert found.ids == ("b.jpg", "c.jpg")
    assert found.predicted == ("cat", "cat")
    first, second = found.rows()
    assert first == {"rank": 1, "item": 1, "id": "b.jpg", "score": pytest.approx(math.log(2)), "predicted": "cat"}
    entropy = -(0.6 * math.log(0.6) + 0.4 * math.log(0.4))
    assert second == {"rank": 2, "item": 2, "id": "c.jpg", "score": pytest.approx(entropy), "predicted": "cat"}


def test_without_names_the_answer_has_numbers_and_no_ids() -> None:
    found = query("entropy", 1, probs=P[:, ::-1], details=True)
    assert (found.ids, found.predicted) == (None, (0,))
    assert list(found.rows()[0]) == ["rank", "item", "score", "predicted"]
    assert list(query("random", 1, labels=[-1, 0], details=True).rows()[0]) == ["rank", "item", "score"]
    assert query("random", 1, labels=[-1, 0], classes=["cat", "dog"], details=True).predicted is None
    assert "curve" not in repr(found)


def test_labels_may_be_names_where_the_classes_are_known() -> None:
    for gap in (None, float("nan"), "", "NA"):
        labels = ["dog", gap, "cat", gap]
        assert set(query("entropy", 2, probs=P, labels=labels, classes=["cat", "dog"]).tolist()) == {1, 3}
    balanced = query("entropy", 1, probs=P, labels=["dog", "", "", ""], classes=["cat", "dog"], balance=99.0)
    same = query("entropy", 1, probs=P, labels=[1, -1, -1, -1], balance=99.0)
    assert balanced.tolist() == same.tolist()
    with pytest.raises(InputError, match="'emu' at item 1 is none of the 2 classes: cat, dog"):
        query("entropy", 1, probs=P, labels=["dog", "emu", "", ""], classes=["cat", "dog"])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"classes": ["cat"]}, "classes: 1 names for 2 classes"),
        ({"classes": ["cat", "cat"]}, "classes: expected distinct names"),
        ({"ids": FILES}, "ids: are returned with details=True"),
        ({"ids": FILES[:3], "details": True}, "ids: there are 3, the other arrays have 4 items"),
        ({"ids": ["a", "b", "a", "c"], "details": True}, "ids: 'a' is the id of items 0 and 2"),
        ({"ids": ["a", None, "b", "c"], "details": True}, "ids: is empty at item 1"),
    ],
)
def test_names_that_cannot_be_right_are_refused(given: dict, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        query("entropy", 1, probs=P, **given)
    assert "\n" not in str(caught.value)


def test_the_index_and_the_columns_of_a_table_are_names() -> None:
    pandas = pytest.importorskip("pandas")
    probs = pandas.DataFrame(P, index=FILES, columns=["cat", "dog"])
    labels = pandas.Series(["cat", None, None, None], index=FILES)
    found = query("entropy", 2, probs=probs, labels=labels, details=True)
    assert (found.ids, found.predicted) == (("b.jpg", "c.jpg"), ("cat", "cat"))
    assert pandas.DataFrame(found.rows()).id.tolist() == ["b.jpg", "c.jpg"]
    with pytest.raises(InputError, match="classes: are in another order than the columns"):
        query("entropy", 1, probs=probs, classes=["dog", "cat"])
    with pytest.raises(InputError, match="labels: 'emu' at item 0 is none of the 2 classes"):
        query("entropy", 1, probs=probs, labels=pandas.Series(["emu", None, None, None], index=FILES))


def test_tables_whose_rows_are_in_another_order_are_refused() -> None:
    pandas = pytest.importorskip("pandas")
    probs = pandas.DataFrame(P, index=FILES, columns=["cat", "dog"])
    with pytest.raises(InputError, match=r"ids: item 0 is 'd.jpg' in labels= and 'a.jpg' in probs=: .* another order"):
        query("entropy", 1, probs=probs, labels=pandas.Series([0, -1, -1, -1], index=FILES[::-1]))
    cut = pandas.DataFrame(P, index=[7, 3, 5, 1])
    with pytest.raises(InputError, match="in another order"):
        query("entropy", 1, probs=cut, labels=pandas.Series([0, -1, -1, -1]))
    assert query("entropy", 1, probs=cut, labels=pandas.Series([0, -1, -1, -1]).to_numpy()).tolist() == [1]


def test_ids_that_the_index_has_in_another_order_are_refused() -> None:
    pandas = pytest.importorskip("pandas")
    probs = pandas.DataFrame(P, index=FILES)
    with pytest.raises(InputError, match=r"ids: item 0 is 'd.jpg' in ids= and 'a.jpg' in the index of the tables"):
        query("entropy", 1, probs=probs, ids=FILES[::-1], details=True)
    cut, plain = pandas.Series(FILES, index=[1, 2, 3, 0]), pandas.DataFrame(P)
    with pytest.raises(InputError, match=r"ids: item 0 is .* in another order"):
        query("entropy", 1, probs=plain, ids=cut, details=True)
    for ids in (FILES, ["w", "x", "y", "z"], pandas.Series(FILES)):
        assert query("entropy", 1, probs=probs, ids=ids, details=True).ids == (list(ids)[1],)


@pytest.mark.parametrize(
    "values", [["ant", "bee", "emu"], [0, 1, 3], [10, 20, 30], [0.0, 1.0, 3.0], [1, 2, 5]], ids=lambda v: str(v[1])
)
@pytest.mark.parametrize("more", [{}, {"balance": 0.5}])
@pytest.mark.parametrize("place", ["linear_model.LogisticRegression", "ensemble.RandomForestClassifier"])
def test_a_classifier_of_scikit_learn_asks_in_three_lines(values, more, place):
    """It has seen three of the classes, and its columns are those."""
    module, name = place.split(".")
    classifier = getattr(pytest.importorskip(f"sklearn.{module}"), name)(random_state=0)
    rng = np.random.default_rng(0)
    x, codes = rng.normal(size=(60, 2)), np.where(np.arange(60) % 4, -1, np.arange(60) % 3)
    labels = np.array([None if code < 0 else values[code] for code in codes], dtype=object)
    known = codes >= 0
    model = classifier.fit(x[known], np.array([values[code] for code in codes[known]]))
    more = {**more, "probs": model.predict_proba(x), "details": True}
    found = query("margin", 5, labels=labels, classes=model.classes_, **more)
    plain = query("margin", 5, labels=codes, **more)
    assert found.chosen.tolist() == plain.chosen.tolist()
    assert list(found.predicted) == [str(model.classes_[code]) for code in plain.predicted]


WIDE = np.random.default_rng(0).dirichlet(np.ones(3), 30)
CODES = np.r_[[2, 2, 2, 1, 1, 0], np.full(24, -1)]


@pytest.mark.parametrize("numbers", [[1, 2, 3], [3, 1, 2], [2, 1, 0], [0, 1, 4]])
@pytest.mark.parametrize("how", ["classes", "classes as text", "columns"])
def test_labels_that_are_numbers_are_the_class_of_that_number(numbers: list[int], how: str) -> None:
    labels = np.array([-1 if code < 0 else numbers[code] for code in CODES])
    probs, classes = WIDE, numbers
    if how == "columns":
        probs, classes = pytest.importorskip("pandas").DataFrame(WIDE, columns=numbers), None
    elif how == "classes as text":
        classes = list(map(str, numbers))
    found = query("entropy", 6, probs=probs, labels=labels, classes=classes, balance=1.0, details=True)
    plain = query("entropy", 6, probs=WIDE, labels=CODES, balance=1.0, details=True)
    assert found.demand.tolist() == plain.demand.tolist() == [3.0, 2.0, 1.0]
    assert found.chosen.tolist() == plain.chosen.tolist()
    assert found.predicted == tuple(str(numbers[code]) for code in plain.predicted)
    with pytest.raises(InputError, match="labels: 7 at item 0 is none of the classes"):
        query("entropy", 6, probs=probs, labels=np.r_[7, labels[1:]], classes=classes)


def test_the_columns_that_pandas_counts_are_places() -> None:
    pandas = pytest.importorskip("pandas")
    found = query("entropy", 6, probs=pandas.DataFrame(WIDE), labels=CODES, balance=1.0, details=True)
    assert found.demand.tolist() == [3.0, 2.0, 1.0]
    assert found.predicted == tuple(WIDE[found.chosen].argmax(axis=1).tolist())


def test_a_class_called_as_unlabeled_is_refused_with_the_way_out() -> None:
    with pytest.raises(
        InputError, match="labels: -1 is unlabeled, and a class is called so: pass labels and classes as text"
    ):
        query("entropy", 1, probs=P, labels=[-1, 1, -1, -1], classes=[-1, 1])
    labels = ["-1", "-1", "1", None]
    assert query("entropy", 1, probs=P, labels=labels, classes=["-1", "1"]).tolist() == [3]


def test_true_classes_are_called_as_labels_are() -> None:
    truth = np.r_[CODES[:6], np.arange(24) % 3]
    plain = query("oracle", 6, probs=WIDE, labels=CODES, truth=truth).tolist()
    called = np.array([3, 1, 2])
    labels = np.where(CODES < 0, -1, called[CODES])
    assert query("oracle", 6, probs=WIDE, labels=labels, truth=called[truth], classes=called).tolist() == plain


def demand(target: object, **how: object) -> list[float]:
    given = {"probs": WIDE, "labels": CODES, **how}
    return query("entropy", 30 - 6, **given, balance=1.0, target=target, details=True).demand.tolist()


SHARES = demand([0.5, 0.3, 0.2])
NAMED = {"emu": 0.2, "cat": 0.5, "dog": 0.3}


def test_a_target_with_names_is_read_by_them() -> None:
    """Wanted are half cats of all 30 labels, of which one is there."""
    assert pytest.approx([14.0, 7.0, 3.0]) == SHARES
    assert demand(NAMED, classes=["cat", "dog", "emu"]) == SHARES
    assert demand({2: 0.2, 0: 0.5, 1: 0.3}) == SHARES
    assert demand({9: 0.2, 7: 0.5, 8: 0.3}, classes=[7, 8, 9], labels=np.full(30, -1)) == demand(
        [0.5, 0.3, 0.2], labels=np.full(30, -1)
    )
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(WIDE, columns=["cat", "dog", "emu"])
    words = pandas.Series(["dog"] * 3 + ["cat"] * 5 + ["emu"] * 2)
    assert demand(words.value_counts(normalize=True)[["emu", "cat", "dog"]], probs=table) == SHARES
    assert demand(pandas.Series([0.2, 0.5, 0.3], index=[2, 0, 1])) == SHARES
    assert demand(pandas.Series([0.5, 0.3, 0.2]), probs=table) == SHARES
    assert demand(pandas.Series([0.2, 0.5, 0.3], index=["emu", "cat", "dog"]), classes=["cat", "dog", "emu"]) == SHARES


@pytest.mark.parametrize(
    ("target", "how", "words"),
    [
        ({"cat": 0.5, "dgo": 0.5}, {"classes": ["cat", "dog", "emu"]}, "'dgo' is none of the classes, cat, dog, emu$"),
        ({"cat": 0.5, "dog": 0.5}, {"classes": ["cat", "dog", "emu"]}, "no share of emu: write 0"),
        ({1: 0.5, "1": 0.2, 0: 0.1, 2: 0.2}, {}, "target: has 2 shares of '1'"),
        (NAMED, {}, "'emu' is none of the classes, 0, 1, 2, as no names of theirs are known"),
        ({1: 0.5, 2: 0.3, 3: 0.2}, {}, "'3' is none of the classes, 0, 1, 2"),
    ],
)
def test_a_target_of_other_names_is_refused(target: dict, how: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        demand(target, **how)


def test_a_target_whose_index_has_two_meanings_is_refused() -> None:
    shares = pytest.importorskip("pandas").Series([0.5, 0.3, 0.2])
    with pytest.raises(InputError, match="its index may be classes or their places: pass a dict"):
        demand(shares, classes=[2, 1, 0])
    with pytest.raises(InputError, match="'cat' is none of the classes"):
        Balance(1.0, target=shares.set_axis(["cat", "dog", "emu"]))


def test_a_label_that_the_model_has_not_is_named():
    with pytest.raises(InputError, match="labels: 2 at item 1 is none of the classes: 0, 1, 3"):
        query("margin", 1, labels=[-1, 2], probs=np.full((2, 3), 1 / 3), classes=[0, 1, 3])


def test_the_columns_of_objects_name_the_classes_of_a_target_for_frames() -> None:
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    objects = pandas.DataFrame(rng.random((40, 2)), columns=["car", "person"])
    errors, videos = rng.integers(5, size=40), np.zeros(40, dtype=int)
    given = dict(false_positives=errors, false_negatives=errors, videos=videos, balance=1.0, details=True)
    given["spacing"] = Spacing()
    by_name = query("temporal_coherence", 3, objects=objects, target={"person": 0.8, "car": 0.2}, **given)
    by_place = query("temporal_coherence", 3, objects=objects.to_numpy(), target=[0.2, 0.8], **given)
    assert by_name.demand.tolist() == by_place.demand.tolist()
    assert by_name.demand[1] > by_name.demand[0]


def test_truth_is_found_by_the_numbers_of_the_classes_and_refused_by_its_name() -> None:
    given = dict(probs=P, labels=[-1, -1, -1, -1], classes=[3, 7])
    wrong = query("oracle", 1, truth=[3, 3, 3, 7], **given)
    assert wrong.tolist() == query("oracle", 1, probs=P, labels=[-1] * 4, truth=[0, 0, 0, 1]).tolist()
    with pytest.raises(InputError, match=r"^truth: "):
        query("oracle", 1, truth=[3, 3, 3, 5], **given)


def test_the_index_of_ids_is_held_against_that_of_the_tables() -> None:
    pandas = pytest.importorskip("pandas")
    probs = pandas.DataFrame(P, index=FILES)
    with pytest.raises(InputError, match=r"item 0 is 'd.jpg' in ids= and 'a.jpg' in probs=: the rows are in another"):
        query("entropy", 1, probs=probs, ids=pandas.Series(FILES, index=FILES[::-1]), details=True)


def test_who_asks_for_no_details_may_have_an_index_with_a_name_twice() -> None:
    pandas = pytest.importorskip("pandas")
    probs = pandas.DataFrame(P, index=["a", "a", "b", "c"])
    assert query("entropy", 1, probs=probs).tolist() == [1]
    with pytest.raises(InputError, match="'a' is the id of items 0 and 1"):
        query("entropy", 1, probs=probs, details=True)


def test_an_item_that_the_model_was_not_asked_about_has_no_predicted_class() -> None:
    found = query("random", 4, probs=np.where(np.arange(4)[:, None] == 2, np.nan, P), labels=[-1] * 4, details=True)
    assert dict(zip(found.chosen.tolist(), found.predicted, strict=True)) == {0: 0, 1: 0, 2: None, 3: 0}


def test_what_else_cannot_be_labels_or_tables_is_named() -> None:
    with pytest.raises(InputError, match=r"labels: expected \(N,\) labels, one an item, .* got dict"):
        query("entropy", 1, probs=P, labels={"a.jpg": "cat"})
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(P, index=FILES, columns=["cat", "dog"])
    with pytest.raises(InputError, match="ids: there are 2 rows in labels= and 4 in probs="):
        query("entropy", 1, probs=table, labels=pandas.Series([0, 1], index=FILES[2:]))
    with pytest.raises(InputError, match=r"probs: .* column 'file' holds words, 'a.jpg' first: leave it out"):
        query("entropy", 1, probs=table.assign(file=FILES))
    with pytest.raises(InputError, match="probs: 2 columns are called 'cat'"):
        query("entropy", 1, probs=table.set_axis(["cat", "cat"], axis=1))
