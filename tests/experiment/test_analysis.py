"""The analysis of informativeness against a run's own ledger, rankings made by hand, and what it refuses."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from askew.cli.main import main
from askew.errors import DataNotFound, InputError
from askew.experiment import analysis
from askew.experiment.analysis import Judged, analyse, leading, named_strategies, past_of, plans_of
from askew.experiment.config import ExperimentConfig, StrategyConfig, parse
from askew.experiment.ledger import read_ledger
from askew.experiment.tasks import build_task, load_dataset, pool_and_initial
from askew.pool import Pool
from askew.seeding import number

NETWORK = """
name = "try"
[data]
source = "digits"
pool_items = 120
test_items = 100
[learner]
backbone = "small-convnet"
preset = "digits"
training = { epochs = 3 }
[protocol]
initial = 20
budget = 10
cycles = 3
seeds = 1
[[strategies]]
strategy = "dispersion"
[[strategies]]
strategy = "margin"
"""


def config(strategies: list[dict[str, Any]], **protocol: Any) -> ExperimentConfig:
    """An experiment of a logistic regression, which takes a moment."""
    return parse(
        {
            "name": "quick",
            "data": {"source": "digits", "pool_items": 80, "test_items": 50},
            "learner": {"backbone": "", "estimator": "sklearn.linear_model.LogisticRegression"},
            "protocol": {"initial": 20, "budget": 10, "cycles": 2, "seeds": 2, **protocol},
            "strategies": strategies,
        },
        "test",
    )


def judge(experiment: ExperimentConfig, **options: Any) -> list[Judged]:
    plans = plans_of(experiment.strategies)
    leader = leading(experiment, None, plans)[1]
    dataset = load_dataset(experiment.data)
    return list(analyse(experiment, dataset, plans, **{"cycles": 1, "leader": leader, **options}))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("analysed")
    (folder / "try.toml").write_text(NETWORK)
    assert main(["run", str(folder / "try.toml"), "--out", str(folder / "out"), "--jobs", "1"]) == 0
    return folder


@pytest.fixture
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
def test_models_and_questions_are_those_of_the_run(run: Path) -> None:
    experiment, label, past, threads = past_of(run / "out", None)
    assert (label, threads, list(past)) == ("dispersion", 1, [0])
    _, cycles = read_ledger(run / "out" / "runs" / "dispersion-seed0" / "ledger.jsonl")
    by_itself = judge(experiment, cycles=3)
    assert [one.accuracy for one in by_itself] == [one.metrics["accuracy"] for one in cycles]
    assert [one.n_labeled for one in by_itself] == [20, 30, 40]
    from_run = judge(experiment, cycles=3, past=past)
    for one, other in zip(by_itself, from_run, strict=True):
        np.testing.assert_array_equal(one.correct, other.correct)
        np.testing.assert_array_equal(one.scores["dispersion"], other.scores["dispersion"])


@pytest.mark.usefixtures("one_thread")
def test_another_runs_labels_are_another_model(run: Path) -> None:
    experiment, label, past, _ = past_of(run / "out", "margin")
    assert label == "margin"
    _, cycles = read_ledger(run / "out" / "runs" / "margin-seed0" / "ledger.jsonl")
    assert judge(experiment, cycles=2, past=past)[1].accuracy == cycles[1].metrics["accuracy"]


def test_accuracies_are_those_of_a_ranking_by_hand() -> None:
    experiment = config([{"strategy": name} for name in ("margin", "oracle", "random")], seeds=[3])
    (found,) = judge(experiment, shares=(0.02, 0.1, 0.5, 1.0))
    dataset = load_dataset(experiment.data)
    items, initial = pool_and_initial(experiment, dataset, 3)
    task = build_task(experiment, dataset, items)
    labels = np.full(80, -1)
    labels[initial] = task.truth[initial]
    pool = Pool(labels)
    model = task.fit(pool, ["probs"], seed=number(3, 0, "fit"))
    probs = np.asarray(task.predict(model, pool, ["probs"], seed=0).probs)[pool.unlabeled].astype(np.float64)
    correct = probs.argmax(axis=1) == task.truth[pool.unlabeled]
    np.testing.assert_array_equal(found.correct, correct)
    assert found.sizes.tolist() == [1, 6, 30, 60]
    two = np.sort(probs, axis=1)[:, -2:]
    order = np.argsort(two[:, 1] - two[:, 0], kind="stable")
    by_hand = [correct[order[:m]].mean() for m in found.sizes]
    np.testing.assert_allclose(found.tops["margin"], by_hand)
    wrong = int((~correct).sum())
    np.testing.assert_allclose(found.tops["oracle"], [max(0, m - wrong) / m for m in found.sizes])
    assert found.tops["random"][-1] == correct.mean()
    assert set(found.scores) == {"margin", "oracle", "random"}


def test_a_greedy_strategy_is_ranked_by_its_picks_and_a_balanced_one_is_asked_for_each_number() -> None:
    strategies = [{"strategy": "kcenter"}, {"strategy": "margin", "balance": 0.7}, {"strategy": "badge"}]
    experiment = parse(
        {
            **config([{"strategy": "margin"}]).model_dump(mode="json", exclude_none=True, exclude={"learner"}),
            "learner": {"backbone": "small-convnet", "preset": "digits", "training": {"epochs": 1}},
            "strategies": strategies,
        },
        "test",
    )
    experiment = experiment.model_copy(update={"protocol": experiment.protocol.model_copy(update={"seeds": [0]})})
    dataset, plans = load_dataset(experiment.data), plans_of(experiment.strategies)
    (found,) = analyse(experiment, dataset, plans, cycles=1, leader=plans["kcenter"], shares=(0.05, 0.2, 1.0))
    assert set(found.scores) == set()
    items, initial = pool_and_initial(experiment, dataset, 0)
    task = build_task(experiment, dataset, items)
    labels = np.full(80, -1)
    labels[initial] = task.truth[initial]
    pool = Pool(labels)
    needs = ["probs", "features"]
    model = task.fit(pool, needs, seed=number(0, 0, "fit"))
    pred = task.predict(model, pool, needs, seed=number(0, 0, "predict"))
    right = np.asarray(pred.probs)[pool.unlabeled].argmax(axis=1) == task.truth[pool.unlabeled]
    for label, plan in plans.items():
        for k, size in enumerate(found.sizes.tolist()):
            asked = analysis.select(plan, size, pred, pool, seed=number(0, 0, "query")).chosen
            expected = right[np.searchsorted(pool.unlabeled, asked)].mean()
            assert found.tops[label][k] == pytest.approx(expected), (label, size)


def test_plain_variants_are_found() -> None:
    plans = plans_of(config([{"strategy": "margin"}, {"strategy": "margin", "balance": 0.5}]).strategies)
    assert analysis.plain_of("margin+balance", plans) == "margin"
    assert analysis.plain_of("margin", plans) is None


def test_names_are_the_experiments_own_or_the_catalogues() -> None:
    own = [StrategyConfig(strategy="margin", label="m", balance=0.5)]
    found = named_strategies(["m", "entropy"], own)
    assert found[0] is own[0]
    assert found[1].strategy == "entropy"
    with pytest.raises(InputError, match="unknown strategy 'entrpy'"):
        named_strategies(["entrpy"], own)
    with pytest.raises(InputError, match="--strategies: m is named twice"):
        named_strategies(["m", "m"], own)


def test_what_cannot_be_analysed_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="auto: is another strategy in each cycle"):
        plans_of([StrategyConfig(strategy="auto")])
    tuned = config([{"strategy": "margin", "balance": "auto", "balance_tune": "first-cycle"}])
    with pytest.raises(InputError, match="tuned in the first cycle: run the experiment"):
        leading(tuned, None, plans_of(tuned.strategies))
    with pytest.raises(InputError, match="unknown strategy 'other'"):
        leading(tuned, "other", plans_of(tuned.strategies))
    with pytest.raises(DataNotFound, match="holds no experiment"):
        past_of(tmp_path, None)
    with pytest.raises(InputError, match="unknown strategy 'bald'"):
        past_of(run / "out", "bald")
    experiment, _, past, _ = past_of(run / "out", None)
    with pytest.raises(InputError, match="seed 0 has 3, asked are 4"):
        judge(experiment, cycles=4, past=past)
    other = dataclasses.replace(past[0].header, initial=tuple(range(20)))
    with pytest.raises(InputError, match="its initial set is another one"):
        judge(experiment, cycles=2, past={0: dataclasses.replace(past[0], header=other)})
    first = past[0].cycles[0]
    wrong = dataclasses.replace(first, asked_labels=tuple((c + 1) % 10 for c in first.asked_labels))
    with pytest.raises(InputError, match="the labels of cycle 0 are others"):
        judge(experiment, cycles=2, past={0: dataclasses.replace(past[0], cycles=(wrong, *past[0].cycles[1:]))})


def test_a_strategy_that_the_learner_cannot_serve_is_refused() -> None:
    plans = plans_of([StrategyConfig(strategy="bald")])
    with pytest.raises(InputError, match="bald: bald needs draws"):
        analysis.check(("probs", "truth"), 10, plans)
