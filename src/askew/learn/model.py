"""`NetworkModel`: a trained network as a value, that predicts, is saved as safetensors, and is read back bit by bit."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from askew.errors import DataNotFound, InputError, one_line
from askew.files import whole_file
from askew.learn import backbones
from askew.learn.backbones import AnyNetwork, Network
from askew.learn.device import seeded
from askew.learn.feed import Feed, Normalisation
from askew.learn.learner import Found, Given, as_images, checked_needs
from askew.seeding import number

PREDICT_BATCH = {"cpu": 256, "cuda": 2048, "mps": 512}

SCALE, SHIFT = "askew.normalise.scale", "askew.normalise.shift"
"""The names of the normalisation among the saved tensors; all others are the network's own."""


@dataclass(frozen=True, eq=False)
class NetworkModel:
    """A trained network, what normalises its pictures, and how it predicts.

    Attributes:
        network: gives features and logits.
        normalise: of the pictures it was trained on, on the network's device.
        shape: (H, W, C) of those pictures.
        n_classes: C.
        backbone: its name, or the class of a module of the user's.
        mc_passes: T, the stochastic passes that make `draws`.
        dtype: what convolutions compute in.
        channels_last: whether pictures are stored pixel by pixel.
    """

    network: AnyNetwork
    normalise: Normalisation
    shape: tuple[int, int, int]
    n_classes: int
    backbone: str
    mc_passes: int
    dtype: torch.dtype
    channels_last: bool

    @property
    def about(self) -> dict[str, Any]:
        """What another model must share for weights to fit."""
        return {"backbone": self.backbone, "n_classes": self.n_classes, "shape": list(self.shape)}

    def predict(self, images: Given, needs: Collection[str] = ("probs",), *, seed: int = 0) -> Found:
        """Returns what `needs` names for every picture; nothing else is computed.

        Args:
            images: a `feed` of pictures, or whatever `Images.of` takes. Files are brought to the size of the model's
                pictures.
            needs: of "probs" (N, C), "features" (N, D), "draws" (T, N, C) and "energy" (N,); all float32.
            seed: of the dropout masks of `draws`; every pass drops other features.

        Raises:
            InputError: an unknown need, no pictures, pictures of another shape, or `draws` of a network without
                dropout.
        """
        needs = checked_needs(needs, "a network", ("probs", "features", "draws", "energy"))
        device, network = self.normalise.scale.device, self.network
        feed = images if isinstance(images, Feed) else Feed(as_images(images, self.shape), device)
        if len(feed) == 0:
            raise InputError("images: no picture to predict")
        if feed.images.shape[2] != self.shape[2]:
            raise InputError(f"images: {feed.images.shape[2]} channels, the model was trained on {self.shape[2]}")
        if feed.images.shape != self.shape:
            raise InputError(_other_size(feed.images.shape, self.shape))
        if "draws" in needs and not backbones.dropouts(network):
            raise InputError("draws: the network has no dropout, so all passes would be equal: set dropout above 0")
        network.eval()
        if isinstance(network, Network) and self.backbone in backbones.OWN:
            network = backbones.fused(network, self.dtype)
        parts: dict[str, list[Tensor]] = {need: [] for need in needs}
        with torch.inference_mode(), seeded(device, number(seed, "draws")):
            for x in self._batches(feed):
                for need, part in self._of_batch(network, x, needs).items():
                    parts[need].append(part.float().cpu())
        axis = {"draws": 1}
        return {need: torch.cat(found, dim=axis.get(need, 0)).numpy() for need, found in parts.items()}

    def save(self, path: str | Path) -> None:
        """Writes the weights and the normalisation as safetensors; the same model gives the same bytes.

        When this returns, the file is on the disk, whole.

        Raises:
            InputError: the file cannot be written.
        """
        tensors = {name: value.detach().cpu().contiguous().clone() for name, value in self.network.state_dict().items()}
        tensors |= {SCALE: self.normalise.scale.cpu().clone(), SHIFT: self.normalise.shift.cpu().clone()}
        with whole_file(path) as draft:
            draft.write_bytes(save(tensors, {"askew": json.dumps(self.about, sort_keys=True)}))
            sync(draft)
        if os.name == "posix":
            sync(Path(path).resolve().parent)

    def _batches(self, feed: Feed) -> Iterator[Tensor]:
        batches = torch.split(torch.arange(len(feed)), PREDICT_BATCH[self.normalise.scale.device.type])
        for pictures in feed.batches(batches):
            yield self.normalise(pictures, self.channels_last)

    def _of_batch(self, network: AnyNetwork, x: Tensor, needs: Collection[str]) -> dict[str, Tensor]:
        out: dict[str, Tensor] = {}
        with torch.autocast(x.device.type, self.dtype, enabled=self.dtype != torch.float32):
            features, logits = network.both(x)
            if "features" in needs:
                out["features"] = features
            if "probs" in needs:
                out["probs"] = logits.softmax(1)
            if "energy" in needs:
                out["energy"] = -logits.float().logsumexp(1)
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


def _other_size(shape: tuple[int, int, int], own: tuple[int, int, int]) -> str:
    """Returns what to say of pictures whose height or width is not that of a model's."""
    way = f"read the files with side_px={own[0]}, or bring arrays to that size" if own[0] == own[1] else "resize them"
    return f"images: {shape[0]} × {shape[1]} pixels, the model was trained on {own[0]} × {own[1]}: {way}"


def read_saved(path: str | Path) -> tuple[dict[str, Any], dict[str, Tensor], Normalisation]:
    """Returns what a saved model is about, its network's weights and its normalisation.

    Raises:
        DataNotFound: there is no such file.
        InputError: it is no model that askew saved.
    """
    about, tensors = read_tensors(path)
    for name in (SCALE, SHIFT):
        if name not in tensors:
            raise InputError(f"{path}: not a model that askew saved: {name!r} is not in it")
    normalise = Normalisation(tensors.pop(SCALE), tensors.pop(SHIFT))
    return about, tensors, normalise


def read_tensors(path: str | Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Returns what a saved model is about, and its tensors by name.

    Raises:
        DataNotFound: there is no such file.
        InputError: it is no model that askew saved.
    """
    if not Path(path).is_file():
        raise DataNotFound(f"{path}: no such file: give a model that was saved")
    try:
        with safe_open(path, "pt") as file:
            about = json.loads((file.metadata() or {})["askew"])
            if not isinstance(about, dict):
                raise ValueError("it does not say what it is")
            return about, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise InputError(f"{path}: not a model that askew saved: {one_line(error)}") from error


def sync(path: Path) -> None:
    """Waits until a file, or a folder's list of files, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
