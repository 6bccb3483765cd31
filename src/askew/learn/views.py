"""Random views of pictures for self-supervision: one draw a picture, computed for the whole batch on its device."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

BLURRED_FROM_PX = 33
"""The smaller side from which pictures are blurred; smaller ones, such as CIFAR's, lose too much by it."""

TRIES = 10
"""How often a window is drawn until one fits into the picture; then the largest window of a fair shape is taken."""

LARGEST_RATIO = 4 / 3
"""Of a window's width to its height; the smallest is its inverse."""

GRAY = (0.299, 0.587, 0.114)
"""The weights of red, green and blue in gray (ITU-R BT.601)."""

Change = Callable[[Tensor, Tensor], Tensor]
"""Gets some of the pictures and their rows, and returns those pictures changed."""


@dataclass(frozen=True)
class ViewSettings:
    """How pictures are changed; the numbers are those of SimSiam (Chen and He, 2021), and of the thesis.

    Attributes:
        smallest: the smallest share of the area that is cut out; the largest is 1.
        flip: how often a picture is mirrored.
        jitter: how often colours are changed, in an order drawn for each picture.
        brightness, contrast, saturation: a factor is drawn up to so far from 1.
        hue: a turn is drawn up to so far from 0, in turns of the colour circle.
        gray: how often a picture loses its colours.
        blur: how often a picture of more than 32 px is blurred.
        least_sigma_px, most_sigma_px: between these lies the deviation of the blur.
    """

    smallest: float = 0.2
    flip: float = 0.5
    jitter: float = 0.8
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.4
    hue: float = 0.1
    gray: float = 0.2
    blur: float = 0.5
    least_sigma_px: float = 0.1
    most_sigma_px: float = 2.0


@dataclass(frozen=True, eq=False)
class Draw:
    """What is done with each of B pictures.

    Attributes:
        window: (B, 4) centre x, centre y, width and height, in the unit where the picture is 1 wide and 1 high.
        mirrored, jittered, grayed, blurred: (B,) bool.
        factors: (B, 4) of brightness, contrast and saturation, and the turn of the hue.
        order: (B, 4) the order of these four.
        sigma_px: (B,) of the blur.
    """

    window: Tensor
    mirrored: Tensor
    jittered: Tensor
    grayed: Tensor
    blurred: Tensor
    factors: Tensor
    order: Tensor
    sigma_px: Tensor

    @classmethod
    def of(cls, count: int, shape: tuple[int, int], settings: ViewSettings, generator: torch.Generator) -> Draw:
        """Returns a fresh draw for pictures of (H, W), from a generator of the processor.

        A picture of one draw is the same on every device.
        """
        window = _windows(count, shape, settings.smallest, generator)
        chances = torch.rand(4, count, generator=generator)
        shares = (settings.flip, settings.jitter, settings.gray, settings.blur if min(shape) >= BLURRED_FROM_PX else 0)
        mirrored, jittered, grayed, blurred = (chance < share for chance, share in zip(chances, shares, strict=True))
        reach = torch.tensor([settings.brightness, settings.contrast, settings.saturation, settings.hue])
        factors = torch.tensor([1.0, 1, 1, 0]) + reach * (2 * torch.rand(count, 4, generator=generator) - 1)
        order = torch.rand(count, 4, generator=generator).argsort(1)
        least, most = settings.least_sigma_px, settings.most_sigma_px
        sigma_px = least + (most - least) * torch.rand(count, generator=generator)
        return cls(window, mirrored, jittered, grayed, blurred, factors, order, sigma_px)

    def to(self, device: torch.device) -> Draw:
        """Returns the draw on a device."""
        return Draw(*(getattr(self, field.name).to(device, non_blocking=True) for field in fields(self)))


def view(pictures: Tensor, draw: Draw) -> Tensor:
    """Returns a view of each picture by its own draw: window, mirroring, colours, gray, blur; no loop over pictures.

    Args:
        pictures: (B, C, H, W) floats from 0 to 1, gray or RGB. Gray ones keep what colour jitter does to gray.
        draw: for B pictures, on the same device.

    Returns:
        (B, C, H, W) from 0 to 1.
    """
    x = crop(pictures, draw.window, draw.mirrored)
    _change(x, draw.jittered, lambda part, rows: _jitter(part, draw.factors[rows], draw.order[rows]))
    if x.shape[1] == 3:
        _change(x, draw.grayed, lambda part, _: gray(part))
    _change(x, draw.blurred, lambda part, rows: blur(part, draw.sigma_px[rows]))
    return x


def crop(pictures: Tensor, window: Tensor, mirrored: Tensor) -> Tensor:
    """Returns the window of each picture brought to the picture's size, bilinearly, mirrored or not.

    Args:
        pictures: (B, C, H, W).
        window: (B, 4), see `Draw`.
        mirrored: (B,) bool.
    """
    x, y, width, height = window.unbind(1)
    zero = torch.zeros_like(x)
    across = torch.where(mirrored, -width, width)
    theta = torch.stack([across, zero, 2 * x - 1, zero, height, 2 * y - 1], dim=1).reshape(-1, 2, 3)
    grid = F.affine_grid(theta, list(pictures.shape), align_corners=False)
    found: Tensor = F.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return found.clamp_(0, 1)


