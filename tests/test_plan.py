"""The request: what it refuses when it is made, what it refuses of a learner, and that every part of it arrives."""

from __future__ import annotations

import dataclasses
import itertools
import json

import numpy as np
import pytest

from askew.errors import InputError
from askew.pick import balance as eq48
from askew.plan import Balance, Plan, Spacing, balance_of
from askew.pool import Pool
from askew.predictions import Predictions
from askew.query import query, select
from askew.strategies.registry import strategy

RNG = np.random.default_rng(7)
P = RNG.dirichlet(np.full(3, 0.5), 9)
LABELS = np.array([0, 0, 1, -1, -1, -1, -1, -1, -1])
LINE = np.abs(np.subtract.outer(np.arange(3), np.arange(3))).astype(float)
COSTS = np.array([[0, 5, 1], [5, 0, 1], [1, 1, 0]], dtype=float)


@strategy("fixed", kind="scorer", needs=("dispersion",), paper="this test")
def fixed(pred, pool):
    """Scores what it is given."""
    return pred.dispersion


@strategy("last-ones", kind="selector", needs=("probs",), paper="this test")
def last_ones(pred, pool, n, *, rng, skip=0):
    """Chooses the last unlabeled items, best last."""
    assert isinstance(rng, np.random.Generator)
    return pool.unlabeled[::-1][skip : skip + n]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Balance(True), ["balance", "True"]),
        (lambda: Balance("lots"), ["balance", "lots", "auto"]),
        (lambda: Balance(float("nan")), ["balance", "nan"]),
        (lambda: Balance(-0.1), ["balance", "-0.1"]),
        (lambda: Balance(None), ["balance", "None"]),
        (lambda: Balance(1, target=[0.5, 0.2]), ["target", "0.7"]),
        (lambda: Balance(1, target=[0.5, 0.5000015]), ["target: expected a distribution that sums to 1"]),
        (lambda: Balance(1, target=[2.5, 2.5]), ["target", "5"]),
        (lambda: Balance(1, target=[float("nan"), 1]), ["target", "finite"]),
        (lambda: Balance(1, target=[1.5, -0.5]), ["target", "from 0"]),
        (lambda: Balance(1, target=[[1.0]]), ["target", "(C,)"]),
        (lambda: Balance(1, target="uniform"), ["target", "uniform"]),
        (lambda: Balance(1, distance="l3"), ["balance_distance", "l3", "l2"]),
        (lambda: Balance(1, by="probabilities"), ["balance_by", "probs"]),
        (lambda: Balance(1, ground_metric=LINE), ["wasserstein"]),
        (lambda: Balance(1, distance="wasserstein", ground_metric=LINE[:2]), ["balance_ground_metric", "(C, C)"]),
        (lambda: Balance(1, by="predicted"), ["predicted", "no weight"]),
        (lambda: Balance(by="predicted", distance="l2"), ["predicted", "balance_distance"]),
        (lambda: Balance(by="predicted", per_class=True), ["predicted", "balance_per_class"]),
        (lambda: Balance(0.5, tune="first-cycle"), ["balance_tune", "auto"]),
        (lambda: Balance("auto", tune="once"), ["balance_tune", "once"]),
        (lambda: Balance(0.5, per_class="yes"), ["balance_per_class", "yes"]),
        (lambda: balance_of(target=[0.5, 0.5]), ["target", "balance="]),
        (lambda: balance_of(distance="l2"), ["balance="]),
        (lambda: balance_of(tune="first-cycle"), ["balance="]),
        (lambda: balance_of(Balance(1), distance="l2"), ["brings its own"]),
        (lambda: Plan("entropi"), ["did you mean 'entropy'"]),
        (lambda: Plan("entropy", {"speed": 1}), ["parameter of entropy", "speed"]),
        (lambda: Plan(len), ["marked with @strategy"]),
        (lambda: Plan("kcenter", balance=Balance(1, distance="l2")), ["kcenter", "balance_distance"]),
        (lambda: Plan("kcenter", balance=Balance(by="predicted")), ["kcenter", "balance_by"]),
        (lambda: Plan("entropy", balance=Balance(1, per_class=True)), ["entropy", "balance_per_class"]),
        (lambda: Plan(last_ones, balance=Balance(1)), ["cannot be balanced"]),
        (lambda: Plan("kcenter", spacing=Spacing()), ["kcenter", "frames"]),
        (lambda: Spacing(around_picked=-1), ["around_picked", "-1"]),
        (lambda: Spacing(around_labeled=1.5), ["around_labeled", "1.5"]),
        (lambda: Spacing(order="up"), ["order", "up"]),
        (lambda: Plan("entropy").check((), 3), ["entropy needs probs", "gives nothing"]),
        (lambda: Plan("bald").check(("probs", "features"), 3), ["bald needs draws", "features, probs"]),
        (lambda: Plan("dispersion", balance=Balance(1)).check(("dispersion",), 3), ["needs probs"]),
        (lambda: Plan("entropy", balance=Balance(1, target=[0.5, 0.5])).check(("probs",), 3), ["target", "2", "3"]),
    ],
)
def test_what_cannot_be_is_refused_when_the_request_is_made(make, words) -> None:
    with pytest.raises(InputError) as caught:
        make()
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_a_request_is_what_its_record_says() -> None:
    balance = Balance("auto", [0.5, 0.25, 0.25], distance="wasserstein", ground_metric=COSTS, tune="first-cycle")
    plan = Plan("entropy", balance=balance)
    record = json.loads(json.dumps(plan.record()))
    assert record["strategy"] == "entropy"
    assert record["parameters"] == {}
    assert record["spacing"] is None
    assert Balance(**record["balance"]) == balance
    assert Plan(fixed, spacing=Spacing(1, 2, "global")).record()["spacing"] == {
        "around_labeled": 1,
        "around_picked": 2,
        "order": "global",
    }


