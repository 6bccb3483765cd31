"""SimSiam on CIFAR-10 on a processor: are its features better than raw pixels, and than the same network untrained?

    python benchmarks/simsiam.py --data-root DIR

Some training pictures are learned from without their labels. Then every test picture gets its class from its 20 nearest
among them, by raw pixels, by the network with random weights and by the trained one. Both networks with random weights
are judged: with normalisations as they begin, and as they are after one pass over the pictures. What is killed goes on.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from askew.data.dataset import Images
from askew.data.load import load
from askew.experiment.provenance import processor, versions
from askew.files import write_whole
from askew.learn import backbones, simsiam_file
from askew.learn.device import seeded
from askew.learn.feed import Feed, Normalisation
from askew.learn.pretraining import Epoch, pretrain
from askew.learn.simsiam import BATCH, Settings, features_of, knn_accuracy
from askew.seeding import generator, number

CPU = torch.device("cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data-root", type=Path, required=True, metavar="DIR", help="where CIFAR-10 is")
    parser.add_argument("--pictures", type=int, default=50_000, help="of the training set (50000)")
    parser.add_argument("--backbone", default="small-convnet")
    parser.add_argument("--epochs", type=int, default=Settings.preset("desk").epochs)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", type=Path, default=Path("simsiam-cifar10.safetensors"), help="the file to train")
    parser.add_argument("--out", type=Path, default=Path("results/simsiam-cifar10.json"))
    arguments = parser.parse_args()
    data, settings = load("cifar10", root=arguments.data_root), Settings.preset("desk")
    settings = replace(settings, epochs=arguments.epochs)
    chosen = np.sort(generator(arguments.seed, "pictures").permutation(len(data.train))[: arguments.pictures])
    train = data.train.take(chosen)
    began = time.perf_counter()
    history = pretrain(
        train,
        arguments.weights,
        backbone=arguments.backbone,
        settings=settings,
        seed=arguments.seed,
        device="cpu",
        progress=_tell,
    )
    seconds = time.perf_counter() - began
    found = {
        "when": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "command": f"python {' '.join(sys.argv)}".replace(str(arguments.data_root), "DIR"),
        "versions": versions(),
        "processor": {"model": processor(), "cores": os.cpu_count(), "load_1_5_15_min": os.getloadavg()},
        "threads": torch.get_num_threads(),
        "seed": arguments.seed,
        "backbone": arguments.backbone,
        "settings": asdict(settings),
        "pictures": len(train),
        "test_pictures": len(data.test),
        "knn": _accuracies(train, data.test, arguments.backbone, arguments.weights, arguments.seed),
        "seconds_of_this_call": round(seconds, 1),
        "epochs": [asdict(epoch) for epoch in history],
    }
    write_whole(arguments.out, json.dumps(found, indent=2) + "\n")
    print(json.dumps(found["knn"], indent=2))


def _tell(epoch: Epoch) -> None:
    print(epoch, flush=True)


def _accuracies(train: Images, test: Images, backbone: str, weights: Path, seed: int) -> dict[str, float]:
    """Returns the share of test pictures that neighbours among the training pictures tell right, by each source."""
    feeds = [Feed(images, CPU) for images in (train, test)]
    truths = [torch.from_numpy(images.labels) for images in (train, test)]
    normalise = Normalisation.measure(feeds[0], torch.Generator().manual_seed(0))
    with seeded(CPU, number(seed, "weights")):
        body, _ = backbones.random_body(backbone, train.shape)

    def judged(network: nn.Module, of: Normalisation) -> float:
        bank, asked = (features_of(network, feed, of) for feed in feeds)
        return round(knn_accuracy(bank, truths[0], asked, truths[1]), 4)

    found = {"raw pixels": judged(nn.Flatten(), normalise), "random network": judged(body, normalise)}
    _settle(body, feeds[0], normalise)
    found["random network, normalisations settled"] = judged(body, normalise)
    trained = simsiam_file.read(weights)
    return {**found, "SimSiam": judged(trained.body, trained.normalise)}


def _settle(body: nn.Module, feed: Feed, normalise: Normalisation) -> None:
    """Lets batch normalisations see the pictures; no weight changes."""
    for module in body.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the plain mean over all batches
            module.reset_running_stats()
    body.train()
    with torch.no_grad():
        for part in feed.batches(torch.split(torch.arange(len(feed)), BATCH)):
            x: Tensor = normalise(part, True)
            body(x)


if __name__ == "__main__":
    main()
