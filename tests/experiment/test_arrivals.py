"""A pool that arrives: what is not there is not trained on, asked or covered; histories go on, killed or not."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from askew.errors import InputError
from askew.experiment.arrivals import Arrivals, History, class_after_class, counts_of, in_random_order
from askew.experiment.config import ExperimentConfig, parse
from askew.experiment.ledger import Cycle, read_ledger
from askew.experiment.tasks import arrivals_of, load_dataset, pool_and_initial
from askew.plan import Plan
from askew.pool import Pool
from askew.strategies.dispersion import DispersionTracker

torch = pytest.importorskip("torch")

from askew.experiment.ledger import open_ledger  # noqa: E402
from askew.experiment.loop import Run, TruthOracle, run_cycles  # noqa: E402
from askew.experiment.tasks import build_task  # noqa: E402

BASE: dict[str, Any] = {
    "name": "arriving",
    "data": {"source": "digits", "pool_items": 200, "test_items": 50},
    "learner": {"backbone": "small-convnet", "preset": "digits", "training": {"epochs": 3}},
    "protocol": {"initial": 12, "budget": 6, "cycles": 4, "seeds": 1},
    "pool": {"arrivals": [0.2, 0.5, 1.0]},
    "strategies": ["random"],
}


def config(**changes: Any) -> ExperimentConfig:
    return parse({**BASE, **changes}, "test")


def set_up(settings: ExperimentConfig) -> tuple[Any, np.ndarray, Arrivals | None]:
    dataset = load_dataset(settings.data)
    items, initial = pool_and_initial(settings, dataset, 0)
    return (
        build_task(settings, dataset, items, device="cpu"),
        initial,
        arrivals_of(settings, dataset, items, initial, 0),
    )


def run_in(folder: Path, task: Any, run: Run) -> tuple[Cycle, ...]:
    with open_ledger(folder, run.header()) as ledger:
        assert run_cycles(task, run, ledger, TruthOracle(task.truth))
    return read_ledger(folder / "ledger.jsonl")[1]


def test_counts_are_shares_rounded_up_and_the_last_repeats() -> None:
    assert counts_of([0.1, 0.3, 1.0], 10) == (1, 3, 10)
    assert counts_of([0.301], 10) == (4,)
    arrivals = Arrivals(np.array([4, 2, 0, 1, 3]), (2, 3, 5))
    assert [arrivals.items(cycle).tolist() for cycle in range(5)] == [
        [2, 4],
        [0, 2, 4],
        [0, 1, 2, 3, 4],
        [0, 1, 2, 3, 4],
        [0, 1, 2, 3, 4],
    ]


def test_orders_hold_every_item_once() -> None:
    initial = np.array([3, 7])
    order = in_random_order(10, initial, 0)
    assert order[:2].tolist() == [3, 7]
    assert sorted(order.tolist()) == list(range(10))
    assert order.tolist() != in_random_order(10, initial, 1).tolist()
    labels = np.random.default_rng(0).integers(4, size=60)
    order = class_after_class(labels, 0)
    assert sorted(order.tolist()) == list(range(60))
    assert np.count_nonzero(np.diff(labels[order])) == 3
    firsts = {int(labels[class_after_class(labels, seed)[0]]) for seed in range(20)}
    assert len(firsts) > 1


@pytest.mark.parametrize("order", ["random", "class"])
def test_the_initial_set_is_there_at_the_start_and_classes_come_later(order: str) -> None:
    settings = config(pool={"arrivals": [0.2, 0.5, 1.0], "order": order})
    task, initial, arrivals = set_up(settings)
    assert arrivals is not None
    assert np.isin(initial, arrivals.items(0)).all()
    assert [len(arrivals.items(cycle)) for cycle in range(4)] == [40, 100, 200, 200]
    for earlier, later in ((0, 1), (1, 2)):
        assert np.isin(arrivals.items(earlier), arrivals.items(later)).all()
    seen = [len(np.unique(task.truth[arrivals.items(cycle)])) for cycle in range(3)]
    assert seen[2] == 10
    assert (seen[0] <= 4 and seen[1] <= 7) if order == "class" else seen[0] == 10
    if order == "random":  # the initial set is that of the same experiment without arrivals
        plain = parse({name: value for name, value in BASE.items() if name != "pool"}, "test")
        assert set_up(plain)[1].tolist() == initial.tolist()


STRATEGIES = ["random", "kcenter", "dispersion", "typiclust", "probcover", "vaal"]


@pytest.mark.parametrize("name", STRATEGIES)
def test_no_strategy_sees_what_has_not_arrived(name: str, tmp_path: Path) -> None:
    """What is not there may be anything: with other pictures in its place the picks are the same."""
    task, initial, arrivals = set_up(config(vaal={"iterations": 3}, strategies=[name]))
    assert arrivals is not None
    run = Run(name, Plan(name), 0, initial, 6, 3, arrivals=dataclasses.replace(arrivals, counts=(60, 100)))
    cycles = run_in(tmp_path / "one", task, run)
    assert run.arrivals is not None
    assert [one.arrived for one in cycles] == [60, 100, 100]
    for one in cycles:
        assert np.isin(one.asked, run.arrivals.items(one.number)).all()
    later = np.setdiff1d(np.arange(200), run.arrivals.items(1))
    pixels = task._pool_feed.images.pixels
    pixels[later] = np.random.default_rng(0).integers(256, size=pixels[later].shape)
    again = run_in(tmp_path / "other", task, run)
    assert [(one.asked, one.predicted, one.metrics) for one in again] == [
        (one.asked, one.predicted, one.metrics) for one in cycles
    ]


@pytest.mark.parametrize("name", ["kcenter", "dispersion"])
def test_a_pool_that_is_there_at_once_gives_the_picks_of_one_without_arrivals(name: str, tmp_path: Path) -> None:
    task, initial, arrivals = set_up(config(pool={"arrivals": [1.0]}))
    plain = Run(name, Plan(name), 0, initial, 6, 3, warm_start=True)
    one = run_in(tmp_path / "plain", task, plain)
    other = run_in(tmp_path / "there", task, dataclasses.replace(plain, arrivals=arrivals))
    assert [(a.asked, a.metrics, a.model) for a in one] == [(b.asked, b.metrics, b.model) for b in other]
    assert [one.arrived for one in other] == [200] * 3
    line = (tmp_path / "plain" / "ledger.jsonl").read_text()
    assert "arriv" not in line
    assert "carry" not in line


class Listening:
    """A task that writes down every prediction of the pool after every epoch, item by item of the whole pool."""

    def __init__(self, task: Any, items: np.ndarray | None = None, heard: dict[int, list[int]] | None = None) -> None:
        self.task, self.items = task, np.arange(task.n_items) if items is None else items
        self.heard: dict[int, list[int]] = {} if heard is None else heard
        self.dispersions: list[dict[int, float]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.task, name)

    def part(self, items: np.ndarray) -> Listening:
        part = Listening(self.task.part(items), items, self.heard)
        part.dispersions = self.dispersions
        return part

    def fit(self, pool: Pool, needs: Any, **given: Any) -> Any:
        learner, heard, items = self.task.learner, self.heard, self.items

        class Ear:
            reads = ("probs",)

            def begin(self, *_: Any) -> None: ...

            def epoch(self, found: Any) -> None:
                for item, predicted in zip(items[pool.unlabeled], found["probs"].argmax(axis=1), strict=True):
                    heard.setdefault(int(item), []).append(int(predicted))

            def result(self) -> None: ...

        class Loud:
            def __getattr__(self, name: str) -> Any:
                return getattr(learner, name)

            def fit(self, *args: Any, recorders: Any = (), **more: Any) -> Any:
                return learner.fit(*args, recorders=(*recorders, Ear()), **more)

        self.task.learner = Loud()
        try:
            return self.task.fit(pool, needs, **given)
        finally:
            self.task.learner = learner

    def predict(self, model: Any, pool: Pool, needs: Any, **given: Any) -> Any:
        found = self.task.predict(model, pool, needs, **given)
        if "dispersion" in needs:
            rows = zip(self.items[pool.unlabeled], found.dispersion[pool.unlabeled], strict=True)
            self.dispersions.append({int(item): float(value) for item, value in rows})
            assert np.isnan(found.dispersion[pool.labeled]).all()
        return found


@pytest.mark.parametrize("warm", [True, False])
@pytest.mark.parametrize("carry", [True, False])
def test_a_carried_history_is_all_predictions_since_the_item_arrived(carry: bool, warm: bool, tmp_path: Path) -> None:
    task, initial, arrivals = set_up(config())
    listening = Listening(task)
    run = Run("d", Plan("dispersion"), 0, initial, 6, 4, warm_start=warm, arrivals=arrivals, carry=carry)
    states = []

    def watch(progress: Any) -> None:
        if progress.phase == "query":
            states.append({item: list(seen) for item, seen in listening.heard.items()})

    with open_ledger(tmp_path, run.header()) as ledger:
        assert run_cycles(listening, run, ledger, TruthOracle(task.truth), watch)
    assert len(states) == len(listening.dispersions) == 3
    lengths = []
    for told, seen in zip(listening.dispersions, states, strict=True):
        for item, value in told.items():
            history = seen[item] if carry else seen[item][-3:]
            lengths.append(len(history))
            modal = max(history.count(one) for one in history)
            assert value == pytest.approx(1 - modal / len(history), abs=1e-12)
    assert set(lengths) == ({3, 6, 9} if carry else {3})
    cycles = read_ledger(tmp_path / "ledger.jsonl")[1]
    assert [one.history is not None for one in cycles] == [carry] * 3 + [False]
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "ledger.jsonl",
        *(["model-3.safetensors"] if warm else []),
    ]


def test_a_history_that_is_gone_or_changed_is_refused(tmp_path: Path) -> None:
    task, initial, arrivals = set_up(config())
    run = Run("d", Plan("dispersion"), 0, initial, 6, 3, arrivals=arrivals, carry=True)

    class Stop(Exception):
        pass

    def stop(progress: Any) -> None:
        if progress.cycle == 1 and progress.phase == "evaluate":
            raise Stop

    with pytest.raises(Stop), open_ledger(tmp_path, run.header()) as ledger:
        run_cycles(task, run, ledger, TruthOracle(task.truth), stop)
    path = tmp_path / "history-0.npz"
    kept = History.load(path)
    assert kept.items.tolist() == run.arrivals.items(0).tolist()
    assert kept.states["dispersion"].shape == (40, 3)
    whole = path.read_bytes()
    for broken in (whole[:-1] + b"x", None):
        path.unlink()
        if broken is not None:
            path.write_bytes(broken)
        with (
            open_ledger(tmp_path, run.header()) as ledger,
            pytest.raises(
                InputError, match=r"history-0.npz: what trainings recorded so far is not there, or was changed"
            ),
        ):
            run_cycles(task, run, ledger, TruthOracle(task.truth))
        path.write_bytes(whole)
    with (
        pytest.raises(InputError, match="holds another run"),
        open_ledger(tmp_path, dataclasses.replace(run, carry=False).header()),
    ):
        pass
    with (
        pytest.raises(InputError, match="holds another run"),
        open_ledger(
            tmp_path,
            dataclasses.replace(run, arrivals=Arrivals(run.arrivals.order[::-1], run.arrivals.counts)).header(),
        ),
    ):
        pass
    with open_ledger(tmp_path, run.header()) as ledger:
        assert run_cycles(task, run, ledger, TruthOracle(task.truth))
    fresh = run_in(tmp_path / "never stopped", task, run)
    found = read_ledger(tmp_path / "ledger.jsonl")[1]
    assert [(a.asked, a.metrics, a.history) for a in found] == [(b.asked, b.metrics, b.history) for b in fresh]


KILLED = {
    **BASE,
    "learner": {**BASE["learner"], "warm_start": True},
    "protocol": {"initial": 12, "budget": 6, "cycles": 5, "seeds": 1},
    "pool": {"arrivals": [0.2, 0.5, 1.0], "order": "class"},
    "strategies": [{"strategy": "dispersion", "carry": True}],
}

SCRIPT = """
import json, sys
from pathlib import Path