def test_needs_are_the_strategys_and_those_of_balance_and_spacing() -> None:
    assert Plan("random").needs == ()
    assert Plan("random", balance=Balance(1)).needs == ("probs",)
    assert Plan("entropy", balance=Balance(1)).needs == ("probs",)
    assert Plan(fixed, balance=Balance(1), spacing=Spacing()).needs == ("dispersion", "objects", "videos")


def best_by_enumeration(scores, n, weight, target, distance, metric=None):
    """The set of least cost of Eq. 4.8 among the unlabeled items, by trying every set."""
    pool = Pool(LABELS)
    wanted = eq48.demand(pool.counts(3), n, target)
    measure = {
        "l1": lambda d: np.abs(d).sum(),
        "l2": lambda d: np.sqrt((d**2).sum()),
    }.get(distance)
    best = None
    for items in itertools.combinations(pool.unlabeled.tolist(), n):
        counts = P[list(items)].sum(axis=0)
        if measure is not None:
            away = measure(counts - wanted)
        else:
            away = transport(wanted, counts, metric)
        cost = -scores[list(items)].sum() + weight * away
        if best is None or cost < best[0] - 1e-12:
            best = (cost, set(items))
    return best[1]


def transport(wanted, counts, metric):
    from askew.pick.distances import named

    return named("wasserstein", 1.0, 3, metric).between(wanted, counts)


@pytest.mark.parametrize("target", [None, (0.1, 0.1, 0.8)])
@pytest.mark.parametrize("weight", [0.2, 2.0])
@pytest.mark.parametrize("distance", ["l1", "l2"])
def test_weight_target_and_distance_arrive_at_the_solver(weight, distance, target) -> None:
    scores = np.linspace(0, 1, 9)
    expected = best_by_enumeration(scores, 3, weight, target, distance)
    got = query(
        fixed, 3, dispersion=scores, probs=P, labels=LABELS, balance=weight, balance_distance=distance, target=target
    )
    assert set(got.tolist()) == expected


@pytest.mark.parametrize("metric", [LINE, COSTS])
def test_the_ground_metric_arrives_at_the_solver(metric) -> None:
    scores = np.linspace(0, 1, 9)[::-1].copy()
    balance = Balance(3.0, distance="wasserstein", ground_metric=metric)
    got = query(fixed, 3, dispersion=scores, probs=P, labels=LABELS, balance=balance)
    assert set(got.tolist()) == best_by_enumeration(scores, 3, 3.0, None, "wasserstein", metric)


def test_the_two_ground_metrics_differ_in_their_answers() -> None:
    scores = np.linspace(0, 1, 9)[::-1].copy()
    sets = [best_by_enumeration(scores, 3, 3.0, None, "wasserstein", m) for m in (LINE, COSTS)]
    assert sets[0] != sets[1]


@pytest.mark.parametrize("distance", ["l1", "l2", "wasserstein"])
def test_auto_tunes_in_the_distance_that_is_asked_for(distance) -> None:
    rng = np.random.default_rng(3)
    probs = rng.dirichlet([4.0, 2.0, 0.4, 0.2], 300)
    labels = np.full(300, -1)
    labels[:20] = 0
    pool, pred = Pool(labels), Predictions(probs=probs)
    selection = select(Plan("entropy", balance=Balance("auto", distance=distance)), 30, pred, pool)
    scores = -(probs * np.log(probs)).sum(axis=1)
    rows = pool.unlabeled
    tuned = eq48.tune_weight(scores[rows], probs[rows], eq48.demand(pool.counts(4), 30), 30, distance=distance)
    assert selection.weight == pytest.approx(tuned.weight, rel=1e-9)
    assert selection.curve is not None
    assert selection.curve.losses == pytest.approx(tuned.losses, rel=1e-6, abs=1e-9)


