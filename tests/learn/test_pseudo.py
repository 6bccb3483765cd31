"""Two models and CEAL on a learner that takes no time: who starts from whom, what is trained on, what is asked."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from askew.data.dataset import Dataset, Images
from askew.experiment.ledger import Cycle, open_ledger, read_ledger
from askew.experiment.loop import Run, TruthOracle, run_cycles
from askew.learn.learner import telling
from askew.learn.pseudo import PseudoLabeling
from askew.learn.task import ImageClassification
from askew.plan import Balance, Plan
from askew.pool import Pool
from askew.pseudo_labels import PseudoLabels

N, C, TEST = 60, 3, 20
INITIAL, BUDGET, CYCLES = np.arange(6), 4, 4
TWO, CEAL = PseudoLabels(share=0.2), PseudoLabels("one", "entropy", share=0.2)
BY_ENTROPY = PseudoLabels(certainty="entropy", share=0.2)


@dataclasses.dataclass(frozen=True)
class Fake:
    """A model that is a number; what it says of picture i in an epoch follows from the two and nothing else."""

    value: int
    epoch: int = 0

    def predict(self, images: Images, needs: Any, **_: Any) -> dict[str, Any]:
        numbers = images.pixels[:, 0, 0, 0].astype(int)
        rows = [np.random.default_rng([self.value, self.epoch, i]).dirichlet([0.3] * C) for i in numbers.tolist()]
        probs = np.array(rows, dtype=np.float32).reshape(-1, C)
        features = np.stack([numbers, numbers**2], axis=1).astype(np.float32)
        return {need: {"probs": probs, "features": features}[need] for need in needs}

    def save(self, path: Path) -> None:
        path.write_text(json.dumps([self.value, self.epoch]))


class FakeLearner:
    """Writes down every training: on which labels, and from which model."""

    n_classes, gives, saves, epochs = C, ("probs", "features"), True, 5

    def __init__(self) -> None:
        self.fits: list[tuple[list[int], int, Fake | None, Fake]] = []

    def feed(self, images: Images) -> Images:
        return images

    def fit(self, images: Images, pool: Pool, *, seed: int, start: Fake | None = None, recorders: Any = ()) -> Fake:
        known = int((pool.labels + 1) @ np.arange(1, len(pool) + 1))
        value = (known * 31 + seed + (0 if start is None else 7 * start.value)) % 2**31
        tell = telling(recorders, images, pool, epochs=self.epochs, n_classes=C, seed=seed)
        for epoch in range(self.epochs):
            tell(epoch, Fake(value, epoch))  # type: ignore[arg-type]
        model = Fake(value, self.epochs - 1)
        self.fits.append((pool.labels.tolist(), seed, start, model))
        return model

    def load(self, path: Path) -> Fake:
        return Fake(*json.loads(Path(path).read_text()))


@pytest.fixture
def task() -> ImageClassification:
    pixels = np.broadcast_to(np.arange(N, dtype=np.uint8)[:, None, None, None], (N, 2, 2, 1)).copy()
    labels = np.arange(N) * 7 // 2 % C
    data = Dataset("numbers", ("a", "b", "c"), Images(labels, pixels), Images(labels[:TEST], pixels[:TEST]))
    return ImageClassification(data, FakeLearner())  # type: ignore[arg-type]


def taught(task: ImageClassification, how: PseudoLabels) -> PseudoLabeling:
    return PseudoLabeling(task, how, initial=len(INITIAL), budget=BUDGET)


def run_of(how: PseudoLabels, plan: Plan | None = None) -> Run:
    plan = Plan("entropy") if plan is None else plan
    return Run("label", plan, 3, INITIAL, BUDGET, CYCLES, warm_start=True, pseudo_labels=how)


def ran(folder: Path, task: ImageClassification, run: Run, oracle: Any = None) -> tuple[Cycle, ...]:
    assert run.pseudo_labels is not None
    with open_ledger(folder, run.header()) as ledger:
        run_cycles(taught(task, run.pseudo_labels), run, ledger, oracle or TruthOracle(task.truth))
    return read_ledger(folder / "ledger.jsonl")[1]


def fits_of(task: ImageClassification) -> list[tuple[list[int], int, Fake | None, Fake]]:
    return task.learner.fits  # type: ignore[attr-defined, no-any-return]


def labels_at(task: ImageClassification, cycles: tuple[Cycle, ...], number: int) -> Any:
    labels = np.full(N, -1)
    labels[INITIAL] = task.truth[INITIAL]
    for cycle in cycles[:number]:
        labels[list(cycle.asked)] = cycle.asked_labels
    return labels


@pytest.mark.parametrize("how", [TWO, BY_ENTROPY])
def test_a_starts_from_the_latest_b_and_b_from_a(tmp_path: Path, task: ImageClassification, how: PseudoLabels) -> None:
    cycles = ran(tmp_path, task, run_of(how))
    fits = fits_of(task)
    assert len(fits) == 2 * CYCLES
    latest: Fake | None = None
    for number, cycle in enumerate(cycles):
        (on_a, _, start_a, a), (on_b, _, start_b, b) = fits[2 * number : 2 * number + 2]
        known = labels_at(task, cycles, number)
        assert start_a == latest
        assert start_b == a
        assert on_a == known.tolist()
        pseudo = np.array(on_b)[known < 0]
        assert np.array(on_b)[known >= 0].tolist() == known[known >= 0].tolist()
        assert (pseudo >= 0).sum() == 12 == cycle.metrics["pseudo_labels"]
        latest = b


def test_the_first_a_is_the_model_of_a_run_without_pseudo_labels(tmp_path: Path, task: ImageClassification) -> None:
    cycles = ran(tmp_path / "two", task, run_of(TWO))
    run = dataclasses.replace(run_of(TWO), pseudo_labels=None, warm_start=False)
    with open_ledger(tmp_path / "plain", run.header()) as ledger:
        run_cycles(task, run, ledger, TruthOracle(task.truth))
    plain = read_ledger(tmp_path / "plain" / "ledger.jsonl")[1]
    assert cycles[0].metrics["teacher_accuracy"] == plain[0].metrics["accuracy"]


def modal(model: Fake, pictures: Images) -> tuple[Any, Any]:
    """The slow reference of Eq. 3.1 and 3.2: the smallest of the most frequent classes, and 1 - f/T."""
    epochs = FakeLearner.epochs
    said = [Fake(model.value, e).predict(pictures, ("probs",))["probs"].argmax(axis=1) for e in range(epochs)]
    counts = np.array([np.bincount(row, minlength=C) for row in np.stack(said, axis=1)])
    return 1 - counts.max(axis=1) / epochs, counts.argmax(axis=1)


def test_by_dispersion_the_steadiest_get_their_modal_class_and_by_entropy_the_surest_their_best(
    task: ImageClassification,
) -> None:
    known = np.full(N, -1)
    known[INITIAL] = task.truth[INITIAL]
    pictures = Images(task.truth, np.broadcast_to(np.arange(N, dtype=np.uint8)[:, None, None, None], (N, 2, 2, 1)))
    for how in (TWO, BY_ENTROPY):
        found = taught(task, how).fit(Pool(known), ("probs",), seed=1)
        assert found.teacher is not None
        teacher = found.teacher.model
        assert isinstance(teacher, Fake)
        if how is TWO:
            uncertainty, classes = modal(teacher, pictures)
        else:
            probs = teacher.predict(pictures, ("probs",))["probs"].astype(float)
            uncertainty, classes = -(probs * np.log(probs)).sum(axis=1), probs.argmax(axis=1)
        items = np.flatnonzero(found.labels >= 0)
        others = np.setdiff1d(np.flatnonzero(known < 0), items)
        assert len(items) == 12
        assert uncertainty[items].max() <= uncertainty[others].min() + 1e-6
        assert found.labels[items].tolist() == classes[items].tolist()
        assert (found.labels[INITIAL] == -1).all()


@pytest.mark.parametrize("plan", [Plan("entropy"), Plan("dispersion"), Plan("kcenter"), Plan("badge"), Plan("random")])
def test_pseudo_labelled_items_are_not_asked_in_their_cycle_and_are_back_in_the_next(
    tmp_path: Path, task: ImageClassification, plan: Plan
) -> None:
    cycles = ran(tmp_path, task, run_of(PseudoLabels(share=0.4), plan))
    fits, carried = fits_of(task), []
    for number, cycle in enumerate(cycles):
        known = labels_at(task, cycles, number)
        on_b = np.array(fits[2 * number + 1][0])
        carried.append(set(np.flatnonzero((on_b >= 0) & (known < 0)).tolist()))
        assert not carried[-1] & set(cycle.asked)
        on_a = np.array(fits[2 * number][0])
        assert (on_a[list(carried[-1])] == -1).all()
    asked_later = [set().union(*(one.asked for one in cycles[n + 1 :])) & carried[n] for n in range(CYCLES - 1)]
    assert any(asked_later)
    assert any(carried[n] - carried[n + 1] for n in range(CYCLES - 1))


def test_balance_counts_the_labels_alone(tmp_path: Path, task: ImageClassification) -> None:
    cycles = ran(tmp_path, task, run_of(TWO, Plan("entropy", balance=Balance(1.0))))
    for number, cycle in enumerate(cycles[:-1]):
        known = labels_at(task, cycles, number)
        counts = np.bincount(known[known >= 0], minlength=C)
        assert cycle.labeled_counts == tuple(counts.tolist())
        assert cycle.balance is not None
        assert cycle.balance["demand"] == pytest.approx(np.maximum((counts.sum() + BUDGET) / C - counts, 0))


def test_the_picks_are_the_best_of_what_remains(tmp_path: Path, task: ImageClassification) -> None:
    cycles = ran(tmp_path, task, run_of(TWO))
    on_b, _, _, b = fits_of(task)[1]
    remaining = np.flatnonzero(np.array(on_b) < 0)
    images = Images(np.zeros(N, int), np.broadcast_to(np.arange(N, dtype=np.uint8)[:, None, None, None], (N, 2, 2, 1)))
    probs = b.predict(images, ("probs",))["probs"].astype(float)
    entropy = -(probs * np.log(probs)).sum(axis=1)
    assert list(cycles[0].asked) == remaining[np.argsort(-entropy[remaining])][:BUDGET].tolist()
    assert list(cycles[0].predicted) == probs[list(cycles[0].asked)].argmax(axis=1).tolist()


def test_the_ledger_has_both_models_and_how_good_the_pseudo_labels_were(
    tmp_path: Path, task: ImageClassification
) -> None:
    cycles = ran(tmp_path, task, run_of(TWO))
    test = Images(task.truth[:TEST], np.arange(TEST, dtype=np.uint8)[:, None, None, None])
    for number, cycle in enumerate(cycles):
        (_, _, _, a), (on_b, _, _, b) = fits_of(task)[2 * number : 2 * number + 2]
        known = labels_at(task, cycles, number)
        pseudo = np.flatnonzero((np.array(on_b) >= 0) & (known < 0))
        right = [np.mean(m.predict(test, ("probs",))["probs"].argmax(axis=1) == task.truth[:TEST]) for m in (a, b)]
        assert cycle.metrics["teacher_accuracy"] == pytest.approx(right[0])
        assert cycle.metrics["accuracy"] == pytest.approx(right[1])
        assert {"mean_class_accuracy", "teacher_mean_class_accuracy"} <= set(cycle.metrics)
        assert cycle.metrics["pseudo_label_accuracy"] == np.mean(np.array(on_b)[pseudo] == task.truth[pseudo])


def test_ceal_takes_its_pseudo_labels_from_the_model_of_the_cycle_before(
    tmp_path: Path, task: ImageClassification
) -> None:
    cycles = ran(tmp_path, task, run_of(CEAL))
    fits = fits_of(task)
    assert len(fits) == CYCLES
    assert [start for _, _, start, _ in fits] == [None, *(model for *_, model in fits[:-1])]
    assert [one.metrics["pseudo_labels"] for one in cycles] == [0, 12, 12, 12]
    assert "pseudo_label_accuracy" not in cycles[0].metrics
    assert "teacher_accuracy" not in cycles[1].metrics
    for number in range(1, CYCLES):
        known = labels_at(task, cycles, number)
        on = np.array(fits[number][0])
        items = np.flatnonzero((on >= 0) & (known < 0))
        pictures = Images(task.truth, np.broadcast_to(np.arange(N, dtype=np.uint8)[:, None, None, None], (N, 2, 2, 1)))
        probs = fits[number - 1][3].predict(pictures, ("probs",))["probs"].astype(float)
        entropy = -(probs * np.log(probs)).sum(axis=1)
        open_items = np.flatnonzero(known < 0)
        assert set(items) == set(open_items[np.argsort(entropy[open_items])][:12])
        assert on[items].tolist() == probs[items].argmax(axis=1).tolist()


def test_ceals_threshold_takes_what_is_below_it_and_falls(tmp_path: Path, task: ImageClassification) -> None:
    how = PseudoLabels("one", "entropy", threshold=0.4, decay=0.15)
    cycles = ran(tmp_path, task, run_of(how))
    fits = fits_of(task)
    pictures = Images(task.truth, np.broadcast_to(np.arange(N, dtype=np.uint8)[:, None, None, None], (N, 2, 2, 1)))
    for number, threshold in ((1, 0.4), (2, 0.25), (3, 0.1)):
        known = labels_at(task, cycles, number)
        probs = fits[number - 1][3].predict(pictures, ("probs",))["probs"].astype(float)
        entropy = -(probs * np.log(probs)).sum(axis=1)
        on = np.array(fits[number][0])
        assert (
            np.flatnonzero((on >= 0) & (known < 0)).tolist()
            == np.flatnonzero((entropy < threshold) & (known < 0)).tolist()
        )
        assert cycles[number].metrics["pseudo_labels"] == ((entropy < threshold) & (known < 0)).sum()
    assert cycles[1].metrics["pseudo_labels"] > cycles[3].metrics["pseudo_labels"]


def test_a_share_of_nothing_trains_the_second_model_on_the_labels_alone(
    tmp_path: Path, task: ImageClassification
) -> None:
    cycles = ran(tmp_path, task, run_of(PseudoLabels(share=0)))
    fits = fits_of(task)
    assert len(fits) == 2 * CYCLES
    assert all(fits[2 * n][0] == fits[2 * n + 1][0] for n in range(CYCLES))
    assert [one.metrics["pseudo_labels"] for one in cycles] == [0] * CYCLES


class Stopped(Exception):
    pass


class Dying:
    """Answers so many questions, and is then gone like a process that was killed."""

    def __init__(self, truth: Any, left: int) -> None:
        self.truth, self.left = truth, left

    def answer(self, items: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise Stopped
        return self.truth[items]


CEAL_BELOW = PseudoLabels("one", "entropy", threshold=0.4, decay=0.1)


@pytest.mark.parametrize("how", [TWO, BY_ENTROPY, CEAL, CEAL_BELOW])
@pytest.mark.parametrize("answers", [1, 2, 3])
def test_a_run_that_died_ends_with_the_picks_of_one_that_did_not(
    tmp_path: Path, task: ImageClassification, how: PseudoLabels, answers: int
) -> None:
    def told(cycles: tuple[Cycle, ...]) -> list[Any]:
        return [(one.asked, one.asked_labels, dict(one.metrics), one.model) for one in cycles]

    whole = ran(tmp_path / "whole", task, run_of(how))
    with pytest.raises(Stopped):
        ran(tmp_path / "part", task, run_of(how), Dying(task.truth, answers))
    assert len(read_ledger(tmp_path / "part" / "ledger.jsonl")[1]) == answers
    assert told(ran(tmp_path / "part", task, run_of(how))) == told(whole)


def test_progress_rises_once_over_both_trainings(task: ImageClassification) -> None:
    known = np.full(N, -1)
    known[INITIAL] = task.truth[INITIAL]
    shares: list[float] = []
    taught(task, TWO).fit(Pool(known), (), seed=0, progress=shares.append)
    assert shares == pytest.approx([k / 10 for k in range(1, 11)])


def test_the_header_says_what_was_trained_on_and_older_headers_do_not_name_it(
    tmp_path: Path, task: ImageClassification
) -> None:
    ran(tmp_path, task, run_of(TWO))
    header = read_ledger(tmp_path / "ledger.jsonl")[0]
    assert header.pseudo_labels == TWO.record()
    assert "pseudo_labels" not in dataclasses.replace(run_of(TWO), pseudo_labels=None).header().record()
