"""The loop on a task that takes no time: options arrive, cycles have their own seeds, questions wait, models stay."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from askew.advice import Auto, Cell, Evidence, Gain, Option, advise
from askew.errors import InputError
from askew.experiment import loop
from askew.experiment.ledger import Cycle, open_ledger, read_ledger
from askew.experiment.loop import Progress, Run, TruthOracle, run_cycles
from askew.pick.balance import tune_weight
from askew.plan import Balance, Plan
from askew.pool import Pool
from askew.predictions import Predictions
from askew.query import select
from askew.seeding import number
from askew.strategies.proof import Proved
from askew.strategies.registry import strategy

N, C = 40, 3


@dataclass(frozen=True)
class Fake:
    """A model that is only a number: that of its own training, on top of the one it started from."""

    value: int

    def save(self, path: Path) -> None:
        path.write_text(str(self.value))


@dataclass
class FakeTask:
    """Writes down how it is called; what it says follows from the model's number alone."""

    n_items: int = N
    n_classes: int = C
    gives: tuple[str, ...] = ("probs", "features", "draws", "truth")
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    holds: Any = ()

    def fit(
        self,
        pool: Pool,
        needs: Collection[str],
        *,
        seed: int,
        start: Fake | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Fake:
        self.calls.append(("fit", tuple(needs), seed, start, pool.labels.tolist()))
        if progress is not None:
            progress(0.5)
        known = int(pool.labels[pool.labeled].sum()) * 7 + len(pool.labeled)
        return Fake((known + seed + (0 if start is None else 31 * start.value)) % 2**31)

    def predict(self, model: Fake, _: Pool, needs: Collection[str], *, seed: int) -> Predictions:
        self.calls.append(("predict", tuple(needs), seed, model))
        rng = np.random.default_rng(model.value)
        probs = rng.dirichlet([0.5] * C, N)
        held = {"probs": probs, "features": rng.normal(size=(N, 4)), "draws": rng.dirichlet([0.5] * C, (5, N))}
        held["truth"] = np.arange(N) % C
        return Predictions(**{name: held[name] for name in needs})

    def evaluate(self, model: Fake) -> dict[str, float]:
        self.calls.append(("evaluate", model))
        return {"accuracy": (model.value % 1000) / 1000}

    def load(self, path: Path) -> Fake:
        self.calls.append(("load", path.name))
        return Fake(int(path.read_text()))

    def held_back(self, model: Fake) -> Any:  # noqa: ARG002
        return self.holds

    def of(self, what: str) -> list[tuple[Any, ...]]:
        return [call[1:] for call in self.calls if call[0] == what]


TRUTH = np.arange(N) % C
INITIAL = np.array([1, 5, 6])


def run_of(plan: Plan | Auto | None, **changes: Any) -> Run:
    return dataclasses.replace(Run("label", plan, 3, INITIAL, 4, 4), **changes)


def ran(folder: Path, run: Run, task: FakeTask | None = None, watch: Any = lambda _: None) -> tuple[Cycle, ...]:
    with open_ledger(folder, run.header()) as ledger:
        assert run_cycles(FakeTask() if task is None else task, run, ledger, TruthOracle(TRUTH), watch)
    return read_ledger(folder / "ledger.jsonl")[1]


def test_a_cycle_is_fit_evaluate_predict_and_a_question_the_last_one_asks_nothing(tmp_path: Path) -> None:
    task = FakeTask()
    cycles = ran(tmp_path, run_of(Plan("entropy")), task)
    assert [call[0] for call in task.calls] == ["fit", "evaluate", "predict"] * 3 + ["fit", "evaluate"]
    assert [one.n_labeled for one in cycles] == [3, 7, 11, 15]
    assert [len(one.asked) for one in cycles] == [4, 4, 4, 0]
    labels = np.full(N, -1)
    labels[INITIAL] = TRUTH[INITIAL]
    for one, (needs, _, start, known) in zip(cycles, task.of("fit"), strict=True):
        assert known == labels.tolist()
        assert start is None
        assert needs == (() if one.number == 3 else ("probs",))
        assert one.labeled_counts == tuple(np.bincount(labels[labels >= 0], minlength=C))
        assert one.asked_labels == tuple(TRUTH[list(one.asked)])
        assert set(one.seconds) == ({"fit", "evaluate"} if one.number == 3 else {"fit", "evaluate", "predict", "query"})
        labels[list(one.asked)] = one.asked_labels
    models = [model for _, _, model in task.of("predict")]
    assert [one.metrics["accuracy"] for one in cycles[:3]] == [(m.value % 1000) / 1000 for m in models]


def test_seeds_are_named_by_seed_cycle_and_purpose(tmp_path: Path) -> None:
    task = FakeTask()
    ran(tmp_path, run_of(Plan("entropy")), task)
    assert [seed for _, seed, *_ in task.of("fit")] == [number(3, cycle, "fit") for cycle in range(4)]
    assert [seed for _, seed, _ in task.of("predict")] == [number(3, cycle, "predict") for cycle in range(3)]


@dataclass(frozen=True)
class Heard:
    plan: Plan
    n: int
    pred: Predictions
    labels: list[int]
    seed: int


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Heard]:
    found: list[Heard] = []

    def listening(plan: Plan, n: int, pred: Predictions, pool: Pool, *, seed: int) -> Any:
        found.append(Heard(plan, n, pred, pool.labels.tolist(), seed))
        return select(plan, n, pred, pool, seed=seed)

    monkeypatch.setattr(loop, "select", listening)
    return found


