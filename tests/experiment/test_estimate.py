"""The estimate of an experiment's time: its sums by hand, its timing on a clock that a test sets, and a real one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch

from askew.advice import Auto
from askew.experiment import estimate
from askew.experiment.config import ExperimentConfig, parse
from askew.experiment.estimate import Pace, measure, remaining_seconds
from askew.experiment.grid import Job, Place
from askew.experiment.ledger import open_ledger
from askew.experiment.loop import TruthOracle, run_cycles
from askew.experiment.tasks import build_learner, build_task, load_dataset, pool_and_initial
from askew.experiment.workers import run_of
from askew.learn.task import fields_of
from askew.plan import Plan


def config_of(**changes: Any) -> ExperimentConfig:
    values = {
        "name": "try",
        "data": {"source": "digits", "pool_items": 100, "test_items": 40},
        "learner": {"backbone": "small-convnet", "preset": "digits", "training": {"epochs": 2}},
        "protocol": {"initial": 20, "budget": 10, "cycles": 3, "seeds": [0, 1], "full": True},
        "strategies": ["entropy", "kcenter"],
    }
    return parse({**values, **changes}, "here")


PROTOCOL = {"initial": 20, "budget": 10, "cycles": 3}

PACE = Pace(
    fit=lambda n: n / 10,
    probs=0.01,
    predict={"entropy": 0.02, "kcenter": 0.03},
    query={"entropy": 0.5, "kcenter": 1.5},
)

ENTROPY = (2 + 0.4 + 80 * 0.02 + 0.5) + (3 + 0.4 + 70 * 0.02 + 0.5) + (4 + 0.4)
KCENTER = (2 + 0.4 + 100 * 0.03 + 1.5) + (3 + 0.4 + 100 * 0.03 + 1.5) + (4 + 0.4)  # features: labelled items too
WHOLE_POOL = 10 + 0.4


@pytest.fixture
def paced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "measure", lambda *_: PACE)


@pytest.mark.usefixtures("paced")
def test_the_runs_add_up_and_share_the_workers(tmp_path: Path) -> None:
    config = config_of()
    dataset = load_dataset(config.data)
    total = 2 * (ENTROPY + KCENTER + WHOLE_POOL)
    for jobs, expected in ((1, total), (2, total / 2), (6, KCENTER), (99, KCENTER)):
        found = remaining_seconds(config, dataset, Place(tmp_path), jobs=jobs, start_seconds=7.0)
        assert found == pytest.approx(7 + expected), jobs


@pytest.mark.usefixtures("paced")
@pytest.mark.parametrize(
    ("pseudo", "more"),
    [
        # B is trained on 20 items more, which are 2 s, and tested; A predicts the open items after each of 5 epochs
        ({"share": 0.2}, (4 + 0.4 + 5 * 0.8) + (5 + 0.4 + 5 * 0.7) + (6 + 0.4 + 5 * 0.6)),
        ({"share": 0.2, "certainty": "entropy"}, (4 + 0.4 + 0.8) + (5 + 0.4 + 0.7) + (6 + 0.4 + 0.6)),
        ({"share": 0.2, "models": "one"}, (2 + 0.7) + (2 + 0.6)),
        ({"models": "one", "threshold": 0.1}, 0.7 + 0.6),
    ],
)
def test_pseudo_labels_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pseudo: dict[str, Any], more: float
) -> None:
    label, protocol = "with", {"initial": 20, "budget": 10, "cycles": 3, "seeds": [0]}
    config = config_of(protocol=protocol, strategies=[{"strategy": "entropy", "label": label, "pseudo_labels": pseudo}])
    times = {label: PACE.predict["entropy"]}, {label: PACE.query["entropy"]}
    monkeypatch.setattr(estimate, "measure", lambda *_: Pace(PACE.fit, PACE.probs, *times, epochs=5))
    found = remaining_seconds(config, load_dataset(config.data), Place(tmp_path), jobs=1)
    assert found == pytest.approx(ENTROPY + more)


@pytest.mark.usefixtures("paced")
def test_cycles_that_are_done_are_not_counted(tmp_path: Path) -> None:
    config = config_of(protocol={"initial": 20, "budget": 10, "cycles": 3, "seeds": [0]})
    dataset = load_dataset(config.data)
    items, initial = pool_and_initial(config, dataset, 0)
    task = build_task(config, dataset, items, device="cpu")
    for cycles, expected in ((1, ENTROPY - 4.5 + KCENTER), (3, KCENTER)):
        job = Job("entropy", 0)
        run = run_of(config, job, initial, len(items))
        with open_ledger(tmp_path / job.folder, run.header()) as ledger:
            told = []

            def stop(progress: Any, told: list[int] = told, cycles: int = cycles) -> None:
                told.append(progress.cycle)
                if progress.cycle == cycles:
                    raise KeyboardInterrupt

            try:
                run_cycles(task, run, ledger, TruthOracle(task.truth), stop)
            except KeyboardInterrupt:
                assert cycles == 1
        assert remaining_seconds(config, dataset, Place(tmp_path), jobs=1) == pytest.approx(expected)


def test_nothing_left_is_not_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "cycles_done", lambda *_: 3)
    monkeypatch.setattr(estimate, "measure", None)
    config = config_of()
    assert remaining_seconds(config, load_dataset(config.data), Place(tmp_path), jobs=1, start_seconds=9) == 0


@pytest.mark.parametrize(("start", "step"), [(0.5, 0.004), (0.0, 0.2), (3.0, 2.0)])
def test_a_step_is_told_from_what_is_before_the_first_one(start: float, step: float) -> None:
    asked: list[int] = []

    def fit(steps: int) -> float:
        asked.append(steps)
        return start + step * steps

    assert estimate._step_seconds(fit) == pytest.approx((start, step))
    assert max(asked) - 1 <= max(estimate.MOST_STEPS, 4) + 4
    assert step * (max(asked) - 1) >= estimate.ENOUGH_SECONDS or max(asked) > estimate.MOST_STEPS


def test_what_is_short_is_timed_again_and_a_stall_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    def timed(*lasting: float) -> float:
        times = iter([t for seconds in lasting for t in (0.0, seconds)])
        monkeypatch.setattr(estimate.time, "perf_counter", lambda: next(times))
        found = estimate._seconds(lambda: None)
        assert list(times) == []
        return found

    assert timed(3.0) == 3.0
    assert timed(0.2, 0.1) == 0.1  # the first one loads things
    assert timed(0.02, 0.01, 0.01, 0.9) == 0.01
    assert timed(0.02, 0.01, 0.01, 0.02, 0.03) == pytest.approx(0.015)


def test_batches_between_the_ends_take_seconds_between() -> None:
    """20 epochs in batches of 32: of 20 labels one batch of 20 each, of 70 three of 23⅓."""
    training = config_training(epochs=20, batch=32)
    assert [estimate._batch(training, n) for n in (20, 32, 70)] == pytest.approx([20, 32, 70 / 3])
    assert estimate._batch(config_training(epochs=10, batch=32, steps=250), 70) == 32


def config_training(**fields: Any) -> Any:
    from askew.learn.training import Training

    return Training(**fields)


@pytest.mark.parametrize(
    "learner",
    [
        {"preset": "digits"},
        {"preset": "quick", "training": {"steps": 20, "passes": 0}},
        {"estimator": "sklearn.linear_model.LogisticRegression"},
    ],
)
def test_a_real_learner_is_timed_and_the_process_is_as_before(tmp_path: Path, learner: dict[str, Any]) -> None:
    strategies = [
        "entropy",
        {"strategy": "kcenter", "balance": 0.5},
        *([] if "estimator" in learner else ["dispersion"]),
    ]
    config = config_of(learner=learner, strategies=strategies)
    dataset = load_dataset(config.data)
    threads, environment = torch.get_num_threads(), dict(os.environ)
    with_threads = Place(tmp_path / "none", threads=2)
    assert remaining_seconds(config, dataset, with_threads, jobs=1) > 0
    assert torch.get_num_threads() == threads
    assert dict(os.environ) == environment
    assert list(tmp_path.iterdir()) == []
    pace = measure(config, dataset, with_threads)
    assert 0 < pace.fit(20) < 2 * pace.fit(100)
    assert min(*pace.predict.values(), *pace.query.values(), pace.probs) > 0
    if "dispersion" in pace.predict:  # all epochs predict the pool
        assert pace.predict["dispersion"] > 5 * pace.probs


def test_auto_is_timed_as_the_plan_of_a_middle_cycle(tmp_path: Path) -> None:
    config = config_of(strategies=["auto", "random"])
    dataset = load_dataset(config.data)
    gives = fields_of(build_learner(config.learner, 10))
    found = estimate.plans_of(config, dataset, Place(tmp_path), 100)
    assert found == {"auto": Auto().settle(10, 100, 30, 10, gives).plan, "random": Plan("random")}
    assert set(measure(config, dataset, Place(tmp_path)).query) == {"auto", "random"}


def test_a_strategy_that_reads_labelled_items_is_timed_too(tmp_path: Path) -> None:
    config = config_of(strategies=["direct", "random"])
    found = measure(config, load_dataset(config.data), Place(tmp_path)).query
    assert set(found) == {"direct", "random"}
    assert min(found.values()) > 0


def test_the_networks_of_vaal_are_timed_by_their_steps_and_the_pool(tmp_path: Path) -> None:
    dataset = load_dataset(config_of().data)
    pace = {
        steps: measure(
            config_of(strategies=["vaal"], vaal={"iterations": steps, "width": 4, "batch": 8}), dataset, Place(tmp_path)
        )
        for steps in (10, 10_000)
    }
    assert pace[10].likeness > 0
    assert pace[10_000].likeness > 20 * pace[10].likeness
    assert measure(config_of(strategies=["entropy"]), dataset, Place(tmp_path)).likeness == 0


def test_what_vaal_takes_is_counted_in_each_cycle_that_asks_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict, query = {"vaal": 0.02, "entropy": 0.02}, {"vaal": 0.5, "entropy": 0.5}
    for likeness, more in ((0.0, 0.0), (7.0, 14.0)):  # the last of three cycles asks nothing
        pace = Pace(PACE.fit, PACE.probs, predict, query, likeness)
        monkeypatch.setattr(estimate, "measure", lambda *_, found=pace: found)
        config = config_of(strategies=["vaal", "entropy"], protocol={**PROTOCOL, "seeds": [0]})
        seconds = remaining_seconds(config, load_dataset(config.data), Place(tmp_path), jobs=1)
        assert seconds == pytest.approx(2 * ENTROPY + more)
