"""The networks of VAAL (Sinha, Ebrahimi and Darrell, 2019) and their losses: an autoencoder and its adversary."""

from __future__ import annotations

import itertools
import math

import torch.nn.functional as F
from torch import Tensor, nn

from askew.learn.vaal_settings import VaalSettings

HIDDEN_LAYERS = 4
"""Of the discriminator; with the output they are the five layers of the paper."""

MOST_DOUBLED = 8
"""A layer has at most so many times the channels of the first."""


class Autoencoder(nn.Module):
    """A variational autoencoder of normalised pictures (B, C, H, W) of any size.

    Each layer halves the picture, as long as at least two pixels are left of its shorter side. What a picture lacks to
    be halved so often is repeated from its border, and cut off again from what is decoded.
    """

    def __init__(self, shape: tuple[int, int, int], settings: VaalSettings) -> None:
        """Makes it for pictures of `shape` (H, W, C)."""
        super().__init__()
        *self._size, n_channels = shape
        depth = max(1, int(math.log2(min(self._size))) - 1)
        widths = [n_channels, *(settings.width * min(2**layer, MOST_DOUBLED) for layer in range(depth))]
        corner = [-(-side // 2**depth) for side in self._size]
        self._missing = [cells * 2**depth - side for cells, side in zip(corner, self._size, strict=True)]
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        for outside, inside in itertools.pairwise(widths):
            down += [nn.Conv2d(outside, inside, 4, 2, 1, bias=False), nn.BatchNorm2d(inside), nn.ReLU(inplace=True)]
            up = [nn.BatchNorm2d(inside), nn.ReLU(inplace=True), nn.ConvTranspose2d(inside, outside, 4, 2, 1), *up]
        n_last = widths[-1] * corner[0] * corner[1]
        self.body = nn.Sequential(*down, nn.Flatten())
        self.mean, self.log_variance = nn.Linear(n_last, settings.latent), nn.Linear(n_last, settings.latent)
        self.decoder = nn.Sequential(nn.Linear(settings.latent, n_last), nn.Unflatten(1, (widths[-1], *corner)), *up)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns mean and logarithm of the variance of each picture's latent, (B, latent) each."""
        down, across = self._missing
        features = self.body(F.pad(x, (0, across, 0, down), mode="replicate") if down or across else x)
        return self.mean(features), self.log_variance(features)

    def decode(self, z: Tensor) -> Tensor:
        """Returns the pictures (B, C, H, W) of latents."""
        found: Tensor = self.decoder(z)
        return found[:, :, : self._size[0], : self._size[1]]


class Discriminator(nn.Sequential):
    """Says of latents (B, latent) how much more likely a labelled picture's they are than not: (B,) log odds."""

    def __init__(self, settings: VaalSettings) -> None:
        sizes = [settings.latent, *[settings.hidden] * HIDDEN_LAYERS]
        layers: list[nn.Module] = []
        for inside, outside in itertools.pairwise(sizes):
            layers += [nn.Linear(inside, outside), nn.ReLU(inplace=True)]
        super().__init__(*layers, nn.Linear(sizes[-1], 1), nn.Flatten(0))


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Returns (B,) the Kullback-Leibler divergence of N(mean, variance) from N(0, 1) in nats, summed over dimensions.

    >>> import torch
    >>> divergence(torch.tensor([[0.0, 2.0]]), torch.tensor([[0.0, 0.0]]))
    tensor([2.])
    """
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2


def autoencoding(x: Tensor, decoded: Tensor, mean: Tensor, log_variance: Tensor, settings: VaalSettings) -> Tensor:
    """Returns the loss of some pictures without the adversary's part; see `VaalSettings.loss`.

    With "elbo" it is −E[log p(x|z)] + β KL, meant over the pictures; p(x|z) has variance 1 and leaves its constant out.
    """
    errors, apart = (decoded - x).square().flatten(1), divergence(mean, log_variance)
    if settings.loss == "authors":
        return errors.mean() + settings.beta * apart.sum()
    return (errors.sum(1) / 2 + settings.beta * apart).mean()


def fooling(labeled: Tensor, unlabeled: Tensor) -> Tensor:
    """Returns −E[log D(labelled)] − E[log D(unlabelled)], of log odds: the autoencoder wants all to look labelled."""
    return F.softplus(-labeled).mean() + F.softplus(-unlabeled).mean()


def telling_apart(labeled: Tensor, unlabeled: Tensor) -> Tensor:
    """Returns −E[log D(labelled)] − E[log(1 − D(unlabelled))], of log odds: what the discriminator wants."""
    return F.softplus(-labeled).mean() + F.softplus(unlabeled).mean()