@strategy("powered", kind="scorer", needs=("probs",), paper="this test")
def powered(pred: Predictions, pool: Pool, *, power: float = 1.0) -> Any:
    """Scores the probability of class 0, to some power."""
    return pred.probs[:, 0] ** power


GROUND = [[0.0, 1.0, 5.0], [1.0, 0.0, 1.0], [5.0, 1.0, 0.0]]
PLANS = {
    "parameters": Plan(powered, {"power": 2.0}),
    "weight": Plan("margin", balance=Balance(0.7)),
    "target": Plan("margin", balance=Balance(2.0, target=[0.6, 0.3, 0.1])),
    "distance": Plan("margin", balance=Balance(2.0, distance="l2")),
    "ground metric": Plan("margin", balance=Balance(2.0, distance="wasserstein", ground_metric=GROUND)),
    "per class": Plan("kcenter", balance=Balance(3.0, per_class=True)),
    "by": Plan("margin", balance=Balance(by="predicted")),
    "auto": Plan("margin", balance=Balance("auto", distance="l2")),
}


@pytest.mark.parametrize("name", PLANS)
def test_the_whole_plan_reaches_the_query_and_the_header(tmp_path: Path, name: str, heard: list[Heard]) -> None:
    plan = PLANS[name]
    cycles = ran(tmp_path, run_of(plan))
    assert [one.plan for one in heard] == [plan] * 3
    assert [one.n for one in heard] == [4] * 3
    assert [one.seed for one in heard] == [number(3, cycle, "query") for cycle in range(3)]
    header = read_ledger(tmp_path / "ledger.jsonl")[0].record()
    assert {key: header[key] for key in ("strategy", "parameters", "balance")} == {
        key: plan.record()[key] for key in ("strategy", "parameters", "balance")
    }
    for one, cycle in zip(heard, cycles, strict=False):
        picked = select(plan, 4, one.pred, Pool(np.array(one.labels)), seed=one.seed)
        assert cycle.asked == tuple(picked.chosen.tolist())
        assert cycle.balance is None or cycle.balance["weight"] == picked.weight


@strategy("proving", kind="selector", needs=("probs",), paper="this test")
def proving(pred: Predictions, pool: Pool, n: int) -> Proved:
    """Picks the last items and says that it proved something."""
    return Proved(pool.unlabeled[-n:], "radius", 4.0, 3.0, 0.5, "the time limit")


