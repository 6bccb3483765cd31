"""`Classifier`: trains a network on labelled pictures, anew or from another model, and gives it back as a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from askew.arrays import Array, Indices, is_number, is_whole
from askew.errors import InputError, one_line
from askew.learn import backbones
from askew.learn.backbones import AnyNetwork, Backbone
from askew.learn.device import choose, number_format, seeded
from askew.learn.features import FeatureRows
from askew.learn.feed import Feed, Normalisation
from askew.learn.heads import Logistic
from askew.learn.learner import Given, Model, as_images, check_n_classes, checked_pool, telling
from askew.learn.model import NetworkModel, read_saved
from askew.learn.pretrained import check as check_source
from askew.learn.pretrained import finetunable, source_of
from askew.learn.trainer import Trainer
from askew.learn.training import Training
from askew.pool import Pool
from askew.recorders import Recorder
from askew.seeding import number


class Classifier:
    """How a network is made and trained on labelled pictures; `fit` returns the trained network as a value.

    The same seed gives the same network on one processor with one number of threads; torch's and NumPy's global
    generators are afterwards as they were.

    >>> import askew
    >>> from askew.data.load import load
    >>> digits = load("digits")
    >>> recipe = askew.Training.preset("digits")
    >>> classifier = askew.Classifier(10, backbone="small-convnet", training=recipe, device="cpu")
    >>> some = digits.train.take(range(0, 1400, 5))
    >>> model = classifier.fit(some.pixels, some.labels)
    >>> probs = model.predict(digits.test.pixels)["probs"]
    >>> bool((probs.argmax(axis=1) == digits.test.labels).mean() > 0.85)
    True

    Args:
        n_classes: C. A class without labelled items has its output too.
        backbone: "resnet18-cifar", "small-convnet", a name of timm's, a source of `askew.features` such as
            "efficientnet-lite0" or "timm:NAME:WEIGHTS", which brings its weights (train it by "finetune"), a module of
            yours that gives logits, or a function that makes one; what counts as features of yours,
            `backbones.UserNetwork` says.
        training: how, or the name of a preset; None is "default"; other presets have the settings of the thesis.
        side_px: to which a source's network has pictures brought; the side that it was trained on if left out.
        pretrained: start from timm's published weights (True) or those of a file; see `backbones.build`.
        mc_passes: T, the stochastic passes with dropout that make `draws`.
        dropout: share of the features that is dropped in training and in those passes. Where nothing is dropped before
            the head, T passes cost one through the body and T through the head.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".

    Raises:
        InputError: an unknown backbone, preset or device, or a number out of range.
    """

    def __init__(
        self,
        n_classes: int,
        *,
        backbone: Backbone = "resnet18-cifar",
        training: Training | str | None = None,
        side_px: int | None = None,
        pretrained: str | Path | bool = False,
        mc_passes: int = 20,
        dropout: float = 0.2,
        device: str = "auto",
    ) -> None:
        check_n_classes(n_classes)
        if not is_whole(mc_passes) or mc_passes < 1:
            raise InputError(f"mc_passes: at least 1, got {one_line(mc_passes, 60)}")
        if not is_number(dropout) or not 0 <= dropout < 1:
            raise InputError(f"dropout: from 0 to below 1, got {one_line(dropout, 60)}")
        self.source = source_of(backbone)
        if self.source is None:
            backbones.check(backbone)
            if side_px is not None:
                raise InputError(f"side_px: is for a source of features as backbone, got {one_line(backbone, 60)}")
        else:
            check_source(self.source, side_px)
            if pretrained:
                raise InputError(f"pretrained: {self.source.word} brings its weights: leave it out")
        self.n_classes, self.backbone, self.side_px = n_classes, backbone, side_px
        self.pretrained = pretrained or self.source is not None
        self.training = Training.of("default" if training is None else training)
        self.mc_passes, self.dropout = mc_passes, dropout
        self.device = choose(device)
        self._dtype = number_format(self.device, self.training.amp)

    saves = True

    @property
    def epochs(self) -> int:
        """How many epochs a training has, and recorders are told of."""
        return self.training.epochs

    @property
    def gives(self) -> tuple[str, ...]:
        """The fields that its models can fill; no `draws` where nothing is dropped."""
        drops = self.dropout > 0 or not isinstance(self.backbone, str)
        return ("probs", "features", "draws", "energy") if drops else ("probs", "features", "energy")

    def feed(self, images: Given) -> Feed:
        """Returns the pictures held where the network computes, for many calls of `fit` and `predict`.

        Raises:
            InputError: they are not what `Images.of` takes.
        """
        pictures = as_images(images, None)
        if self.source is not None and self.side_px and pictures.paths is not None:
            pictures = replace(pictures, side_px=self.side_px)
        return Feed(pictures, self.device)

    def check(self, shape: tuple[int, int, int]) -> None:
        """Builds a network for pictures of `shape` (H, W, C), with its weights, and drops it.

        Raises:
            InputError: the backbone does not take such pictures, or the pretrained weights do not fit.
        """
        self._new_network(shape, 0, self.pretrained)

    def fit(
        self,
        images: Given,
        labels: Pool | Array | None = None,
        *,
        seed: int = 0,
        start: Model | None = None,
        recorders: Sequence[Recorder] = (),
    ) -> NetworkModel:
        """Trains a network on the labelled pictures; a lone one is taken twice, since batch normalisation needs two.

        Cost: epochs × labelled items passes forward and back; memory for the labelled pictures (of files up to 1 GiB of
        them, which are then decoded once), the network and one batch.

        Args:
            images: the pool's pictures, the unlabeled ones too, as a `feed` of them or as whatever `Images.of` takes:
                arrays, tensors, a folder, files.
            labels: a `Pool`, or (N,) classes of the pictures; -1, None and NaN are unlabeled. Without them those count
                that the pictures bring, as class folders do.
            seed: of everything that is random in the training.
            start: a model of this classifier from whose weights and normalisation the training starts.
            recorders: told of every epoch; what they read of the unlabeled pictures is predicted once for all.

        Raises:
            InputError: no labelled picture, labels outside the classes or not one a picture, a file that cannot be
                read, a start that does not fit, or a loss that is no longer finite.
        """
        size = start.shape if isinstance(start, NetworkModel) else None
        feed = images if isinstance(images, Feed) else Feed(as_images(images, size), self.device)
        pool = checked_pool(feed, labels, self.n_classes)
        items = pool.labeled if len(pool.labeled) > 1 else pool.labeled[[0, 0]]
        labeled, targets = feed.take(items).held(), torch.from_numpy(pool.labels[items])
        model = self._started(feed.images.shape, start, labeled, seed)
        if start is None and self.training.fit_head:
            _fit_head(model, labeled, pool.labels[items], seed)
        trainer = Trainer(model.network, model.normalise, len(items), self.training, seed=seed, dtype=self._dtype)
        tell = telling(recorders, feed, pool, epochs=self.epochs, n_classes=self.n_classes, seed=seed)
        for epoch in range(self.training.epochs):
            trainer.epoch(labeled, targets, epoch)
            tell(epoch, model)
        return model

    def load(self, path: str | Path) -> NetworkModel:
        """Returns the model that was saved there by one that this classifier trained.

        Raises:
            DataNotFound: there is no such file.
            InputError: it is no saved model, or one of another backbone, other pictures or other classes.
        """
        about, tensors, normalise = read_saved(path)
        shape = about.get("shape")
        if not (isinstance(shape, list) and len(shape) == 3 and all(isinstance(one, int) and one > 0 for one in shape)):
            raise InputError(f"{path}: not a model that askew saved: it does not say the shape of its pictures")
        model = self._model((shape[0], shape[1], shape[2]), normalise.to(self.device), 0, pretrained=False)
        if about != model.about:
            raise InputError(f"{path}: holds a model of {about}; this classifier's are {model.about}")
        try:
            model.network.load_state_dict(tensors)
        except RuntimeError as error:
            raise InputError(f"{path}: its weights do not fit: {str(error).splitlines()[-1].strip()}") from error
        return model

    def _started(self, shape: tuple[int, int, int], start: Model | None, labeled: Feed, seed: int) -> NetworkModel:
        if start is None:
            statistics = torch.Generator().manual_seed(number(seed, "statistics"))
            normalise = (
                Normalisation.measure(labeled, statistics) if self.source is None else Normalisation.to_one(shape[2])
            )
            return self._model(shape, normalise.to(self.device), seed, pretrained=self.pretrained)
        if not isinstance(start, NetworkModel):
            raise InputError(f"start: expected a model of a Classifier, got {type(start).__name__}")
        model = self._model(shape, start.normalise, seed, pretrained=False)
        if model.about != start.about:
            raise InputError(f"start: is a model of {start.about}; this training is of {model.about}")
        model.network.load_state_dict(start.network.state_dict())
        return model

    def _model(
        self, shape: tuple[int, int, int], normalise: Normalisation, seed: int, *, pretrained: str | Path | bool
    ) -> NetworkModel:
        backbone = self.backbone if isinstance(self.backbone, str) else type(self.backbone).__name__
        if self.side_px is not None:
            backbone = f"{backbone} at {self.side_px} px"
        return NetworkModel(
            network=self._new_network(shape, seed, pretrained),
            normalise=normalise,
            shape=shape,
            n_classes=self.n_classes,
            backbone=backbone,
            mc_passes=self.mc_passes,
            dtype=self._dtype,
            channels_last=self.training.channels_last,
        )

    def _new_network(self, shape: tuple[int, int, int], seed: int, pretrained: str | Path | bool) -> AnyNetwork:
        with seeded(self.device, number(seed, "weights")):
            if self.source is None:
                network = backbones.build(
                    self.backbone, shape, self.n_classes, dropout=self.dropout, pretrained=pretrained
                )
            else:
                network = finetunable(
                    self.source, self.side_px, shape, self.n_classes, dropout=self.dropout, blank=not pretrained
                )
        network = network.to(self.device)
        return network.to(memory_format=torch.channels_last) if self.training.channels_last else network


def _fit_head(model: NetworkModel, labeled: Feed, labels: Indices, seed: int) -> None:
    """Fits the last layer of a new model as a logistic regression on the features of its body.

    A class without a labelled picture starts with the lowest value that another has on one.

    Raises:
        InputError: what enters the last layer is no vector a picture.
    """
    last, rows = model.network.last, FeatureRows.of(model.predict(labeled, ("features",))["features"])
    if rows.width != last.in_features:
        raise InputError(f"fit_head: {rows.width} features enter a layer for {last.in_features}: leave it out")
    unit = rows.unit
    x = unit.of(rows.array())
    found = Logistic().fit(x, labels, model.n_classes, seed=seed, start=None, tell=lambda *_: None)
    values = found.decision(x)
    absent = ~np.isfinite(found.bias)
    bias = np.where(absent, values[:, ~absent].min(), found.bias)
    weights = unit.undone(replace(found, bias=bias))
    with torch.no_grad():
        last.weight.copy_(torch.from_numpy(weights.weight))
        if last.bias is not None:
            last.bias.copy_(torch.from_numpy(weights.bias))
