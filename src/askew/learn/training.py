"""How a classifier is trained: the numbers of the thesis as presets, and a fast recipe for small images."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from askew.errors import InputError, one_line, unknown

Optimizer = Literal["sgd", "adamw"]
Schedule = Literal["step", "cosine", "one-cycle"]
Amp = Literal["auto", "off", "bfloat16", "float16"]

SMALLEST_BATCH = 16
"""How small `min_steps` may make a batch: batch normalisation wants more than a few items."""

ERASE_FROM = 100
"""How often every labelled item must be seen at least for squares to be erased: it helps where pictures are learned by
heart, and costs accuracy where the training is short (`benchmarks/results/recipe.json`)."""

FEWEST_ITEMS = 2
"""A training sees so many labelled items at least: a lone one is taken twice."""

LARGEST = 10**9
"""No whole number of a training is above it."""


@dataclass(frozen=True)
class Interval:
    """The finite numbers from `low` to `high`; the ends belong to it or not."""

    low: float
    high: float = math.inf
    with_low: bool = True

    def check(self, name: str, value: Any) -> float:
        """Returns `value` as a float.

        Raises:
            InputError: no number, not finite, or outside.
        """
        if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
            raise InputError(f"training: {name} must be a number, got {value!r}")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not (math.isfinite(number) and (number >= self.low if self.with_low else number > self.low)):
            raise InputError(f"training: {name} must be {self}, got {value}")
        if number >= self.high:
            raise InputError(f"training: {name} must be {self}, got {value}")
        return number

    def __str__(self) -> str:
        low = f"{'at least' if self.with_low else 'above'} {self.low:g}"
        return f"finite and {low}" if self.high == math.inf else f"{low} and below {self.high:g}"


INTEGERS = (("epochs", 1), ("batch", 2), ("min_steps", 0), ("steps", 0))
"""Fields that are whole numbers, with the least that they may be."""

NUMBERS = {
    "lr": Interval(0, with_low=False),
    "body_lr": Interval(0),
    "weight_decay": Interval(0),
    "momentum": Interval(0, 1),
    "gamma": Interval(0, with_low=False),
    "warm_up": Interval(0, 1),
    "label_smoothing": Interval(0, 1),
    "passes": Interval(0),
    "erase": Interval(0, 1),
}
"""Fields that are numbers, with where they may lie."""

SWITCHES = ("nesterov", "class_weights", "fit_head", "fixed_statistics", "channels_last", "compile")
"""Fields that are true or false."""

WORDS = {"optimizer": get_args(Optimizer), "schedule": get_args(Schedule), "amp": get_args(Amp)}
"""Fields that are one of some words."""


@dataclass(frozen=True)
class Training:
    """The settings of one training; askew advises `Training.preset("default")`.

    The defaults of the fields are those of chapter 3 of the thesis. NumPy's scalars work as Python's do.

    Attributes:
        epochs: passes over the labelled items. With `steps` a training is cut into so many equal parts instead, however
            long it is: a recorder of what happens after each epoch (dispersion) is called so often.
        batch: items per step, at most. An epoch is cut into equal batches, so no small one is left over.
        min_steps: with so few labels that `epochs` would make fewer steps than this, batches get smaller (not below
            16 items) until there are enough.
        steps: 0 means that `epochs` count. Above 0, a training has so many steps whatever the number of labels, or as
            many as `passes` take if that is more, rounded up to a multiple of `epochs`. All batches have `batch` items,
            taken in turn from one shuffled pass after the other, so with fewer labels a batch holds items repeatedly.
        passes: with `steps` above 0, how often every labelled item is seen at the least.
        optimizer: "sgd", or "adamw" with decoupled weight decay and torch's other defaults.
        lr, weight_decay: of either.
        body_lr: factor on `lr` for all weights but the head's.
        fit_head: a training that starts anew fits the head first, as a logistic regression on the features that the
            body gives the labelled pictures before it is trained: for a body with pretrained weights.
        fixed_statistics: batch normalisation takes the means and deviations that came with the weights, also in the
            training: those of a few labelled pictures are worse.
        momentum, nesterov: of SGD; AdamW does not read them.
        schedule: "step" multiplies the rate by `gamma` at each of `milestones` (shares of all steps); "cosine" falls
            to 0; "one-cycle" rises for the first `warm_up` (a share of the steps) from lr/10 and then falls to 0 along
            a cosine.
        label_smoothing: share of the target that is spread over all classes.
        class_weights: weigh an item's loss by N / (K · N_c), with N_c of the N labelled items in its class and K the
            number of classes that have any: every class then counts alike.
        crop_px: zero pixels added on every side before a random window of the picture's size is cut; 0 is off, "auto"
            a sixteenth of the shorter side, at least 1.
        flip: whether pictures are mirrored at random, left to right; "auto" asks `augment.mirroring_is_safe` of the
            labelled pictures.
        erase: side of a square, as a share of the picture's shorter side, that is blotted out of each picture at a
            random place (Cutout, arXiv 1708.04552). It is done only in a training that sees every labelled item 100
            times or more, and refused where none could; 0 is off.
        amp: "auto" takes bfloat16 on a GPU or processor that computes with it natively, float16 with loss scaling on
            an older GPU, and float32 elsewhere; "off" is float32.
        channels_last: store pictures and weights pixel by pixel, which convolutions prefer.
        compile: run `torch.compile` first; worth its minute on a GPU with long trainings only.

    Raises:
        InputError: a value of another kind, not finite, out of range or unknown; the message names it.
    """

    epochs: int = 100
    batch: int = 256
    min_steps: int = 0
    steps: int = 0
    passes: float = 0.0
    optimizer: Optimizer = "sgd"
    lr: float = 0.02
    body_lr: float = 1.0
    momentum: float = 0.9
    weight_decay: float = 5e-4
    nesterov: bool = True
    schedule: Schedule = "step"
    milestones: tuple[float, ...] = (0.6, 0.8)
    gamma: float = 0.2
    warm_up: float = 0.25
    label_smoothing: float = 0.0
    class_weights: bool = False
    fit_head: bool = False
    fixed_statistics: bool = False
    crop_px: int | Literal["auto"] = 4
    flip: bool | Literal["auto"] = True
    erase: float = 0.0
    amp: Amp = "auto"
    channels_last: bool = True
    compile: bool = False

    def __post_init__(self) -> None:
        for name, low in INTEGERS:
            self._put(name, _integer(name, getattr(self, name), low))
        for name, interval in NUMBERS.items():
            self._put(name, interval.check(name, getattr(self, name)))
        for name in SWITCHES:
            self._put(name, _switch(name, getattr(self, name)))
        if not _is_auto(self.flip):
            self._put("flip", _switch("flip", self.flip, ' or "auto"'))
        if not _is_auto(self.crop_px):
            self._put("crop_px", _integer("crop_px", self.crop_px, 0, ' or "auto"'))
        for name, words in WORDS.items():
            if not isinstance(getattr(self, name), str) or getattr(self, name) not in words:
                raise unknown(f"training {name}", getattr(self, name), words)
        self._put("milestones", _milestones(self.milestones))
        if self.optimizer == "sgd" and self.nesterov and self.momentum == 0:
            raise InputError("training: momentum must be above 0 with nesterov, got 0.0")
        if self.steps and self.min_steps:
            raise InputError(
                f"training: steps ({self.steps}) says how many steps there are, min_steps ({self.min_steps}) how many "
                "epochs make at least: drop one"
            )
        if self.passes and not self.steps:
            raise InputError(
                f"training: passes ({self.passes:g}) goes with steps above 0; epochs are passes without it"
            )
        if self.erase and self._seen(FEWEST_ITEMS) < ERASE_FROM:
            raise InputError(
                f"training: erase ({self.erase:g}) acts only where every labelled item is seen {ERASE_FROM} times, and "
                f"this training shows none so often, however few are labelled ({self._much()}): drop erase, or train "
                "for more"
            )

    def _put(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def batch_for(self, n_items: int) -> int:
        """Returns the batch size for that many labelled items: `batch`, or less where `min_steps` asks for it."""
        per_epoch = -(-self.min_steps // self.epochs)
        return (
            self.batch
            if per_epoch == 0
            else max(min(self.batch, SMALLEST_BATCH), min(self.batch, n_items // per_epoch))
        )

    def steps_for(self, n_items: int) -> int:
        """Returns the steps of a whole training on that many labelled items, a multiple of `epochs`.

        >>> [Training(epochs=10, batch=20, steps=95, passes=2).steps_for(n) for n in (3, 2000)]
        [100, 200]
        """
        if not self.steps:
            return self.epochs * max(1, -(-n_items // self.batch_for(n_items)))
        wanted = max(self.steps, math.ceil(self.passes * n_items / self.batch))
        return self.epochs * -(-wanted // self.epochs)

    def crop_for(self, side_px: int) -> int:
        """Returns `crop_px` for pictures whose shorter side is so long.

        >>> [Training(crop_px="auto").crop_for(side_px) for side_px in (8, 28, 32, 64)]
        [1, 2, 2, 4]
        """
        return max(1, (side_px + 8) // 16) if isinstance(self.crop_px, str) else self.crop_px

    def erase_for(self, side_px: int, n_items: int) -> int:
        """Returns the side in pixels of the square that is erased, for pictures and labelled items so many; 0 is none.

        >>> [Training(epochs=100, batch=50, erase=0.35).erase_for(28, n) for n in (50, 60)]
        [10, 10]
        >>> [Training(epochs=10, steps=250, batch=32, erase=0.35).erase_for(28, n) for n in (60, 80, 81)]
        [10, 10, 0]
        """
        return round(self.erase * side_px) if self._seen(n_items) >= ERASE_FROM else 0

    def _seen(self, n_items: int) -> float:
        """Returns how often each of so many labelled items is seen."""
        return self.steps_for(n_items) * self.batch / n_items if self.steps else self.epochs

    def _much(self) -> str:
        return f"steps is {self.steps}, batch {self.batch}" if self.steps else f"steps is 0, epochs {self.epochs}"

    def rate(self, step: int, steps: int) -> float:
        """Returns the factor on `lr` at a step (from 0) of so many.

        >>> [Training().rate(step, 100) for step in (0, 59, 60, 80)]
        [1.0, 1.0, 0.2, 0.04...]
        """
        if self.schedule == "step":
            return self.gamma ** sum(step >= m * steps for m in self.milestones)
        if self.schedule == "cosine":
            return (1 + math.cos(math.pi * step / steps)) / 2
        rising = self.warm_up * steps
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

    @classmethod
    def of(cls, given: Training | str) -> Training:
        """Returns a training as it is, or the preset of that name.

        Raises:
            InputError: neither, or an unknown name.
        """
        if isinstance(given, str):
            return cls.preset(given)
        if not isinstance(given, Training):
            raise InputError(
                f"training: expected a Training or the name of a preset, {', '.join(PRESETS)}; got "
                f"{one_line(given, 60)}"
            )
        return given


def _is_auto(value: Any) -> bool:
    return isinstance(value, str) and value == "auto"


def _integer(name: str, value: Any, low: int, more: str = "") -> int:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise InputError(f"training: {name} must be a whole number{more}, got {value!r}")
    if not low <= value <= LARGEST:
        raise InputError(f"training: {name} must be at least {low} and at most {LARGEST}, got {value}")
    return int(value)


def _switch(name: str, value: Any, more: str = "") -> bool:
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"training: {name} must be true or false{more}, got {value!r}")
    return bool(value)


def _milestones(values: Any) -> tuple[float, ...]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InputError(f"training: milestones must be a list of numbers, got {values!r}")
    shares = tuple(Interval(0, 1, with_low=False).check("milestones", value) for value in values)
    if list(shares) != sorted(shares):
        raise InputError(f"training: milestones are rising shares of the training, got {shares}")
    return shares


_QUICK = Training(
    epochs=10,
    steps=340,
    passes=15,
    batch=16,
    optimizer="adamw",
    lr=4e-3,
    weight_decay=0.05,
    schedule="one-cycle",
    warm_up=0.1,
    crop_px="auto",
    flip="auto",
)

PRESETS = {
    "default": replace(_QUICK, steps=250, passes=30, batch=32, lr=3e-3, erase=0.35),
    "quick": _QUICK,
    "finetune": replace(
        _QUICK,
        steps=60,
        passes=5,
        lr=1e-3,
        body_lr=0.1,
        weight_decay=0.01,
        fit_head=True,
        fixed_statistics=True,
        amp="off",
    ),
    "thesis-ch3": Training(),
    "thesis-ch4": Training(gamma=0.5),
    "thesis-ch4-tiny-imagenet": Training(
        epochs=30, batch=128, lr=0.01, milestones=(10 / 30, 15 / 30, 20 / 30, 25 / 30), gamma=0.5
    ),
    "desk": Training(epochs=20, batch=32, lr=0.05, schedule="one-cycle", crop_px=1),
    "digits": Training(epochs=20, batch=32, lr=0.05, schedule="one-cycle", crop_px=1, flip=False),
}
"""Chapters 3 and 4: SGD and schedules as in sections 3.4 and 4.4 of the thesis. It does not give Nesterov, weight decay
and batch size: those are of the authors' published code. "default" is what `benchmarks/recipe.py` found; "quick" is
half as long where labels are many, for comparisons of many trainings. "desk" was askew's first, for hundreds of small
pictures on a processor, "digits" the same for the 8×8 digits, which must not be mirrored."""