def test_what_a_strategy_proved_is_in_the_ledger(tmp_path: Path) -> None:
    ran(tmp_path, run_of(Plan(proving)))
    cycles = read_ledger(tmp_path / "ledger.jsonl")[1]
    proof = {"quantity": "radius", "value": 4.0, "bound": 3.0, "gap": 0.25, "seconds": 0.5, "stopped": "the time limit"}
    assert [one.proof for one in cycles] == [proof] * 3 + [None]
    assert len(cycles[0].asked) == 4


@pytest.mark.parametrize("name", [None, *PLANS])
def test_what_a_task_holds_back_is_not_asked_and_the_rest_is_asked_as_a_pool_of_its_own(
    tmp_path: Path, name: str | None, heard: list[Heard]
) -> None:
    plan = Plan("bald") if name is None else PLANS[name]
    task = FakeTask(holds=np.array([0, 3, 9, 20, 21, 39]))
    cycles = ran(tmp_path, run_of(plan), task)
    for one, asked, (model,) in zip(heard, cycles[:3], task.of("evaluate")[:3], strict=True):
        rest = np.setdiff1d(np.arange(N), task.holds)
        assert not set(asked.asked) & set(task.holds.tolist())
        whole = task.predict(model, Pool.without_labels(N), plan.needs, seed=0)
        for need in plan.needs:
            axis = 1 if need == "draws" else 0
            assert np.array_equal(getattr(one.pred, need), np.take(getattr(whole, need), rest, axis=axis))
        picked = select(plan, 4, one.pred, Pool(np.array(one.labels)), seed=one.seed)
        assert asked.asked == tuple(rest[picked.chosen].tolist())


def test_a_weight_tuned_at_the_first_cycle_is_used_in_all_of_them(tmp_path: Path, heard: list[Heard]) -> None:
    every, first = (Balance("auto", tune=tune) for tune in ("every-cycle", "first-cycle"))
    anew = [one.balance["weight"] for one in ran(tmp_path / "a", run_of(Plan("margin", balance=every)))[:3]]
    cycles = ran(tmp_path / "b", run_of(Plan("margin", balance=first)))
    assert len(set(anew)) > 1
    assert [one.balance["weight"] for one in cycles[:3]] == [anew[0]] * 3
    assert [one.balance["curve"] is None for one in cycles[:3]] == [False, True, True]
    asked = heard[3]
    scores = -np.sort(asked.pred.probs, axis=1)[:, -1] + np.sort(asked.pred.probs, axis=1)[:, -2]
    open_items = np.flatnonzero(np.array(asked.labels) < 0)
    wanted = np.full(C, 7 / 3) - np.bincount(TRUTH[INITIAL], minlength=C)
    tuned = tune_weight(scores[open_items], asked.pred.probs[open_items], wanted, 4)
    assert tuned.weight == pytest.approx(anew[0])


def test_the_first_cycles_weight_is_taken_from_the_ledger_when_a_run_goes_on(tmp_path: Path) -> None:
    run = run_of(Plan("margin", balance=Balance("auto", tune="first-cycle")))
    whole = ran(tmp_path / "whole", run)
    stopped_after(tmp_path / "part", run, 2)
    assert picks(ran(tmp_path / "part", run)) == picks(whole)


def test_a_first_cycle_that_tells_no_weight_is_refused() -> None:
    run = run_of(Plan("margin", balance=Balance("auto", tune="first-cycle")))
    with pytest.raises(InputError, match=r"^balance: .*None"):
        run.plan_of([Cycle(0, 3, {}, (1, 1, 1), (2, 3), (2, 0))])


def test_without_a_plan_nothing_is_asked_in_any_cycle() -> None:
    assert run_of(None).plan_of([Cycle(0, 3, {}, (1, 1, 1))]) is None


def picks(cycles: tuple[Cycle, ...]) -> list[tuple[Any, ...]]:
    return [(one.asked, one.asked_labels, dict(one.metrics), one.model) for one in cycles]


