"""Pictures to the device, batch by batch: from memory, or decoded from files by threads that run ahead."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from askew.arrays import Indices, Mask
from askew.data import pictures
from askew.data.dataset import Images

AHEAD = 3
"""Batches of files that are decoded before they are asked for."""

HELD_BYTES = 1 << 30
"""Up to how many bytes of decoded files are kept in memory: all of a pool's, or else those that are trained on."""

STATISTICS_ITEMS = 2_000
"""From how many of the labelled files mean and deviation are estimated; pictures in memory all count."""


@dataclass(frozen=True, eq=False)
class _Kept:
    """Files decoded so far: pixels (N, H, W, C) uint8, of which the rows that are `known` (N,) bool are filled."""

    pixels: NDArray[np.uint8]
    known: Mask


class Feed:
    """Batches of uint8 pictures (B, H, W, C) on a device, for any sequence of index batches.

    On a GPU pictures in memory are copied there once; on the processor they stay where they are (memory-mapped files
    too), and only a batch is copied. Files are read by threads, a few batches ahead; if all of them decoded take at
    most `HELD_BYTES`, each is read once and kept. `take` is a view: a feed is made once for a pool, and its parts cost
    nothing.
    """

    def __init__(self, images: Images, device: torch.device) -> None:
        self.images = images
        self._device = device
        self._rows: Tensor | None = None
        self._resident: Tensor | None = None
        self._kept: _Kept | None = None
        if images.paths is not None and _n_bytes(images, len(images)) <= HELD_BYTES:
            pixels = np.empty((len(images), *images.shape), dtype=np.uint8)
            self._kept = _Kept(pixels, np.zeros(len(images), dtype=bool))
        if images.pixels is not None and device.type != "cpu":
            self._resident = torch.from_numpy(np.array(images.pixels)).to(device)

    def __len__(self) -> int:
        return len(self.images) if self._rows is None else len(self._rows)

    @property
    def rows(self) -> Indices:
        """(M,) which of `images` these are."""
        return np.arange(len(self.images)) if self._rows is None else self._rows.numpy()

    def take(self, rows: Indices | list[int]) -> Feed:
        """Returns a view of some of the pictures, in the order of `rows`; one may come twice."""
        chosen = torch.from_numpy(np.array(rows, dtype=np.int64))
        part = copy.copy(self)
        part._rows = chosen if self._rows is None else self._rows[chosen]
        return part

    def batches(self, indices: Iterable[Tensor]) -> Iterator[Tensor]:
        """Yields the pictures of each batch of indices (int64, on the processor), in order."""
        rows = self._rows
        if rows is not None:
            indices = (rows[batch] for batch in indices)
        if self._resident is not None:
            for batch in indices:
                yield self._resident[batch.to(self._device)]
        elif self.images.pixels is not None:
            for batch in indices:
                yield torch.from_numpy(self.images.pixels[batch.numpy()])
        else:
            yield from self._stream(indices)

    def _stream(self, indices: Iterable[Tensor]) -> Iterator[Tensor]:
        paths, side_px = self.images.paths or (), int(self.images.side_px or 0)
        waiting: deque[tuple[Indices, dict[int, Future[np.ndarray]]]] = deque()
        with ThreadPoolExecutor(pictures.threads()) as pool:
            try:
                for batch in indices:
                    rows = batch.numpy()
                    unread = rows if self._kept is None else rows[~self._kept.known[rows]]
                    read = {i: pool.submit(pictures.read_square, paths[i], side_px) for i in set(unread.tolist())}
                    waiting.append((rows, read))
                    if len(waiting) > AHEAD:
                        yield self._gather(*waiting.popleft())
                while waiting:
                    yield self._gather(*waiting.popleft())
            finally:
                pool.shutdown(cancel_futures=True)

    def _gather(self, rows: Indices, read: Mapping[int, Future[np.ndarray]]) -> Tensor:
        if self._kept is None:
            return torch.from_numpy(np.stack([read[i].result() for i in rows.tolist()])).to(self._device)
        for i, future in read.items():
            self._kept.pixels[i] = future.result()
            self._kept.known[i] = True
        return torch.from_numpy(self._kept.pixels[rows]).to(self._device)

    def held(self) -> Feed:
        """Returns these pictures in memory if they are files and take at most `HELD_BYTES`: each is decoded once then.

        A training sees every labelled picture many times. What is kept in memory anyway comes back as it is.
        """
        if self.images.paths is None or self._kept is not None or _n_bytes(self.images, len(self)) > HELD_BYTES:
            return self
        parts = [batch.cpu().numpy() for batch in self.batches(torch.split(torch.arange(len(self)), 256))]
        return Feed(Images(self.images.labels[self.rows], pixels=np.concatenate(parts)), self._device)


@dataclass(frozen=True, eq=False)
class Normalisation:
    """Per-channel scale and shift that bring bytes to mean 0 and deviation 1: x·scale + shift, (C,) float32 each."""

    scale: Tensor
    shift: Tensor

    @classmethod
    def measure(cls, feed: Feed, generator: torch.Generator) -> Normalisation:
        """Returns what normalises these pictures; of files at most `STATISTICS_ITEMS`, drawn at random, are read."""
        count = 0
        total = squares = torch.zeros(feed.images.shape[2], dtype=torch.float64)
        chosen = torch.arange(len(feed))
        if feed.images.paths is not None and len(feed) > STATISTICS_ITEMS:
            chosen = torch.randperm(len(feed), generator=generator)[:STATISTICS_ITEMS]
        for batch in feed.batches(torch.split(chosen, 256)):
            values = batch.cpu().flatten(0, 2).double()
            count, total, squares = count + len(values), total + values.sum(0), squares + values.square().sum(0)
        mean = total / count
        deviation = (squares / count - mean.square()).clamp(min=0).sqrt().clamp(min=1.0)
        return cls((1 / deviation).float(), (-mean / deviation).float())

    @classmethod
    def to_one(cls, channels: int) -> Normalisation:
        """Returns what brings bytes to numbers from 0 to 1."""
        return cls(torch.full((channels,), 1 / 255), torch.zeros(channels))

    def to(self, device: torch.device) -> Normalisation:
        return Normalisation(self.scale.to(device), self.shift.to(device))

    def __call__(self, pictures: Tensor, channels_last: bool) -> Tensor:
        """Returns uint8 (B, H, W, C) as float32 (B, C, H, W), stored channels-last or not."""
        x = pictures.float().mul_(self.scale).add_(self.shift).permute(0, 3, 1, 2)
        return x if channels_last else x.contiguous()


def _n_bytes(images: Images, count: int) -> int:
    return count * int(np.prod(images.shape))


def even_batches(order: Tensor, batch: int) -> list[Tensor]:
    """Returns `order` cut into ⌈N / batch⌉ pieces whose sizes differ by one at most: none is left over and tiny.

    >>> [len(b) for b in even_batches(torch.arange(257), 128)]
    [86, 86, 85]
    """
    return list(torch.tensor_split(order, max(1, -(-len(order) // batch))))
