"""`Classifier`: trains a network on labelled pictures and says of others what a strategy needs to know, no more."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from askew.arrays import as_integers
from askew.data.dataset import Images
from askew.errors import InputError, unknown
from askew.learn import backbones
from askew.learn.backbones import AnyNetwork, Backbone, Network
from askew.learn.device import choose, number_format, seeded
from askew.learn.feed import Feed, Normalisation
from askew.learn.trainer import Trainer
from askew.learn.training import Training
from askew.seeding import number

NEEDS = ("probs", "features", "draws")
"""What a learner can be asked for."""

PREDICT_BATCH = {"cpu": 256, "cuda": 2048, "mps": 512}


class Learner(Protocol):
    """What an experiment asks of a model: train from scratch on labelled pictures, then predict others."""

    def fit(
        self, images: Images, labels: NDArray[np.int64], *, seed: int, on_epoch: Callable[[int], None] | None = None
    ) -> None:
        """Trains from scratch; `labels[i]` is what is known of `images[i]`; `on_epoch(e)` follows epoch e, from 0."""

    def predict(self, images: Images, needs: Collection[str], *, seed: int) -> dict[str, NDArray[np.float32]]:
        """Returns those of probs (N, C), features (N, D) and draws (T, N, C) that `needs` names, float32."""

    @property
    def epochs(self) -> int:
        """How often `fit` calls `on_epoch`; 0 for a learner that has no epochs."""


class Classifier:
    """A network that is trained from scratch by SGD on the labelled pictures.

    The same seed gives the same network on one processor with one number of threads; torch's and NumPy's global
    generators are afterwards as they were.

    Args:
        n_classes: C. A class without labelled items has its output too.
        backbone: "resnet18-cifar", "small-convnet", a name of timm's, a module of yours that gives logits, or a
            function that makes one; what counts as features of yours, `backbones.UserNetwork` says.
        training: how; `Training.preset(name)` has the settings of the thesis.
        pretrained: start from timm's published weights (True) or those of a file; see `backbones.build`.
        mc_passes: T, the stochastic passes with dropout that make `draws`.
        dropout: share of the features that is dropped in training and in those passes. Where nothing is dropped before
            the head, T passes cost one through the body and T through the head.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".

    Raises:
        InputError: an unknown backbone or device, or a number out of range.
    """

    def __init__(
        self,
        n_classes: int,
        *,
        backbone: Backbone = "resnet18-cifar",
        training: Training | None = None,
        pretrained: str | Path | bool = False,
        mc_passes: int = 20,
        dropout: float = 0.2,
        device: str = "auto",
    ) -> None:
        if n_classes < 2:
            raise InputError(f"n_classes: at least 2, got {n_classes}")
        if mc_passes < 1:
            raise InputError(f"mc_passes: at least 1, got {mc_passes}")
        if not 0 <= dropout < 1:
            raise InputError(f"dropout: from 0 to below 1, got {dropout}")
        backbones.check(backbone)
        self.n_classes, self.backbone, self.pretrained = n_classes, backbone, pretrained
        self.training = Training() if training is None else training
        self.mc_passes, self.dropout = mc_passes, dropout
        self.device = choose(device)
        self._dtype = number_format(self.device, self.training.amp)
        self._trained: tuple[AnyNetwork, Normalisation] | None = None

    @property
    def epochs(self) -> int:
        return self.training.epochs

    def fit(
        self, images: Images, labels: NDArray[np.int64], *, seed: int, on_epoch: Callable[[int], None] | None = None
    ) -> None:
        """Trains a new network; a lone picture is taken twice, since batch normalisation needs two.

        Cost: epochs × items passes forward and back; memory for the pictures, the network and one batch.

        Raises:
            InputError: no pictures, labels outside the classes or not one a picture, a file that cannot be read, or
                a loss that is no longer finite.
        """
        known = check_labels(images, labels, self.n_classes)
        if len(images) == 1:
            images, known = images.take([0, 0]), known[[0, 0]]
        statistics = torch.Generator().manual_seed(number(seed, "statistics"))
        normalise = Normalisation.measure(images, statistics).to(self.device)
        network = self._new_network(images.shape, seed)
        self._trained = network, normalise
        trainer = Trainer(network, normalise, len(images), self.training, seed=seed, dtype=self._dtype)
        feed, targets = Feed(images, self.device), torch.from_numpy(known)
        for epoch in range(self.training.epochs):
            trainer.epoch(feed, targets, epoch)
            if on_epoch is not None:
                on_epoch(epoch)

    def predict(self, images: Images, needs: Collection[str], *, seed: int) -> dict[str, NDArray[np.float32]]:
        """Returns what `needs` names for every picture; nothing else is computed.

        Args:
            needs: of "probs" (N, C), "features" (N, D) and "draws" (T, N, C); all float32.
            seed: of the dropout masks of `draws`; every pass drops other features.

        Raises:
            InputError: before `fit`, an unknown need, or `draws` of a network without dropout.
        """
        check_needs(needs)
        if self._trained is None:
            raise InputError("the classifier is not trained yet: call fit first")
        network, normalise = self._trained
        if "draws" in needs and not backbones.dropouts(network):
            raise InputError("draws: the network has no dropout, so all passes would be equal: set dropout above 0")
        network.eval()
        if isinstance(network, Network) and self.backbone in backbones.OWN:
            network = backbones.fused(network, self._dtype)
        parts: dict[str, list[Tensor]] = {need: [] for need in needs}
        with torch.inference_mode(), seeded(self.device, number(seed, "draws")):
            for x in self._batches(images, normalise):
                for need, part in self._of_batch(network, x, needs).items():
                    parts[need].append(part.float().cpu())
        axis = {"draws": 1}
        return {need: torch.cat(found, dim=axis.get(need, 0)).numpy() for need, found in parts.items()}

    def _new_network(self, shape: tuple[int, int, int], seed: int) -> AnyNetwork:
        with seeded(self.device, number(seed, "weights")):
            network = backbones.build(
                self.backbone, shape, self.n_classes, dropout=self.dropout, pretrained=self.pretrained
            )
        network = network.to(self.device)
        return network.to(memory_format=torch.channels_last) if self.training.channels_last else network

    def _batches(self, images: Images, normalise: Normalisation) -> Iterator[Tensor]:
        batches = torch.arange(len(images)).split(PREDICT_BATCH[self.device.type])
        for pictures in Feed(images, self.device).batches(batches):
            yield normalise(pictures, self.training.channels_last)

    def _of_batch(self, network: AnyNetwork, x: Tensor, needs: Collection[str]) -> dict[str, Tensor]:
        out: dict[str, Tensor] = {}
        with torch.autocast(self.device.type, self._dtype, enabled=self._dtype != torch.float32):
            features, logits = network.both(x)
            if "features" in needs:
                out["features"] = features
            if "probs" in needs:
                out["probs"] = logits.softmax(1)
            if "draws" in needs:
                out["draws"] = self._draws(network, x, features)
        return out

    def _draws(self, network: AnyNetwork, x: Tensor, features: Tensor) -> Tensor:
        drop = backbones.dropouts(network)
        for module in drop:
            module.train()
        if isinstance(network, Network) and not backbones.dropouts(network.body):
            logits = network.logits(features.expand(self.mc_passes, *features.shape))
        else:
            logits = torch.stack([network(x) for _ in range(self.mc_passes)])
        for module in drop:
            module.eval()
        return logits.float().softmax(-1)


def check_labels(images: Images, labels: NDArray[np.int64], n_classes: int) -> NDArray[np.int64]:
    """Returns the labels as int64 after checking that there is one a picture, inside the classes.

    Raises:
        InputError: none at all, another number of them, or one outside.
    """
    known = as_integers("labels", labels)
    if len(known) == 0:
        raise InputError("labels: no labelled picture to train on")
    if len(known) != len(images):
        raise InputError(f"labels: {len(known)} for {len(images)} pictures")
    outside = np.flatnonzero((known < 0) | (known >= n_classes))
    if len(outside):
        raise InputError(f"labels: {known[outside[0]]} at picture {outside[0]} is outside the {n_classes} classes")
    return known.copy()


def check_needs(needs: Collection[str]) -> None:
    """Raises `InputError` unless every need is one of `NEEDS`."""
    for need in needs:
        if need not in NEEDS:
            raise unknown("need of a classifier", need, NEEDS)