class Stopped(Exception):
    pass


def stopped_after(folder: Path, run: Run, asks: int) -> None:
    """Leaves the ledger as a process leaves it that was killed right after the question of cycle `asks` - 1."""
    task = FakeTask()
    answer = TruthOracle(TRUTH).answer

    @dataclass
    class Dying:
        left: int = asks

        def answer(self, items: Any) -> Any:
            self.left -= 1
            if self.left < 0:
                raise Stopped
            return answer(items)

    with pytest.raises(Stopped), open_ledger(folder, run.header()) as ledger:
        run_cycles(task, run, ledger, Dying())
    assert len(ledger.cycles) == asks


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("asks", [1, 2, 3])
def test_a_run_that_died_at_a_question_goes_on_there_and_ends_the_same(tmp_path: Path, asks: int, warm: bool) -> None:
    run = run_of(Plan("entropy", balance=Balance(1.0)), warm_start=warm)
    whole = ran(tmp_path / "whole", run)
    stopped_after(tmp_path / "part", run, asks)
    task = FakeTask()
    assert picks(ran(tmp_path / "part", run, task)) == picks(whole)
    assert len(task.of("fit")) == 4 - asks


@dataclass
class Later:
    """Answers a question the second time it hears it."""

    heard: list[tuple[int, ...]] = field(default_factory=list)

    def answer(self, items: Any) -> Any:
        self.heard.append(tuple(items.tolist()))
        return TRUTH[items] if self.heard.count(self.heard[-1]) > 1 else None


def test_an_oracle_that_answers_later_leaves_the_question_in_the_ledger(tmp_path: Path) -> None:
    run = run_of(Plan("entropy"))
    whole = ran(tmp_path / "whole", run)
    oracle, task, through, calls = Later(), FakeTask(), False, 0
    while not through:
        with open_ledger(tmp_path / "later", run.header()) as ledger:
            through = run_cycles(task, run, ledger, oracle)
        calls += 1
        found = read_ledger(tmp_path / "later" / "ledger.jsonl")[1]
        assert through is (calls == 5)
        assert through or not found or found[-1].waiting
        assert calls < 20
    assert picks(found) == picks(whole)
    assert len(task.of("fit")) == 4
    assert calls == 5  # once for the initial set, once a question, and the end


def test_warm_starts_take_the_model_of_the_cycle_before_and_keep_the_last_one(tmp_path: Path) -> None:
    task = FakeTask()
    cycles = ran(tmp_path, run_of(Plan("entropy"), warm_start=True), task)
    starts = [start for _, _, start, _ in task.of("fit")]
    models = [model for (model,) in task.of("evaluate")]
    assert starts == [None, *models[:3]]
    assert task.of("load") == []
    assert [one.model for one in cycles] == [hashlib.sha256(str(m.value).encode()).hexdigest() for m in models]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ledger.jsonl", "model-3.safetensors"]


def test_without_warm_starts_no_model_is_kept(tmp_path: Path) -> None:
    cycles = ran(tmp_path, run_of(Plan("entropy")))
    assert [one.model for one in cycles] == [None] * 4
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.jsonl"]


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_warm_start_from_another_model_is_refused(tmp_path: Path, damage: str) -> None:
    run = run_of(Plan("entropy"), warm_start=True)
    stopped_after(tmp_path, run, 2)
    path = tmp_path / "model-1.safetensors"
    path.write_text("0") if damage == "changed" else path.unlink()
    before = (tmp_path / "ledger.jsonl").read_bytes()
    with pytest.raises(InputError, match=r"model-1\.safetensors: the model that the next cycle starts from"):
        ran(tmp_path, run)
    assert len((tmp_path / "ledger.jsonl").read_bytes()) >= len(before)


