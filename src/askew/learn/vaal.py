"""How much each picture looks like a labelled one: VAAL's autoencoder and discriminator, trained on the pool.

Where it differs from the authors' code: labelled and unlabelled pictures of a step go through the autoencoder together,
so that batch normalisation cannot tell them apart; pictures are not mirrored; and the discriminator's answers are those
of trained networks in evaluation, not of batches in training.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from askew.arrays import Array, Indices
from askew.data.dataset import Images
from askew.errors import InputError
from askew.learn.device import choose, seeded
from askew.learn.feed import Feed, Normalisation
from askew.learn.learner import Given, as_images
from askew.learn.vaal_settings import VaalSettings
from askew.learn.vae import Autoencoder, Discriminator, autoencoding, fooling, telling_apart
from askew.names import label_cells
from askew.pool import Pool
from askew.seeding import checked_seed, number

SCORED = 512
"""Pictures that the trained networks see at a time."""

LIKENESS = "labeled_likeness"
"""The field that all this fills."""

Tell = Callable[[float], None]
"""Called with the share of the training that is done."""


def labeled_likeness(
    images: Given,
    labels: Pool | Array | None = None,
    *,
    settings: VaalSettings | str = "desk",
    seed: int = 0,
    device: str = "auto",
    progress: Tell | None = None,
) -> NDArray[np.float32]:
    """Returns how sure a discriminator is that each picture is a labelled one: the field `labeled_likeness` of "vaal".

    A variational autoencoder learns all pictures, and a discriminator learns to tell the latents of labelled ones from
    those of unlabelled ones, which the autoencoder tries to prevent (Sinha, Ebrahimi and Darrell 2019). The classes
    play no part in it, only who has one. Both networks are new in every call. The same seed gives the same numbers on
    one processor with one number of threads; no global generator is touched.

    Args:
        images: the pool's pictures, labelled and not, as whatever `Images.of` takes.
        labels: a `Pool`, or (N,) classes or their names; -1, None and NaN are unlabeled. Without them those count that
            the pictures bring.
        settings: `askew.learn.vaal_settings.VaalSettings`, or the name of a preset: "desk" or "thesis".
        seed: of weights, batches and noise.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        progress: called with the share of the training that is done, up to 1.

    Returns:
        (N,) float32 from 0 to 1, the labelled pictures' too.

    Raises:
        InputError: no labelled or no unlabelled picture, labels that do not fit, a picture that cannot be read, or a
            loss that is no longer finite.

    >>> pictures = np.repeat(np.array([20, 230], dtype=np.uint8), 50)[:, None, None] + np.zeros((8, 8), dtype=np.uint8)
    >>> labels = np.where(np.arange(100) < 25, 0, -1)
    >>> u = labeled_likeness(pictures, labels, settings=VaalSettings(iterations=50), device="cpu")
    >>> bool(u[25:50].min() > u[50:].max())
    True
    """
    pictures = as_images(images, None)
    settings, where = VaalSettings.of(settings), choose(device)
    pool = _pool(pictures, labels)
    return likeness_in(
        small_feed(pictures, settings, where), pool, settings, seed=seed, device=where, progress=progress
    )


class LabeledLikeness:
    """The field of a pool's pictures, cycle after cycle: they are brought to size once, when it is first asked for."""

    def __init__(self, images: Images, settings: VaalSettings, device: str) -> None:
        self._images, self._settings, self._device = images, settings, device
        self._part_of: tuple[LabeledLikeness, Indices] | None = None

    def part(self, items: Indices) -> LabeledLikeness:
        """Returns the field of some of the pictures, which are brought to size once for all parts."""
        part = LabeledLikeness(self._images, self._settings, self._device)
        part._part_of = self, items
        return part

    @functools.cached_property
    def _held(self) -> tuple[Feed, torch.device]:
        if self._part_of is not None:
            whole, items = self._part_of
            feed, where = whole._held
            return feed.take(items), where
        where = choose(self._device)
        return small_feed(self._images, self._settings, where), where

    def __call__(self, pool: Pool, *, seed: int) -> NDArray[np.float32]:
        """Returns (N,) the field for a pool; NaN for labelled items, about which nobody asks.

        Raises:
            InputError: see `labeled_likeness`; where nothing is unlabeled, nothing is trained.
        """
        out = np.full(len(pool), np.nan, dtype=np.float32)
        if len(pool.unlabeled):
            feed, where = self._held
            found = likeness_in(feed, pool, self._settings, seed=seed, device=where)
            out[pool.unlabeled] = found[pool.unlabeled]
        return out


