"""How a classifier is trained: the numbers of the thesis as presets, and a fast recipe for small images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from askew.errors import InputError, unknown

Schedule = Literal["step", "cosine", "one-cycle"]
Amp = Literal["auto", "off", "bfloat16", "float16"]

SMALLEST_BATCH = 16
"""How small `min_steps` may make a batch: batch normalisation wants more than a few items."""

WARM_UP = 0.25
"""Share of the steps in which the one-cycle schedule rises."""


@dataclass(frozen=True)
class Training:
    """The settings of one training from scratch; the defaults are chapter 3's.

    Attributes:
        epochs: passes over the labelled items.
        batch: items per step, at most. An epoch is cut into equal batches, so no small one is left over.
        min_steps: with so few labels that `epochs` would make fewer steps than this, batches get smaller (not below
            16 items) until there are enough.
        lr, momentum, weight_decay, nesterov: of SGD.
        schedule: "step" multiplies the rate by `gamma` at each of `milestones` (shares of all steps); "cosine" falls
            to 0; "one-cycle" rises for the first quarter from lr/10 and then falls to 0 along a cosine.
        label_smoothing: share of the target that is spread over all classes.
        crop_px: zero pixels added on every side before a random window of the picture's size is cut; 0 is off.
        flip: whether pictures are mirrored at random, left to right.
        amp: "auto" takes bfloat16 on a GPU or processor that computes with it natively, float16 with loss scaling on
            an older GPU, and float32 elsewhere; "off" is float32.
        channels_last: store pictures and weights pixel by pixel, which convolutions prefer.
        compile: run `torch.compile` first; worth its minute on a GPU with long trainings only.
    """

    epochs: int = 100
    batch: int = 256
    min_steps: int = 0
    lr: float = 0.02
    momentum: float = 0.9
    weight_decay: float = 5e-4
    nesterov: bool = True
    schedule: Schedule = "step"
    milestones: tuple[float, ...] = (0.6, 0.8)
    gamma: float = 0.2
    label_smoothing: float = 0.0
    crop_px: int = 4
    flip: bool = True
    amp: Amp = "auto"
    channels_last: bool = True
    compile: bool = False

    def __post_init__(self) -> None:
        for name, low in (("epochs", 1), ("batch", 2), ("min_steps", 0), ("crop_px", 0)):
            if getattr(self, name) < low:
                raise InputError(f"training: {name} must be at least {low}, got {getattr(self, name)}")
        if not self.lr > 0:
            raise InputError(f"training: lr must be above 0, got {self.lr}")
        if not 0 <= self.momentum < 1 or (self.nesterov and self.momentum == 0):
            raise InputError(f"training: momentum {self.momentum}: from 0 to below 1, and above 0 with nesterov")
        if self.weight_decay < 0:
            raise InputError(f"training: weight_decay must not be negative, got {self.weight_decay}")
        if not 0 <= self.label_smoothing < 1:
            raise InputError(f"training: label_smoothing must be from 0 to below 1, got {self.label_smoothing}")
        if any(not 0 < m < 1 for m in self.milestones) or list(self.milestones) != sorted(self.milestones):
            raise InputError(f"training: milestones are rising shares of the training, got {self.milestones}")
        for name, known in (
            ("schedule", ("step", "cosine", "one-cycle")),
            ("amp", ("auto", "off", "bfloat16", "float16")),
        ):
            if getattr(self, name) not in known:
                raise unknown(f"training {name}", getattr(self, name), known)

    def batch_for(self, n_items: int) -> int:
        """Returns the batch size for that many labelled items: `batch`, or less where `min_steps` asks for it."""
        per_epoch = -(-self.min_steps // self.epochs)
        return (
            self.batch
            if per_epoch == 0
            else max(min(self.batch, SMALLEST_BATCH), min(self.batch, n_items // per_epoch))
        )

    def rate(self, step: int, steps: int) -> float:
        """Returns the factor on `lr` at a step (from 0) of so many.

        >>> [Training().rate(step, 100) for step in (0, 59, 60, 80)]
        [1.0, 1.0, 0.2, 0.04...]
        """
        if self.schedule == "step":
            return self.gamma ** sum(step >= m * steps for m in self.milestones)
        if self.schedule == "cosine":
            return (1 + math.cos(math.pi * step / steps)) / 2
        rising = WARM_UP * steps
        if step < rising:
            return 0.1 + 0.9 * step / rising
        return (1 + math.cos(math.pi * (step - rising) / (steps - rising))) / 2

    @classmethod
    def preset(cls, name: str) -> Training:
        """Returns the settings of that name in `PRESETS`.

        >>> Training.preset("thesis-ch4").gamma
        0.5

        Raises:
            InputError: an unknown name; the message lists the known ones.
        """
        if name not in PRESETS:
            raise unknown("training preset", name, PRESETS)
        return PRESETS[name]


PRESETS = {
    "thesis-ch3": Training(),
    "thesis-ch4": Training(gamma=0.5),
    "thesis-ch4-tiny-imagenet": Training(
        epochs=30, batch=128, lr=0.01, milestones=(10 / 30, 15 / 30, 20 / 30, 25 / 30), gamma=0.5
    ),
    "desk": Training(epochs=20, batch=32, lr=0.05, schedule="one-cycle", crop_px=1),
    "digits": Training(epochs=20, batch=32, lr=0.05, schedule="one-cycle", crop_px=1, flip=False),
}
"""Chapters 3 and 4: SGD and schedules as in §3.4 and §4.4; Nesterov, weight decay and batch size, on which the text is
silent, are those of the authors' published code. "desk" is for hundreds of small pictures on a processor (Fashion-MNIST
with the small convnet), "digits" for the 8×8 digits, which must not be mirrored."""