def test_the_whole_pool_goes_through_the_same_loop(tmp_path: Path) -> None:
    task = FakeTask()
    cycles = ran(tmp_path, run_of(None, initial=np.arange(N), budget=0, cycles=1), task)
    assert [call[0] for call in task.calls] == ["fit", "evaluate"]
    assert task.of("fit")[0][3] == TRUTH.tolist()
    assert (cycles[0].n_labeled, cycles[0].asked, cycles[0].l1_score) == (N, (), None)
    header = read_ledger(tmp_path / "ledger.jsonl")[0]
    assert (header.strategy, header.initial) == (None, ())


def test_what_the_task_cannot_give_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    task = FakeTask(gives=("probs",))
    with pytest.raises(InputError, match="bald needs draws"):
        ran(tmp_path, run_of(Plan("bald")), task)
    with pytest.raises(InputError, match="target: has 2 classes, the data has 3"):
        ran(tmp_path / "b", run_of(Plan("margin", balance=Balance(1.0, target=[0.5, 0.5]))), task)
    assert task.calls == []


def test_the_screen_hears_of_every_phase(tmp_path: Path) -> None:
    told: list[Progress] = []
    ran(tmp_path, run_of(Plan("entropy"), cycles=2), watch=told.append)
    assert [(one.cycle, one.phase) for one in told] == [
        *[(0, phase) for phase in ("fit", "fit", "evaluate", "predict", "query", "done")],
        *[(1, phase) for phase in ("fit", "fit", "evaluate", "done")],
    ]
    assert [one.fraction for one in told if one.phase == "fit"] == [0.0, 0.5, 0.0, 0.5]
    assert {(one.label, one.seed, one.cycles) for one in told} == {("label", 3, 2)}
    assert [one.n_labeled for one in told if one.phase == "done"] == [3, 7]


def test_a_model_that_the_strategy_did_not_ask_is_asked_of_the_chosen_items_alone(tmp_path: Path) -> None:
    heard: list[tuple[list[int], int]] = []

    class Watching(FakeTask):
        def predict(self, model: Fake, pool: Pool, needs: Collection[str], *, seed: int) -> Predictions:
            if tuple(needs) == ("probs",):
                heard.append((pool.labels.tolist(), seed))
            return super().predict(model, pool, needs, seed=seed)

    task = Watching()
    cycles = ran(tmp_path, run_of(Plan("random")), task)[:3]
    known = [labels for *_, labels in task.of("fit")]
    for cycle, labels, (told, seed) in zip(cycles, known, heard, strict=False):
        assert seed == number(3, cycle.number, "asked")
        assert [i for i, label in enumerate(told) if label == -1] == sorted(cycle.asked)
        assert [told[i] for i in range(N) if labels[i] >= 0] == [label for label in labels if label >= 0]
    assert len(heard) == 3


def test_a_strategy_that_reads_labelled_items_has_the_model_asked_about_them(tmp_path: Path) -> None:
    class Watching(FakeTask):
        def predict(self, model: Fake, pool: Pool, needs: Collection[str], *, seed: int) -> Predictions:
            asked.append(len(pool.unlabeled))
            probs = super().predict(model, pool, needs, seed=seed).probs
            return Predictions(probs=np.where(pool.labels[:, None] >= 0, np.nan, probs))

    asked: list[int] = []
    cycles = ran(tmp_path / "direct", run_of(Plan("direct")), Watching())
    assert [len(one.asked) for one in cycles] == [4, 4, 4, 0]
    ran(tmp_path / "entropy", run_of(Plan("entropy")), Watching())
    assert asked == [N, N, N, N - 3, N - 7, N - 11]


def test_threads_are_in_the_header(tmp_path: Path) -> None:
    ran(tmp_path, run_of(Plan("random"), threads=2))
    assert read_ledger(tmp_path / "ledger.jsonl")[0].threads == 2


def test_the_ledger_of_a_finished_run_is_left_alone(tmp_path: Path) -> None:
    run, task = run_of(Plan("entropy")), FakeTask()
    ran(tmp_path, run)
    before = (tmp_path / "ledger.jsonl").read_bytes()
    ran(tmp_path, run, task)
    assert task.calls == []
    assert (tmp_path / "ledger.jsonl").read_bytes() == before


