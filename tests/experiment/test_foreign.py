"""Foreign items in a pool: who is foreign, what the model is taught, and AUROC held against scikit-learn's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from askew.data.dataset import Dataset, Images
from askew.data.load import load
from askew.errors import InputError
from askew.experiment import foreign
from askew.experiment.config import ExperimentConfig, parse
from askew.experiment.tasks import build_learner, load_dataset
from askew.learn.task import ImageClassification
from askew.pool import Pool
from askew.seeding import number


def config(**sections: Any) -> ExperimentConfig:
    return parse(
        {
            "name": "quick",
            "data": {"source": "digits", "pool_items": 300, "test_items": 100},
            "learner": {"backbone": "small-convnet", "preset": "digits", "training": {"epochs": 3}},
            "protocol": {"initial": 60, "budget": 10, "cycles": 2, "seeds": 2},
            "strategies": ["margin"],
            **sections,
        },
        "test",
    )


def test_held_out_classes_stay_in_the_pool_and_are_taught_to_nobody() -> None:
    experiment = config()
    dataset = load_dataset(experiment.data)
    mixed = foreign.held_out(experiment, dataset, (3, 8), 0)
    assert mixed.dataset.classes == ("0", "1", "2", "4", "5", "6", "7", "9")
    assert len(mixed.foreign) == 300
    assert not mixed.foreign[mixed.initial].any()
    assert len(mixed.initial) == 60
    place = {pixels.tobytes(): label for pixels, label in zip(dataset.train.pixels, dataset.train.labels, strict=True)}
    for pixels, label, out in zip(mixed.dataset.train.pixels, mixed.dataset.train.labels, mixed.foreign, strict=True):
        true = place[pixels.tobytes()]
        assert out == (true in (3, 8))
        assert out or mixed.dataset.classes[label] == str(true)
    assert len(mixed.dataset.test) == int((~np.isin(dataset.test.labels, (3, 8))).sum())
    assert not np.array_equal(mixed.initial, foreign.held_out(experiment, dataset, (3, 8), 1).initial)


def test_the_areas_are_scikit_learns() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    experiment = config()
    dataset = load_dataset(experiment.data)
    mixed = foreign.held_out(experiment, dataset, (0,), 5)
    told = foreign.tell(experiment, mixed, foreign.SCORES, "0", 5)
    learner = build_learner(experiment.learner, 9)
    task = ImageClassification(mixed.dataset, learner)
    labels = np.full(300, -1)
    labels[mixed.initial] = task.truth[mixed.initial]
    pool = Pool(labels)
    needs = ("dispersion", "probs", "energy")
    model = task.fit(pool, needs, seed=number(5, 0, "fit"))
    pred = task.predict(model, pool, needs, seed=number(5, 0, "predict"))
    rows = pool.unlabeled
    out = mixed.foreign[rows]
    probs = np.asarray(pred.probs)[rows].astype(np.float64)
    scores = {
        "dispersion": pred.dispersion[rows],
        "least_confidence": 1 - probs.max(axis=1),
        "entropy": -(probs * np.log(probs + 1e-300)).sum(axis=1),
        "energy": pred.energy[rows],
    }
    assert (told.n_own, told.n_foreign) == (int((~out).sum()), int(out.sum()))
    for name, values in scores.items():
        assert told.areas[name] == pytest.approx(metrics.roc_auc_score(out, values), abs=1e-4), name


def test_vaal_is_trained_as_the_configuration_says() -> None:
    areas = []
    for iterations in (1, 3):
        experiment = config(vaal={"iterations": iterations})
        mixed = foreign.held_out(experiment, load_dataset(experiment.data), (0,), 0)
        areas.append(foreign.tell(experiment, mixed, ["vaal", "entropy"], "0", 0, device="cpu").areas)
    assert areas[0]["entropy"] == areas[1]["entropy"]
    assert areas[0]["vaal"] != areas[1]["vaal"]


def test_another_data_set_comes_in_the_same_size_and_colours_and_at_most_as_many() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (500, 12, 20, 3), dtype=np.uint8)
    pixels[:250] = [200, 100, 50]
    other = Dataset(
        "noise", ("a", "b"), Images(np.arange(500) % 2, pixels), Images(np.arange(4) % 2, pixels[:4].copy())
    )
    experiment = config()
    digits = load_dataset(experiment.data)
    mixed = foreign.mixed_with(experiment, digits, other, 0)
    assert mixed.foreign.sum() == 240
    assert len(mixed.foreign) == 540
    assert mixed.dataset.train.shape == digits.train.shape
    assert not mixed.foreign[mixed.initial].any()
    gray = np.unique(mixed.dataset.train.pixels[mixed.foreign].reshape(240, -1), axis=0)
    assert round(0.299 * 200 + 0.587 * 100 + 0.114 * 50) in gray  # one of the pictures of one colour
    few = Dataset("few", ("a", "b"), other.train.take([0, 300, 301]), other.test)
    assert foreign.mixed_with(experiment, digits, few, 0).foreign.sum() == 3


def test_gray_pictures_are_shown_to_a_model_of_colours_as_gray() -> None:
    rng = np.random.default_rng(0)
    colour = Images(np.arange(100) % 2, rng.integers(0, 256, (100, 8, 8, 3), dtype=np.uint8))
    own = Dataset("own", ("a", "b"), colour, colour.take([0, 1]))
    experiment = config(
        data={"source": "digits"}, protocol={"initial": 10, "budget": 1, "cycles": 1, "initial_set": "uniform"}
    )
    mixed = foreign.mixed_with(experiment, own, load("digits"), 0)
    rows = mixed.dataset.train.pixels[mixed.foreign]
    assert rows.shape == (90, 8, 8, 3)
    assert (rows[..., 0] == rows[..., 1]).all()
    assert np.bincount(mixed.dataset.train.labels[mixed.initial]).tolist() == [5, 5]


def test_without_logits_and_epochs_the_other_scores_are_left() -> None:
    assert foreign.default_scores(("probs", "truth")) == ("least_confidence", "entropy")
    assert foreign.default_scores(("probs", "dispersion", "energy")) == foreign.SCORES


def test_what_cannot_be_told_is_refused() -> None:
    gives = ("probs", "features", "draws", "dispersion", "truth")
    for names, said in (
        (["energy"], "energy: this learner does not give it"),
        (["oracle"], "oracle: reads the truth"),
        (["kcenter"], "kcenter: gives no score an item"),
        (["entropy", "entropy"], "--strategies: entropy is named twice"),
        (["entrpy"], "unknown strategy 'entrpy'"),
        (["svm_margin"], "svm_margin needs margins"),
    ):
        with pytest.raises(InputError, match=said):
            foreign.check_scores(names, gives)
    classes = ("cat", "dog", "cat,dog", "cow")
    assert foreign.split_of("cat, cow", classes) == (0, 3)
    assert foreign.split_of("cat,dog", classes) == (2,)
    for name, said in (
        ("cat,cow,dog", "leaves 1 of 4 classes"),
        ("caw", "unknown class in --out-classes 'caw'"),
        ("cat,cat", "a class is named twice"),
    ):
        with pytest.raises(InputError, match=said):
            foreign.split_of(name, classes)
    digits = load("digits")
    tail = config(data={"source": "digits", "long_tail": {"imbalance": 0.5}})
    with pytest.raises(InputError, match=r"data.long_tail: its pool is cut by class"):
        foreign.held_out(tail, digits, (1,), 0)
    many = config(data={"source": "digits", "pool_items": 61})
    with pytest.raises(InputError, match=r"protocol.initial: 60, and the pool has"):
        foreign.held_out(many, digits, (1, 2), 0)
