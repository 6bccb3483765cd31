"""One training at small scale: what an epoch holds, how classes are weighed, and that a seed says everything."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from askew.data.dataset import Images  # noqa: E402
from askew.data.load import load  # noqa: E402
from askew.learn.classifier import Classifier  # noqa: E402
from askew.learn.feed import Feed, Normalisation  # noqa: E402
from askew.learn.trainer import Trainer, class_weights  # noqa: E402
from askew.learn.training import Training  # noqa: E402

FEW = dataclasses.replace(Training.preset("default"), steps=20, passes=0)


def linear():
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    nn.init.zeros_(network[1].weight)
    nn.init.zeros_(network[1].bias)
    return network


def unit(channels=1):
    return Normalisation(torch.ones(channels), torch.zeros(channels))


class Recording(Feed):
    """A feed that notes the batches it was asked for."""

    def batches(self, indices):
        indices = list(indices)
        self.seen = [batch.tolist() for batch in indices]
        return super().batches(indices)


def trainer(network, n_items, training, **more):
    return Trainer(network, unit(), n_items, training, seed=0, dtype=torch.float32, **more)


def test_batches_are_cut_from_one_shuffled_pass_after_the_other():
    images = Images(np.zeros(5, np.int64), np.zeros((5, 2, 2, 1), np.uint8))
    feed = Recording(images, torch.device("cpu"))
    training = Training(epochs=3, batch=4, steps=9, crop_px=0, flip=False)
    run, seen = trainer(linear(), 5, training), []
    for epoch in range(3):
        run.epoch(feed, torch.zeros(5, dtype=torch.int64), epoch)
        assert [len(b) for b in feed.seen] == [4, 4, 4]
        seen += [item for batch in feed.seen for item in batch]
    passes = [seen[k : k + 5] for k in range(0, 35, 5)]  # 36 in all: 7 passes and one item more
    assert all(sorted(one) == [0, 1, 2, 3, 4] for one in passes)
    assert len({tuple(one) for one in passes}) > 1


class Watching(nn.Module):
    """Keeps the pictures that it is given."""

    def __init__(self):
        super().__init__()
        self.inner, self.seen = linear(), []

    def forward(self, x):
        self.seen.append(x.detach().clone())
        return self.inner(x)


@pytest.mark.parametrize(
    ("much", "erased"),
    [({"epochs": 100}, True), ({"epochs": 2, "steps": 100}, True), ({"epochs": 2, "steps": 98}, False)],
)
def test_squares_are_erased_where_every_item_is_seen_a_hundred_times(much, erased):
    images = Images(np.zeros(6, np.int64), np.full((6, 2, 2, 1), 200, np.uint8))
    training = Training(**much, batch=6, crop_px=0, flip=False, erase=0.5)  # six items: a step is a pass
    network = Watching()
    run = trainer(network, 6, training)
    for epoch in range(2):
        run.epoch(Feed(images, torch.device("cpu")), torch.zeros(6, dtype=torch.int64), epoch)
    seen = torch.cat(network.seen).flatten(1)
    assert ((seen == 0).sum(dim=1) == (1 if erased else 0)).all()
    assert not erased or (seen == 0).any(dim=0).all()  # each of the four pixels at some time


def test_class_weights_by_hand():
    """Counts 3, 0, 1: N / (K · N_c) = 4/6 and 4/2; logits are 0, so every loss is ln 3 and weighs as its class."""
    labels = torch.tensor([0, 0, 0, 2])
    assert class_weights(labels).tolist() == pytest.approx([4 / 6, 0, 2])
    images = Images(labels.numpy(), np.eye(4, dtype=np.uint8).reshape(4, 2, 2, 1))
    network = linear()
    training = Training(
        epochs=1, batch=4, lr=1.0, momentum=0.0, nesterov=False, weight_decay=0.0, class_weights=True,
        crop_px=0, flip=False, schedule="cosine",
    )  # fmt: skip
    loss = trainer(network, 4, training).epoch(Feed(images, torch.device("cpu")), labels, 0)
    assert loss == pytest.approx(np.log(3))
    for item, (label, weight) in enumerate([(0, 4 / 6), (0, 4 / 6), (0, 4 / 6), (2, 2.0)]):
        gradient = weight / 4 * (1 / 3 - np.eye(3)[label])
        assert network[1].weight[:, item].tolist() == pytest.approx(list(-gradient), abs=1e-6)


def test_adamw_is_torchs():
    images = Images(np.array([0, 1, 2, 1]), np.random.default_rng(0).integers(0, 9, (4, 2, 2, 1), dtype=np.uint8))
    labels = torch.from_numpy(images.labels)
    training = Training(
        epochs=2, steps=6, batch=4, optimizer="adamw", lr=0.03, weight_decay=0.4, schedule="cosine",
        crop_px=0, flip=False,
    )  # fmt: skip
    ours, plain = linear(), linear()
    run = trainer(ours, 4, training)
    for epoch in range(2):
        run.epoch(Feed(images, torch.device("cpu")), labels, epoch)
    optimizer = torch.optim.AdamW(plain.parameters(), lr=0.03, weight_decay=0.4, fused=False)
    x = torch.from_numpy(images.pixels).float()
    for step in range(6):
        optimizer.param_groups[0]["lr"] = 0.03 * training.rate(step, 6)
        optimizer.zero_grad()
        nn.functional.cross_entropy(plain(x), labels).backward()
        optimizer.step()
    assert torch.allclose(ours[1].weight, plain[1].weight, atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 3, 40])
def test_the_default_is_deterministic_from_the_first_label_on(count):
    train = load("digits").train.take(np.arange(count))
    probs = []
    for seed in (0, 0, 1):
        learner = Classifier(10, backbone="small-convnet", training=FEW, device="cpu")
        model = learner.fit(train, train.labels, seed=seed)
        probs.append(model.predict(train, ["probs"], seed=0)["probs"])
    assert np.array_equal(probs[0], probs[1])
    assert np.isfinite(probs[0]).all()
    assert not np.array_equal(probs[0], probs[2])


@pytest.mark.parametrize("weigh", [False, True])
def test_one_class_alone_is_learned(weigh):
    train = load("digits").train
    train = train.take(np.flatnonzero(train.labels == 3)[:20])
    learner = Classifier(
        10, backbone="small-convnet", training=dataclasses.replace(FEW, class_weights=weigh), device="cpu"
    )
    model = learner.fit(train, train.labels, seed=0)
    assert (model.predict(train, ["probs"], seed=0)["probs"].argmax(1) == 3).all()


def test_the_default_calls_a_recorder_ten_times_whatever_the_labels():
    training = Training.preset("default")
    assert training.epochs == 10
    assert {training.steps_for(n) % 10 for n in range(1, 3000, 97)} == {0}
    assert training.steps_for(1) == training.steps_for(60) == training.steps_for(200)
