"""What a project learns: features of its pictures computed once, a head on them trained on the answers, and measured.

Items of the part "test" measure; nothing is trained on them, nor are features brought to one unit by them.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np

from askew.arrays import Floats, Indices, Mask
from askew.data import pictures
from askew.data.dataset import Images
from askew.errors import DataNotFound, InputError, one_line
from askew.files import size_and_digest
from askew.learn.classifier import Classifier
from askew.learn.extractor import Extractor, extractor
from askew.learn.features import KEY_BYTES, FeatureRows, Tell, missing, of_images, quiet_progress
from askew.learn.learner import Model
from askew.learn.probe import LinearProbe
from askew.learn.sources import Source
from askew.pool import Pool
from askew.project import trainings
from askew.project.config import BOXES
from askew.project.folder import Project
from askew.project.items import Item, all_items
from askew.project.labels import current, newest_id
from askew.project.measuring import measures
from askew.project.store import class_names
from askew.project.trainings import Training

MODELS = "models"
"""The folder of the trained heads, in the project's."""

LEAST_CLASSES = 2
"""So many classes have to be labelled for anything to be told apart."""

AnyLearner: TypeAlias = "LinearProbe | Classifier"


@dataclass(frozen=True, eq=False)
class View:
    """What a project holds at one moment; row i of every array is item i of `items`.

    Attributes:
        items: those whose features are known.
        rows: their features.
        network: what computed them.
        labels: (N,) int64 the class of each, as a place in `classes`; -1 without one.
        settled: (N,) who is labelled, or looked at by somebody who could not tell.
        test: (N,) who measures and is never trained on.
        classes: names, in order.
        lost: of items that have no features: what became of their file, by the path known last.
        last_label: the newest row of labels that is taken into account; 0 without one.
    """

    items: tuple[Item, ...]
    rows: FeatureRows
    network: Extractor
    labels: Indices
    settled: Mask
    test: Mask
    classes: tuple[str, ...]
    lost: Mapping[str, str] = field(default_factory=dict)
    last_label: int = 0

    @property
    def pool_labels(self) -> Indices:
        """(N,) labels of the items that are trained on; those of test items are -1."""
        return np.where(self.test, -1, self.labels)

    @property
    def n_labeled(self) -> int:
        """How many items of the pool have a class."""
        return int((self.pool_labels >= 0).sum())

    @property
    def n_known(self) -> int:
        """How many classes have a labelled item of the pool."""
        found = self.pool_labels
        return len(np.unique(found[found >= 0]))


def source_of(project: Project) -> Source:
    """Returns where the project's features come from.

    Raises:
        InputError: an unknown source, or a file of features, whose rows belong to no picture.
    """
    source = Source.of(project.config.learner.features)
    if source.is_file:
        raise InputError(f"learner.features: {source.word}: a project computes features itself: name a network")
    return source


def learner_of(project: Project, n_classes: int) -> AnyLearner:
    """Returns what is trained: a linear head on frozen features, or with `finetune` the network itself.

    Raises:
        InputError: an unknown source or head.
    """
    config, word = project.config.learner, source_of(project).word
    if config.finetune:
        return Classifier(n_classes, backbone=word, training="finetune", side_px=config.side_px)
    return LinearProbe(n_classes, features=word, head=config.head, side_px=config.side_px)


def network_of(project: Project) -> Extractor:
    """Returns the frozen network that computes the project's features.

    Raises:
        InputError: its weights cannot be had.
        MissingExtra: the package with its weights is not installed.
    """
    return extractor(source_of(project), side_px=project.config.learner.side_px)