@pytest.mark.parametrize("weight", [2.0, "auto"])
def test_the_ledger_holds_what_the_balance_reported(tmp_path: Path, weight: Any, heard: list[Heard]) -> None:
    cycles = ran(tmp_path, run_of(Plan("margin", balance=Balance(weight))))
    for one, cycle in zip(heard, cycles, strict=False):
        said = select(one.plan, one.n, one.pred, Pool(np.array(one.labels)), seed=one.seed)
        shares = said.expected / said.expected.sum()
        assert cycle.balance == {
            "weight": said.weight,
            "objective": said.objective,
            "bound": said.bound,
            "gap": said.gap,
            "l1_score": pytest.approx(np.abs(shares - 1 / C).sum() / (2 * (C - 1) / C)),
            "demand": said.demand.tolist(),
            "curve": None
            if said.curve is None
            else {"weights": list(said.curve.weights), "losses": list(said.curve.losses)},
        }
    assert (cycles[0].balance["curve"] is None) == (weight != "auto")
    assert cycles[-1].balance is None


def test_seconds_are_those_between_begin_and_end_of_a_phase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr(loop.time, "perf_counter", lambda: 100 + next(clock) * 0.123456)
    first, last = ran(tmp_path, run_of(Plan("entropy"), cycles=2, warm_start=True))
    assert first.seconds == dict.fromkeys(("fit", "evaluate", "predict", "query", "save"), 0.1235)
    assert last.seconds == dict.fromkeys(("fit", "evaluate", "save"), 0.1235)


def test_a_phase_begins_at_nothing_done() -> None:
    begun = Progress("label", 0, 0, 1, "fit", 3)
    assert (begun.accuracy, begun.fraction) == (None, 0.0)


def test_the_screen_hears_the_accuracy_once_it_is_known(tmp_path: Path) -> None:
    told: list[Progress] = []
    cycles = ran(tmp_path, run_of(Plan("entropy"), cycles=1), watch=told.append)
    assert [(one.phase, one.accuracy) for one in told][-1] == ("done", cycles[0].metrics["accuracy"])
    told.clear()
    cycles = ran(tmp_path / "two", run_of(Plan("entropy"), cycles=2), watch=told.append)
    known = [one.accuracy for one in told if one.phase in ("predict", "done")]
    assert known == [cycles[0].metrics["accuracy"]] * 2 + [cycles[1].metrics["accuracy"]]
    assert {one.accuracy for one in told if one.phase in ("fit", "evaluate")} == {None}


def test_a_pool_that_a_task_keeps_stays_as_it_was(tmp_path: Path) -> None:
    kept: list[Pool] = []

    class Keeping(FakeTask):
        def fit(self, pool: Pool, needs: Collection[str], **rest: Any) -> Fake:
            kept.append(pool)
            return super().fit(pool, needs, **rest)

    ran(tmp_path, run_of(Plan("entropy")), Keeping())
    assert [int((pool.labels >= 0).sum()) for pool in kept] == [3, 7, 11, 15]


def test_a_warm_run_that_goes_on_loads_the_last_model_once(tmp_path: Path) -> None:
    run, task = run_of(Plan("entropy"), warm_start=True), FakeTask()
    stopped_after(tmp_path, run, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ledger.jsonl", "model-1.safetensors"]
    ran(tmp_path, run, task)
    assert task.of("load") == [("model-1.safetensors",)]


def test_a_run_starts_anew_each_cycle_on_one_thread_unless_told_otherwise(tmp_path: Path) -> None:
    header = run_of(Plan("random")).header()
    assert (header.warm_start, header.threads) == (False, 1)
    assert (header.label, header.seed, header.cycles, header.budget, header.initial) == ("label", 3, 4, 4, (1, 5, 6))
    assert run_of(Plan("random"), warm_start=True).header().warm_start is True
    assert run_of(None).header().parameters == {}


@pytest.mark.parametrize(
    ("value", "name"),
    [(run_of(None), "seed"), (Progress("label", 0, 0, 1, "fit", 3), "phase"), (TruthOracle(TRUTH), "truth")],
)
def test_what_a_run_is_cannot_be_changed_on_the_way(value: Any, name: str) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, name, None)


