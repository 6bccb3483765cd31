"""`select` against the pickers below it: what it hands to each, the generator of ties too, and whom it refuses."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from askew.errors import InputError
from askew.pick import balance as eq48
from askew.pick.frames import frame_table, pick_balanced_frames, pick_frames
from askew.pick.greedy import greedy
from askew.pick.top import top
from askew.pick.tuning import tune_greedy_weight
from askew.plan import Balance, Plan, Spacing
from askew.pool import Pool
from askew.predictions import Predictions
from askew.query import query, select
from askew.seeding import generator
from askew.strategies.gains import EagerGains
from askew.strategies.registry import strategy

RNG = np.random.default_rng(11)
N = 30
P = RNG.dirichlet(np.full(3, 0.5), N)
OBJECTS = RNG.integers(0, 4, (N, 3)).astype(float)
LABELS = np.where(np.arange(N) < 3, 0, -1)
POOL = Pool(LABELS)
OPEN = np.arange(3, N)
VIDEOS = np.repeat([0, 1, 2], 10)
METRIC = np.array([[0, 5, 1], [5, 0, 1], [1, 1, 0]], dtype=float)
TARGET = (0.2, 0.2, 0.6)


@strategy("in-steps", kind="scorer", needs=("dispersion",), paper="this test")
def in_steps(pred: Predictions, pool: Pool, *, levels: int = 1) -> Any:
    """Scores the dispersion in so many steps, so that many items are equal."""
    return np.floor(pred.dispersion * levels * 0.999)


@strategy("steps-left", kind="greedy", needs=("dispersion",), paper="this test")
def steps_left(pred: Predictions, pool: Pool, *, levels: int = 1) -> EagerGains:
    """Gains the dispersion in so many steps, whatever was picked."""
    values = np.floor(pred.dispersion * levels * 0.999)
    return EagerGains(values, lambda _: values)


@strategy("two-arrays", kind="scorer", needs=("probs", "features"), paper="this test")
def two_arrays(pred: Predictions, pool: Pool) -> Any:
    """Reads two arrays."""
    return pred.features[:, 0]


DISPERSION = RNG.random(N)
SCORES = np.floor(DISPERSION * 3 * 0.999)
PRED = Predictions(probs=P, dispersion=DISPERSION, objects=OBJECTS, videos=VIDEOS)
FEW = {"levels": 3}


def same_curve(found: eq48.TunedWeight | None, wanted: eq48.TunedWeight) -> bool:
    return found is not None and all(
        np.array_equal(getattr(found, one.name), getattr(wanted, one.name)) for one in dataclasses.fields(wanted)
    )


@pytest.mark.parametrize("seed", range(4))
def test_equal_scores_are_settled_by_the_generator_of_ties_and_parameters_arrive(seed: int) -> None:
    found = select(Plan(in_steps, FEW), 5, PRED, POOL, seed=seed)
    assert found.chosen.tolist() == OPEN[top(SCORES[OPEN], 5, generator(seed, "ties"))].tolist()
    gains = steps_left(PRED, POOL, levels=3)
    assert select(Plan(steps_left, FEW), 5, PRED, POOL, seed=seed).chosen.tolist() == (
        greedy(gains, OPEN, 5, generator(seed, "ties")).tolist()
    )


def test_random_draws_from_a_generator_of_its_own_name() -> None:
    drawn = generator(4, "random").random(N)
    found = select(Plan("random"), 6, Predictions(probs=P), Pool.without_labels(N), seed=4)
    assert found.chosen.tolist() == np.argsort(-drawn)[:6].tolist()


def test_without_a_seed_it_is_0() -> None:
    assert query("random", 5, probs=P).tolist() == query("random", 5, probs=P, seed=0).tolist()
    pool = Pool.without_labels(N)
    first, second = select(Plan("random"), 5, PRED, pool), select(Plan("random"), 5, PRED, pool, seed=0)
    assert first.chosen.tolist() == second.chosen.tolist()


DISTANCES: list[dict[str, Any]] = [
    {"distance": "l1"},
    {"distance": "l2"},
    {"distance": "wasserstein"},
    {"distance": "wasserstein", "ground_metric": METRIC},
]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("options", DISTANCES)
def test_a_balanced_scorer_is_solved_and_tuned_with_all_that_the_plan_says(options: dict, seed: int) -> None:
    rows, wanted = P[OPEN], eq48.demand([3, 0, 0], 6, TARGET)
    tuned = eq48.tune_weight(SCORES[OPEN], rows, wanted, 6, **options, rng=generator(seed, "ties"))
    for weight in (0.0, 0.8, "auto"):
        found = select(Plan(in_steps, FEW, Balance(weight, TARGET, **options)), 6, PRED, POOL, seed=seed)
        used = tuned.weight if weight == "auto" else weight
        solved = eq48.solve(SCORES[OPEN], rows, wanted, 6, weight=used, **options, rng=generator(seed, "ties"))
        assert found.chosen.tolist() == OPEN[solved.chosen].tolist()
        assert (found.weight, found.objective, found.bound, found.gap) == (
            used,
            solved.objective,
            solved.bound,
            solved.gap,
        )
        assert found.demand.tolist() == wanted.tolist()
        assert same_curve(found.curve, tuned) if weight == "auto" else found.curve is None


@pytest.mark.parametrize("seed", range(3))
def test_quotas_of_predicted_classes_settle_equal_scores_by_seed(seed: int) -> None:
    wanted = eq48.demand([3, 0, 0], 6)
    picked = eq48.predicted_quota(SCORES[OPEN], P[OPEN], wanted, 6, rng=generator(seed, "ties"))
    found = select(Plan(in_steps, FEW, Balance(by="predicted")), 6, PRED, POOL, seed=seed)
    assert found.chosen.tolist() == OPEN[picked].tolist()
    assert (found.weight, found.objective, found.curve) == (None, None, None)


@pytest.mark.parametrize("per_class", [False, True])
def test_a_balanced_greedy_strategy_is_tuned_and_reports_demand_and_weight(per_class: bool) -> None:
    wanted = eq48.demand([3, 0, 0], 6, TARGET)
    tuned = tune_greedy_weight(
        lambda: steps_left(PRED, POOL, levels=3),
        OPEN,
        6,
        generator(2, "ties"),
        probs=P,
        demand=wanted,
        per_class=per_class,
    )
    found = select(Plan(steps_left, FEW, Balance("auto", TARGET, per_class=per_class)), 6, PRED, POOL, seed=2)
    assert same_curve(found.curve, tuned)
    assert found.weight == tuned.weight
    assert found.demand.tolist() == wanted.tolist()
    away = np.abs(wanted - P[found.chosen].sum(axis=0)).sum()
    assert away == pytest.approx(tuned.losses[tuned.weights == tuned.weight][0])


@pytest.mark.parametrize("order", ["videos", "global"])
@pytest.mark.parametrize("seed", range(3))
def test_spaced_frames_are_picked_by_place_order_and_seed(order: Any, seed: int) -> None:
    places = np.tile(np.arange(10) * 2, 3)
    pred = Predictions(dispersion=DISPERSION, videos=VIDEOS, places=places)
    table = frame_table(VIDEOS, places=places, labeled=LABELS >= 0, around_labeled=4)
    scores = np.where(LABELS < 0, SCORES, np.nan)
    wanted = pick_frames(scores, table, 4, around_picked=3, order=order, seed=seed)
    found = select(Plan(in_steps, FEW, spacing=Spacing(4, 3, order)), 4, pred, POOL, seed=seed)
    assert found.chosen.tolist() == wanted.tolist()
    assert found.scores.tolist() == SCORES[wanted].tolist()


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("options", DISTANCES[:3])
def test_balanced_frames_are_solved_and_tuned_with_all_that_the_plan_says(options: dict, seed: int) -> None:
    table = frame_table(VIDEOS, labeled=LABELS >= 0, around_labeled=2)
    near = np.flatnonzero(table.allowed)
    wanted = eq48.demand(OBJECTS[:3].sum(axis=0), round(4 * OBJECTS.sum() / N), TARGET)
    tuned = eq48.tune_weight(SCORES[near], OBJECTS[near], wanted, 4, **options, rng=generator(seed, "ties"))
    scores = np.where(LABELS < 0, SCORES, np.nan)
    for weight in (0.0, 0.1, "auto"):
        plan = Plan(in_steps, FEW, Balance(weight, TARGET, **options), Spacing(2, 1))
        found = select(plan, 4, PRED, POOL, seed=seed)
        used = tuned.weight if weight == "auto" else weight
        picked = pick_balanced_frames(
            scores, OBJECTS, wanted, table, 4, weight=used, around_picked=1, **options, rng=generator(seed, "ties")
        )
        assert found.chosen.tolist() == picked.chosen.tolist()
        assert (found.weight, found.objective, found.bound) == (used, picked.objective, picked.bound)
        assert found.demand.tolist() == wanted.tolist()
        assert same_curve(found.curve, tuned) if weight == "auto" else found.curve is None


def test_where_objects_are_rare_the_demand_is_one_object() -> None:
    pred = Predictions(dispersion=DISPERSION, objects=np.full((N, 2), 1e-3), videos=VIDEOS)
    found = select(Plan(in_steps, balance=Balance(1.0), spacing=Spacing(0, 0)), 3, pred, Pool.without_labels(N))
    assert found.demand.tolist() == [0.5, 0.5]


def test_labels_of_frames_may_be_of_other_classes_than_objects() -> None:
    pred = Predictions(dispersion=DISPERSION, objects=OBJECTS, videos=VIDEOS)
    chosen = select(Plan(in_steps, spacing=Spacing(0, 0)), 3, pred, Pool(np.where(np.arange(N) < 3, 9, -1))).chosen
    assert chosen.min() >= 3


def test_more_frames_than_are_open_are_refused_with_their_number() -> None:
    for weight in (1.0, "auto"):
        plan = Plan(in_steps, balance=Balance(weight), spacing=Spacing(9, 0))
        with pytest.raises(InputError, match=r"^n: asked for 22 of 20 open frames$"):
            select(plan, 22, PRED, POOL)


def test_as_many_frames_as_are_open_can_be_picked_with_a_tuned_balance() -> None:
    pred = Predictions(dispersion=DISPERSION, objects=OBJECTS, videos=np.arange(N))
    plan = Plan(in_steps, balance=Balance("auto"), spacing=Spacing(0, 0))
    assert sorted(select(plan, 27, pred, POOL).chosen.tolist()) == OPEN.tolist()


def test_what_the_balance_needs_is_asked_for_and_checked() -> None:
    pred = Predictions(probs=P, dispersion=DISPERSION, videos=VIDEOS)
    with pytest.raises(InputError, match=r"^balance needs objects, \(N, C\): pass objects=$"):
        select(Plan(in_steps, balance=Balance(1.0), spacing=Spacing()), 2, pred, POOL)
    with pytest.raises(InputError, match=r"^target: has 2 classes, the data has 3$"):
        select(Plan(in_steps, balance=Balance(1.0, target=(0.5, 0.5))), 2, pred, POOL)


def test_counts_of_single_precision_are_added_up_in_double() -> None:
    probs = np.tile(np.array([0.1, 0.9], dtype=np.float32), (5000, 1))
    found = select(Plan("random", balance=Balance(1.0)), 4000, Predictions(probs=probs), Pool.without_labels(5000))
    assert found.expected.dtype == np.float64
    assert found.expected == pytest.approx(4000.0 * probs[0].astype(float), rel=1e-12)


def test_a_selection_cannot_be_changed_and_hides_its_curve_when_printed() -> None:
    found = select(Plan(in_steps, FEW, Balance("auto")), 3, PRED, POOL)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.weight = 2.0
    assert found.curve is not None
    assert "curve" not in repr(found)
    assert "weight=" in repr(found)


def answering(kind: Any, answer: Any) -> Any:
    """A strategy that gives one answer whatever it is asked."""
    if kind == "selector":

        @strategy("wrong", kind="selector", needs=(), paper="this test")
        def chooses(pred: Predictions, pool: Pool, n: int) -> Any:
            """Chooses what it was made with."""
            return np.array(answer)

        return chooses

    @strategy("wrong", kind="scorer", needs=(), paper="this test")
    def scores(pred: Predictions, pool: Pool) -> Any:
        """Scores what it was made with."""
        return np.array(answer)

    return scores


@pytest.mark.parametrize(
    ("kind", "answer", "words"),
    [
        ("scorer", [np.nan, 1, 2, np.nan, np.nan], "wrong: 2 of 4 scores are NaN; first at item 3"),
        ("scorer", [[1.0]] * 5, "wrong: returned shape (5, 1), expected one score an item, (5,)"),
        ("selector", [[3], [4]], "wrong: returned (2, 1) of int64, expected 2 distinct pool indices"),
        ("selector", [1, 2, 3], "wrong: returned (3,) of int64, expected 2 distinct pool indices"),
        ("selector", [1, -1], "wrong: returned an item that is labelled or outside the pool of 5"),
        ("selector", [1, 5], "wrong: returned an item that is labelled or outside the pool of 5"),
        ("selector", [0, 1], "wrong: returned an item that is labelled or outside the pool of 5"),
    ],
)
def test_a_strategy_that_answers_wrongly_is_refused_in_one_line(kind: Any, answer: Any, words: str) -> None:
    with pytest.raises(InputError) as caught:
        query(answering(kind, answer), 2, labels=[0, -1, -1, -1, -1])
    assert str(caught.value) == words


def test_a_selector_may_choose_the_first_item_and_the_last() -> None:
    assert query(answering("selector", [0, 4]), 2, labels=[-1] * 5).tolist() == [0, 4]


def test_a_seed_that_is_none_is_refused_even_if_nothing_is_drawn() -> None:
    with pytest.raises(InputError, match=r"^seed: expected a whole number from 0, got -1$"):
        query(answering("selector", [0, 4]), 2, labels=[-1] * 5, seed=-1)


def test_what_must_be_given_is_named() -> None:
    with pytest.raises(
        InputError, match=r"^two-arrays needs probs and features: nothing was given that says how large"
    ):
        query(two_arrays, 2)
    with pytest.raises(InputError, match=r"^random needs labels or any array over the pool: nothing was given"):
        query("random", 2)
    with pytest.raises(InputError, match=r"^labels has 3 items, the other arrays have 30$"):
        select(Plan("random"), 2, PRED, Pool.without_labels(3))
