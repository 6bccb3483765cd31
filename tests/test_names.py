"""Names in `query`: ids of items, the index of a table, names of classes; and the rows of an answer."""

from __future__ import annotations

import math

import numpy as np
import pytest

from askew import InputError, query

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


def test_a_label_that_the_model_has_not_is_named():
    with pytest.raises(InputError, match="labels: 2 at item 1 is none of the classes: 0, 1, 3"):
        query("margin", 1, labels=[-1, 2], probs=np.full((2, 3), 1 / 3), classes=[0, 1, 3])