def test_a_question_says_what_the_model_predicted_of_its_items(tmp_path: Path) -> None:
    for name in ("entropy", "random", "kcenter"):
        task = FakeTask()
        cycles = ran(tmp_path / name, run_of(Plan(name)), task)
        models = [model for _, _, model in task.of("predict")]
        of_cycle = list(dict.fromkeys(models))
        for one, model in zip(cycles[:3], of_cycle, strict=True):
            probs = np.random.default_rng(model.value).dirichlet([0.5] * C, N)
            assert one.predicted == tuple(probs[list(one.asked)].argmax(axis=1).tolist()), name
        assert cycles[3].predicted == ()


def test_a_task_without_probabilities_predicts_nothing(tmp_path: Path) -> None:
    task = FakeTask(gives=("features",))
    assert [one.predicted for one in ran(tmp_path, run_of(Plan("random")), task)] == [()] * 4


KNOWN = Evidence(
    {"random": Option("random"), "kcenter": Option("kcenter"), "entropy": Option("entropy", 0.6)},
    tuple(
        Cell(
            "a",
            ("a",),
            "balanced",
            C,
            N,
            per_class,
            4,
            5,
            50.0,
            {"kcenter": Gain(few, 1.0), "entropy": Gain(-few, 1.0)},
        )
        for per_class, few in ((1, 2.0), (4, -3.0))
    ),
)


def test_auto_settles_its_plan_in_every_cycle_and_the_ledger_has_it(tmp_path: Path) -> None:
    task = FakeTask()
    cycles = ran(tmp_path, run_of(Auto(KNOWN)), task)
    asked_with = [None if one.plan is None else one.plan["strategy"] for one in cycles]
    # the cells stand for 3.5 and 14 labels a class: 7/3 is near to the first alone, 11/3 and 15/3 are near to both
    assert asked_with == ["kcenter", "entropy", "entropy", None]
    assert task.of("predict")[0][0] == ("features",)
    assert [needs for needs, *_ in task.of("fit")] == [("features",), ("probs",), ("probs",), ()]
    assert cycles[2].plan is not None
    assert cycles[2].plan["balance"]["weight"] == 0.6
    assert cycles[2].balance is not None
    advice = advise(C, N, 3, 4, gives=task.gives, known=KNOWN)
    assert cycles[0].plan == advice.in_short()
    assert (cycles[0].plan["confidence"], cycles[0].plan["why"]) == (advice.confidence, advice.why)


def test_auto_asks_what_the_strategy_it_settles_on_asks(tmp_path: Path) -> None:
    auto = ran(tmp_path / "auto", run_of(Auto(KNOWN), cycles=2))
    plain = ran(tmp_path / "plain", run_of(Plan("kcenter"), cycles=2))
    assert picks(auto) == picks(plain)
    assert [one.plan for one in plain] == [None] * 2
    assert '"plan"' not in (tmp_path / "plain" / "ledger.jsonl").read_text()


def test_auto_that_was_stopped_goes_on_with_the_same_picks(tmp_path: Path) -> None:
    run = run_of(Auto(KNOWN))
    whole = ran(tmp_path / "whole", run)
    for n in (1, 2, 3):
        stopped_after(tmp_path / f"part-{n}", run, n)
        assert picks(ran(tmp_path / f"part-{n}", run)) == picks(whole)


def test_auto_asks_at_random_of_a_task_that_gives_nothing(tmp_path: Path) -> None:
    cycles = ran(tmp_path, run_of(Auto(KNOWN), cycles=2), FakeTask(gives=()))
    assert cycles[0].plan is not None
    assert cycles[0].plan["strategy"] == "random"
