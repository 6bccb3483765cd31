"""`auto` in the one call: it asks with what `advise` says of the arrays that are there, and says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from askew.advice import advise
from askew.errors import InputError
from askew.plan import Spacing
from askew.pool import Pool
from askew.predictions import Predictions
from askew.query import advised, query, select

RNG = np.random.default_rng(0)
N, C = 400, 5
P = RNG.dirichlet(np.ones(C), N)
X = RNG.normal(size=(N, 6))
LABELS = np.where(np.arange(N) % 10 == 0, np.arange(N) // 10 % C, -1)


@pytest.mark.parametrize(
    "arrays", [{"features": X}, {"probs": P}, {"features": X, "probs": P}, {"features": X, "margins": P}], ids=list
)
def test_it_asks_with_the_advised_plan_for_what_is_given(arrays: dict[str, Any]) -> None:
    expected = advise(C, N, 40, 20, gives=set(arrays))
    found = query("auto", 20, labels=LABELS, details=True, seed=3, **arrays)
    same = select(expected.plan, 20, Predictions(**arrays), Pool(LABELS), seed=3)
    assert found.advice == expected
    assert set(expected.plan.needs) <= set(arrays)
    assert found.chosen.tolist() == same.chosen.tolist() == query("auto", 20, labels=LABELS, seed=3, **arrays).tolist()


def test_a_strategy_that_was_named_has_no_advice() -> None:
    assert query("margin", 20, probs=P, details=True).advice is None


def test_without_a_label_the_model_is_not_believed() -> None:
    found = query("auto", 20, probs=P, features=X, details=True).advice
    assert found is not None
    assert found == advise(C, N, 0, 20, gives=("features", "probs"))
    assert "probs" not in found.plan.needs


def test_the_classes_are_those_of_probs_or_named_or_labelled() -> None:
    assert advised(30, Predictions(features=X), Pool(LABELS), 80).why.startswith("Not known: 80 classes")
    assert advised(30, Predictions(features=X), Pool(LABELS)).why == advise(C, N, 40, 30, gives={"features"}).why
    wide = RNG.dirichlet(np.ones(90), N)
    assert advised(30, Predictions(features=X, probs=wide), Pool(LABELS)).why.startswith("Not known: 90 classes")
    names = [f"c{i}" for i in range(80)]
    named = query("auto", 30, features=X, labels=LABELS, classes=names, details=True).advice
    assert named is not None
    assert named.why.startswith("Not known: 80 classes")


@pytest.mark.parametrize(
    ("labels", "words"), [(None, "none are known"), (np.where(np.arange(N) < 9, 0, -1), "one is known")]
)
def test_classes_that_nobody_told_are_asked_for(labels: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        query("auto", 10, features=X, labels=labels)
    assert len(query("auto", 10, features=X, labels=labels, classes=["a", "b", "c"])) == 10


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("balance", 0.6),
        ("balance", "auto"),
        ("target", [0.2] * C),
        ("balance_by", "predicted"),
        ("balance_distance", "l2"),
        ("spacing", Spacing()),
    ],
)
def test_what_it_chooses_itself_is_refused_beside_it(setting: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"^{setting}: auto chooses it: leave {setting} out"):
        query("auto", 10, probs=P, labels=LABELS, **{setting: value})


def test_it_has_no_parameters_and_does_not_ask_too_many() -> None:
    with pytest.raises(InputError, match="array or parameter of auto 'width'"):
        query("auto", 10, features=X, labels=LABELS, width=1.0)
    with pytest.raises(InputError, match="n: 361 is more than the 360 unlabeled items"):
        query("auto", 361, features=X, labels=LABELS)
    with pytest.raises(InputError, match="auto needs labels or any array"):
        query("auto", 1)