from askew.experiment.config import parse
from askew.experiment.grid import Job, Place
from askew.experiment.workers import run_job

print("begun", flush=True)
run_job(parse(json.loads(sys.argv[1]), "test"), Place(Path(sys.argv[2])), Job("dispersion+carried", 0), lambda _: None)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_a_killed_run_ends_with_the_picks_models_and_histories_of_one_never_stopped(tmp_path: Path) -> None:
    def command(out: str) -> list[str]:
        return [sys.executable, "-c", SCRIPT, json.dumps(KILLED), str(tmp_path / out)]

    def cycles(out: str) -> list[tuple[Any, ...]]:
        path = tmp_path / out / "runs" / "dispersion+carried-seed0" / "ledger.jsonl"
        return [(c.asked, c.metrics, c.model, c.history, c.arrived) for c in read_ledger(path)[1]]

    start = time.monotonic()
    with subprocess.Popen(command("whole"), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        start = time.monotonic()
    seconds = time.monotonic() - start
    assert process.returncode == 0
    expected = cycles("whole")
    assert len(expected) == 5
    rng, stopped = np.random.default_rng(0), 0
    for kill in range(int(os.environ.get("ASKEW_KILLS", "2"))):
        with subprocess.Popen(command(f"killed{kill}"), stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(float(rng.uniform(0.3, 0.9)) * seconds)
            process.send_signal(signal.SIGKILL)
        stopped += process.returncode == -signal.SIGKILL
        subprocess.run(command(f"killed{kill}"), check=True, capture_output=True)
        assert cycles(f"killed{kill}") == expected
    assert stopped > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pool": {"arrivals": []}}, "pool.arrivals"),
        ({"pool": {"arrivals": [0.5, 0.4]}}, "pool.arrivals: expected shares above 0 and at most 1 that never fall"),
        ({"pool": {"arrivals": [0.0, 1.0]}}, "pool.arrivals: expected shares above 0"),
        ({"pool": {"arrivals": [0.5, 1.5]}}, "pool.arrivals: expected shares above 0"),
        ({"pool": {"arrivals": [0.2] * 5}}, "pool.arrivals: has 5 shares for 4 cycles"),
        ({"pool": {"order": "class"}}, "pool.arrivals"),
        ({"pool": {"arrivals": [1.0], "order": "classes"}}, "pool.order"),
        ({"pool": {"arivals": [1.0]}}, "arivals.*did you mean 'arrivals'"),
        (
            {"pool": {"arrivals": [1.0], "order": "class"}, "protocol": {**BASE["protocol"], "initial_set": "uniform"}},
            'pool.order: "class" has few classes at the start',
        ),
        (
            {"strategies": [{"strategy": "entropy", "carry": True}]},
            "carry: entropy reads nothing that trainings record",
        ),
        ({"strategies": [{"strategy": "auto", "carry": True}]}, "carry: auto chooses it"),
        (
            {"strategies": [{"strategy": "entropy", "pseudo_labels": {"share": 0.1}}]},
            "pseudo_labels need the whole pool from the start",
        ),
    ],
)
def test_what_cannot_arrive_is_refused_in_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        config(**changes)
    assert "\n" not in str(error.value)


