"""Training and predicting with ResNet-18 (3×3 stem) on 32×32 colour: askew against a plain DataLoader loop in float32.

The plain loop is what a tutorial shows: a Dataset of PIL images, torchvision's RandomCrop, RandomHorizontalFlip,
ToTensor and Normalize, a DataLoader with one worker a core, SGD, float32. Network, batch size and optimizer are the
same. Images a second are medians of turns taken by all; processor time leaves out the plain loop's worker processes.
Then both train to the end with several seeds, and their accuracies on the test set are set side by side: on a GPU with
ResNet-18, on a processor with the small convnet.

CIFAR-10 is looked for as `askew` does (`ASKEW_DATA`, `./data`) and beside the checkout; without it the pictures are
noise and accuracy is left out. On a GPU: `python benchmarks/training.py --compile`.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from common import measure, write
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from askew.data.dataset import Images
from askew.data.load import load
from askew.errors import DataNotFound
from askew.learn import backbones
from askew.learn.classifier import Classifier
from askew.learn.device import choose, number_format, processor_has_bfloat16
from askew.learn.feed import Feed, Normalisation
from askew.learn.trainer import Trainer
from askew.learn.training import Training

BATCH = 128
GOAL = {"train": 2.5, "predict": 3.5}
"""Times faster than the plain loop, where the processor has AMX."""


class Pictures(Dataset):
    """What the plain loop loads from."""

    def __init__(self, images: Images, labels: np.ndarray, transform: Callable[[Any], torch.Tensor]) -> None:
        self.pictures = [Image.fromarray(p) for p in images.pixels]
        self.labels, self.transform = labels.tolist(), transform

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.pictures[i]), self.labels[i]


class PlainLoop:
    """A DataLoader in float32, as tutorials write it."""

    def __init__(self, images: Images, training: Training, backbone: str, device: torch.device, seed: int) -> None:
        torch.manual_seed(seed)
        mean, std = images.pixels.mean((0, 1, 2)) / 255, images.pixels.std((0, 1, 2)) / 255
        self.final = [transforms.ToTensor(), transforms.Normalize(mean.tolist(), std.tolist())]
        jitter = [transforms.RandomCrop(32, padding=training.crop_px), transforms.RandomHorizontalFlip()]
        self.workers, self.device, self.training = len(os.sched_getaffinity(0)), device, training
        self.network = backbones.build(backbone, (32, 32, 3), 10, dropout=0.2, pretrained=False).to(device)
        batch = training.batch_for(len(images))
        self.loader = self._loader(
            Pictures(images, images.labels, transforms.Compose(jitter + self.final)), batch, True
        )
        self.optimizer = torch.optim.SGD(
            self.network.parameters(), lr=training.lr, momentum=0.9, weight_decay=training.weight_decay, nesterov=True
        )
        self.done = 0

    def _loader(self, data: Pictures, batch: int, shuffle: bool) -> DataLoader:
        return DataLoader(
            data,
            batch,
            shuffle=shuffle,
            num_workers=self.workers,
            persistent_workers=True,
            pin_memory=self.device.type == "cuda",
        )

    def epoch(self) -> None:
        self.network.train()
        for x, y in self.loader:
            rate = self.training.rate(self.done, self.training.epochs * len(self.loader))
            for group in self.optimizer.param_groups:
                group["lr"] = self.training.lr * rate
            loss = F.cross_entropy(
                self.network(x.to(self.device)), y.to(self.device), label_smoothing=self.training.label_smoothing
            )
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.done += 1
        self._wait()

    def predictor(self, images: Images) -> Callable[[], np.ndarray]:
        loader = self._loader(Pictures(images, images.labels, transforms.Compose(self.final)), BATCH, False)

        def predict() -> np.ndarray:
            self.network.eval()
            with torch.no_grad():
                return torch.cat([self.network(x.to(self.device)).softmax(1).cpu() for x, _ in loader]).numpy()

        return predict

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def askew_epoch(images: Images, training: Training, device: torch.device) -> Callable[[], None]:
    """Returns a callable that trains one epoch on all pictures."""
    classifier = Classifier(10, training=training, device=str(device))
    network = classifier._new_network(images.shape, 0, False)
    feed = Feed(images, device)
    normalise = Normalisation.measure(feed, torch.Generator()).to(device)
    dtype = number_format(device, training.amp)
    trainer = Trainer(network, normalise, len(images), training, seed=0, dtype=dtype)
    labels = torch.from_numpy(images.labels)
    turn = iter(range(10**9))
    return lambda: trainer.epoch(feed, labels, next(turn)) and None


def askew_predict(images: Images, few: Images, training: Training, device: torch.device) -> Callable[[], Any]:
    """Returns a callable that predicts all pictures with a classifier trained on a few."""
    classifier = Classifier(10, training=replace(training, epochs=1, compile=False), device=str(device))
    model = classifier.fit(few, few.labels, seed=0)
    return lambda: model.predict(images, ["probs"], seed=0)


def speed(
    train: Images, test: Images, training: Training, device: torch.device, args: argparse.Namespace
) -> dict[str, Any]:
    """Returns images a second of every way, and how many times faster than the plain loop it is."""
    ways = {"askew": training, "askew float32": replace(training, amp="off")}
    if args.compile:
        ways["askew compiled"] = replace(training, compile=True)
    plain = PlainLoop(train, training, "resnet18-cifar", device, 0)
    epochs: dict[str, Callable[[], Any]] = {"plain": plain.epoch}
    predictions: dict[str, Callable[[], Any]] = {"plain": plain.predictor(test)}
    for name, way in ways.items():
        epochs[name] = askew_epoch(train, way, device)
        if not way.compile:
            predictions[name] = askew_predict(test, train.take(np.arange(BATCH)), way, device)
    record = {}
    for what, calls, n in (("train", epochs, len(train)), ("predict", predictions, len(test))):
        clock, processor = measure(calls, args.repeats)
        others = [name for name in calls if name != "plain"]
        record[what] = {
            "images": n,
            "images_per_second": {name: round(n / s, 1) for name, s in clock.items()},
            "times_plain": {name: round(clock["plain"] / clock[name], 2) for name in others},
            "times_plain_by_processor_time": {name: round(processor["plain"] / processor[name], 2) for name in others},
        }
    return record


def accuracy(train: Images, test: Images, device: torch.device, args: argparse.Namespace) -> dict[str, Any]:
    """Returns test accuracies after training in every way with several seeds, and how far from the plain loop they are.

    The ways share neither the order of the pictures nor the crops, so the error is that of two independent means.
    """
    gpu = device.type == "cuda"
    backbone = "resnet18-cifar" if gpu else "small-convnet"
    training = Training(epochs=30) if gpu else replace(Training.preset("desk"), crop_px=4, epochs=args.accuracy_epochs)
    some = train.take(np.arange(5_000 if gpu else args.accuracy_items))
    ways = {"askew": training, "askew float32": replace(training, amp="off")}
    found: dict[str, list[float]] = {"plain": [], **{name: [] for name in ways}}
    for seed in range(args.seeds):
        plain = PlainLoop(some, training, backbone, device, seed)
        for _ in range(training.epochs):
            plain.epoch()
        answers = {"plain": plain.predictor(test)()}
        for name, way in ways.items():
            classifier = Classifier(10, backbone=backbone, training=way, device=str(device))
            model = classifier.fit(some, some.labels, seed=seed)
            answers[name] = model.predict(test, ["probs"], seed=0)["probs"]
        for name, probs in answers.items():
            found[name].append(float((probs.argmax(1) == test.labels).mean()))
    return {
        "backbone": backbone,
        "items": len(some),
        "epochs": training.epochs,
        "test_items": len(test),
        "accuracy": {name: [round(v, 4) for v in values] for name, values in found.items()},
        "against_plain": {name: difference(found[name], found["plain"]) for name in ways},
    }


def difference(ours: list[float], plain: list[float]) -> dict[str, Any]:
    """Returns the difference of the means, its standard error, and whether it is within two of them."""
    mean = statistics.mean(ours) - statistics.mean(plain)
    error = ((statistics.variance(ours) + statistics.variance(plain)) / len(ours)) ** 0.5
    return {"mean": round(mean, 4), "standard_error": round(error, 4), "same_within_two_errors": abs(mean) <= 2 * error}


def pictures() -> tuple[Images, Images, bool]:
    """Returns training and test pictures, and whether they are CIFAR-10 (else noise)."""
    for root in (None, Path(__file__).resolve().parents[2] / "shared" / "data"):
        try:
            data = load("cifar10", root=root)
        except DataNotFound:
            continue
        return data.train, data.test, True
    rng = np.random.default_rng(0)
    noise = [Images(rng.integers(0, 10, n), rng.integers(0, 256, (n, 32, 32, 3), np.uint8)) for n in (10_000, 5_000)]
    return noise[0], noise[1], False


def main() -> None:
    """Measures and writes benchmarks/results/training.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few pictures")
    parser.add_argument("--compile", action="store_true", help="also with torch.compile (a minute of warm-up)")
    parser.add_argument("--only", choices=("speed", "accuracy"), help="one half; its file is named after it")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seeds", type=int, default=8, help="of the comparison of accuracies; at least 2")
    args = parser.parse_args()
    device = choose(args.device)
    gpu = device.type == "cuda"
    args.repeats = 3
    args.accuracy_items, args.accuracy_epochs = (500, 8) if args.quick else (1_000, 15)
    train, test, real = pictures()
    n_train, n_test = (20_000, 10_000) if gpu else (128, 256) if args.quick else (768, 1536)
    training = Training(epochs=1_000, batch=BATCH, lr=0.01)
    record: dict[str, Any] = {
        "device": torch.cuda.get_device_name(device) if gpu else "cpu",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "bfloat16": "on a GPU" if gpu else f"native on this processor: {processor_has_bfloat16()}",
        "amx": bool(torch.cpu._is_amx_tile_supported()),
        "goal_with_amx": GOAL,
        "pictures": "CIFAR-10" if real else "noise",
    }
    if args.only != "accuracy":
        few, some = train.take(np.arange(n_train)), test.take(np.arange(n_test))
        record.update(speed(few, some, training, device, args))
    if real and args.only != "speed":
        record["after_training"] = accuracy(
            train, test.take(np.arange(min(len(test), 10_000 if gpu else 2_000))), device, args
        )
    write(f"training-{args.only}" if args.only else "training", record, quick=args.quick)


if __name__ == "__main__":
    main()