def look(project: Project, progress: Tell = quiet_progress, network: Extractor | None = None) -> View:
    """Returns what a project holds, after computing the features of the pictures that have none yet.

    Features are kept in the cache folder by the content of the pictures, so a picture that was moved or taken away
    still has them. One that cannot be read, or that is not what it was when the folders were looked through, is listed
    in `lost` and left out.

    Args:
        project: what is looked at.
        progress: called with the pictures done and the pictures to do.
        network: what computes the features, where it is there already.

    Raises:
        InputError: no picture has features, or the network cannot be had.
    """
    store, last = project.store, newest_id(project.store)
    names, items = class_names(store), all_items(store)
    if not items:
        raise InputError(f"{project.folder}: has no pictures yet: askew add {project.folder} looks through its folders")
    network = network_of(project) if network is None else network
    rows, kept, lost = features_of(items, network, progress)
    present = current(store)
    places = {name: c for c, name in enumerate(names)}
    labels = np.full(len(kept), -1)
    for row, one in enumerate(kept):
        label = present.get(one.id)
        if label is not None and label.kind == "class":
            labels[row] = places[str(label.class_name)]
    return View(
        tuple(kept),
        rows,
        network,
        labels,
        np.array([one.id in present for one in kept], dtype=bool),
        np.array([one.part == "test" for one in kept], dtype=bool),
        names,
        lost,
        last,
    )


def features_of(
    items: Sequence[Item], network: Extractor, progress: Tell = quiet_progress
) -> tuple[FeatureRows, list[Item], dict[str, str]]:
    """Returns the features of items, the items that have some, and why the others have none, by their path.

    Raises:
        InputError: none of them has.
    """
    kept, check = list(items), _changed
    lost: dict[str, str] = {}
    while True:
        keys = [bytes.fromhex(one.hash)[:KEY_BYTES] for one in kept]
        images = pictures_of(kept, network.side_px)
        new = [kept[i] for i in missing(images, network, keys)]
        why = dict(zip(new, pictures.in_threads(check, new), strict=True))
        bad = {one for one, reason in why.items() if reason}
        if not bad:
            try:
                return of_images(images, network, progress, keys), kept, lost
            except InputError:
                if check is _undecodable:
                    raise
                check = _undecodable
                continue
        lost |= {str(one.path or f"item {one.id}"): why[one] for one in bad}
        kept = [one for one in kept if one not in bad]
        if not kept:
            raise InputError(f"no picture can be read: {', '.join(f'{path}: {said}' for path, said in lost.items())}")


def pictures_of(items: Sequence[Item], side_px: int) -> Images:
    """Returns items as pictures that are read when they are needed."""
    return Images(np.full(len(items), -1), paths=tuple(one.path or Path(one.hash) for one in items), side_px=side_px)


def _changed(item: Item) -> str:
    """Says why the file of an item is not the one that was seen; nothing if its bytes are the same."""
    if item.path is None:
        return "its file is gone"
    try:
        digest = size_and_digest(item.path)[1]
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return "" if digest == item.hash else "was changed since the folders were looked through: askew add takes it anew"


def _undecodable(item: Item) -> str:
    """Says what `_changed` does, and why the picture cannot be decoded."""
    if why := _changed(item):
        return why
    assert item.path is not None
    try:
        pictures.read_square(item.path, 8)
    except InputError as error:
        return one_line(str(error).removeprefix(f"{one_line(item.path)}: "))
    return ""


def check_learns(project: Project) -> None:
    """Checks that classes are asked, which a model learns.

    Raises:
        InputError: boxes are asked, and no picture has a class.
    """
    if not project.asks_for_boxes:
        return
    if project.config.task == BOXES or all(one.kind != "class" for one in current(project.store).values()):
        raise InputError(
            f"{project.folder}: boxes are asked here, and no model of askew learns them: askew export {project.folder} "
            f"--to coco --out boxes.json gives them to your detector's training, and askew status {project.folder} "
            "says how right its boxes were"
        )


def train(project: Project, *, seed: int = 0, progress: Tell = quiet_progress) -> Training:
    """Trains on the labelled pool items, measures on the labelled test items, and keeps both.

    The model is a file in `models/`, there whole before the store knows of the training. A class that nobody has
    labelled yet is never predicted; `metrics["without_labels"]` lists such.

    Args:
        project: what is trained.
        seed: of what is random in a training.
        progress: told of pictures whose features are computed first.

    Raises:
        InputError: fewer than two classes are labelled, or boxes are asked.
    """
    check_learns(project)
    return train_on(project, look(project, progress), seed=seed)


