"""The adviser: its rule at the boundaries, what it does not know, and that its evidence is the measured matrix."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
from make_evidence import EVIDENCE, MATRIX, evidence_of, text_of
from scipy import stats

from askew.advice import Advice, Auto, Cell, Evidence, Gain, Option, advise, evidence
from askew.errors import InputError
from askew.plan import Balance, Plan

OPTIONS = {
    "random": Option("random"),
    "kcenter": Option("kcenter"),
    "margin+balance": Option("margin", 0.6),
    "uherding": Option("uherding"),
}


def cell(dataset: str, per_class: int, tail: str = "balanced", **gains: float) -> Cell:
    found = {name.replace("_", "+"): Gain(mean, 0.5) for name, mean in gains.items()}
    return Cell(dataset, (dataset,), tail, 10, 2000, per_class, 4, 5, 60.0, found)


KNOWN = Evidence(
    OPTIONS,
    (
        cell("a", 1, kcenter=3.0, margin_balance=-2.0, uherding=2.0),
        cell("b", 1, kcenter=2.0, margin_balance=-1.0, uherding=2.5),
        cell("a", 10, kcenter=-1.0, margin_balance=1.0, uherding=-0.5),
        cell("b", 10, kcenter=-2.0, margin_balance=2.0, uherding=-0.2),
        cell("a", 10, "long-tailed", kcenter=9.0, margin_balance=1.0, uherding=0.0),
    ),
)


def says(n_classes: int = 10, n_items: int = 2000, n_labeled: int = 10, budget: int = 10, **more: object) -> Advice:
    return advise(n_classes, n_items, n_labeled, budget, known=KNOWN, **more)  # type: ignore[arg-type]


def test_few_labels_a_class_take_the_strategy_that_gained_there() -> None:
    found = says()
    assert (found.name, found.confidence) == ("kcenter", "not shown")  # 2.5 ± 6.35 over two data sets
    assert found.gain == Gain(2.5, round(float(stats.t.ppf(0.975, 1)) * math.sqrt(0.5) / math.sqrt(2), 3))
    assert {one.per_class for one in found.cells} == {1}


def test_many_labels_a_class_take_the_other_one() -> None:
    found = says(n_labeled=100, budget=100, tail="balanced")
    assert found.plan == Plan("margin", balance=Balance(0.6))
    assert {one.per_class for one in found.cells} == {10}


def test_cells_within_a_factor_of_4_count() -> None:
    """The cells stand for 3.5 and 35 labels a class, the mean of 2b to 5b; 8.75 to 14 are near to both."""
    for labels, budgets in ((77, {1}), (78, {1, 10}), (130, {1, 10}), (131, {10})):
        found = says(n_labeled=labels, tail="balanced")
        assert {one.per_class for one in found.cells} == budgets, labels
    both = says(n_labeled=100, budget=10, tail="balanced")
    assert both.gain == Gain.of([0.75, 1.15])
    assert both.name == "uherding"


def test_far_from_everything_the_nearest_cell_counts() -> None:
    assert {one.per_class for one in says(n_labeled=1990).cells} == {10}


def test_each_data_set_counts_once_however_many_cells_it_has() -> None:
    assert says(n_labeled=100, budget=100).gain == Gain.of([1.0, 2.0])
    assert says(n_labeled=100, budget=100, tail="long-tailed").name == "kcenter"


def test_what_cannot_be_served_is_not_advised() -> None:
    found = says(gives=("probs",))
    assert (found.name, found.gain, found.confidence) == ("random", None, "not known")
    assert says(n_labeled=100, budget=100, gives=("probs",)).name == "margin+balance"
    assert "no frozen features" in says(gives=("probs",)).why
    assert says(n_labeled=0).name == "kcenter"


def test_herding_is_left_out_where_it_takes_long() -> None:
    known = Evidence(OPTIONS, (cell("a", 1, kcenter=1.0, uherding=2.0),))
    assert advise(10, 25_000_000, 10, 1, known=known).name == "uherding"
    assert advise(10, 25_000_001, 10, 1, known=known).name == "kcenter"


def test_random_is_advised_where_nothing_gained() -> None:
    known = Evidence(OPTIONS, (cell("a", 1, kcenter=0.0, uherding=-2.0),))
    found = advise(10, 2000, 10, 10, known=known)
    assert (found.name, found.plan.strategy.name, found.gain, found.confidence) == (
        "random",
        "random",
        None,
        "not shown",
    )


def test_a_gain_whose_interval_over_data_sets_is_above_0_is_shown() -> None:
    three = [cell(name, 1, kcenter=gain) for name, gain in (("a", 3.0), ("b", 3.1), ("c", 2.9))]
    assert advise(10, 2000, 10, 10, known=Evidence(OPTIONS, tuple(three))).confidence == "shown"


@pytest.mark.parametrize(
    ("n_classes", "n_labeled", "budget", "is_known"),
    [
        (10, 10, 10, True),
        (10, 9, 10, False),  # 1.9 labels a class, and cells begin at 2
        (10, 400, 100, True),  # 50 a class, where the last cell ends
        (10, 401, 100, False),
        (5, 10, 10, True),
        (4, 10, 10, False),
        (20, 20, 20, True),
        (21, 42, 42, False),
        (10, 0, 20, False),
    ],
)
def test_outside_of_the_evidence_the_answer_is_not_known(
    n_classes: int, n_labeled: int, budget: int, is_known: bool
) -> None:
    found = says(n_classes, n_labeled=n_labeled, budget=budget)
    assert (found.confidence != "not known") == is_known
    assert found.why.startswith("Not known: ") != is_known


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((1, 100, 5, 5), "n_classes: expected a whole number from 2, got 1"),
        ((10, 100, -1, 5), "n_labeled: .* got -1"),
        ((10, 100, 5, 0), "budget: .* got 0"),
        ((10, 100, 5, 2.5), "budget: .* got 2.5"),
        ((10, 100, 95, 6), "budget: 6 labels more than the 95 there are, but the pool has 100 items"),
    ],
)
def test_numbers_that_cannot_be_are_refused(numbers: tuple[int, int, int, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        advise(*numbers)


def test_the_gain_is_students() -> None:
    values = [0.3, -1.0, 2.0, 0.9]
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    found = Gain.of(values)
    assert (found.mean - found.half, found.mean + found.half) == pytest.approx((low, high), abs=2e-3)
    assert Gain.of([1.0]) == Gain(1.0, math.inf)
    assert [Gain.read(one.record()) for one in (found, Gain.of([1.0]))] == [found, Gain.of([1.0])]


def test_auto_is_what_is_advised_and_with_one_class_random() -> None:
    assert Auto(KNOWN).settle(10, 2000, 10, 10, ("features", "probs", "truth")) == says()
    alone = Auto(KNOWN).settle(1, 2000, 10, 10, ("features", "probs"))
    assert (alone.plan, alone.confidence, alone.gain) == (Plan("random"), "not known", None)


def test_a_ledger_keeps_the_plan_and_why_without_the_evidence() -> None:
    found = says(n_labeled=100, budget=100, tail="balanced")
    assert found.in_short() == {
        **Plan("margin", balance=Balance(0.6)).record(),
        "confidence": "not shown",
        "gain": {"mean": 1.5, "half": found.gain.half},  # type: ignore[union-attr]
        "why": found.why,
    }


def test_the_weight_of_balanced_herding_is_a_share_of_the_items_of_a_class() -> None:
    """What herding gains is a sum over the pool: with each item doubled, gains and weight double, and so do picks."""
    option = Option("uherding", 0.01, of_a_class=True)
    known = Evidence({**OPTIONS, "herd": option}, (cell("a", 1, herd=1.0),))
    for n_items, n_classes, weight in ((2000, 10, 2.0), (4000, 10, 4.0), (2000, 5, 4.0)):
        plan = advise(n_classes, n_items, n_classes, n_classes, known=known).plan
        assert plan == Plan("uherding", balance=Balance(weight))
    assert Option("margin", 0.6).plan(4000, 10) == Plan("margin", balance=Balance(0.6))
    assert Option(**option.record()) == option


def test_the_packaged_evidence_is_the_matrix() -> None:
    matrix = json.loads(MATRIX.read_text(encoding="utf-8"))
    assert EVIDENCE.read_text(encoding="utf-8") == text_of(evidence_of(matrix))
    found, (key, one) = evidence(), next(iter(matrix["cells"].items()))
    first = found.cells[0]
    assert f"{first.dataset}/{first.tail}/{first.per_class}" == key
    paired = [
        100 * (np.mean(curves["typiclust"][1:]) - np.mean(curves["random"][1:])) for curves in one["curves"].values()
    ]
    assert first.gains["typiclust"].mean == pytest.approx(np.mean(paired), abs=1e-3)


def test_the_curves_of_a_seed_begin_at_the_same_initial_set() -> None:
    """A seed whose strategies were measured on other draws of the pictures is no pair."""
    cells = json.loads(MATRIX.read_text(encoding="utf-8"))["cells"]
    for key, cell in cells.items():
        for seed, curves in cell["curves"].items():
            assert len({curve[0] for curve in curves.values()}) == 1, (key, seed)


def test_a_data_set_can_be_left_out() -> None:
    assert {one.dataset for one in KNOWN.without("a").cells} == {"b"}


def test_what_shares_items_with_a_data_set_is_left_out_with_it() -> None:
    union = dataclasses.replace(cell("a and b", 1), sources=("a", "b"))
    known = Evidence(OPTIONS, (*KNOWN.cells, union))
    assert {one.dataset for one in known.without("a").cells} == {"b"}
    assert {one.dataset for one in known.without("c").cells} == {"a", "b", "a and b"}
    rest = evidence().without("cifar10", "waste")
    assert {one.dataset for one in rest.cells} == {"fashion-mnist", "digits", "mnist", "tops"}


def test_the_evidence_is_part_of_the_package() -> None:
    assert EVIDENCE.parent == Path(__file__).parents[1] / "src" / "askew"