def test_more_labels_than_have_arrived_are_refused() -> None:
    with pytest.raises(InputError, match=r"pool.arrivals: 18 labels after cycle 0, but only 14 items have arrived by"):
        set_up(config(pool={"arrivals": [0.07, 1.0]}))
    with pytest.raises(InputError, match=r"pool.arrivals: an item of the initial set is not there in the first cycle"):
        set_up(config(pool={"arrivals": [0.05, 1.0]}))
    with pytest.raises(InputError, match=r"protocol.initial: 12 is more than the 10 items that arrive first"):
        set_up(config(pool={"arrivals": [0.05, 1.0], "order": "class"}))


def test_labels_do_not_name_a_carried_strategy_twice() -> None:
    both = config(strategies=["dispersion", {"strategy": "dispersion", "carry": True}])
    assert [one.name for one in both.strategies] == ["dispersion", "dispersion+carried"]


def test_the_state_of_a_recorder_is_what_its_tracker_goes_on_from() -> None:
    from askew.recorders import RECORDINGS

    rng = np.random.default_rng(0)
    tracker = DispersionTracker(6, 4)
    probs = [np.eye(4)[rng.integers(4, size=4)] for _ in range(5)]
    whole = Pool([-1, 0, -1, -1, 1, -1])
    recorder = RECORDINGS["dispersion"].make()
    recorder.begin(whole, 4, 5)
    for epoch in probs[:2]:
        recorder.epoch({"probs": epoch})
        tracker.update(epoch.argmax(axis=1), whole.unlabeled)
    again = RECORDINGS["dispersion"].make()
    items = np.array([9, 1, 2, 7, 4, 5])  # where the six stand in a pool of ten
    labels = np.full(10, -1)
    labels[[1, 4, 7]] = 0  # items 1 and 4 as before, and one of the four that were followed
    assert RECORDINGS["dispersion"].carried
    again.go_on(recorder.state(), items)  # type: ignore[attr-defined]
    pool = Pool(labels)
    again.begin(pool, 4, 3)
    expected = {int(items[i]): [int(e[j].argmax()) for e in probs[:2]] for j, i in enumerate(whole.unlabeled)}
    more = [np.eye(4)[rng.integers(4, size=7)] for _ in range(3)]
    for epoch in more:
        again.epoch({"probs": epoch})
        for item, row in zip(pool.unlabeled, epoch, strict=True):
            expected.setdefault(int(item), []).append(int(row.argmax()))
    found = again.result()
    assert np.isnan(found[[1, 4, 7]]).all()
    for item in pool.unlabeled.tolist():
        history = expected[item]
        assert found[item] == pytest.approx(1 - max(map(history.count, history)) / len(history))
