"""`Extractor`: a frozen network that turns pictures into features, and the key of all that they depend on."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from askew.learn import backbones
from askew.learn.device import choose
from askew.learn.feed import Normalisation
from askew.learn.pretrained import pretrained
from askew.learn.sources import Source

FOLD_TOLERANCE = 1e-3
"""How far folded normalisations may move a feature, as a share of the largest, before they are left unfolded."""


@dataclass(frozen=True, eq=False)
class Extractor:
    """A frozen network that turns square pictures into features.

    Attributes:
        network: gives (B, D) for (B, 3, side_px, side_px); in evaluation mode, normalisations folded where that is
            exact.
        normalise: of bytes, as the network was trained.
        side_px: the side of its pictures.
        width: D.
        key: of the weights and of all that its features depend on besides the picture.
    """

    network: nn.Module
    normalise: Normalisation
    side_px: int
    width: int
    key: str

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.normalise.scale.device

    def __call__(self, squares: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns (B, D) features of (B, side_px, side_px, 3) pictures."""
        with torch.inference_mode():
            x = self.normalise(torch.from_numpy(squares).to(self.device), channels_last=True)
            found: Tensor = self.network(x)
        return found.flatten(1).float().cpu().numpy()


def extractor(source: Source, *, side_px: int | None = None, device: str = "auto") -> Extractor:
    """Returns the network of a source with its weights.

    Args:
        source: not a file of features.
        side_px: to which pictures are brought; the side that the network was trained on if left out.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".

    Raises:
        InputError: no such network, weights that cannot be had or do not fit, or a side that it does not take.
        MissingExtra: the package with the weights is not installed.
    """
    found = pretrained(source, side_px)
    side = found.side_px
    scale = 1 / (255 * torch.tensor(found.std, dtype=torch.float64))
    normalise = Normalisation(scale.float(), (-torch.tensor(found.mean, dtype=torch.float64) * scale * 255).float())
    key = _key(found.network.state_dict(), source.network, side, normalise)
    where = choose(device)
    network = _folded(found.network, side).to(where, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Extractor(network, normalise.to(where), side, found.width, key)


def _folded(body: nn.Module, side_px: int) -> nn.Module:
    """Returns a copy whose batch normalisations are part of the convolutions before them, if that changes nothing.

    Which normalisation follows which convolution is guessed from their order, so a picture of noise goes through both.
    """
    folded = copy.deepcopy(body).eval().to(memory_format=torch.channels_last)
    backbones.fold_normalisation(folded)
    noise = torch.randn((1, 3, side_px, side_px), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        try:
            wanted, found = body(noise), folded(noise)
        except RuntimeError:  # two layers that stand side by side and do not follow each other
            return body
    same = torch.allclose(found, wanted, rtol=0, atol=FOLD_TOLERANCE * float(wanted.abs().max()))
    return folded if same else body


def _key(tensors: Mapping[str, Tensor], network: str, side_px: int, normalise: Normalisation) -> str:
    digest = hashlib.sha256(f"{network} {side_px} ".encode())
    for name, tensor in [*tensors.items(), ("scale", normalise.scale), ("shift", normalise.shift)]:
        digest.update(f"{name} {tuple(tensor.shape)} ".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]