def test_per_class_divides_the_weight_of_algorithm_2_by_the_number_of_classes() -> None:
    features = np.random.default_rng(0).standard_normal((9, 2))
    pool, pred = Pool(LABELS), Predictions(probs=P, features=features)
    divided, plain, third = (
        select(Plan("kcenter", balance=Balance(w, per_class=c)), 4, pred, pool).chosen.tolist()
        for w, c in ((1.5, True), (1.5, False), (0.5, False))
    )
    assert divided == third
    assert divided != plain


@pytest.mark.parametrize("per_class", [False, True])
def test_auto_balances_a_greedy_strategy_whatever_the_scale_of_its_features(per_class) -> None:
    rng = np.random.default_rng(5)
    probs = rng.dirichlet([4.0, 2.0, 0.4, 0.2], 200)
    features = rng.standard_normal((200, 3)) + 4 * probs[:, :3]
    labels = np.full(200, -1)
    labels[:20] = 0
    pool = Pool(labels)
    plain, balanced, scaled = (
        select(Plan("kcenter", balance=b), 25, Predictions(probs=probs, features=x), pool)
        for b, x in (
            (None, features),
            (Balance("auto", per_class=per_class), features),
            (Balance("auto", per_class=per_class), features * 1000),
        )
    )
    assert balanced.chosen.tolist() == scaled.chosen.tolist()
    assert scaled.weight == pytest.approx(1000 * balanced.weight)
    wanted = eq48.demand(pool.counts(4), 25)
    away = np.abs(probs[plain.chosen].sum(axis=0) - wanted).sum()
    assert np.abs(balanced.expected - wanted).sum() < 0.7 * away
    given = select(
        Plan("kcenter", balance=Balance(balanced.weight, per_class=per_class)),
        25,
        Predictions(probs=probs, features=features),
        pool,
    )
    assert given.chosen.tolist() == balanced.chosen.tolist()
    assert balanced.curve is not None


def test_a_selector_is_executed_with_its_parameters_and_generator() -> None:
    pool, pred = Pool(LABELS), Predictions(probs=P)
    assert select(Plan(last_ones), 2, pred, pool).chosen.tolist() == [8, 7]
    assert query(last_ones, 2, probs=P, labels=LABELS, skip=1).tolist() == [7, 6]


@pytest.mark.parametrize(
    ("answer", "words"),
    [([0, 3], "labelled"), ([3, 3], "distinct"), ([3], "distinct"), ([3, 9], "outside"), ([3.0, 4.0], "distinct")],
)
def test_a_selector_that_answers_wrongly_is_refused(answer, words) -> None:
    @strategy("liar", kind="selector", needs=(), paper="this test")
    def liar(pred, pool, n):
        """Gives a wrong answer."""
        return np.array(answer)

    with pytest.raises(InputError, match=words):
        query(liar, 2, labels=LABELS)


def test_a_scorer_that_forgets_an_item_is_refused() -> None:
    @strategy("short", kind="scorer", needs=(), paper="this test")
    def short(pred, pool):
        """Gives too few scores."""
        return np.zeros(len(pool) - 1)

    with pytest.raises(InputError, match="one score an item"):
        query(short, 2, labels=LABELS)


def test_the_selection_says_what_it_scored_and_expected() -> None:
    scores = np.linspace(0, 1, 9)
    pool, pred = Pool(LABELS), Predictions(probs=P, dispersion=scores)
    for balance in (None, Balance(0.7), Balance(by="predicted")):
        selection = select(Plan(fixed, balance=balance), 3, pred, pool)
        assert selection.scores.tolist() == scores[selection.chosen].tolist()
        if balance is not None:
            assert selection.expected == pytest.approx(P[selection.chosen].sum(axis=0))
            assert selection.demand == pytest.approx(eq48.demand([2, 1, 0], 3))


def test_spaced_frames_keep_away_from_labelled_and_picked_ones() -> None:
    labels = np.full(20, -1)
    labels[4] = 0
    scores = np.r_[np.linspace(0.5, 1, 10), np.linspace(0.4, 0, 10)]
    videos = np.repeat([0, 1], 10)
    by_turns = query(fixed, 3, dispersion=scores, labels=labels, videos=videos, spacing=Spacing(2, 1))
    assert by_turns.tolist() == [9, 10, 7]
    by_score = query(fixed, 3, dispersion=scores, labels=labels, videos=videos, spacing=Spacing(4, 0, "global"))
    assert by_score.tolist() == [9, 10, 11]
    with pytest.raises(InputError, match="spacing needs videos"):
        query(fixed, 3, dispersion=scores, labels=labels, spacing=Spacing())


