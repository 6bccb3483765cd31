"""The network of a source with its weights: frozen for features, or the start of a training (fine-tuning)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from askew.errors import InputError, unknown
from askew.learn import backbones, simsiam_file, weights
from askew.learn.sources import PACKAGED, Source

SMALLEST_SIDE_PX = 16


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A network without its head, and the pictures that it wants.

    Attributes:
        network: gives (B, D) for (B, 3, side_px, side_px); in evaluation mode.
        width: D.
        side_px: of its pictures.
        mean, std: of the three channels of pictures from 0 to 1, as the network was trained.
    """

    network: nn.Module
    width: int
    side_px: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


def check(source: Source, side_px: int | None = None) -> None:
    """Refuses a source that has no network, or none that timm knows, and sides that are too small; reads nothing.

    Raises:
        InputError: it is one.
    """
    import timm

    if source.is_file:
        raise InputError(f"features: {source.word} is a file: it has no network that could be trained")
    if not source.is_pretrained and not timm.is_model(source.network):
        near = timm.list_models(f"*{source.network.split('_')[0]}*")[:8]
        raise unknown("network of timm", source.network, [*near, "any name of timm.list_models()"])
    if side_px is not None and side_px < SMALLEST_SIDE_PX:
        raise InputError(f"side_px: at least {SMALLEST_SIDE_PX}, got {side_px}")


def pretrained(source: Source, side_px: int | None = None, *, blank: bool = False) -> Pretrained:
    """Returns the network of a source.

    Args:
        source: not a file of features.
        side_px: to which pictures are brought; the side that the network was trained on if left out.
        blank: leave the weights random, for those of a saved model.

    Raises:
        InputError: no such network, weights that cannot be had or do not fit, or a side that it does not take.
        MissingExtra: the package with the weights is not installed.
    """
    import timm

    check(source, side_px)
    if source.is_pretrained:
        return _of_simsiam(source, side_px)
    config = timm.get_pretrained_cfg(source.network)
    side = side_px or (224 if config is None else int(config.input_size[-1]))
    file = None if blank else source.weights()
    from_timm = file is None and not blank
    body, width = backbones.timm_body(
        source.network, (side, side, 3), from_timm, setting="features", instead=f"timm:{source.network}:WEIGHTS"
    )
    if file is not None:
        weights.load(body, file)
    mean, std = ((0.5,) * 3, (0.5,) * 3) if config is None else (tuple(config.mean), tuple(config.std))
    return Pretrained(body, width, side, mean, std)


def _of_simsiam(source: Source, side_px: int | None) -> Pretrained:
    assert source.file is not None
    found = simsiam_file.read(source.file)
    if side_px not in (None, found.side_px):
        raise InputError(f"side_px: {source.word} was trained on {found.side_px} px, got {side_px}: leave it out")
    scale, shift = found.normalise.scale.double(), found.normalise.shift.double()
    mean, std = (tuple(one.tolist()) for one in (-shift / (255 * scale), 1 / (255 * scale)))
    return Pretrained(found.body, found.width, found.side_px, mean, std)


class Prepared(nn.Module):
    """A pretrained network behind what brings pictures (B, 1 or 3, H, W), from 0 to 1, to those that it wants.

    As for frozen features, the middle square is cut and resized (bicubic), and gray becomes three equal channels.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, inner: Pretrained) -> None:
        super().__init__()
        self.network, self.side_px = inner.network, inner.side_px
        self.register_buffer("mean", torch.tensor(inner.mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(inner.std)[:, None, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        x = x[:, :, top : top + side, left : left + side]
        if side != self.side_px:
            size = (self.side_px, self.side_px)
            x = F.interpolate(x, size, mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)
        x = (x.expand(-1, 3, -1, -1) - self.mean) / self.std
        features: Tensor = self.network(x)
        return features


def source_of(backbone: object) -> Source | None:
    """Returns the source that a backbone's word names, or None if it is a name or a module.

    >>> source_of("resnet18-cifar"), source_of("timm:resnet18").network
    (None, 'resnet18')
    """
    is_word = isinstance(backbone, str) and (backbone == PACKAGED or ":" in backbone)
    return Source.of(backbone) if is_word else None


def finetunable(
    source: Source, side_px: int | None, shape: tuple[int, int, int], n_classes: int, *, dropout: float, blank: bool
) -> backbones.Network:
    """Returns a source's network with a new head, for pictures of `shape` (H, W, C).

    Raises:
        InputError: see `pretrained`; or pictures that are neither gray nor colour.
    """
    if shape[2] not in (1, 3):
        raise InputError(f"images: {shape[2]} channels: {source.word} takes 1 or 3")
    inner = pretrained(source, side_px, blank=blank)
    return backbones.Network(Prepared(inner), inner.width, n_classes, dropout)
