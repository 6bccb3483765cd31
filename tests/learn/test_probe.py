"""`LinearProbe`: a learner like any other, on pictures, on features, in a task, with every strategy it can serve."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")
pytest.importorskip("timm")

import timm
import torch
from safetensors.torch import save_file

import askew
from askew.data.dataset import Dataset, Images
from askew.errors import DataNotFound, InputError
from askew.learn.classifier import Classifier
from askew.learn.features import FeatureRows, features
from askew.learn.probe import LinearProbe
from askew.learn.task import ImageClassification, fields_of
from askew.plan import Plan
from askew.query import query, select
from askew.strategies.dispersion import DispersionTracker
from askew.strategies.registry import strategies

N, D, C = 90, 12, 4


@pytest.fixture
def x():
    rng = np.random.default_rng(0)
    return (5 + 3 * rng.normal(size=(N, D)) + 9 * np.eye(C, D)[np.arange(N) % C]).astype(np.float32)


TRUTH = np.arange(N) % C


def labels(n=40):
    return np.where(np.arange(N) < n, TRUTH, -1)


@pytest.mark.parametrize("head", ["logistic", "linear", "svm"])
def test_a_model_is_saved_and_read_back_bit_by_bit(x, head, tmp_path):
    probe = LinearProbe(C, head=head)
    model = probe.fit(x, labels(), seed=1)
    needs = list(probe.gives)
    found = model.predict(x, needs)
    assert all(array.dtype == np.float32 for array in found.values())
    assert np.array_equal(found["features"], x)
    assert np.allclose(found["probs"].sum(axis=1), 1, atol=1e-6)
    assert (found["probs"].argmax(axis=1) == TRUTH)[40:].mean() > 0.7
    model.save(tmp_path / "a")
    again = LinearProbe(C, head=head).load(tmp_path / "a")
    again.save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    for name, array in again.predict(x, needs).items():
        assert np.array_equal(array, found[name]), name


@pytest.mark.parametrize("head", ["logistic", "linear", "svm"])
def test_the_same_seed_gives_the_same_model_and_nobody_elses_numbers_change(x, head):
    before, held = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    kept = x.copy()
    one, same, other = (LinearProbe(C, head=head).fit(x, labels(), seed=seed).weights for seed in (3, 3, 4))
    assert np.array_equal(one.weight, same.weight)
    assert np.array_equal(one.bias, same.bias)
    assert one.temperature == same.temperature
    assert head == "logistic" or not np.array_equal(one.weight, other.weight) or one.temperature != other.temperature
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    assert torch.equal(held, torch.get_rng_state())
    assert np.array_equal(x, kept)


@pytest.mark.parametrize("head", ["logistic", "linear", "svm"])
def test_the_unit_of_the_features_does_not_matter(x, head):
    one = LinearProbe(C, head=head).fit(x, labels()).predict(x)["probs"]
    other = LinearProbe(C, head=head).fit(x * 400 - 7, labels()).predict(x * 400 - 7)["probs"]
    assert np.allclose(one, other, atol=2e-3)


def test_unlabeled_items_teach_nothing_but_the_unit(x):
    wrong = np.where(labels() == -1, -1, TRUTH)
    spread = x.copy()
    spread[40:] = spread[40:][::-1]
    one, other = (LinearProbe(C).fit(rows, wrong).predict(x)["probs"] for rows in (x, spread))
    assert np.allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("head", ["logistic", "linear"])
def test_energy_is_what_the_softmax_takes_from_the_decision_values(x, head):
    model = LinearProbe(C, head=head).fit(x, np.where(TRUTH == C - 1, -1, labels()))  # a class without a label
    found = model.predict(x, ["probs", "energy"])
    decision = x.astype(np.float64) @ model.weights.weight.T.astype(np.float64) + model.weights.bias
    expected = -np.log(np.exp(decision).sum(axis=1))
    assert found["energy"].shape == (len(x),)
    assert np.allclose(found["energy"], expected, atol=1e-4)
    best = found["probs"].argmax(axis=1)
    assert np.allclose(np.log(found["probs"].max(axis=1)), decision[np.arange(len(x)), best] + expected, atol=1e-3)


def test_an_svm_has_no_energy_since_its_margins_are_no_logits(x):
    with pytest.raises(InputError, match="energy: a svm head does not give it"):
        LinearProbe(C, head="svm").fit(x, labels()).predict(x, ["energy"])


def test_margins_are_decision_values_and_probabilities_follow_them(x):
    model = LinearProbe(C, head="svm").fit(x, labels())
    found = model.predict(x, ["margins", "probs"])
    expected = x.astype(np.float64) @ model.weights.weight.T.astype(np.float64) + model.weights.bias
    assert np.allclose(found["margins"], expected, atol=1e-4)
    assert np.array_equal(found["margins"].argmax(axis=1), found["probs"].argmax(axis=1))
    own = found["margins"][np.arange(40), TRUTH[:40]]
    assert own.mean() > 0.5


def test_training_goes_on_from_a_start_saved_or_not(x, tmp_path):
    probe = LinearProbe(C, head="linear", parameters={"epochs": 5, "lr": 1.0})
    first = probe.fit(x, labels(20), seed=0)
    first.save(tmp_path / "m")
    warm = probe.fit(x, labels(), seed=1, start=first).weights.weight
    assert np.array_equal(warm, probe.fit(x, labels(), seed=1, start=probe.load(tmp_path / "m")).weights.weight)
    assert not np.allclose(warm, probe.fit(x, labels(), seed=1).weights.weight, atol=1e-3)
    still = LinearProbe(C, head="linear", parameters={"epochs": 1, "lr": 1e-9}).fit(x, labels(), seed=1, start=first)
    assert np.allclose(still.weights.weight, first.weights.weight, atol=1e-6)
    assert np.allclose(still.weights.bias, first.weights.bias, atol=1e-4)


def task_of(probe, x):
    """A task whose pool and test part have these features; its pictures are never looked at."""
    blank = np.zeros((N, 4, 4, 1), dtype=np.uint8)
    dataset = Dataset("numbers", tuple("abcd"), Images(TRUTH, blank), Images(TRUTH, blank))
    return ImageClassification(dataset, probe, feeds=(FeatureRows.of(x), FeatureRows.of(x)))


def test_dispersion_follows_the_epochs_of_the_linear_head(x):
    parameters = {"epochs": 6, "lr": 60.0, "batch": 8}
    probe = LinearProbe(C, head="linear", parameters=parameters)
    task, pool = task_of(probe, x), askew.Pool(labels(12))
    trained = task.fit(pool, ["dispersion"], seed=2)
    found = task.predict(trained, pool, ["dispersion"], seed=0).dispersion
    unlabeled = pool.unlabeled
    assert 0 < found[unlabeled].mean() < 1
    tracker = DispersionTracker(len(unlabeled), C)

    class Watch:
        reads = ("probs",)

        def begin(self, *_):
            pass

        def epoch(self, found):
            tracker.update(found["probs"].argmax(axis=1))

    probe.fit(x, pool, seed=askew_number(2), recorders=[Watch()])
    assert np.array_equal(tracker.dispersion(), found[unlabeled])
    assert "dispersion" not in fields_of(LinearProbe(C))


def askew_number(seed):
    """The seed that a task hands on."""
    from askew.seeding import number

    return number(seed, "fit")


@pytest.mark.parametrize("head", ["logistic", "linear", "svm"])
def test_every_strategy_that_it_serves_works_plain_and_balanced(x, head):
    parameters = {"epochs": 8, "lr": 5.0} if head == "linear" else {}
    task, pool = task_of(LinearProbe(C, head=head, parameters=parameters), x), askew.Pool(labels(24))
    served = []
    for name, entry in strategies().items():
        for balance in (None, 0.5) if entry.kind in ("scorer", "greedy") else (None,):
            plan = Plan(name, balance=None if balance is None else askew.Balance(balance))
            if not set(plan.needs) <= set(fields_of(task.learner)):
                with pytest.raises(InputError, match="which this learner does not give"):
                    plan.check(fields_of(task.learner), C)
                continue
            plan.check(fields_of(task.learner), C)
            trained = task.fit(pool, plan.needs, seed=0)
            pred = task.predict(trained, plan.asked_about(pool), plan.needs, seed=0)
            chosen = select(plan, 10, pred, pool, seed=0).chosen
            given = {field: getattr(pred, field) for field in plan.needs}
            assert np.array_equal(chosen, query(name, 10, labels=pool.labels, balance=balance, **given))
            served.append(name)
    assert {"random", "entropy", "margin", "least_confidence", "kcenter"} <= set(served)
    assert ("dispersion" in served) == (head == "linear")
    assert ("svm_margin" in served) == (head == "svm")
    assert "bald" not in served


def test_balance_on_a_probe_brings_the_classes_nearer_each_other(x):
    unequal = np.where(TRUTH == 0, True, np.arange(N) % 5 == 0)  # class 0 whole, a fifth of the others
    known = np.where(unequal & (np.arange(N) < 40), TRUTH, -1)
    task, pool = task_of(LinearProbe(C), x), askew.Pool(known)
    trained = task.fit(pool, ["probs"], seed=0)
    pred = task.predict(trained, pool, ["probs"], seed=0)
    counts = pool.counts(C)
    off = {}
    for balance in (None, 5.0):
        chosen = [query("random", 12, labels=known, probs=pred.probs, balance=balance, seed=seed) for seed in range(8)]
        totals = [counts + np.bincount(TRUTH[items], minlength=C) for items in chosen]
        off[balance] = np.mean([np.abs(total - total.mean()).sum() for total in totals])
    assert off[5.0] < off[None] - 2


def test_evaluation_counts_hits(x):
    task, pool = task_of(LinearProbe(C), x), askew.Pool(labels())
    trained = task.fit(pool, [], seed=0)
    hits = trained.model.predict(x)["probs"].argmax(axis=1) == TRUTH
    assert task.evaluate(trained)["accuracy"] == hits.mean()


@pytest.fixture
def word(tmp_path, monkeypatch):
    monkeypatch.setenv("ASKEW_CACHE", str(tmp_path / "cache"))
    body = timm.create_model("test_efficientnet", num_classes=0)
    save_file(body.state_dict(), tmp_path / "w.safetensors")
    return f"timm:test_efficientnet:{tmp_path / 'w.safetensors'}"


def test_pictures_become_features_by_themselves(word):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 24, 3), dtype=np.uint8)
    pixels[::2] //= 4
    classes = np.arange(20) % 2
    probe = LinearProbe(2, features=word, side_px=32)
    known = np.where(np.arange(20) < 10, classes, -1)
    model = probe.fit(pixels, known)
    rows = features(pixels, word, side_px=32)
    assert np.array_equal(model.predict(pixels)["probs"], LinearProbe(2).fit(rows, known).predict(rows)["probs"])
    assert np.allclose(model.predict(pixels[10:])["probs"], model.predict(pixels)["probs"][10:], atol=1e-6)
    by_labels = probe.fit(Images(known, pixels)).weights.weight
    assert np.array_equal(by_labels, model.weights.weight)
    assert np.array_equal(model.predict(torch.tensor(rows))["probs"], model.predict(rows)["probs"])


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda *_: LinearProbe(1), "n_classes: at least 2, got 1"),
        (lambda *_: LinearProbe(C, features="dino"), "unknown source of features 'dino'"),
        (lambda *_: LinearProbe(C, head="tree"), "unknown head 'tree'"),
        (lambda x, _: LinearProbe(C).fit(x), "labels: features bring none: pass them"),
        (lambda x, _: LinearProbe(C).fit(x, labels()[:-1]), "labels: 89 for 90 pictures"),
        (lambda x, _: LinearProbe(C).fit(x, np.full(N, -1)), "no labelled picture to train on"),
        (lambda x, _: LinearProbe(C).fit(x, labels(80) + 1), "is outside the 4 classes"),
        (lambda x, _: LinearProbe(C).fit(np.where(x > 15, np.nan, x), labels()), "row 3 is not finite in float32"),
        (lambda x, m: m.predict(x[:, 1:]), "features: 11 an item, the model was trained on 12"),
        (lambda x, m: m.predict(x[:0]), r"expected numbers \(N, D\), got float32 \(0, 12\)"),
        (lambda x, m: m.predict(FeatureRows.of(x).take([])), "nothing to predict"),
        (lambda x, m: m.predict(x, ["draws"]), "draws: a logistic head does not give it; it gives probs, features"),
        (lambda x, m: m.predict(x, ["margins"]), "margins: a logistic head does not give it"),
        (lambda x, m: LinearProbe(C, head="svm").fit(x, labels(), start=m), "start: head svm is trained anew"),
        (lambda x, m: LinearProbe(C, head="linear").fit(x, labels(), start=m), "start: is a model of"),
        (lambda x, m: LinearProbe(C).fit(x[:, 1:], labels(), start=m), "start: is a model of"),
        (lambda x, _: LinearProbe(C).fit(x, labels(), start=Classifier(C)), "expected a model of a LinearProbe"),
        (lambda *_: LinearProbe(C, features="file:x.npy").extractor, "file:x.npy is a file"),
    ],
)
def test_what_it_refuses(x, act, message):
    model = LinearProbe(C).fit(x, labels())
    with pytest.raises(InputError, match=message):
        act(x, model)


def test_a_file_that_is_no_model_of_this_probe(x, tmp_path):
    model = LinearProbe(C).fit(x, labels())
    model.save(tmp_path / "m")
    with pytest.raises(InputError, match=r"m: holds a model of .*'logistic'.*; this probe's are of .*'svm'"):
        LinearProbe(C, head="svm").load(tmp_path / "m")
    with pytest.raises(InputError, match="holds a model of"):
        LinearProbe(C + 1).load(tmp_path / "m")
    with pytest.raises(InputError, match="not a model that askew saved"):
        Classifier(C, backbone="small-convnet", device="cpu").load(tmp_path / "m")
    with pytest.raises(DataNotFound, match="no such file"):
        LinearProbe(C).load(tmp_path / "none")
    for content in (b"", (tmp_path / "m").read_bytes()[:-3], b"\x00" * 200):
        (tmp_path / "bad").write_bytes(content)
        with pytest.raises(InputError, match=r"bad: not a model that askew saved"):
            LinearProbe(C).load(tmp_path / "bad")


def test_feeds_of_another_length_are_refused(x):
    with pytest.raises(InputError, match="feeds: 89 rows for 90 pool pictures"):
        task_of(LinearProbe(C), x[:-1])