def train_on(project: Project, view: View, *, seed: int = 0) -> Training:
    """Does what `train` does with what was looked at before."""
    check_learns(project)
    if view.n_known < LEAST_CLASSES:
        raise InputError(
            f"{project.folder}: {view.n_labeled} pictures of {view.n_known} classes are labelled: label pictures of at "
            "least two classes first"
        )
    began, learner = time.monotonic(), learner_of(project, len(view.classes))
    rows = np.flatnonzero(~view.test)
    if isinstance(learner, Classifier):
        rows = _there(view, rows[view.labels[rows] >= 0])
    model = learner.fit(_fed(learner, view, rows), Pool(view.labels[rows]), seed=seed)
    measured = np.flatnonzero(view.test & (view.labels >= 0))
    if isinstance(learner, Classifier):
        measured = _there(view, measured)
    probs = probs_of(learner, model, view, measured)
    counts = np.bincount(view.labels[rows][view.labels[rows] >= 0], minlength=len(view.classes))
    metrics = {
        **measures(probs, view.labels[measured], view.classes),
        "classes": list(view.classes),
        "labels_per_class": counts.tolist(),
        "without_labels": [name for name, n in zip(view.classes, counts, strict=True) if n == 0],
        "learner": asdict(project.config.learner),
    }
    file = _saved(project, model)
    return trainings.add(
        project.store,
        seconds=time.monotonic() - began,
        n_labeled=int(counts.sum()),
        n_test=len(measured),
        file=file,
        features=source_of(project).word,
        metrics=metrics,
        last_label_id=view.last_label,
    )


@dataclass(frozen=True, eq=False)
class Trained:
    """A training of the store with its model, read back from its file."""

    training: Training
    learner: AnyLearner
    model: Model


def trained(project: Project) -> Trained | None:
    """Returns the newest training with its model; None before the first, or if it was of another learner than is
    configured now.

    Raises:
        InputError: its file is gone, damaged, or no model of askew.
    """
    found = trainings.latest(project.store)
    return None if found is None else model_of(project, found)


def model_of(project: Project, training: Training) -> Trained | None:
    """Returns a training with its model; None if it was of another learner than is configured now.

    Raises:
        InputError: its file is gone, damaged, or no model of askew.
    """
    if training.metrics["learner"] != asdict(project.config.learner):
        return None
    learner = learner_of(project, len(training.metrics["classes"]))
    try:
        return Trained(training, learner, learner.load(project.folder / training.file))
    except DataNotFound as error:
        raise InputError(f"{error}: askew train {project.folder} makes a new one") from error


def probs_of(learner: AnyLearner, model: Model, view: View, rows: Indices) -> Floats:
    """Returns (n, C) probabilities of some items; see `said_of`."""
    return said_of(learner, model, view, rows, "probs")


def said_of(learner: AnyLearner, model: Model, view: View, rows: Indices, need: str) -> Floats:
    """Returns what a model says of some items, "probs" (n, C), "margins" (n, C) or "draws" (T, n, C).

    C are the classes of the view. One that came after the model has the probability 0 and the margin −1.

    Raises:
        InputError: the model does not give it, or a network that was trained itself cannot read a picture.
    """
    if len(rows) == 0:
        return np.zeros((0, len(view.classes)), dtype=np.float32)
    found = model.predict(_fed(learner, view, rows), (need,), seed=0)[need]
    new = len(view.classes) - found.shape[-1]
    fill = -1.0 if need == "margins" else 0.0
    return np.pad(found, [(0, 0)] * (found.ndim - 1) + [(0, new)], constant_values=fill)


def _fed(learner: AnyLearner, view: View, rows: Indices) -> FeatureRows | Images:
    if isinstance(learner, LinearProbe):
        return view.rows.take(rows)
    return pictures_of([view.items[row] for row in rows], view.network.side_px)


def _there(view: View, rows: Indices) -> Indices:
    """Returns the rows whose file is there: a network that is trained itself has to see the picture."""
    return np.array([row for row in rows if there(view.items[row])], dtype=np.int64)


def there(item: Item) -> bool:
    """Tells whether the file of an item is there now."""
    return item.path is not None and item.path.is_file()


def _saved(project: Project, model: Model) -> str:
    """Writes a model into the folder of models, and returns its name from the project's folder.

    The name is drawn, so that two trainings at once cannot meet.
    """
    folder = project.folder / MODELS
    folder.mkdir(exist_ok=True)
    file = f"{MODELS}/{secrets.token_hex(8)}.safetensors"
    model.save(project.folder / file)
    return file