def gray(pictures: Tensor) -> Tensor:
    """Returns (B, 3, H, W) pictures whose three channels are their gray."""
    weights = pictures.new_tensor(GRAY)[:, None, None]
    return (pictures * weights).sum(1, keepdim=True).expand(-1, 3, -1, -1)


def turn_hue(pictures: Tensor, turns: Tensor) -> Tensor:
    """Returns RGB pictures (B, 3, H, W) with the hue of each turned by `turns` (B,); value and saturation stay."""
    red, green, blue = pictures.unbind(1)
    value, low = pictures.amax(1), pictures.amin(1)
    chroma = value - low
    safe = torch.where(chroma > 0, chroma, 1)
    hue = torch.where(value == red, (green - blue) / safe, torch.where(value == green, 2 + (blue - red) / safe, 0))
    hue = torch.where((value != red) & (value != green), 4 + (red - green) / safe, hue)
    sixths = hue + 6 * turns[:, None, None]
    k = torch.tensor([5, 3, 1], device=pictures.device)[:, None, None] + sixths[:, None]
    k -= 6 * (k / 6).floor_()
    return value[:, None] - chroma[:, None] * torch.minimum(k, 4 - k).clamp_(0, 1)


def blur(pictures: Tensor, sigma_px: Tensor) -> Tensor:
    """Returns pictures (B, C, H, W) blurred with a Gaussian of each one's deviation (B,), cut off at 3 of them.

    Beyond the border pictures are mirrored.
    """
    count, channels, height, width = pictures.shape
    radius = min(math.ceil(3 * float(sigma_px.max())), height - 1, width - 1)
    at = torch.arange(-radius, radius + 1, device=pictures.device)
    kernel = torch.exp(-0.5 * (at / sigma_px[:, None]).square())
    kernel = torch.where(at.abs() <= (3 * sigma_px[:, None]).ceil(), kernel, 0)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, 0)[:, None]
    x = F.pad(pictures, (radius, radius, radius, radius), mode="reflect").flatten(0, 1)[None]
    for shape in ((1, -1), (-1, 1)):
        x = F.conv2d(x, kernel.reshape(len(kernel), 1, *(len(at) if n < 0 else 1 for n in shape)), groups=len(kernel))
    return x.reshape(count, channels, height, width)


def _windows(count: int, shape: tuple[int, int], smallest: float, generator: torch.Generator) -> Tensor:
    """Returns (count, 4) windows: an area from `smallest` to 1, a shape from 3:4 to 4:3, anywhere in the picture."""
    height, width = shape
    area = height * width * (smallest + (1 - smallest) * torch.rand(count, TRIES, generator=generator))
    bound = math.log(LARGEST_RATIO)
    ratio = torch.exp(bound * (2 * torch.rand(count, TRIES, generator=generator) - 1))
    wide, high = (area * ratio).sqrt() / width, (area / ratio).sqrt() / height
    fits = (wide <= 1) & (high <= 1)
    first, rows = fits.int().argmax(1), torch.arange(count)
    found = fits[rows, first]
    wide = torch.where(found, wide[rows, first], min(1.0, LARGEST_RATIO * height / width))
    high = torch.where(found, high[rows, first], min(1.0, LARGEST_RATIO * width / height))
    at = torch.rand(2, count, generator=generator)
    return torch.stack([wide / 2 + (1 - wide) * at[0], high / 2 + (1 - high) * at[1], wide, high], dim=1)


def _jitter(pictures: Tensor, factors: Tensor, order: Tensor) -> Tensor:
    """Returns pictures with brightness, contrast, saturation and hue changed, each in its own order, in place."""
    changes = (_brightness, _contrast, _saturation, turn_hue)
    for place in range(order.shape[1]):
        for number, change in enumerate(changes if pictures.shape[1] == 3 else changes[:2]):
            rows = (order[:, place] == number).nonzero()[:, 0]
            if len(rows):
                pictures.index_copy_(0, rows, change(pictures[rows], factors[rows, number]))
    return pictures


def _brightness(pictures: Tensor, factor: Tensor) -> Tensor:
    return (pictures * factor[:, None, None, None]).clamp_(0, 1)


def _contrast(pictures: Tensor, factor: Tensor) -> Tensor:
    middle = (gray(pictures) if pictures.shape[1] == 3 else pictures).mean((1, 2, 3), keepdim=True)
    return torch.lerp(middle, pictures, factor[:, None, None, None]).clamp_(0, 1)


def _saturation(pictures: Tensor, factor: Tensor) -> Tensor:
    return torch.lerp(gray(pictures), pictures, factor[:, None, None, None]).clamp_(0, 1)


def _change(pictures: Tensor, chosen: Tensor, change: Change) -> None:
    """Changes the pictures that are `chosen` (B,), in place; `change` gets them and their rows."""
    rows = chosen.nonzero()[:, 0]
    if len(rows):
        pictures.index_copy_(0, rows, change(pictures[rows], rows))
