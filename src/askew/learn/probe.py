"""`LinearProbe`: a linear head on frozen features, trained in a moment, as a learner like any other."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from askew.arrays import Array, is_numpy, to_numpy
from askew.errors import InputError
from askew.files import whole_file
from askew.learn.extractor import Extractor, extractor
from askew.learn.features import FeatureRows, Tell, of_file, of_images, quiet_progress
from askew.learn.heads import Weights, head_of
from askew.learn.learner import (
    Found,
    Given,
    Model,
    as_images,
    check_n_classes,
    checked_needs,
    checked_pool,
    labels_of,
    numbered,
    telling,
)
from askew.learn.model import read_tensors, sync
from askew.learn.sources import Source
from askew.pool import Pool
from askew.recorders import Recorder


class LinearProbe:
    """A linear head on the features of a frozen network: few labels go far, and a cycle takes a second.

    Features are computed once and kept (see `askew.features`). Before the head sees them, they are brought to mean 0
    and a mean squared norm of 1 over the pool, so that C and lr mean the same for every source.

    Args:
        n_classes: C.
        features: where they come from, in one word: see `by` of `askew.features`.
        head: "logistic" (C = 10), "linear" (the thesis's: SGD with rate 30 along a cosine, 100 epochs) or "svm"
            (one-vs-rest, C = 5; it gives `margins`).
        parameters: of the head, such as `{"C": 1.0, "class_weights": True}`; see `askew.learn.heads`.
        side_px: to which pictures are brought; the side that the network was trained on if left out.
        device: where features are computed; the head is trained on the processor.

    Raises:
        InputError: an unknown source, head or parameter.

    >>> import askew
    >>> from askew.data.load import load
    >>> digits = load("digits")
    >>> x = digits.train.pixels.reshape(-1, 64) / 16
    >>> probe = askew.LinearProbe(10, head="logistic")
    >>> model = probe.fit(x, digits.train.labels)
    >>> probs = model.predict(digits.test.pixels.reshape(-1, 64) / 16)["probs"]
    >>> bool((probs.argmax(axis=1) == digits.test.labels).mean() > 0.95)
    True
    """

    saves = True

    def __init__(
        self,
        n_classes: int,
        *,
        features: str = "efficientnet-lite0",
        head: str = "logistic",
        parameters: Mapping[str, Any] | None = None,
        side_px: int | None = None,
        device: str = "auto",
    ) -> None:
        check_n_classes(n_classes)
        self.n_classes, self.source, self.side_px, self.device = n_classes, Source.of(features), side_px, device
        self.head_name, self.head = head, head_of(head, parameters)

    @property
    def epochs(self) -> int:
        """How many epochs a training of the head has; 0 if it has none."""
        return self.head.epochs

    @property
    def gives(self) -> tuple[str, ...]:
        """The fields that its models can fill."""
        return self.head.gives

    @property
    def about(self) -> dict[str, Any]:
        """What a saved model must share with this probe, besides the number of features."""
        source = {"features": self.source.word, "side_px": self.side_px}
        return {"head": self.head_name, "n_classes": self.n_classes, **source}

    @functools.cached_property
    def extractor(self) -> Extractor:
        """The network that computes features, made when it is first asked for.

        Raises:
            InputError: see `extractor.extractor`; or the source is a file, which has no network.
        """
        if self.source.is_file:
            raise InputError(f"features: {self.source.word} is a file: pass the features of pictures, (N, D) numbers")
        return extractor(self.source, side_px=self.side_px, device=self.device)

    def feed(self, images: Given, progress: Tell = quiet_progress) -> FeatureRows:
        """Returns the features of pictures, computed or read from the cache, for many calls of `fit` and `predict`.

        Args:
            images: whatever `Images.of` takes; or (N, D) numbers, which are features already.
            progress: called with the pictures done and the pictures to do.

        Raises:
            InputError: pictures that cannot be read, weights that cannot be had, or a file of another number of rows.
        """
        given = as_rows(images)
        if given is not None:
            return given
        pool = as_images(images, None)
        return of_file(self.source, len(pool)) if self.source.is_file else of_images(pool, self.extractor, progress)

    def fit(
        self,
        images: Given,
        labels: Pool | Array | None = None,
        *,
        seed: int = 0,
        start: Model | None = None,
        recorders: Sequence[Recorder] = (),
    ) -> ProbeModel:
        """Trains the head on the features of the labelled items.

        Args:
            images: the pool, the unlabeled items too: pictures, their features (N, D), or a `feed` of them.
            labels: a `Pool`, or (N,) classes; -1, None and NaN are unlabeled. Without them those count that pictures
                bring.
            seed: of what is random in the training.
            start: a model of this probe that the training starts from; not for an SVM.
            recorders: told of every epoch of a head that has epochs.

        Raises:
            InputError: no labelled item, labels that do not fit, or a start that does not.
        """
        brought = as_rows(images) or as_images(images, None)
        rows = self.feed(brought)
        told = labels_of(brought) if labels is None else numbered(brought, labels)
        pool = checked_pool(rows, told, self.n_classes)
        about = {**self.about, "width": rows.width}
        begin = None if start is None else rows.unit.done(self._weights_of(start, about))
        tell = telling(recorders, rows, pool, epochs=self.epochs, n_classes=self.n_classes, seed=seed)

        def model(weights: Weights) -> ProbeModel:
            return ProbeModel.of(rows.unit.undone(weights), about, self)

        found = self.head.fit(
            rows.unit.of(rows.take(pool.labeled).array()),
            pool.labels[pool.labeled],
            self.n_classes,
            seed=seed,
            start=begin,
            tell=lambda epoch, weights: tell(epoch, model(weights)),
        )
        return model(found)

    def load(self, path: str | Path) -> ProbeModel:
        """Returns the model that was saved there by one of this probe's.

        Raises:
            DataNotFound: there is no such file.
            InputError: it is no saved model, or one of another head or other classes.
        """
        about, found = read_tensors(path)
        tensors = {name: tensor.numpy() for name, tensor in found.items()}
        width = about.get("width")
        if about != {**self.about, "width": width}:
            raise InputError(f"{path}: holds a model of {about}; this probe's are of {self.about}")
        shapes = {"weight": (self.n_classes, width), "bias": (self.n_classes,), "temperature": (1,)}
        there = {name: tensor.shape for name, tensor in tensors.items()}
        if there != shapes or any(tensor.dtype != np.float32 for tensor in tensors.values()):
            raise InputError(f"{path}: not a model that askew saved: expected {shapes}, got {there}")
        weights = Weights(tensors["weight"], tensors["bias"], float(tensors["temperature"][0]))
        return ProbeModel.of(weights, about, self)

    def _weights_of(self, start: Model, about: Mapping[str, Any]) -> Weights:
        if not self.head.warm:
            raise InputError(f"start: head {self.head_name} is trained anew every time: leave warm starts out")
        if not isinstance(start, ProbeModel):
            raise InputError(f"start: expected a model of a LinearProbe, got {type(start).__name__}")
        if start.about != about:
            raise InputError(f"start: is a model of {start.about}; this training is of {dict(about)}")
        return start.weights


@dataclass(frozen=True, eq=False)
class ProbeModel:
    """A trained head as a value.

    Attributes:
        weights: for features as they are; float32.
        about: head, classes, source and number of features: what another model must share to start from this one.
        probe: computes the features of pictures, and says what the head gives.
    """

    weights: Weights
    about: Mapping[str, Any]
    probe: LinearProbe

    @classmethod
    def of(cls, weights: Weights, about: Mapping[str, Any], probe: LinearProbe) -> ProbeModel:
        """Returns the model of these weights in float32, as they are saved."""
        temperature = float(np.float32(weights.temperature))
        held = Weights(weights.weight.astype(np.float32), weights.bias.astype(np.float32), temperature)
        return cls(held, dict(about), probe)

    def predict(
        self,
        images: Given,
        needs: Collection[str] = ("probs",),
        *,
        seed: int = 0,  # noqa: ARG002
    ) -> Found:
        """Returns what `needs` names: "probs" and "margins" (N, C), "energy" (N,), "features" (N, D); all float32.

        Args:
            images: pictures, their features (N, D), or a `feed` of them.
            needs: of the fields that the head gives.
            seed: nothing is random here.

        Raises:
            InputError: a need that the head does not give, no item, or features of another width.
        """
        needs = checked_needs(needs, f"a {self.about['head']} head", self.probe.gives)
        rows = self.probe.feed(images)
        if len(rows) == 0:
            raise InputError("features: nothing to predict")
        if rows.width != self.about["width"]:
            raise InputError(f"features: {rows.width} an item, the model was trained on {self.about['width']}")
        out: Found = {"features": rows.array()} if "features" in needs else {}
        read = {"probs": self.weights.probs, "margins": self.weights.decision, "energy": self.weights.energy}
        shape = (len(rows), self.about["n_classes"])
        values = {n: np.empty(shape[: 1 if n == "energy" else 2], np.float32) for n in needs if n not in out}
        start = 0
        for block in rows.blocks() if values else ():
            for name, array in values.items():
                array[start : start + len(block)] = read[name](block)
            start += len(block)
        return {**out, **values}

    def save(self, path: str | Path) -> None:
        """Writes the weights as safetensors; the same model gives the same bytes.

        When this returns, the file is on the disk, whole.

        Raises:
            InputError: the file cannot be written.
        """
        tensors = {
            "weight": np.ascontiguousarray(self.weights.weight),
            "bias": np.ascontiguousarray(self.weights.bias),
            "temperature": np.array([self.weights.temperature], dtype=np.float32),
        }
        with whole_file(path) as draft:
            draft.write_bytes(save(tensors, {"askew": json.dumps(dict(self.about), sort_keys=True)}))
            sync(draft)
        if os.name == "posix":
            sync(Path(path).resolve().parent)


def as_rows(given: Given) -> FeatureRows | None:
    """Returns features as rows, if (N, D) numbers are given; None if it is something else, such as pictures.

    Raises:
        InputError: there are none, or one of them is not finite.
    """
    if isinstance(given, FeatureRows):
        return given
    array = given if is_numpy(given) else to_numpy(given) if hasattr(given, "ndim") else None
    if array is None or array.ndim != 2 or array.dtype.kind not in "fiu":
        return None
    return FeatureRows.checked("features", array)
