"""What an experiment asks of whoever learns: a `Learner` fits, and gives a `Model`, a value that predicts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from askew.arrays import Array, Indices, is_whole
from askew.data.dataset import Images
from askew.data.given import collect
from askew.errors import InputError, one_line, unknown
from askew.learn.feed import Feed
from askew.names import class_codes, label_cells
from askew.pool import Pool
from askew.recorders import Recorder
from askew.seeding import number

if TYPE_CHECKING:
    from askew.learn.features import FeatureRows

NEEDS = ("probs", "features", "draws", "margins", "energy")
"""What a model can be asked for."""

Pictures: TypeAlias = "Images | Feed | FeatureRows"
"""Pictures as they are, or as `Learner.feed` holds them ready for many calls: it may hold features of them."""

Given: TypeAlias = Any
"""`Pictures`, or what `Images.of` makes them of: arrays, tensors, a folder, files."""

Found: TypeAlias = dict[str, NDArray[np.float32]]


class Model(Protocol):
    """A trained model: it never changes, and knows nothing of what it was trained on."""

    def predict(self, images: Pictures, needs: Collection[str], *, seed: int) -> Found:
        """Returns what `needs` names of its learner's `gives`, a field of `NEEDS` each, float32."""

    def save(self, path: str | Path) -> None:
        """Writes a file that the learner's `load` reads; it is on the disk when this returns.

        Raises:
            InputError: this kind of model cannot be saved.
        """


class Learner(Protocol):
    """What is trained: settings, and no state between two trainings."""

    @property
    def n_classes(self) -> int:
        """C, the number of classes."""

    @property
    def gives(self) -> tuple[str, ...]:
        """Names of the fields that its models can be asked for."""

    @property
    def epochs(self) -> int:
        """After how many epochs recorders are told; 0 for a learner that has no epochs."""

    @property
    def saves(self) -> bool:
        """Whether its models can be saved and loaded, and a training can start from one."""

    def feed(self, images: Images) -> Pictures:
        """Returns the pictures held ready for many calls of `fit` and `predict`."""

    def fit(
        self,
        images: Pictures,
        pool: Pool,
        *,
        seed: int,
        start: Model | None = None,
        recorders: Sequence[Recorder] = (),
    ) -> Model:
        """Trains on the labelled pictures of the pool; picture i is pool item i.

        Args:
            start: the model that the training starts from; None starts anew.
            recorders: told before the first epoch and after each.
        """

    def load(self, path: str | Path) -> Model:
        """Returns a model that one of this learner's saved."""


def check_n_classes(n_classes: Any) -> None:
    """Refuses what is no number of classes.

    Raises:
        InputError: no whole number, or less than 2.
    """
    if not is_whole(n_classes):
        hint = f": pass {len(n_classes)}, how many there are" if isinstance(n_classes, list | tuple) else ""
        raise InputError(f"n_classes: expected a whole number from 2, got {one_line(n_classes, 60)}{hint}")
    if n_classes < 2:
        raise InputError(f"n_classes: at least 2, got {n_classes}")


def checked_needs(needs: Collection[str], model: str, gives: Collection[str]) -> tuple[str, ...]:
    """Returns the needs, each of which the model gives; a single one may be a word.

    Args:
        needs: what the model is asked for.
        model: what it is, for the message.
        gives: names of the fields that it can fill.

    Raises:
        InputError: another one.
    """
    listed = (needs,) if isinstance(needs, str) else tuple(needs)
    for need in listed:
        if need not in NEEDS:
            raise unknown("need of a classifier", need, NEEDS)
        if need not in gives:
            raise InputError(f"{need}: {model} does not give it; it gives {', '.join(gives)}")
    return listed


def as_images(given: Given, shape: tuple[int, int, int] | None) -> Images:
    """Returns what a model of pictures of `shape` (H, W, C) is given as `Images`; files are brought to its size.

    Raises:
        InputError: no pictures, or files for a model whose pictures are no squares.
    """
    if isinstance(given, Images):
        return given
    side_px = shape[0] if shape is not None and shape[0] == shape[1] else None
    images = collect(given, side_px=side_px)
    if images.paths is not None and shape is not None and side_px is None:
        raise InputError(f"images: files become squares, the model's pictures are {shape[0]} × {shape[1]}: pass arrays")
    return images


def checked_pool(images: Pictures, labels: Pool | Array | None, n_classes: int) -> Pool:
    """Returns the pool after checking that it fits the pictures and the classes and has something to train on.

    Args:
        images: the pictures.
        labels: of them; None takes the labels that they bring.
        n_classes: C.

    Raises:
        InputError: no labelled picture, another number of labels than of pictures, or one outside the classes.
    """
    if labels is None:
        labels = labels_of(images)
    labels = numbered(images, labels)
    pool = labels if isinstance(labels, Pool) else Pool(labels)
    if len(pool) != len(images):
        raise InputError(f"labels: {len(pool)} for {len(images)} pictures")
    if len(pool.labeled) == 0:
        raise InputError("labels: no labelled picture to train on: label an initial set first")
    outside = pool.labeled[pool.labels[pool.labeled] >= n_classes]
    if len(outside):
        raise InputError(
            f"labels: {pool.labels[outside[0]]} at picture {outside[0]} is outside the {n_classes} classes"
        )
    return pool


def numbered(images: Pictures, labels: Any) -> Any:
    """Returns labels that are names of classes as numbers, by the classes that the pictures bring; others as they are.

    Raises:
        InputError: the pictures bring no classes, or a name is none of them.
    """
    cells = None if isinstance(labels, Pool) else label_cells(labels)
    if cells is None:
        return labels
    held = images.images if isinstance(images, Feed) else images
    classes = held.classes if isinstance(held, Images) else ()
    if not classes:
        raise InputError(
            "labels: are names, and nothing says which class is which output: pass numbers from 0, or "
            "askew.Images.of(pictures, labels, classes=[…]) in place of pictures and labels"
        )
    return class_codes("labels", cells, classes)[0]


def labels_of(images: Pictures) -> Indices:
    """Returns the labels that pictures bring."""
    if isinstance(images, Images):
        return images.labels
    if isinstance(images, Feed):
        return images.images.labels[images.rows]
    raise InputError("labels: features bring none: pass them")


def telling(
    recorders: Sequence[Recorder], images: Pictures, pool: Pool, *, epochs: int, n_classes: int, seed: int
) -> Callable[[int, Model], None]:
    """Begins the recorders and returns what tells them of an epoch: one prediction of the unlabeled items for all."""
    for one in recorders:
        one.begin(pool, n_classes, epochs)
    reads = tuple(dict.fromkeys(name for one in recorders for name in one.reads))
    unlabeled = images.take(pool.unlabeled) if reads and len(pool.unlabeled) else None

    def tell(epoch: int, model: Model) -> None:
        found: Found = {}
        if unlabeled is not None:
            found = model.predict(unlabeled, reads, seed=number(seed, "epoch", epoch))
        for one in recorders:
            if unlabeled is not None or not one.reads:
                one.epoch({name: found[name] for name in one.reads})

    return tell
