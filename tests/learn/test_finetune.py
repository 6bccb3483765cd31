"""Fine-tuning: a network goes on from a source's weights, its head from a logistic regression on its features."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("timm")
pytest.importorskip("sklearn")

import timm
import torch
from PIL import Image, ImageOps
from safetensors.torch import save_file

import askew
from askew.data.dataset import Dataset, Images
from askew.errors import InputError
from askew.learn.classifier import Classifier
from askew.learn.feed import Feed, Normalisation
from askew.learn.probe import LinearProbe
from askew.learn.task import ImageClassification
from askew.learn.trainer import Trainer, _optimizer
from askew.learn.training import Training

SIDE, C = 32, 3
SHORT = replace(Training.preset("finetune"), epochs=2, steps=4, passes=0)


@pytest.fixture(scope="module")
def word(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        body = timm.create_model("test_efficientnet", num_classes=0)
        for module in body.modules():  # statistics of a trained network, not those that a new one has
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
    save_file(body.state_dict(), path)
    return f"timm:test_efficientnet:{path}"


def pictures(n, shape=(SIDE, SIDE, 3)):
    """Noise around a colour of the class: class i % C."""
    rng = np.random.default_rng(0)
    middle = np.array([[200, 60, 60], [60, 200, 60], [60, 60, 200]])[np.arange(n) % C, None, None, : shape[2]]
    return np.clip(middle + rng.integers(-60, 60, (n, *shape)), 0, 255).astype(np.uint8)


def classifier(word, **changes):
    return Classifier(C, **{"backbone": word, "training": SHORT, "side_px": SIDE, "device": "cpu", **changes})


def labels(n, known):
    return np.where(np.arange(n) < known, np.arange(n) % C, -1)


@pytest.mark.parametrize("shape", [(SIDE, SIDE, 3), (20, 20, 1), (24, 40, 3), (80, 70, 3)])
def test_an_untrained_network_has_the_features_of_the_frozen_one(word, shape):
    still = replace(SHORT, lr=1e-12, body_lr=0.0, weight_decay=0.0)
    x = pictures(12, shape)
    found = classifier(word, training=still).fit(x, labels(12, 12)).predict(x, ["features"])["features"]
    ready = np.stack([np.asarray(ImageOps.fit(_pillow(one), (SIDE, SIDE), Image.Resampling.BICUBIC)) for one in x])
    wanted = askew.features(ready, word, side_px=SIDE, device="cpu")
    assert np.abs(found - wanted).max() < 0.02 * np.abs(wanted).max()  # Pillow rounds to bytes, torch does not


def _pillow(pixels):
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).convert("RGB")


def test_before_the_first_step_it_says_what_the_probe_on_these_items_says(word):
    still = replace(SHORT, lr=1e-12, body_lr=0.0, weight_decay=0.0)
    x = pictures(30)
    model = classifier(word, training=still).fit(x, labels(30, 30))
    probe = LinearProbe(C, features=word, side_px=SIDE, device="cpu").fit(x, labels(30, 30))
    found, wanted = model.predict(x)["probs"], probe.predict(x)["probs"]
    assert np.abs(found - wanted).max() < 0.01
    assert np.ptp(wanted[:, 0]) > 0.1


def test_a_class_without_a_label_starts_low_and_finite(word):
    x, y = pictures(30), labels(30, 30)
    y[y == 2] = -1
    model = classifier(word, training=replace(SHORT, lr=1e-12, body_lr=0.0)).fit(x, y)
    assert torch.isfinite(model.network.head.bias).all()
    logits = np.log(model.predict(x[y >= 0])["probs"])
    assert (logits[:, 2] <= logits[:, :2].max(axis=1) + 1e-5).all()
    warm = classifier(word).fit(x, labels(30, 30), start=model)
    assert np.isfinite(warm.predict(x)["probs"]).all()


def test_the_body_learns_and_its_statistics_stay(word):
    x = pictures(12)
    still = classifier(word, training=replace(SHORT, body_lr=0.0, weight_decay=0.0)).fit(x, labels(12, 12)).network
    moved = classifier(word).fit(x, labels(12, 12)).network
    free = classifier(word, training=replace(SHORT, fixed_statistics=False)).fit(x, labels(12, 12)).network
    for name, tensor in still.state_dict().items():
        same = torch.equal(tensor, moved.state_dict()[name])
        assert same == ("running" in name or "num_batches" in name), name
        if "running" in name:
            assert not torch.equal(tensor, free.state_dict()[name]), name


def test_the_body_goes_at_its_share_of_the_rate(word):
    network = classifier(word).fit(pictures(6), labels(6, 6)).network
    optimizer = _optimizer(network, replace(SHORT, body_lr=0.25))
    body, head = optimizer.param_groups
    assert {id(p) for p in head["params"]} == {id(p) for p in network.head.parameters()}
    assert len(body["params"]) + len(head["params"]) == len(list(network.parameters()))
    assert len(_optimizer(network, replace(SHORT, body_lr=1.0)).param_groups) == 1


def test_a_module_of_ones_own_has_a_head_too():
    own = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(SIDE * SIDE * 3, 8), torch.nn.Linear(8, C))
    given = own[1].weight.detach().clone()
    still = replace(SHORT, body_lr=0.0, weight_decay=0.0)
    model = classifier(own, training=still, side_px=None).fit(pictures(12), labels(12, 12))
    assert torch.equal(model.network.model[1].weight, given)
    assert not torch.equal(model.network.model[2].weight, own[2].weight)
    assert (model.predict(pictures(12))["probs"].argmax(axis=1) == np.arange(12) % C).all()


def test_a_model_is_saved_and_read_back_bit_by_bit_without_the_source(word, tmp_path):
    x = pictures(12)
    model = classifier(word).fit(x, labels(12, 12))
    model.save(tmp_path / "a")
    gone = classifier(word)
    weights = gone.source.file
    moved = weights.rename(weights.with_suffix(".moved"))
    try:
        again = gone.load(tmp_path / "a")
    finally:
        moved.rename(weights)
    again.save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    for need in ("probs", "features", "draws"):
        assert np.array_equal(model.predict(x, [need], seed=1)[need], again.predict(x, [need], seed=1)[need])
    same = classifier(word).fit(x, labels(12, 12))
    assert np.array_equal(same.predict(x)["probs"], model.predict(x)["probs"])
    with pytest.raises(InputError, match=r"at 32 px.*at 48 px"):
        classifier(word, side_px=48).load(tmp_path / "a")


@pytest.mark.parametrize("strategy", ["entropy", "kcenter", "bald", "dispersion", "badge"])
def test_strategies_have_what_they_read(word, strategy):
    data = Dataset("colours", tuple("abc"), *(Images(labels(24, 24), pictures(24)) for _ in range(2)))
    task = ImageClassification(data, classifier(word))
    pool, plan = askew.Pool(labels(24, 9)), askew.Plan(strategy)
    trained = task.fit(pool, plan.needs, seed=0)
    found = askew.select(plan, 4, task.predict(trained, pool, plan.needs, seed=0), pool)
    assert len(set(found.chosen.tolist()) & set(pool.unlabeled.tolist())) == 4


def test_files_are_read_at_the_side_of_the_network(word, tmp_path):
    for i, one in enumerate(pictures(6, (50, 40, 3))):
        Image.fromarray(one).save(tmp_path / f"{i}.png")
    images = Images(labels(6, 6), paths=tuple(sorted(tmp_path.glob("*.png"))), side_px=20)
    assert classifier(word).feed(images).images.shape == (SIDE, SIDE, 3)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"backbone": "efficientnet-lite"}, "unknown backbone 'efficientnet-lite'"),
        ({"backbone": "timm:resnet17"}, "unknown network of timm 'resnet17'"),
        ({"backbone": "file:x.npy"}, "file:x.npy is a file: it has no network"),
        ({"backbone": "resnet18-cifar"}, "side_px: is for a source of features as backbone, got resnet18-cifar"),
        ({"side_px": 8}, "side_px: at least 16, got 8"),
        ({"pretrained": "w.pth"}, "brings its weights: leave it out"),
        ({"training": "fine-tune"}, "unknown training preset 'fine-tune': did you mean 'finetune'"),
    ],
)
def test_what_is_refused(word, changes, words):
    with pytest.raises(InputError) as caught:
        classifier(word, **changes)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pictures_of_four_channels_are_refused(word):
    with pytest.raises(InputError, match="images: 4 channels"):
        classifier(word).check((SIDE, SIDE, 4))


def test_the_trainer_takes_any_module_where_the_rates_are_one():
    x = Images(labels(4, 4), pictures(4))
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(SIDE * SIDE * 3, C))
    feed = Feed(x, torch.device("cpu"))
    training = replace(SHORT, body_lr=1.0, fit_head=False)
    trainer = Trainer(module, Normalisation.to_one(3), 4, training, seed=0, dtype=torch.float32)
    assert trainer.epoch(feed, torch.tensor([0, 1, 2, 0]), 0) > 0
