"""Random crops and mirror images for a whole batch at once, on whatever device it lives."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Jitter:
    """One draw per picture: offsets `top` and `left` (B,) int64 in [0, 2·crop_px], and `mirrored` (B,) bool."""

    top: Tensor
    left: Tensor
    mirrored: Tensor

    @classmethod
    def draw(cls, count: int, crop_px: int, flip: bool, generator: torch.Generator) -> Jitter:
        """Returns a fresh draw from a generator of the processor; without `flip` nothing is mirrored."""
        top, left = (torch.randint(0, 2 * crop_px + 1, (count,), generator=generator) for _ in range(2))
        mirrored = torch.randint(0, 2, (count,), generator=generator).bool()
        return cls(top, left, mirrored if flip else torch.zeros_like(mirrored))

    def to(self, device: torch.device) -> Jitter:
        return Jitter(*(t.to(device, non_blocking=True) for t in (self.top, self.left, self.mirrored)))

    def __getitem__(self, part: slice) -> Jitter:
        return Jitter(self.top[part], self.left[part], self.mirrored[part])


def crop_and_flip(pictures: Tensor, jitter: Jitter, crop_px: int) -> Tensor:
    """Returns each picture cut from its zero-padded self at its own offset, mirrored where the draw says so.

    One gather with per-picture rows and columns; no loop over pictures.

    Args:
        pictures: (B, H, W, C), any dtype.
        jitter: of B pictures, on the same device.
        crop_px: zeros added on each side.

    Returns:
        (B, H, W, C) of the same dtype.

    >>> picture = torch.tensor([[1, 2], [3, 4]]).reshape(1, 2, 2, 1)
    >>> right = Jitter(torch.tensor([1]), torch.tensor([2]), torch.tensor([True]))
    >>> crop_and_flip(picture, right, crop_px=1).reshape(2, 2).tolist()
    [[0, 2], [0, 4]]
    """
    height, width = pictures.shape[1:3]
    padded = F.pad(pictures, (0, 0, crop_px, crop_px, crop_px, crop_px)) if crop_px else pictures
    across = torch.arange(width, device=pictures.device)
    rows = jitter.top[:, None] + torch.arange(height, device=pictures.device)
    columns = jitter.left[:, None] + torch.where(jitter.mirrored[:, None], width - 1 - across, across)
    items = torch.arange(len(pictures), device=pictures.device)[:, None, None]
    return padded[items, rows[:, :, None], columns[:, None, :]]