def test_spaced_frames_are_balanced_over_objects() -> None:
    objects = np.zeros((12, 2))
    objects[:6, 0] = 2.0
    objects[6:, 1] = 1.0
    scores = np.r_[np.full(6, 0.6), np.full(6, 0.5)] + np.arange(12) * 1e-3
    plan = Plan(fixed, balance=Balance(5.0), spacing=Spacing(0, 1))
    pred = Predictions(dispersion=scores, objects=objects, videos=np.zeros(12, dtype=int))
    selection = select(plan, 3, pred, Pool.without_labels(12))
    assert (selection.chosen >= 6).sum() == 2
    assert (np.diff(np.sort(selection.chosen)) > 1).all()
    assert selection.expected == pytest.approx(objects[selection.chosen].sum(axis=0))
    auto = select(Plan(fixed, balance=Balance("auto"), spacing=Spacing(0, 1)), 3, pred, Pool.without_labels(12))
    assert auto.weight is not None
    assert auto.curve is not None


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: balance_of(ground_metric=LINE), "need balance="),
        (lambda: balance_of(per_class=True), "need balance="),
        (lambda: balance_of(by="probabilities"), "balance_by 'probabilities'"),
        (lambda: balance_of(Balance(1), by="predicted"), "brings its own"),
        (lambda: balance_of(Balance(1), per_class=True), "brings its own"),
        (lambda: balance_of(Balance(1), ground_metric=LINE), "brings its own"),
        (
            lambda: Plan(fixed, balance=Balance(by="predicted"), spacing=Spacing()),
            "^spaced frames are balanced by objects",
        ),
        (
            lambda: Plan(fixed, balance=Balance(1, distance="wasserstein", ground_metric=LINE), spacing=Spacing()),
            "^spaced frames are balanced by objects",
        ),
        (lambda: Spacing(around_picked=True), "around_picked: .* got True"),
        (lambda: Balance(float("inf")), "^balance: .* got inf"),
        (lambda: Balance(np.array([0.5, 1.0])), "^balance: expected a number from 0"),
        (lambda: Balance(1, target=[]), r"^target: expected shape \(C,\), got \(0,\)"),
        (
            lambda: Balance(1, distance="wasserstein", ground_metric=LINE + np.inf),
            "^balance_ground_metric: expected finite numbers from 0",
        ),
        (
            lambda: Balance(1, distance="wasserstein", ground_metric=LINE).check(4),
            "^balance_ground_metric: has 3 classes, the data has 4",
        ),
    ],
)
def test_what_else_excludes_itself_is_refused_in_plain_words(make, words) -> None:
    with pytest.raises(InputError, match=words):
        make()


def test_settings_one_by_one_are_those_of_a_balance() -> None:
    assert balance_of() is None
    assert balance_of(0.5) == Balance(0.5)
    assert balance_of(Balance(0.5)) == Balance(0.5)
    assert balance_of(0.5, target=[0.5, 0.5], per_class=True) == Balance(0.5, (0.5, 0.5), per_class=True)
    assert balance_of("auto", distance="l2", tune="first-cycle") == Balance("auto", distance="l2", tune="first-cycle")
    whole = Balance(1, distance="wasserstein", ground_metric=LINE)
    assert balance_of(1, distance="wasserstein", ground_metric=LINE) == whole
    assert balance_of(by="predicted") == Balance(by="predicted")


def test_settings_are_kept_as_plain_values_whatever_library_they_come_from() -> None:
    balance = Balance(np.float32(0.5), np.array([0.5, 0.5]), per_class=np.True_)
    assert type(balance.weight) is float
    assert balance.target == (0.5, 0.5)
    assert json.loads(json.dumps(balance.record())) == {
        "weight": 0.5,
        "target": [0.5, 0.5],
        "by": "probs",
        "distance": "l1",
        "ground_metric": None,
        "per_class": True,
        "tune": "every-cycle",
    }
    assert Balance(0).weight == 0.0
    assert (Spacing().around_labeled, Spacing().around_picked, Spacing().order) == (3, 5, "videos")


def test_a_target_may_be_a_tensor_of_any_precision() -> None:
    torch = pytest.importorskip("torch")
    assert Balance(1, target=torch.tensor([0.5, 0.5], dtype=torch.bfloat16)).target == (0.5, 0.5)


def test_a_request_keeps_its_own_parameters_and_cannot_be_changed() -> None:
    given = {"skip": 1}
    plan = Plan(last_ones, given)
    given["skip"] = 2
    assert plan.parameters == {"skip": 1}
    assert plan.record()["parameters"] == {"skip": 1}
    for value, name in ((plan, "strategy"), (Balance(1), "weight"), (Spacing(), "order")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, name, None)