def small_feed(images: Images, settings: VaalSettings, device: torch.device) -> Feed:
    """Returns the pictures at the side that the autoencoder sees, held for many calls of `likeness_in`."""
    side_px, shape = settings.side_px, images.shape
    if min(shape[:2]) <= side_px:
        return Feed(images, device)
    if images.pixels is None:
        return Feed(replace(images, side_px=side_px), device)
    scale = side_px / min(shape[:2])
    size = [max(1, round(side * scale)) for side in shape[:2]]
    parts = []
    for rows in np.array_split(np.arange(len(images)), -(-len(images) // SCORED)):
        x = torch.from_numpy(np.asarray(images.pixels[rows])).permute(0, 3, 1, 2).float()
        parts.append(F.interpolate(x, size=size, mode="area").round_().byte().permute(0, 2, 3, 1).contiguous().numpy())
    return Feed(replace(images, pixels=np.concatenate(parts)), device)


def likeness_in(
    feed: Feed, pool: Pool, settings: VaalSettings, *, seed: int, device: torch.device, progress: Tell | None = None
) -> NDArray[np.float32]:
    """Does what `labeled_likeness` does, with pictures that are held and a checked pool."""
    for items, what in ((pool.labeled, "labelled"), (pool.unlabeled, "unlabelled")):
        if len(items) == 0:
            raise InputError(f"labels: no {what} picture, so nothing tells labelled ones from the others")
    seed = checked_seed(seed)
    sample = torch.Generator().manual_seed(number(seed, "statistics"))
    normalise = Normalisation.measure(feed, sample).to(device)
    with seeded(torch.device("cpu"), number(seed, "weights")):
        pair = _Pair(feed.images.shape, settings, device)
    noise, order = (torch.Generator().manual_seed(number(seed, name)) for name in ("noise", "order"))
    n_labeled = min(settings.batch, len(pool.labeled))

    def pictures(batches: Iterable[Tensor]) -> Iterator[Tensor]:
        return (normalise(x.to(device), True) for x in feed.batches(batches))

    found = pictures(_batches(pool, settings, order))
    for iteration in range(settings.iterations):
        for _ in range(settings.vae_steps):
            x = next(found)
            pair.autoencode(x, n_labeled, noise)
        pair.discriminate(x, n_labeled)
        if progress is not None:
            progress((iteration + 1) / settings.iterations)
    out = pair.likeness(pictures(torch.split(torch.arange(len(feed)), SCORED)))
    if not math.isfinite(float(out.sum())):
        raise InputError(f"vaal: the networks are no longer finite after {settings.iterations} iterations: lower lr")
    return out


def _pool(pictures: Images, labels: Pool | Array | None) -> Pool:
    """Returns who is labelled; which class a picture has does not matter."""
    given = pictures.labels if labels is None else labels
    cells = None if isinstance(given, Pool) else label_cells(given)
    if cells is not None:
        given = np.array([0 if cell else -1 for cell in cells])
    pool = given if isinstance(given, Pool) else Pool(given)
    if len(pool) != len(pictures):
        raise InputError(f"labels: {len(pool)} for {len(pictures)} pictures")
    return pool


def _batches(pool: Pool, settings: VaalSettings, generator: torch.Generator) -> Iterator[Tensor]:
    """Yields the pool items of all steps of the autoencoder: labelled ones first, then as many unlabelled ones.

    Each kind is gone through in a new order again and again; a batch may hold the end of one order and the beginning of
    the next.
    """
    parts = [torch.from_numpy(items) for items in (pool.labeled, pool.unlabeled)]
    sizes = [min(settings.batch, len(part)) for part in parts]
    waiting = [part[:0] for part in parts]
    for _ in range(settings.iterations * settings.vae_steps):
        for kind, (part, size) in enumerate(zip(parts, sizes, strict=True)):
            if len(waiting[kind]) < size:
                waiting[kind] = torch.cat([waiting[kind], part[torch.randperm(len(part), generator=generator)]])
        yield torch.cat([rest[:size] for rest, size in zip(waiting, sizes, strict=True)])
        waiting = [rest[size:] for rest, size in zip(waiting, sizes, strict=True)]


class _Pair:
    """Both networks at work, with the state of their optimizers; in every batch labelled pictures come first."""

    def __init__(self, shape: tuple[int, int, int], settings: VaalSettings, device: torch.device) -> None:
        self._settings, self._device = settings, device
        self._autoencoder = Autoencoder(shape, settings).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._discriminator = Discriminator(settings).to(device)
        self._optimizers = [
            torch.optim.Adam(network.parameters(), lr=settings.lr)
            for network in (self._autoencoder, self._discriminator)
        ]

    def autoencode(self, x: Tensor, n_labeled: int, noise: torch.Generator) -> None:
        """Makes a step of the autoencoder, with noise drawn on the processor: the same on every device."""
        mean, log_variance = self._autoencoder.encode(x)
        drawn = torch.randn(mean.shape, generator=noise).to(self._device)
        decoded = self._autoencoder.decode(mean + (log_variance / 2).exp() * drawn)
        told = self._discriminator(mean)
        loss = self._settings.adversary * fooling(told[:n_labeled], told[n_labeled:])
        for part in (slice(None, n_labeled), slice(n_labeled, None)):
            loss = loss + autoencoding(x[part], decoded[part], mean[part], log_variance[part], self._settings)
        self._step(0, loss)

    def discriminate(self, x: Tensor, n_labeled: int) -> None:
        """Makes a step of the discriminator."""
        with torch.no_grad():
            mean, _ = self._autoencoder.encode(x)
        told = self._discriminator(mean)
        self._step(1, telling_apart(told[:n_labeled], told[n_labeled:]))

    def likeness(self, batches: Iterable[Tensor]) -> NDArray[np.float32]:
        """Returns D of the mean latent of each picture; the networks are in evaluation from then on."""
        self._autoencoder.eval()
        with torch.inference_mode():
            parts = [torch.sigmoid(self._discriminator(self._autoencoder.encode(x)[0])) for x in batches]
            return torch.cat(parts).cpu().numpy()

    def _step(self, which: int, loss: Tensor) -> None:
        for optimizer in self._optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizers[which].step()
